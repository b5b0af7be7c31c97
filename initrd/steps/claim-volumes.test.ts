import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { viewOf } from '../../daemons/core/bytes.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { NIL_UUID } from '../../daemons/core/uuid.ts';
import { BLOCK_BYTES } from '../../daemons/storage/block.ts';
import { arrivalOf } from '../../daemons/storage/memory-disk.test-kit.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { sampleLabel } from '../../daemons/storage/sample-san.test-kit.ts';
import { decodeSnapshotHeader } from '../../daemons/storage/snapshot-store.ts';
import { chooseLabel, DATA_OFFSET_BYTES, encodeLabel, LABEL_OFFSETS, type LabelState } from '../../daemons/storage/volume-label.ts';
import { commandLineOf, ModelBlade } from '../model-blade.test-kit.ts';
import { bootRegistry, differingSectors, ModelSan } from '../model-san.test-kit.ts';

const FOREIGN = { uuid: '4c4c4544-0000-0000-0000-00000000f0f0', mac: '52:54:00:00:00:ff', commandLine: `${commandLineOf(2)} mm.node=2` };

function labelOf(san: ModelSan, name: string) {
  const [first, second] = LABEL_OFFSETS.map((offset) => san.disk.read(san.at(name, offset), BLOCK_BYTES));
  const chosen = chooseLabel(first!, second!);
  if (!chosen.ok) throw new Error(chosen.problems.map(({ code }) => code).join());
  return chosen.value.label;
}

function ownerOf(san: ModelSan, name: string) {
  const owner = decodeOwner(san.disk.read(san.at(name, OWNER_OFFSET), BLOCK_BYTES));
  if (!owner.ok) throw new Error('the owner record does not decode');
  return owner.value;
}

function setLabel(san: ModelSan, name: string, state: LabelState): void {
  const volume = san.registry.volumes.find((one) => one.name === name)!;
  const label = encodeLabel({ ...sampleLabel(san.registry, volume), state, generation: 9 });
  for (const offset of LABEL_OFFSETS) san.disk.write(san.at(name, offset), label);
}

function setOwner(san: ModelSan, name: string, hardwareId: string): void {
  const { uuid } = san.registry.volumes.find((one) => one.name === name)!;
  san.disk.write(san.at(name, OWNER_OFFSET), encodeOwner({ hardwareId, bootNonce: '0'.repeat(32), epoch: 4, counter: 70, node: 2, volumeUuid: uuid, renewedAtUnixMs: 0 }));
}

/** A SAN on which node 2 has booted once. */
async function usedSan(): Promise<ModelSan> {
  const first = new ModelSan();
  await new ModelBlade(first).boot();
  return new ModelSan(first.disk);
}

