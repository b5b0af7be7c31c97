import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { BLOCK_BYTES, MIB } from './block.ts';
import { reseal } from './block-fuzz.test-kit.ts';
import { readContainer } from './container-on-disk.ts';
import { twiceWrittenSan, type DamagedSan } from './damaged-registry.test-kit.ts';
import { afterPowerLoss, arrivalOf, type MemoryDisk } from './memory-disk.test-kit.ts';
import { encodeOwner, OWNER_OFFSET } from './owner-record.ts';
import { withoutSecrets, type Registry, type VolumeRecord } from './registry.ts';
import type { RegistryCopy } from './registry-copy.ts';
import { encodeSlotHeader, slotHeaderOffset } from './registry-layout.ts';
import { examineForRebuild, planRebuild, type RebuildRequest } from './registry-rebuild.ts';
import { formatFindings, formatRebuild } from './registry-rebuild-text.ts';
import { SAMPLE_DISK_BYTES, SAMPLE_SUPERBLOCK, sampleLabel, sampleUuid } from './sample-san.test-kit.ts';
import { encodeLabel, LABEL_OFFSETS, type LabelState, type VolumeLabel } from './volume-label.ts';
import type { WriteStep } from './write-step.ts';

const nobody = new Uint8Array(BLOCK_BYTES);
const copyOf = (registry: Registry): RegistryCopy => ({ registry: withoutSecrets(registry), secret: registry.secret });
const find = (registry: Registry, name: string): VolumeRecord => registry.volumes.find((volume) => volume.name === name)!;

function plan(disk: MemoryDisk, more: Partial<RebuildRequest> = {}) {
  const findings = valueOf(examineForRebuild(disk.read, SAMPLE_DISK_BYTES, 'debian'));
  return planRebuild({ findings, read: disk.read, force: false, ...more });
}

function codes(disk: MemoryDisk, more: Partial<RebuildRequest> = {}): string[] {
  const result = plan(disk, more);
  return result.ok ? [] : result.problems.map(({ code }) => code);
}

function broken(...damages: Parameters<DamagedSan['damage']>[]): DamagedSan {
  const san = twiceWrittenSan();
  for (const damage of damages) san.damage(...damage);
  return san;
}
const lost = (): DamagedSan => broken([0, 'both'], [1, 'both']);

function writeLabel(san: DamagedSan, offset: number, volume: VolumeRecord, change: Partial<VolumeLabel>): void {
  const block = encodeLabel({ ...sampleLabel(san.registry, volume), ...change });
  for (const at of LABEL_OFFSETS) san.disk.write(offset + at, block);
}

describe('from a copy', () => {
  test('the registry is as it was, and nothing but one body and its header is written', () => {
    const san = lost();
    const { steps, confirmed, registry } = valueOf(plan(san.disk, { copy: copyOf(san.registry) }));
    expect(registry).toEqual(san.registry);
    expect(confirmed).toEqual(['boot@1', 'node1', 'state1', 'node2', 'state2', 'swap1']);
    expect(steps.map((step) => (step.kind === 'write' ? step.offset : 'flush'))).toEqual([4096 * 7, 'flush', 4096, 'flush']);
    san.disk.apply(steps, san.registryAt);
    expect(valueOf(readContainer(san.disk.read, SAMPLE_DISK_BYTES, 'debian'))).toMatchObject({ registry: san.registry, header: { generation: 1 }, warnings: [] });
  });

  test('it counts for more than every header that can still be read, a torn one among them', () => {
    const san = broken([0, 'body'], [1, 'both']);
    expect(valueOf(plan(san.disk, { copy: copyOf(san.registry) })).generation).toBe(2);
    const torn = broken([0, 'both'], [1, 'header tail'], [1, 'body']);
    expect(valueOf(plan(torn.disk, { copy: copyOf(torn.registry) })).generation).toBe(3);
  });

  test('of a cluster whose SAN wants CHAP: fresh secrets need its login, of that kind', () => {
    const san = lost();
    const { roster, ...rest } = withoutSecrets(san.registry);
    const copy: RegistryCopy = { registry: { ...rest, roster: { ...roster, san: { ...roster.san, chap: 'one-way' } } } };
    const freshSecret = { ...san.registry.secret };
    const chap = { user: 'rack', password: 'topsecret-topsecret' };
    expect(codes(san.disk, { copy, freshSecret })).toEqual(['MM-REBUILD-CHAP']);
    expect(codes(san.disk, { copy, freshSecret: { ...freshSecret, chap: { ...chap, mutual: { user: 'san', password: 'another-topsecret' } } } })).toEqual(['MM-REBUILD-CHAP']);
    expect(codes(san.disk, { copy: { registry: withoutSecrets(san.registry) }, freshSecret: { ...freshSecret, chap } })).toEqual(['MM-REBUILD-CHAP']);
    expect(valueOf(plan(san.disk, { copy, freshSecret: { ...freshSecret, chap } })).registry.secret.chap).toEqual(chap);
  });

  test('without secrets they come from a body that is whole, else must be made anew, and that has to be said', () => {
    const { registry } = lost();
    const bare: RegistryCopy = { registry: withoutSecrets(registry) };
    expect(codes(lost().disk, { copy: bare })).toEqual(['MM-REBUILD-SECRETS']);
    expect(valueOf(plan(broken([0, 'both'], [1, 'header tail']).disk, { copy: bare })).registry.secret).toEqual(registry.secret);
    const freshSecret = { rootPasswordHash: '!', clusterKey: 'cd'.repeat(32), sshHostKeys: {} };
    expect(valueOf(plan(lost().disk, { copy: bare, freshSecret })).registry.secret).toEqual(freshSecret);
  });
});

