// For tests: a checkpoint made, a checkpoint dropped, and a store written back from one, recorded in the order of
// scripts/node/checkpoint-command.ts. Whatever a power cut leaves: the node's root is as it was or as the checkpoint has it, never a
// mixture that boots, and every extent is explained by the registry.

import { valueOf } from '../../daemons/core/problem.ts';
import { BLOCK_BYTES, MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { planCheckpoint, planRollback, wholeCheckpoint } from '../../daemons/storage/checkpoint.ts';
import { type ContainerFound, readContainer } from '../../daemons/storage/container-on-disk.ts';
import type { MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { decideClaim } from '../../daemons/storage/ownership.ts';
import { readFrom, type ReadAt } from '../../daemons/storage/read-at.ts';
import { type Registry, storeOf, type VolumeRecord } from '../../daemons/storage/registry.ts';
import { planChange } from '../../daemons/storage/registry-change.ts';
import { addCheckpoint, checkpointsOf, dropCheckpoint } from '../../daemons/storage/registry-edit-checkpoints.ts';
import { registryPartitionBytes } from '../../daemons/storage/registry-layout.ts';
import { SAMPLE_DISK_BYTES, SAMPLE_SUPERBLOCK, sampleLabel, sampleRegistry, sampleSan, sampleUuid } from '../../daemons/storage/sample-san.test-kit.ts';
import { examineSan } from '../../daemons/storage/san-report.ts';
import { examineStore } from '../../daemons/storage/snapshot-exceptions.ts';
import { type StoreData, viewStore } from '../../daemons/storage/snapshot-view.ts';
import { copiedSteps, copyStoreSteps } from '../../daemons/storage/store-copy.ts';
import { buildModel } from '../../daemons/storage/store-model.test-kit.ts';
import { chooseLabel, DATA_OFFSET_BYTES, LABEL_OFFSETS, labelSteps } from '../../daemons/storage/volume-label.ts';
import { readVolumeFront, stepsOnDisk } from '../../daemons/storage/volume-front.ts';
import { volumeReader } from '../../daemons/storage/volume-reader.ts';
import { FLUSH, type WriteStep } from '../../daemons/storage/write-step.ts';
import { journalOfSteps } from './crash-journal.ts';
import type { ByteRange } from './iscsi-conversation.ts';
import { imageOf, OverlayDisk, type Operation, type Outcome } from './operation.test-kit.ts';

const NODE = 2;
const NAME = 'before';
const ORIGIN_BYTES = 4 * MIB;
const BLADE = { hardwareId: 'board-2/52:54:00:00:00:02', bootNonce: '11'.repeat(16) };
const US = { claimant: { hardwareId: 'our-board/x', bootNonce: '22'.repeat(16) } };
const first = sampleRegistry();
const STORE = storeOf(first, NODE)!;
const FORMER = buildModel({ chunkSectors: STORE.chunkSectors!, originBytes: ORIGIN_BYTES, changed: [9, 4, 5, 6, 300], seed: 3 });
const LATER = buildModel({ chunkSectors: STORE.chunkSectors!, originBytes: ORIGIN_BYTES, changed: [4, 100, 101, 102, 103, 104, 300, 301], seed: 4 });

const containerOn = (read: ReadAt): ContainerFound => valueOf(readContainer(read, SAMPLE_DISK_BYTES, 'debian'));
const checkpointIn = ({ registry }: ContainerFound): VolumeRecord | undefined => checkpointsOf(registry, NODE)[0];
const readerOf = (read: ReadAt, { registry, ranges }: ContainerFound, volume: VolumeRecord): ReadAt => volumeReader(read, volume, registry.extentBytes, ranges.container.firstSector);
const frontOf = (read: ReadAt, { registry, ranges }: ContainerFound, volume: VolumeRecord) => readVolumeFront(read, volume, registry.extentBytes, ranges.container);
const dataOf = (read: ReadAt, found: ContainerFound, volume: VolumeRecord): StoreData => (
  { read: readFrom(readerOf(read, found, volume), DATA_OFFSET_BYTES), bytes: volume.extents.reduce((sum, { count }) => sum + count, 0) * found.registry.extentBytes - DATA_OFFSET_BYTES });

/** The root as it reads through a volume's store. */
function rootOn(read: ReadAt, found: ContainerFound, volume: VolumeRecord): Uint8Array {
  const origin = readerOf(read, found, found.registry.volumes.find(({ name }) => name === volume.origin)!);
  return valueOf(viewStore(origin, ORIGIN_BYTES, dataOf(read, found, volume))).read(0, ORIGIN_BYTES);
}
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

function foundStore(read: ReadAt, found: ContainerFound, volume: VolumeRecord) {
  const { read: data, bytes } = dataOf(read, found, volume);
  return { volume, front: frontOf(read, found, volume), state: examineStore(data, bytes, ORIGIN_BYTES) };
}

/** Whether the node's own blade, or the one that rolls back, would be given the store. */
function claims(read: ReadAt, found: ContainerFound, claimant: typeof BLADE): string {
  const { labels, owner, header } = frontOf(read, found, STORE);
  const record = decodeOwner(owner);
  const decision = decideClaim({
    label: valueOf(chooseLabel(...labels)).label, owner: record.ok ? record.value : 'damaged', storeHeader: header, claimant,
    expected: { volumeUuid: STORE.uuid, clusterUuid: first.clusterUuid, node: NODE, originUuid: first.origins[0]!.uuid },
  });
  return decision.kind === 'claim' ? 'claim' : decision.problem.code;
}

const registryAt = ({ ranges }: ContainerFound): number => ranges.registry.firstSector * SECTOR_BYTES;

/** Steps on the disk of an edit of the registry. */
function changeOn(read: ReadAt, edited: Registry): WriteStep[] {
  const found = containerOn(read);
  const { steps } = valueOf(planChange({ found, edited, writer: 0, leaseVersion: 0 }));
  return steps.map((step) => (step.kind === 'flush' ? step : { kind: 'write', offset: registryAt(found) + step.offset, bytes: step.bytes }));
}

const placed = (found: ContainerFound, volume: VolumeRecord, steps: Iterable<WriteStep>): WriteStep[] => stepsOnDisk([...steps], volume, found.registry.extentBytes, found.ranges.container);

/** The SAN of a node that was shut down; what a former volume left stands in the free extents. */
function sanWith(model: typeof FORMER): MemoryDisk {
  const { disk, at } = sampleSan(first);
  const label = sampleLabel(first, STORE);
  const found = containerOn(disk.read);
  const freeFrom = Math.max(...first.volumes.flatMap(({ extents }) => extents.map(({ start, count }) => start + count)));
  const free = found.ranges.container.firstSector * SECTOR_BYTES + freeFrom * first.extentBytes;
  disk.apply(labelSteps({ ...label, volumeUuid: sampleUuid(4711), state: 'live', generation: 90 }, undefined), free);
  disk.write(free + OWNER_OFFSET, encodeOwner({ ...BLADE, epoch: 9, counter: 9, node: NODE, volumeUuid: sampleUuid(4711), renewedAtUnixMs: 0 }));
  for (const [sector, bytes] of FORMER.store.sectors) disk.write(free + DATA_OFFSET_BYTES + sector * SECTOR_BYTES, bytes);
  disk.apply(labelSteps({ ...label, state: 'down', generation: 6 }, 0), at(STORE.name, 0));
  disk.write(at(STORE.name, OWNER_OFFSET), encodeOwner({ ...BLADE, epoch: 3, counter: 70, node: NODE, volumeUuid: STORE.uuid, renewedAtUnixMs: 1 }));
  for (const [sector, bytes] of model.origin.sectors) disk.write(at('default@1', sector * SECTOR_BYTES), bytes);
  for (const [sector, bytes] of model.store.sectors) disk.write(at(STORE.name, DATA_OFFSET_BYTES + sector * SECTOR_BYTES), bytes);
  return disk;
}

/** Every step of making a checkpoint. */
function makeSteps(disk: MemoryDisk): WriteStep[] {
  const before = containerOn(disk.read);
  const plan = valueOf(planCheckpoint(before.registry, foundStore(disk.read, before, STORE), US));
  const reserve = changeOn(disk.read, valueOf(addCheckpoint(before.registry, { node: NODE, name: NAME, sizeBytes: plan.sizeBytes, uuid: sampleUuid(900), atUnixMs: 5 })));
  const reserved = new OverlayDisk(imageOf(disk));
  reserved.apply(reserve);
  const found = containerOn(reserved.read);
  const volume = checkpointIn(found)!;
  const copy = { from: dataOf(disk.read, before, STORE), chunkSectors: plan.chunkSectors, label: plan.labelFor(volume) };
  return [...reserve, ...placed(found, volume, [...copyStoreSteps(copy), ...copiedSteps(copy)])];
}

const registryRange = (found: ContainerFound): ByteRange => ({ offset: registryAt(found), length: registryPartitionBytes(SAMPLE_SUPERBLOCK) });
const rangesOf = (found: ContainerFound, volume: VolumeRecord): ByteRange[] => volume.extents.map(({ start, count }) => (
  { offset: found.ranges.container.firstSector * SECTOR_BYTES + start * found.registry.extentBytes, length: count * found.registry.extentBytes }));

/** What every disk must be: a SAN on which nothing is wrong, where the node boots with the root that it had. */
function expectUntouched(read: ReadAt, found: ContainerFound): void {
  if (!same(rootOn(read, found, STORE), FORMER.expected)) throw new Error('the root of the node has changed');
  if (claims(read, found, BLADE) !== 'claim') throw new Error('its own blade is refused');
  const { problems } = examineSan(read, SAMPLE_DISK_BYTES);
  if (problems.length > 0) throw new Error(`san check: ${problems.map(({ code, where }) => `${code} at ${where}`).join(', ')}`);
}

/** No checkpoint, one that is unfinished and can be dropped, or a whole one. */
function stateOf(read: ReadAt, found: ContainerFound): 'none' | 'unfinished' | 'whole' {
  const volume = checkpointIn(found);
  if (volume === undefined) return 'none';
  if (wholeCheckpoint(volume, frontOf(read, found, volume)).ok) {
    if (!same(rootOn(read, found, volume), FORMER.expected)) throw new Error('a checkpoint that says that it is whole is not the root that was copied');
    return 'whole';
  }
  valueOf(dropCheckpoint(found.registry, { node: NODE, name: NAME }));
  return 'unfinished';
}

function made(): Operation {
  const disk = sanWith(FORMER);
  const steps = makeSteps(disk);
  const after = new OverlayDisk(imageOf(disk));
  after.apply(steps);
  const found = containerOn(after.read);
  const judge = (read: ReadAt): Outcome => {
    const seen = containerOn(read);
    expectUntouched(read, seen);
    return ({ none: 'old', unfinished: 'completable', whole: 'new' } as const)[stateOf(read, seen)];
  };
  return { name: 'checkpoint', before: imageOf(disk), events: journalOfSteps(steps), own: [registryRange(found), ...rangesOf(found, checkpointIn(found)!)], judge };
}

function dropped(): Operation {
  const disk = sanWith(FORMER);
  disk.apply(makeSteps(disk));
  const found = containerOn(disk.read);
  const volume = checkpointIn(found)!;
  const zeros = new Uint8Array(BLOCK_BYTES);
  const steps = [
    ...placed(found, volume, [...LABEL_OFFSETS.map((offset): WriteStep => ({ kind: 'write', offset, bytes: zeros })), FLUSH]),
    ...changeOn(disk.read, valueOf(dropCheckpoint(found.registry, { node: NODE, name: NAME }))),
  ];
  const judge = (read: ReadAt): Outcome => {
    const seen = containerOn(read);
    expectUntouched(read, seen);
    const state = stateOf(read, seen);
    const left = readerOf(read, found, volume);
    if (state === 'none' && chooseLabel(left(LABEL_OFFSETS[0], BLOCK_BYTES), left(LABEL_OFFSETS[1], BLOCK_BYTES)).ok) throw new Error('a label that no registry knows');
    return ({ none: 'new', unfinished: 'completable', whole: 'old' } as const)[state];
  };
  return { name: 'checkpoint dropped', before: imageOf(disk), events: journalOfSteps(steps), own: [registryRange(found), ...rangesOf(found, volume).map(({ offset }) => ({ offset, length: MIB }))], judge };
}

/** Every step of a rollback, but for the looks in between. */
function rollbackSteps(read: ReadAt): WriteStep[] {
  const found = containerOn(read);
  const checkpoint = checkpointIn(found)!;
  const plan = valueOf(planRollback(found.registry, { volume: STORE, front: frontOf(read, found, STORE) }, foundStore(read, found, checkpoint), US));
  const copy = { from: dataOf(read, found, checkpoint), chunkSectors: plan.chunkSectors, label: plan.label, current: plan.current };
  const owner = (bytes: Uint8Array): WriteStep[] => [{ kind: 'write', offset: OWNER_OFFSET, bytes }, FLUSH];
  return placed(found, STORE, [...owner(encodeOwner(plan.owner)), ...copyStoreSteps(copy), ...copiedSteps(copy), ...owner(new Uint8Array(BLOCK_BYTES))]);
}

function rolledBack(): Operation {
  const disk = sanWith(FORMER);
  disk.apply(makeSteps(disk));
  const found = containerOn(disk.read);
  // The node has booted since, and changed other things.
  for (const [sector, bytes] of LATER.store.sectors) disk.apply(placed(found, STORE, [{ kind: 'write', offset: DATA_OFFSET_BYTES + sector * SECTOR_BYTES, bytes }]));
  const before = imageOf(disk);
  const judge = (read: ReadAt): Outcome => {
    const { label } = valueOf(chooseLabel(...frontOf(read, found, STORE).labels));
    if (stateOf(read, found) !== 'whole') throw new Error('the checkpoint has changed');
    if (label.state === 'new') {
      // Half of one: nobody boots from it, and the same command ends it.
      if (claims(read, found, BLADE) !== 'MM-CLAIM-FOREIGN') throw new Error('its own blade would boot from half a store');
      const again = new OverlayDisk(read);
      again.apply(rollbackSteps(read));
      if (!same(rootOn(again.read, found, STORE), FORMER.expected) || claims(again.read, found, BLADE) !== 'claim') throw new Error('done again it does not end in the checkpoint\'s root');
      return 'completable';
    }
    if (claims(read, found, BLADE) !== 'claim') throw new Error('its own blade is refused');
    const root = rootOn(read, found, STORE);
    if (same(root, LATER.expected)) return 'old';
    if (!same(root, FORMER.expected)) throw new Error('a root that is neither what it was nor the checkpoint\'s');
    return 'new';
  };
  return { name: 'rollback', before, events: journalOfSteps(rollbackSteps(disk.read)), own: rangesOf(found, STORE), judge };
}

/** Everything that is done with checkpoints. */
export const checkpointOperations = (): readonly Operation[] => [made(), dropped(), rolledBack()];
