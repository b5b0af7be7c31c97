import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES, MIB, SECTOR_BYTES } from './block.ts';
import { buildStore, firstChunks } from './exception-store.test-kit.ts';
import { afterPowerLoss, arrivalOf, type MemoryDisk } from './memory-disk.test-kit.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET, type OwnerRecord } from './owner-record.ts';
import { decideClaim } from './ownership.ts';
import { readContainer } from './container-on-disk.ts';
import { decodeRegistry, encodeRegistry, storeOf, type VolumeRecord } from './registry.ts';
import { planRestore, type NodePlan, type RestoreAction, type RestoreRequest, volumesToWatch } from './restore-plan.ts';
import { SAMPLE_DISK_BYTES, sampleLabel, sampleRegistry, sampleSan, sampleUuid } from './sample-san.test-kit.ts';
import { examineStore } from './snapshot-exceptions.ts';
import { decodeSnapshotHeader } from './snapshot-store.ts';
import { chooseLabel, DATA_OFFSET_BYTES, LABEL_OFFSETS, labelSteps, type LabelState } from './volume-label.ts';
import { readVolumeFront } from './volume-front.ts';
import { volumeReader } from './volume-reader.ts';
import type { WriteStep } from './write-step.ts';
import { FLUSH } from './write-step.ts';

const registry = sampleRegistry();
const OURS = { hardwareId: 'our-board/52:54:00:00:00:09', bootNonce: 'ab'.repeat(16), nowUnixMs: 5 };
const volume = (name: string): VolumeRecord => registry.volumes.find((one) => one.name === name)!;
const RESET_2: RestoreAction = { kind: 'reset', nodes: [2], withState: false };

const record = (name: string, more: Partial<OwnerRecord> = {}): OwnerRecord => ({ hardwareId: 'board-2/52:54:00:00:00:02', bootNonce: '01'.repeat(16), epoch: 3, counter: 70, node: volume(name).node!, volumeUuid: volume(name).uuid, renewedAtUnixMs: 1, ...more });

/** A SAN on which node 2 has run: labels in this state, owner records, a store that holds something, marked invalid if it is to be. */
function usedSan({ state = 'live', owner = record('node2'), valid = true, exceptions = 5 }: { state?: LabelState; owner?: OwnerRecord | 'damaged' | undefined; valid?: boolean; exceptions?: number } = {}) {
  const san = sampleSan(registry);
  for (const name of ['node2', 'state2']) {
    san.disk.apply(labelSteps({ ...sampleLabel(registry, volume(name)), state, generation: 2 }, 0), san.at(name, 0));
    if (owner !== undefined) san.disk.write(san.at(name, OWNER_OFFSET), owner === 'damaged' ? new Uint8Array(BLOCK_BYTES).fill(7) : encodeOwner({ ...owner, volumeUuid: owner.volumeUuid === volume('node2').uuid ? volume(name).uuid : owner.volumeUuid }));
  }
  const store = buildStore({ chunkSectors: 16, exceptions: firstChunks(16, exceptions), valid });
  for (const [sector, bytes] of store.sectors) san.disk.write(san.at('node2', DATA_OFFSET_BYTES + sector * SECTOR_BYTES), bytes);
  san.disk.write(san.at('state2', DATA_OFFSET_BYTES), new Uint8Array(BLOCK_BYTES).fill(9));
  return san;
}

const { ranges } = (() => {
  const found = readContainer(sampleSan(registry).disk.read, SAMPLE_DISK_BYTES, 'debian');
  if (!found.ok) throw new Error(found.problems[0]!.rule);
  return found.value;
})();

function request(disk: MemoryDisk, more: Partial<RestoreRequest> = {}): RestoreRequest {
  return { registry, container: ranges.container, action: RESET_2, frontOf: (one) => readVolumeFront(disk.read, one, registry.extentBytes, ranges.container), stillMs: new Map(), fenced: new Set(), claimant: OURS, running: new Set(), ...more };
}
const STILL = { stillMs: new Map([['node2', 30_000], ['state2', 30_000]]), fenced: new Set([2]) };