describe('from the slots', () => {
  test('the newest whole body is taken, and stays where it is until the new slot is whole', () => {
    const san = broken([0, 'header tail'], [1, 'header tail']);
    const { source, registry, generation, steps } = valueOf(plan(san.disk));
    expect([source, registry, generation]).toEqual([{ kind: 'slot', writer: 0, slot: 1 }, san.registry, 3]);
    san.disk.apply(steps, san.registryAt);
    expect(valueOf(readContainer(san.disk.read, SAMPLE_DISK_BYTES, 'debian'))).toMatchObject({ registry: san.registry, header: { slot: 0, generation: 3 } });
  });

  test('a body that cannot be ordered has to be chosen', () => {
    const san = broken([0, 'header'], [1, 'header']);
    expect(codes(san.disk)).toEqual(['MM-REBUILD-AMBIGUOUS']);
    expect(valueOf(plan(san.disk, { slot: { writer: 0, slot: 1 } })).registry).toEqual(san.registry);
    expect(codes(san.disk, { slot: { writer: 2, slot: 0 } })).toEqual(['MM-REBUILD-SOURCE']);
  });

  test('with nothing whole there is nothing to make it from', () => expect(codes(lost().disk)).toEqual(['MM-REBUILD-SOURCE']));
});

describe('refused', () => {
  test('over a valid registry without force', () => {
    const san = twiceWrittenSan();
    expect(codes(san.disk, { copy: copyOf(san.registry) })).toEqual(['MM-REBUILD-VALID']);
    expect(valueOf(plan(san.disk, { copy: copyOf(san.registry), force: true }))).toMatchObject({ generation: 3 });
  });

  test('every label that contradicts is told, each with its field', () => {
    const san = lost();
    writeLabel(san, san.at('node1', 0), find(san.registry, 'node1'), { volumeUuid: sampleUuid(999), node: 2 });
    writeLabel(san, san.at('state2', 0), find(san.registry, 'state2'), { clusterUuid: sampleUuid(998) });
    const result = plan(san.disk, { copy: copyOf(san.registry) });
    expect(!result.ok && result.problems.map(({ code, where, seen }) => `${code} ${where}: ${seen}`)).toEqual([
      `MM-REBUILD-LABEL volume node1, extent ${find(san.registry, 'node1').extents[0]!.start}: volume ${sampleUuid(999)}`,
      `MM-REBUILD-LABEL volume node1, extent ${find(san.registry, 'node1').extents[0]!.start}: node 2`,
      `MM-REBUILD-LABEL volume state2, extent ${find(san.registry, 'state2').extents[0]!.start}: cluster ${sampleUuid(998)}`,
    ]);
  });

  test('a copy of another layout, of another cluster, with a node that has no slots', () => {
    const san = lost();
    const shifted = { ...san.registry, volumes: san.registry.volumes.map((volume) => (volume.name === 'state1' ? { ...volume, extents: find(san.registry, 'node2').extents } : volume)) };
    expect(codes(san.disk, { copy: copyOf(shifted) })).toEqual(expect.arrayContaining(['MM-REBUILD-LABEL']));
    expect(new Set(codes(san.disk, { copy: copyOf({ ...san.registry, clusterUuid: sampleUuid(77) }) }))).toEqual(new Set(['MM-REBUILD-CLUSTER', 'MM-REBUILD-LABEL']));
    const nodes = san.registry.roster.nodes.map((node) => ({ ...node, number: node.number + 2 }));
    expect(codes(san.disk, { copy: copyOf({ ...san.registry, roster: { ...san.registry.roster, nodes } }) })).toEqual(['MM-REBUILD-NODE', 'MM-REBUILD-NODE']);
  });

  test('a copy that is older than a volume, but not for the rest of a command that was cut off, or for one that is empty', () => {
    const san = lost();
    const free = 38 * MIB;
    const behind = san.at('default@1', 0) - find(san.registry, 'default@1').extents[0]!.start * MIB + free;
    writeLabel(san, behind, find(san.registry, 'node1'), { volumeUuid: sampleUuid(555), node: 1 });
    expect(valueOf(plan(san.disk, { copy: copyOf(san.registry) })).warnings).toMatchObject([{ code: 'MM-REBUILD-UNKNOWN', where: 'extent 38' }]);
    const newer = lost();
    const unknown = (state: LabelState): void => writeLabel(newer, behind, find(newer.registry, 'node1'), { volumeUuid: sampleUuid(556), node: 3, state });
    for (const state of ['live', 'down'] as const) {
      unknown(state);
      expect(codes(newer.disk, { copy: copyOf(newer.registry) })).toEqual(['MM-REBUILD-UNKNOWN']);
    }
    unknown('new');
    expect(valueOf(plan(newer.disk, { copy: copyOf(newer.registry) })).warnings).toMatchObject([{ code: 'MM-REBUILD-UNKNOWN', where: 'extent 38', remedy: expect.stringContaining('node add') }]);
    // A blade has begun to fill it.
    newer.disk.write(behind + OWNER_OFFSET, encodeOwner({ hardwareId: 'board-3', bootNonce: '00'.repeat(16), epoch: 1, counter: 1, node: 3, volumeUuid: sampleUuid(556), renewedAtUnixMs: 0 }));
    expect(codes(newer.disk, { copy: copyOf(newer.registry) })).toEqual(['MM-REBUILD-UNKNOWN']);
    // A copy that nobody has claimed, beside a volume that is there, is the rest of a command that was cut off; once it was claimed, the volume's place is its.
    const taken = lost();
    const uuid = sampleUuid(558);
    const owner = (volumeUuid: Uuid) => encodeOwner({ hardwareId: 'board-1', bootNonce: '00'.repeat(16), epoch: 1, counter: 1, node: 1, volumeUuid, renewedAtUnixMs: 0 });
    const cases: [LabelState, Uint8Array, string][] = [
      ['down', nobody, 'warned'], ['down', owner(uuid), 'refused'], ['new', owner(uuid), 'refused'], ['live', nobody, 'refused'],
      // Of a volume that was there before: the copy had not come so far as to wipe it.
      ['new', owner(sampleUuid(559)), 'warned'],
    ];
    for (const [state, record, wanted] of cases) {
      writeLabel(taken, behind, find(taken.registry, 'node1'), { volumeUuid: uuid, state });
      taken.disk.write(behind + OWNER_OFFSET, record);
      const result = plan(taken.disk, { copy: copyOf(taken.registry) });
      expect([state, result.ok ? 'warned' : 'refused', (result.ok ? result.value.warnings : result.problems).map(({ code, remedy }) => `${code}: ${remedy}`)]).toEqual([state, wanted, [expect.stringMatching(/^MM-REBUILD-UNKNOWN: .* node1/)]]);
    }
    // A checkpoint loses its label when it is dropped: one that has it is one that the copy does not know.
    const kept = lost();
    writeLabel(kept, behind, find(kept.registry, 'node1'), { volumeUuid: sampleUuid(557), node: 1, state: 'down', checkpoint: { name: 'node1@a', madeAtUnixMs: 1, storeUuid: sampleUuid(102), storeGeneration: 1, clean: true } });
    expect(codes(kept.disk, { copy: copyOf(kept.registry) })).toEqual(['MM-REBUILD-UNKNOWN']);
  });

  test('when no label at all bears it out; one that cannot be read is only told', () => {
    const san = lost();
    const labelled = ['node1', 'state1', 'node2', 'state2', 'swap1', 'boot@1'];
    const wipe = (name: string): void => san.disk.write(san.at(name, 0), new Uint8Array(3 * 4096));
    labelled.slice(1).forEach(wipe);
    expect(valueOf(plan(san.disk, { copy: copyOf(san.registry) })).warnings.map(({ code }) => code)).toEqual(Array(5).fill('MM-REBUILD-LABEL'));
    wipe('node1');
    expect(codes(san.disk, { copy: copyOf(san.registry) })).toEqual(['MM-REBUILD-UNCONFIRMED']);
  });

  test('what does not fit on the disk, or not into a slot', () => {
    const san = lost();
    expect(codes(san.disk, { copy: copyOf({ ...san.registry, extentCount: 4000 }) })).toEqual(['MM-SAN-CONTAINER']);
    expect(codes(san.disk, { copy: copyOf({ ...san.registry, authorizedKeys: ['x'.repeat(70_000)] }) })).toEqual(['MM-REGISTRY-LENGTH']);
  });

  test('a slot of a newer program, or no superblock, with force as well', () => {
    const newer = lost();
    const header = encodeSlotHeader({ writer: 1, slot: 0, leaseVersion: 0, generation: 9, length: 5, sha256: '00'.repeat(32), writtenAtUnixMs: 0 });
    header[8] = 7;
    newer.disk.write(newer.registryAt + slotHeaderOffset(SAMPLE_SUPERBLOCK, 1, 0), reseal(header));
    const refused = examineForRebuild(newer.disk.read, SAMPLE_DISK_BYTES, 'debian');
    expect(refused.ok || refused.problems).toMatchObject([{ code: 'MM-BLOCK-VERSION', seen: 'version 7' }]);
    const bare = lost();
    bare.disk.write(bare.registryAt, new Uint8Array(4096));
    bare.disk.write(bare.registryAt + MIB - 4096, new Uint8Array(4096));
    const none = examineForRebuild(bare.disk.read, SAMPLE_DISK_BYTES, 'debian');
    expect(none.ok || none.problems.map(({ code }) => code)).toEqual(['MM-BLOCK-MAGIC', 'MM-BLOCK-MAGIC']);
  });
});