describe('who is refused', () => {
  test("a foreign blade that takes node 2's number is refused its live store with MM-CLAIM-FOREIGN, and changes no byte", async () => {
    const san = await usedSan();
    const before = san.disk.clone();
    const blade = new ModelBlade(san, FOREIGN);
    expect(await blade.boot(3)).toBe('stuck');
    expect(blade.console.join('\n')).toMatch(/step claim FAILED \(try 4\)\n {4}why: {2}MM-CLAIM-FOREIGN: .*machine 4c4c4544-0000-0000-0000-000000000002.*\n {4}what to do: Power the old machine off/);
    expect(differingSectors(san.disk, before)).toEqual([]);
    expect(san.writes).toEqual([]);
  });

  test('the successor of a barred machine is told that the owner is that one, and what it was', async () => {
    const registry = bootRegistry();
    const hardwareId = `${FOREIGN.uuid}/${FOREIGN.mac}`;
    const san = new ModelSan(undefined, { ...registry, roster: { ...registry.roster, barred: [{ node: 2, macs: [FOREIGN.mac as Mac], hardwareId, sinceUnixMs: 1_795_219_200_000 }] } });
    for (const name of ['node2', 'state2']) {
      setLabel(san, name, 'live');
      setOwner(san, name, hardwareId);
    }
    const blade = new ModelBlade(san);
    expect(await blade.boot()).toBe('stuck');
    const said = blade.console.join('\n');
    expect(said).toMatch(/why: {2}MM-CLAIM-FOREIGN: .*machine 4c4c4544-0000-0000-0000-00000000f0f0\/52:54:00:00:00:ff, epoch 4/);
    expect(said).toContain('MM-CLAIM-BARRED: the owner: a machine of the cluster; seen the machine that was node 2 until it was replaced, barred since 2026-11-21T00:00:00.000Z: 52:54:00:00:00:ff');
    expect(san.writes).toEqual([]);
  });

  test('a blade that may have the store but not the state volume becomes owner of neither, so that the rightful one can still boot', async () => {
    const san = await usedSan();
    setLabel(san, 'node2', 'new');
    san.disk.write(san.at('node2', OWNER_OFFSET), new Uint8Array(BLOCK_BYTES));
    expect(await new ModelBlade(san, FOREIGN).boot()).toBe('stuck');
    expect(san.writes).toEqual([]);
    expect(await new ModelBlade(san).boot()).toBe('handover');
  });

  test.each([
    ['a live store whose header reads as zero', 'MM-CLAIM-EMPTY', (san: ModelSan) => san.disk.write(san.at('node2', DATA_OFFSET_BYTES), new Uint8Array(BLOCK_BYTES))],
    ['an owner record that cannot be read', 'MM-CLAIM-FOREIGN', (san: ModelSan) => san.disk.write(san.at('node2', OWNER_OFFSET), new Uint8Array(BLOCK_BYTES).fill(0x5a))],
    ['no owner record on a live store', 'MM-CLAIM-FOREIGN', (san: ModelSan) => san.disk.write(san.at('node2', OWNER_OFFSET), new Uint8Array(BLOCK_BYTES))],
    ['labels that are both gone', 'MM-BLOCK-MAGIC', (san: ModelSan) => LABEL_OFFSETS.forEach((offset) => san.disk.write(san.at('node2', offset), new Uint8Array(BLOCK_BYTES)))],
  ])('%s is refused with %s, and nothing is written', async (_, code, spoil) => {
    const san = await usedSan();
    spoil(san);
    const blade = new ModelBlade(san);
    expect(await blade.boot()).toBe('stuck');
    expect(blade.console.join('\n')).toContain(`why:  ${code}: `);
    expect(san.writes).toEqual([]);
  });

  test('a store that the kernel gave up is told apart by its tables, and nothing is written or mapped', async () => {
    const san = await usedSan();
    const header = san.disk.read(san.at('node2', DATA_OFFSET_BYTES), BLOCK_BYTES);
    viewOf(header).setUint32(4, 0, true);
    san.disk.write(san.at('node2', DATA_OFFSET_BYTES), header);
    const blade = new ModelBlade(san);
    expect(await blade.boot()).toBe('stuck');
    // All of this small store's chunks may have been under way.
    expect(blade.console.join('\n')).toMatch(/why: {2}MM-BOOT-STORE-FULL: store node2: is marked valid; seen marked invalid by the kernel, \d+ of \d+ chunks of 8 KiB free: it may have overflowed.*\n {4}what to do: Reset it/);
    expect([san.writes, [...blade.mapped.keys()]]).toEqual([[], []]);
  });

  test("a store of another origin's is refused", async () => {
    const san = await usedSan();
    const volume = san.registry.volumes.find(({ name }) => name === 'node2')!;
    const label = encodeLabel({ ...sampleLabel(san.registry, volume), originUuid: NIL_UUID, state: 'live', generation: 9 });
    for (const offset of LABEL_OFFSETS) san.disk.write(san.at('node2', offset), label);
    const blade = new ModelBlade(san);
    expect(await blade.boot()).toBe('stuck');
    expect(blade.console.join('\n')).toContain('MM-CLAIM-ORIGIN');
  });
});

describe('who is let in', () => {
  test('a store in state down changes hands at once, and says live before anything of it is mapped', async () => {
    const san = await usedSan();
    for (const name of ['node2', 'state2']) setLabel(san, name, 'down');
    const blade = new ModelBlade(san, FOREIGN);
    const statesAtCreation: string[] = [];
    blade.override = (argv) => {
      if (argv[1] === 'create') statesAtCreation.push(labelOf(san, 'node2').state, labelOf(san, 'state2').state);
      return undefined;
    };
    expect(await blade.boot()).toBe('handover');
    expect(new Set(statesAtCreation)).toEqual(new Set(['live']));
    expect(ownerOf(san, 'node2')).toMatchObject({ hardwareId: blade.state!.hardwareId, epoch: 2, node: 2 });
  });

  test('a fresh store is wiped before it is mapped, and says live only afterwards', async () => {
    const san = new ModelSan();
    san.disk.write(san.at('node2', DATA_OFFSET_BYTES), new Uint8Array(16 * BLOCK_BYTES).fill(0xee));
    const blade = new ModelBlade(san);
    const seen: string[] = [];
    blade.override = (argv) => {
      if (argv[2] === 'debian-node2' && argv[1] === 'create') seen.push(labelOf(san, 'node2').state, String(san.disk.read(san.at('node2', DATA_OFFSET_BYTES), 4 * BLOCK_BYTES).every((byte) => byte === 0)));
      return undefined;
    };
    expect(await blade.boot()).toBe('handover');
    expect(seen).toEqual(['new', 'true']);
    expect(labelOf(san, 'node2')).toMatchObject({ state: 'live', generation: 2 });
  });

  test('a claim that does not read back is told, and nothing is mapped', async () => {
    const san = new ModelSan();
    const blade = new ModelBlade(san);
    blade.writeDirect = () => undefined; // a SAN that acknowledges and forgets
    expect(await blade.boot()).toBe('stuck');
    expect(blade.console.join('\n')).toContain('why:  MM-CLAIM-RACE: node2: the owner record does not read back as it was written');
    expect(blade.mapped.size).toBe(0);
  });

  test('the own owner record of a former boot is no obstacle, whatever its nonce', async () => {
    const san = await usedSan();
    setOwner(san, 'node2', '4c4c4544-0000-0000-0000-000000000002/52:54:00:00:00:02');
    expect(await new ModelBlade(san).boot()).toBe('handover');
    expect(ownerOf(san, 'node2')).toMatchObject({ epoch: 5, counter: 71 });
  });
});