function plansOf(disk: MemoryDisk, more: Partial<RestoreRequest> = {}): readonly NodePlan[] {
  const plan = planRestore(request(disk, more));
  if (!plan.ok) throw new Error(plan.problems[0]!.rule);
  return plan.value.nodes;
}
/** The codes that refuse node 2; `write` when it is granted. */
function verdict(disk: MemoryDisk, more: Partial<RestoreRequest> = {}): string[] {
  return plansOf(disk, more).flatMap((plan) => (plan.kind === 'write' ? ['write'] : plan.problems.map(({ code }) => code)));
}
/** Every write in order, the claim first. */
function allSteps(disk: MemoryDisk, more: Partial<RestoreRequest> = {}): WriteStep[] {
  return plansOf(disk, more).flatMap((plan) => (plan.kind === 'write' ? plan.volumes.flatMap(({ claim, steps, release }): WriteStep[] => [...(claim === undefined ? [] : [{ kind: 'write' as const, ...claim }, FLUSH]), ...steps, ...release]) : []));
}

/** What node 2's store is to its own blade, which boots next. */
function nextBoot(disk: MemoryDisk): { state: LabelState; decision: string; header: boolean } {
  const front = readVolumeFront(disk.read, volume('node2'), registry.extentBytes, ranges.container);
  const label = chooseLabel(...front.labels);
  if (!label.ok) throw new Error(label.problems[0]!.rule);
  const owner = decodeOwner(front.owner);
  const decision = decideClaim({
    label: label.value.label, owner: owner.ok ? owner.value : 'damaged', storeHeader: front.header, claimant: { hardwareId: 'board-2/52:54:00:00:00:02', bootNonce: '02'.repeat(16) },
    expected: { volumeUuid: volume('node2').uuid, clusterUuid: registry.clusterUuid, node: 2, originUuid: registry.origins[0]!.uuid },
  });
  const header = decodeSnapshotHeader(front.header);
  return { state: label.value.label.state, decision: decision.kind === 'claim' ? (decision.initialise ? 'initialise' : 'claim') : decision.problem.code, header: header.ok && header.value !== undefined };
}

describe('who may be reset', () => {
  test.each([
    ['given back in good order, foreign machine', usedSan({ state: 'down' }), {}, ['write']],
    ['new and nobody\'s', sampleSan(registry), {}, ['write']],
    ['in use by this very machine, whose former kernel is gone', usedSan({ owner: record('node2', { hardwareId: OURS.hardwareId }) }), {}, ['write']],
    ['in use by another machine that stands still and is fenced', usedSan(), STILL, ['write']],
    ['... whose counter moved', usedSan(), { ...STILL, stillMs: new Map([['node2', 4000]]) }, ['MM-CLAIM-FOREIGN']],
    ['... that stands still and is not fenced', usedSan(), { ...STILL, fenced: new Set<number>() }, ['MM-CLAIM-FOREIGN']],
    ['... that is fenced and was not watched', usedSan(), { fenced: new Set([2]) }, ['MM-CLAIM-FOREIGN']],
    ['... when another node was fenced', usedSan(), { ...STILL, fenced: new Set([1]) }, ['MM-CLAIM-FOREIGN']],
    ['with an owner record that cannot be read', usedSan({ owner: 'damaged' }), {}, ['MM-CLAIM-FOREIGN']],
    ['... fenced and still', usedSan({ owner: 'damaged' }), STILL, ['write']],
    ['with an owner record of a volume that was here before', usedSan({ owner: record('node2', { volumeUuid: sampleUuid(999) }) }), {}, ['MM-CLAIM-FOREIGN']],
    ['... fenced and still', usedSan({ owner: record('node2', { volumeUuid: sampleUuid(999) }) }), STILL, ['write']],
    ['the node that this runs on', usedSan({ state: 'down' }), { claimant: { ...OURS, node: 2 } }, ['MM-RESTORE-OWN']],
  ] as const)('%s', (_, san, more, expected) => expect(verdict(san.disk, more)).toEqual(expected));

  test('with both labels lost it counts as in use', () => {
    const san = usedSan({ state: 'down' });
    for (const at of LABEL_OFFSETS) san.disk.write(san.at('node2', at), new Uint8Array(BLOCK_BYTES));
    expect(verdict(san.disk)).toEqual(['MM-CLAIM-FOREIGN']);
    san.disk.apply(allSteps(san.disk, STILL));
    expect(nextBoot(san.disk)).toEqual({ state: 'new', decision: 'initialise', header: false });
  });

  test('with a label of another origin it is reset to the registry\'s', () => {
    const san = usedSan({ state: 'down' });
    san.disk.apply(labelSteps({ ...sampleLabel(registry, volume('node2')), originUuid: sampleUuid(77), state: 'down', generation: 3 }, 0), san.at('node2', 0));
    expect(nextBoot(san.disk).decision).toBe('MM-CLAIM-ORIGIN');
    san.disk.apply(allSteps(san.disk));
    expect(nextBoot(san.disk).decision).toBe('initialise');
  });

  test('a label of another volume is left alone', () => {
    const san = usedSan({ state: 'down' });
    san.disk.apply(labelSteps({ ...sampleLabel(registry, volume('node2')), volumeUuid: sampleUuid(77), state: 'down', generation: 3 }, 0), san.at('node2', 0));
    expect(verdict(san.disk, STILL)).toEqual(['MM-CLAIM-VOLUME']);
  });

  test('a node that does not exist', () => {
    expect(planRestore(request(usedSan().disk, { action: { kind: 'reset', nodes: [1, 7], withState: false } }))).toMatchObject({ ok: false, problems: [{ code: 'MM-RESTORE-NODE', where: 'node 7' }] });
  });

  test('all nodes: each by itself; a refused one stops no other', () => {
    const { disk } = usedSan();
    expect(plansOf(disk, { action: { kind: 'reset', nodes: [1, 2], withState: false } }).map(({ node, kind }) => [node, kind])).toEqual([[1, 'write'], [2, 'refused']]);
  });

  test('a node that is refused its state volume keeps its store too', () => {
    const san = usedSan({ state: 'down' });
    san.disk.apply(labelSteps({ ...sampleLabel(registry, volume('state2')), state: 'live', generation: 3 }, 0), san.at('state2', 0));
    expect(verdict(san.disk)).toEqual(['write']);
    expect(verdict(san.disk, { action: { ...RESET_2, withState: true } })).toEqual(['MM-CLAIM-FOREIGN']);
    expect(allSteps(san.disk, { action: { ...RESET_2, withState: true } })).toEqual([]);
  });
});