describe('a power cut', () => {
  const cases: [string, () => DamagedSan, (san: DamagedSan) => Partial<RebuildRequest>][] = [
    ['from a copy', lost, (san) => ({ copy: copyOf(san.registry) })],
    ['from slot 0/1, torn', () => broken([0, 'header tail'], [1, 'header tail']), () => ({})],
    ['from slot 0/0, the only one', () => broken([0, 'header'], [1, 'both']), () => ({})],
    ['from slot 0/1, the only one', () => broken([0, 'both'], [1, 'header']), () => ({})],
    ['from a copy without secrets, which only slot 0/0 still holds', () => broken([0, 'header'], [1, 'both']), (san) => ({ copy: { registry: withoutSecrets({ ...san.registry, authorizedKeys: ['ssh-ed25519 AAAA x'] }) } })],
    ['over a valid registry', () => twiceWrittenSan(), (san) => ({ copy: copyOf({ ...san.registry, authorizedKeys: ['ssh-ed25519 AAAA x'] }), force: true })],
  ];
  test.each(cases)('%s: at every moment of the writing the SAN can be read, or be rebuilt from the same', (_, make, requestOf) => {
    const san = make();
    const { steps } = valueOf(plan(san.disk, requestOf(san)));
    const placed = steps.map((step): WriteStep => (step.kind === 'write' ? { kind: 'write', offset: step.offset + san.registryAt, bytes: step.bytes } : step));
    for (let done = 0; done <= placed.length; done++) {
      for (let seed = 0; seed < 20; seed++) {
        const disk = afterPowerLoss(san.disk, placed, done, arrivalOf(seed));
        const read = readContainer(disk.read, SAMPLE_DISK_BYTES, 'debian');
        if (read.ok) continue;
        const again = valueOf(plan(disk, requestOf(san)));
        disk.apply(again.steps, san.registryAt);
        expect(valueOf(readContainer(disk.read, SAMPLE_DISK_BYTES, 'debian')).registry).toEqual(again.registry);
      }
    }
  });
});

test('for people: slot by slot what was found, what would be written, and no secret', () => {
  const san = broken([0, 'body'], [1, 'header tail']);
  const findings = valueOf(examineForRebuild(san.disk.read, SAMPLE_DISK_BYTES, 'debian'));
  const text = formatFindings(findings) + formatRebuild(valueOf(plan(san.disk)));
  expect(text).toMatch(/no valid registry\n {2}slot 0\/0 {2}body-damaged {4}lease version 0, generation 1\n {2}slot 0\/1 {2}header-damaged {2}lease version 0, generation 2 {2}body whole: 2 nodes, 8 volumes\n {2}4 of 6 slots were never written\n {2}MM-REGISTRY-NONE/);
  expect(text).toMatch(/the registry of slot 0\/1, \d+ bytes, as lease version 0, generation 3\n {2}cluster sample: node1, node2\n {2}borne out by the labels of boot@1, node1/);
  expect(text).toContain('  flush\n');
  for (const word of ['PRIVATE', san.registry.secret.clusterKey, san.registry.secret.rootPasswordHash]) expect(text).not.toContain(word);
});
