import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { BLOCK_BYTES } from './block.ts';
import { giveBackSteps, type HandOverRequest, heldVolumes, isGivenBack, ownersOf, planHandOver, volumesOfNode } from './hand-over.ts';
import { afterPowerLoss, arrivalOf } from './memory-disk.test-kit.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET, type OwnerRecord } from './owner-record.ts';
import { decideClaim } from './ownership.ts';
import type { VolumeRecord } from './registry.ts';
import { readContainer } from './container-on-disk.ts';
import { SAMPLE_DISK_BYTES, sampleLabel, sampleRegistry, sampleSan, sampleUuid } from './sample-san.test-kit.ts';
import { readVolumeFront } from './volume-front.ts';
import { chooseLabel, type LabelState, labelSteps, type VolumeLabel } from './volume-label.ts';
import type { ReadAt } from './read-at.ts';

const registry = sampleRegistry();
const volumes = volumesOfNode(registry, 1);
const [OLD, NEW] = ['old-board/52:54:00:00:00:01', 'new-board/52:54:00:00:00:07'];
const container = valueOf(readContainer(sampleSan(registry).disk.read, SAMPLE_DISK_BYTES, 'debian')).ranges.container;

/** What stands in front of a volume: its label's state, and whose record. */
type Front = { readonly state: LabelState; readonly owner?: Partial<OwnerRecord> | 'damaged'; readonly label?: Partial<VolumeLabel> };

/** A SAN whose node 1 left its volumes so, by their kind; the others' are those of a machine that runs. */
function sanWith(fronts: Partial<Record<string, Front>>, otherwise: Front = { state: 'live', owner: {} }) {
  const { disk, at } = sampleSan(registry);
  for (const volume of volumes) {
    const { state, owner, label } = fronts[volume.kind] ?? otherwise;
    disk.apply(labelSteps({ ...sampleLabel(registry, volume), state, generation: 2, ...label }, 0), at(volume.name, 0));
    const block = owner === undefined ? new Uint8Array(BLOCK_BYTES) : owner === 'damaged' ? new Uint8Array(BLOCK_BYTES).fill(7)
      : encodeOwner({ hardwareId: OLD, bootNonce: '01'.repeat(16), epoch: 3, counter: 70, node: 1, volumeUuid: volume.uuid, renewedAtUnixMs: 1, ...owner });
    disk.write(at(volume.name, OWNER_OFFSET), block);
  }
  return disk;
}

const request = (read: ReadAt, more: Partial<HandOverRequest> = {}): HandOverRequest => ({
  registry, container, volumes, frontOf: (volume) => readVolumeFront(read, volume, registry.extentBytes, container), stillMs: new Map(), fenced: false, hardwareId: 'operator/52:54:00:00:00:03', ...more,
});
const STILL = new Map(volumes.map(({ name }) => [name, 30_000]));
const FENCED = { fenced: true, stillMs: STILL };
const codes = (plan: ReturnType<typeof planHandOver>): string => (plan.ok ? 'fine' : [...new Set(plan.problems.map(({ code }) => code))].join());

/** Whether a machine that boots as node 1 is granted a volume. */
function granted(read: ReadAt, volume: VolumeRecord, hardwareId: string): boolean {
  const front = readVolumeFront(read, volume, registry.extentBytes, container);
  const { label } = valueOf(chooseLabel(...front.labels));
  const owner = decodeOwner(front.owner);
  const decision = decideClaim({
    label, owner: owner.ok ? owner.value : 'damaged', storeHeader: front.header, purpose: 'repair',
    expected: { volumeUuid: volume.uuid, clusterUuid: registry.clusterUuid, node: 1, originUuid: label.originUuid }, claimant: { hardwareId, bootNonce: '02'.repeat(16) },
  });
  if (decision.kind === 'refuse' && decision.problem.code !== 'MM-CLAIM-FOREIGN') throw new Error(`${volume.name}: ${decision.problem.code}`);
  return decision.kind === 'claim';
}