describe('what has to be watched', () => {
  const names = (disk: MemoryDisk, more: Partial<RestoreRequest>): string[] => volumesToWatch(request(disk, more)).map(({ name }) => name);
  test('the records of fenced nodes that somebody else may hold', () => {
    expect(names(usedSan().disk, { fenced: new Set([2]) })).toEqual(['node2']);
    expect(names(usedSan().disk, { fenced: new Set([2]), action: { ...RESET_2, withState: true } })).toEqual(['node2', 'state2']);
  });
  test('nothing that is free, ours, not fenced, or in vain', () => {
    expect(names(usedSan({ state: 'down' }).disk, { fenced: new Set([2]) })).toEqual([]);
    expect(names(usedSan({ owner: record('node2', { hardwareId: OURS.hardwareId }) }).disk, { fenced: new Set([2]) })).toEqual([]);
    expect(names(usedSan().disk, {})).toEqual([]);
    expect(names(usedSan().disk, { fenced: new Set([2]), action: { kind: 'rebuild' } })).toEqual([]);
  });
});

describe('a reset', () => {
  /** Bytes of the disk that a volume has. */
  const isOf = (names: readonly string[], offset: number): boolean => names.some((name) => volume(name).extents.some(({ start, count }) => {
    const first = ranges.container.firstSector * SECTOR_BYTES + start * MIB;
    return offset >= first && offset < first + count * MIB;
  }));

  test('leaves a store that its own blade initialises at its next boot, and touches nothing outside of it', () => {
    const san = usedSan();
    const before = san.disk.clone();
    san.disk.apply(allSteps(san.disk, STILL));
    expect(nextBoot(san.disk)).toEqual({ state: 'new', decision: 'initialise', header: false });
    const changed = [...san.disk.sectors.keys()].filter((sector) => san.disk.sectors.get(sector)!.some((byte, i) => byte !== (before.sectors.get(sector)?.[i] ?? 0)));
    expect(changed.length).toBeGreaterThan(5);
    expect(changed.filter((sector) => !isOf(['node2'], sector * SECTOR_BYTES))).toEqual([]);
    expect(readVolumeFront(san.disk.read, volume('state2'), MIB, ranges.container)).toEqual(readVolumeFront(before.read, volume('state2'), MIB, ranges.container));
  });

  test('with the state volume makes its file system while it is claimed, and gives it back behind that', () => {
    const san = usedSan();
    const [plan] = plansOf(san.disk, { ...STILL, action: { ...RESET_2, withState: true } });
    if (plan?.kind !== 'write') throw new Error('refused');
    const [store, state] = plan.volumes;
    expect([store!.make, state!.volume.name, state!.make!.slice(0, 1), state!.loses]).toMatchObject([undefined, 'state2', ['mkfs.ext4'], expect.stringContaining('/var/lib/metamaster')]);
    san.disk.apply([{ kind: 'write', ...state!.claim! }, ...state!.steps]);
    const held = decodeOwner(san.disk.read(san.at('state2', OWNER_OFFSET), BLOCK_BYTES));
    expect(held).toMatchObject({ ok: true, value: { hardwareId: OURS.hardwareId, epoch: 4, counter: 71 } });
    san.disk.apply(state!.release);
    expect(decodeOwner(san.disk.read(san.at('state2', OWNER_OFFSET), BLOCK_BYTES))).toEqual({ ok: true, value: undefined });
  });

  test('claims first: the record is this machine\'s, with epoch and counter above the former ones', () => {
    const [plan] = plansOf(usedSan().disk, STILL);
    if (plan?.kind !== 'write') throw new Error('refused');
    expect(decodeOwner(plan.volumes[0]!.claim!.bytes)).toMatchObject({ ok: true, value: { hardwareId: OURS.hardwareId, bootNonce: OURS.bootNonce, epoch: 4, counter: 71 } });
  });

  test.each(['live', 'down'] as const)('cut off anywhere, the store is the old one or new; never one in use without contents (%s)', (state) => {
    const san = usedSan({ state });
    const steps = allSteps(san.disk, STILL);
    const seen = new Set<string>();
    for (let done = 0; done <= steps.length; done++) {
      for (let seed = 0; seed < 12; seed++) {
        const after = nextBoot(afterPowerLoss(san.disk, steps, done, arrivalOf(seed)));
        seen.add(after.state);
        if (after.state !== 'new') expect([after.state, after.header]).toEqual([state, true]);
      }
    }
    expect([...seen].sort()).toEqual([state, 'new'].sort());
  });

  test('cut off anywhere, the same command finishes it, without a fence from the first label on', () => {
    const san = usedSan();
    const steps = allSteps(san.disk, STILL);
    for (let done = 2; done <= steps.length; done++) {
      const after = afterPowerLoss(san.disk, steps, done, arrivalOf(1));
      after.apply(allSteps(after));
      expect(nextBoot(after)).toEqual({ state: 'new', decision: 'initialise', header: false });
    }
  });

  test('writes are cut where the next extent may lie elsewhere', () => {
    const small = { ...registry, extentBytes: 12 * 1024, volumes: registry.volumes.map((one) => (one.name === 'node2' ? { ...one, extents: [...Array(500).keys()].map((i) => ({ start: 2 * i, count: 1 })) } : one)) };
    const { disk } = usedSan();
    const plan = planRestore(request(disk, { registry: small, frontOf: () => readVolumeFront(disk.read, volume('node2'), registry.extentBytes, ranges.container), ...STILL }));
    if (!plan.ok || plan.value.nodes[0]!.kind !== 'write') throw new Error('refused');
    const writes = plan.value.nodes[0]!.volumes[0]!.steps.filter((step) => step.kind === 'write');
    const base = ranges.container.firstSector * SECTOR_BYTES;
    for (const { offset, bytes } of writes) expect([(offset - base) % (24 * 1024) + bytes.length <= 12 * 1024, offset % 4096]).toEqual([true, 0]);
  });
});