describe('a power cut', () => {
  /** Boots once with the power failing in the write after `writes`; of that write those sectors arrive that `arrives` lets through. */
  async function bootWithCut(disk: ModelSan['disk'], writes: number, arrives: (sector: number) => boolean): Promise<string> {
    const san = new ModelSan(disk);
    san.writesUntilPowerLoss = writes;
    san.arrives = arrives;
    return new ModelBlade(san).boot();
  }

  async function expectGoodBoot(disk: ModelSan['disk']): Promise<void> {
    const san = new ModelSan(disk);
    const blade = new ModelBlade(san);
    const end = await blade.boot();
    expect(end, blade.console.join('\n')).toBe('handover');
    for (const name of ['node2', 'state2']) {
      expect(labelOf(san, name).state).toBe('live');
      expect(ownerOf(san, name)).toMatchObject({ hardwareId: blade.state!.hardwareId, bootNonce: blade.state!.bootNonce });
    }
    expect(decodeSnapshotHeader(san.disk.read(san.at('node2', DATA_OFFSET_BYTES), BLOCK_BYTES))).toMatchObject({ ok: true, value: { valid: true, chunkSectors: 16 } });
  }

  test('at any write of the first boot, whole, torn or lost, the next boot of the same blade succeeds', async () => {
    const whole = new ModelSan();
    await new ModelBlade(whole).boot();
    expect(whole.writes.length).toBeGreaterThan(8);
    for (let writes = 0; writes < whole.writes.length; writes++) {
      for (const seed of [0, 1, 2, 3, 4, 5]) {
        const { disk } = new ModelSan();
        expect(await bootWithCut(disk, writes, arrivalOf(seed))).toBe('no power');
        await expectGoodBoot(disk);
      }
    }
  });

  test.each(LABEL_OFFSETS)('at any write, where an earlier one spoilt the label\'s copy at %i, the next boot of the same blade succeeds', async (spoilt) => {
    for (let writes = 0; writes < 12; writes++) {
      for (const arrives of [arrivalOf(0), arrivalOf(2), (sector: number) => sector % 8 === 0]) {
        const { disk, at } = new ModelSan();
        for (const name of ['node2', 'state2']) disk.write(at(name, spoilt), new Uint8Array(BLOCK_BYTES).fill(0x11));
        await bootWithCut(disk, writes, arrives);
        await expectGoodBoot(disk);
      }
    }
  });

  test('at any two writes, one boot after the other, of each only the first sector of every block arriving, the third boot succeeds', async () => {
    const whole = new ModelSan();
    await new ModelBlade(whole).boot();
    for (let first = 0; first < whole.writes.length; first++) {
      for (let second = 0; second < whole.writes.length; second++) {
        const { disk } = new ModelSan();
        for (const writes of [first, second]) await bootWithCut(disk, writes, (sector) => sector % 8 === 0);
        await expectGoodBoot(disk);
      }
    }
  });

  test('again and again, at the first boot or a later one, no sequence of cuts locks the blade out', async () => {
    const cut = fc.record({ writes: fc.nat({ max: 12 }), seed: fc.nat({ max: 1000 }) });
    await fc.assert(fc.asyncProperty(fc.boolean(), fc.array(cut, { maxLength: 4 }), async (used, cuts) => {
      const { disk } = used ? await usedSan() : new ModelSan();
      for (const { writes, seed } of cuts) await bootWithCut(disk, writes, arrivalOf(seed));
      await expectGoodBoot(disk);
    }), { numRuns: 60 });
  });
});