describe('planHandOver', () => {
  test('volumes in use, still and fenced: their labels say down, the owner records stay, and another machine is granted all', () => {
    const disk = sanWith({});
    expect([codes(planHandOver(request(disk.read))), heldVolumes(request(disk.read)).length]).toEqual(['MM-HANDOVER-OWNER', volumes.length]);
    const plan = valueOf(planHandOver(request(disk.read, FENCED)));
    const after = disk.clone();
    for (const { steps } of plan) after.apply(steps);
    expect(volumes.map((volume) => granted(disk.read, volume, NEW))).toEqual(volumes.map(() => false));
    expect(volumes.map((volume) => granted(after.read, volume, NEW))).toEqual(volumes.map(() => true));
    expect(ownersOf(request(after.read)).map(({ hardwareId, epoch }) => [hardwareId, epoch])).toEqual(volumes.map(() => [OLD, 3]));
    expect(valueOf(planHandOver(request(after.read))).every(({ steps }) => steps.length === 0)).toBe(true);
  });
  test.each<[string, Partial<HandOverRequest>]>([
    ['silence alone', { stillMs: STILL }], ['a fence alone', { fenced: true }], ['a moment less than 30 s', { fenced: true, stillMs: new Map([...STILL, [volumes[0]!.name, 29_999]]) }],
  ])('never by %s', (_, more) => expect(codes(planHandOver(request(sanWith({}).read, more)))).toBe('MM-HANDOVER-OWNER'));
  test('one volume that may not be handed over keeps the others', () => {
    const plan = planHandOver(request(sanWith({ swap: { state: 'live', owner: {} } }, { state: 'down', owner: {} }).read));
    expect(plan).toMatchObject({ ok: false, problems: [{ code: 'MM-HANDOVER-OWNER', where: 'swap1' }] });
  });
  test('given back, or never used: nothing is to be written, and nobody fenced', () => {
    for (const front of [{ state: 'down', owner: {} }, { state: 'down', owner: 'damaged' }, { state: 'new' }] as const) {
      const read = sanWith({}, front).read;
      expect([heldVolumes(request(read)), valueOf(planHandOver(request(read))).flatMap(({ steps }) => steps)]).toEqual([[], []]);
    }
  });
  test('one that somebody had begun to fill is new again for the next machine', () => {
    const disk = sanWith({}, { state: 'new', owner: {} });
    expect(codes(planHandOver(request(disk.read)))).toBe('MM-HANDOVER-OWNER');
    for (const { steps } of valueOf(planHandOver(request(disk.read, FENCED)))) disk.apply(steps);
    expect(volumes.every((volume) => granted(disk.read, volume, NEW))).toBe(true);
  });
  test('an owner record that cannot be read may be anybody\'s', () => {
    const read = sanWith({}, { state: 'live', owner: 'damaged' }).read;
    expect([codes(planHandOver(request(read))), codes(planHandOver(request(read, FENCED))), ownersOf(request(read))]).toEqual(['MM-HANDOVER-OWNER', 'fine', []]);
  });
  test('what this very machine owned before it was booted as it is now needs no fence', () => {
    expect(codes(planHandOver(request(sanWith({}).read, { hardwareId: OLD })))).toBe('fine');
  });
  test.each<[string, Front, string]>([
    ['another volume\'s label', { state: 'live', owner: {}, label: { volumeUuid: sampleUuid(77) } }, 'MM-CLAIM-VOLUME'],
    ['another node\'s', { state: 'live', owner: {}, label: { node: 2 } }, 'MM-CLAIM-NODE'],
    ['another cluster\'s', { state: 'live', owner: {}, label: { clusterUuid: sampleUuid(77) } }, 'MM-CLAIM-CLUSTER'],
    ['another volume\'s owner, whom this fence does not reach', { state: 'live', owner: { volumeUuid: sampleUuid(77) } }, 'MM-CLAIM-OWNER-VOLUME'],
  ])('%s is refused, fenced or not', (_, front, wanted) => expect(codes(planHandOver(request(sanWith({}, front).read, FENCED)))).toBe(wanted));
  test('quarantined volumes are nobody\'s, those for a return are the node\'s', () => {
    const retired = (how: 'rollback' | 'quarantined') => ({ volumes: registry.volumes.map((volume) => (volume.kind === 'store' ? Object.assign({}, volume, { retired: how }) : volume)) });
    expect([volumesOfNode(retired('quarantined'), 1), volumesOfNode(retired('rollback'), 1)].map((all) => all.map(({ kind }) => kind))).toEqual([['state', 'swap'], ['store', 'state', 'swap']]);
  });

  test('wherever it is cut off, each volume is its old owner\'s or free, never lost, and the command given again ends it', () => {
    fc.assert(fc.property(fc.constantFrom<Front>({ state: 'live', owner: {} }, { state: 'new', owner: {} }, { state: 'live', owner: 'damaged' }), fc.nat(), fc.nat(1000), (front, cut, seed) => {
      const disk = sanWith({}, front);
      const steps = valueOf(planHandOver(request(disk.read, FENCED))).flatMap((volume) => volume.steps);
      const after = afterPowerLoss(disk, steps, cut % (steps.length + 1), arrivalOf(seed));
      for (const volume of volumes) expect(granted(after.read, volume, NEW) || front.owner === 'damaged' || granted(after.read, volume, OLD), volume.name).toBe(true);
      for (const volume of valueOf(planHandOver(request(after.read, FENCED)))) after.apply(volume.steps);
      expect(volumes.every((volume) => granted(after.read, volume, NEW))).toBe(true);
    }));
  });
});

describe('giveBackSteps', () => {
  const store = volumes[0]!;
  const front = (read: ReadAt) => readVolumeFront(read, store, registry.extentBytes, container);
  const steps = giveBackSteps(store, registry.extentBytes, container);

  test('a volume in use is not given back, a fresh one neither; one without label and owner is', () => {
    for (const state of [{ state: 'live', owner: {} }, { state: 'new' }, { state: 'live', owner: 'damaged' }] as const) {
      const disk = sanWith({}, state);
      expect(isGivenBack(front(disk.read))).toBe(false);
      disk.apply(steps);
      expect(isGivenBack(front(disk.read))).toBe(true);
    }
  });

  test('with its labels lost but an owner that may run it is not', () => {
    const disk = sanWith({});
    disk.apply(steps.slice(2));
    expect(isGivenBack(front(disk.read))).toBe(false);
  });

  test('wherever it is cut off, it is the old owner\'s, or only a fence gives it up, or it is given back; the command given again ends it', () => {
    fc.assert(fc.property(fc.nat(steps.length), fc.nat(1000), (cut, seed) => {
      const disk = sanWith({});
      const after = afterPowerLoss(disk, steps, cut, arrivalOf(seed));
      if (!isGivenBack(front(after.read))) {
        // Never free for another machine, and never past judging.
        expect(granted(after.read, store, NEW)).toBe(false);
        expect(codes(planHandOver(request(after.read, { ...FENCED, volumes: [store] })))).toBe('fine');
      }
      after.apply(steps);
      expect(isGivenBack(front(after.read))).toBe(true);
    }));
  });
});