describe('a store set valid again', () => {
  function revalidation(san: ReturnType<typeof usedSan>): RestoreAction {
    const read = volumeReader(san.disk.read, volume('node2'), MIB, ranges.container.firstSector);
    const data = volume('node2').extents.reduce((sum, { count }) => sum + count, 0) * MIB - DATA_OFFSET_BYTES;
    // A store of the sample's size has fewer chunks than copies may be under way: the usage is one of a larger store.
    const state = examineStore((offset, length) => read(DATA_OFFSET_BYTES + offset, length), data, 4 * MIB);
    return { kind: 'revalidate', node: 2, state: state.kind === 'none' || state.kind === 'empty' ? state : { ...state, usage: { ...state.usage, freeChunks: 5000 } } };
  }

  test('is given back in good order, and its own blade boots it with what it held', () => {
    const san = usedSan({ valid: false });
    expect(nextBoot(san.disk).decision).toBe('MM-CLAIM-INVALID');
    const action = revalidation(san);
    expect(verdict(san.disk, { action })).toEqual(['MM-CLAIM-FOREIGN']);
    const steps = allSteps(san.disk, { action, ...STILL });
    for (let done = 0; done <= steps.length; done++) {
      const { state, header } = nextBoot(afterPowerLoss(san.disk, steps, done, arrivalOf(done)));
      expect([['live', 'down'].includes(state), header]).toEqual([true, true]);
    }
    for (let done = 2; done <= steps.length; done++) {
      const after = { ...san, disk: afterPowerLoss(san.disk, steps, done, arrivalOf(1)) };
      if (nextBoot(after.disk).decision === 'claim') continue;
      after.disk.apply(allSteps(after.disk, { action: revalidation(after) }));
      expect([done, nextBoot(after.disk)]).toEqual([done, { state: 'down', decision: 'claim', header: true }]);
    }
    san.disk.apply(steps);
    expect(nextBoot(san.disk)).toEqual({ state: 'down', decision: 'claim', header: true });
    expect(revalidation(san)).toMatchObject({ state: { valid: true, usage: { exceptions: 5 } } });
  });

  test('is refused for a store that is valid, and loses nothing', () => {
    const san = usedSan({ state: 'down' });
    expect(verdict(san.disk, { action: revalidation(san) })).toEqual(['MM-REVALIDATE-NONE']);
  });

  test('is refused where the labels are lost: nobody knows what the store was', () => {
    const san = usedSan({ valid: false });
    for (const at of LABEL_OFFSETS) san.disk.write(san.at('node2', at), new Uint8Array(BLOCK_BYTES));
    expect(verdict(san.disk, { action: revalidation(san), ...STILL })).toEqual(['MM-BLOCK-MAGIC', 'MM-BLOCK-MAGIC']);
  });
});

describe('new room', () => {
  const action: RestoreAction = { kind: 'reallocate', nodes: [2], occupied: [{ start: 25, count: 3 }], newUuid: () => sampleUuid(500) };

  test('the old store is left untouched, in quarantine; the new one lies in free room that nobody\'s record names', () => {
    const san = usedSan();
    const plan = planRestore(request(san.disk, { action }));
    if (!plan.ok || plan.value.registry.kind !== 'rewrite') throw new Error('no plan');
    const next = plan.value.registry.registry;
    expect(decodeRegistry(encodeRegistry(next))).toMatchObject({ ok: true });
    expect(storeOf(next, 2)).toMatchObject({ name: 'node2', uuid: sampleUuid(500), extents: [{ start: 28, count: 6 }] });
    expect(next.volumes.filter(({ retired }) => retired !== undefined)).toEqual([{ ...volume('node2'), name: 'node2.00000000', retired: 'quarantined' }]);
    const before = san.disk.clone();
    san.disk.apply(allSteps(san.disk, { action }));
    for (const one of registry.volumes.filter(({ node }) => node !== undefined)) expect(readVolumeFront(san.disk.read, one, MIB, ranges.container)).toEqual(readVolumeFront(before.read, one, MIB, ranges.container));
    const front = readVolumeFront(san.disk.read, storeOf(next, 2)!, MIB, ranges.container);
    expect(chooseLabel(...front.labels)).toMatchObject({ ok: true, value: { label: { volumeUuid: sampleUuid(500), state: 'new', node: 2, originUuid: registry.origins[0]!.uuid } } });
    expect([plan.value.takeAtOnce, plan.value.takeAtBoot]).toEqual([[], [2]]);
  });

  test('where there is no room the node is refused, and the registry stays', () => {
    const plan = planRestore(request(usedSan().disk, { action: { ...action, occupied: [{ start: 25, count: 14 }] } }));
    expect(plan).toMatchObject({ ok: true, value: { nodes: [{ kind: 'refused', problems: [{ code: 'MM-EXTENTS-ROOM' }] }], registry: { kind: 'keep' } } });
  });

  test('two nodes get room of their own', () => {
    let drawn = 500;
    const many = { ...registry, extentCount: 60 };
    const plan = planRestore(request(usedSan().disk, { registry: many, action: { kind: 'reallocate', nodes: [1, 2], occupied: [], newUuid: () => sampleUuid(drawn++) } }));
    if (!plan.ok || plan.value.registry.kind !== 'rewrite') throw new Error('no plan');
    expect(decodeRegistry(encodeRegistry(plan.value.registry.registry)).ok).toBe(true);
  });
});

test('-d 1: the registry is written again, and who runs takes it at once', () => {
  expect(planRestore(request(usedSan().disk, { action: { kind: 'rebuild' }, running: new Set([1]) }))).toEqual({ ok: true, value: { nodes: [], registry: { kind: 'rewrite', registry }, takeAtOnce: [1], takeAtBoot: [2] } });
});
