// For tests: a node that is added (scripts/node/add-node.ts), and stores that get other room (`metamaster restore -F`), recorded in their
// order: the new volumes in free extents, then the registry that speaks of them. Whatever a power cut leaves, no registry speaks of a volume
// that is not made, the same command ends it, and a registry that is lost afterwards can be rebuilt from a copy.

import type { Mac } from '../../daemons/core/mac.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { nodeOfMac } from '../../daemons/core/roster.ts';
import { BLOCK_BYTES, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { canonicalJson } from '../../daemons/storage/canonical-json.ts';
import { type ContainerFound, readContainer } from '../../daemons/storage/container-on-disk.ts';
import { buildStore, firstChunks } from '../../daemons/storage/exception-store.test-kit.ts';
import { freeExtents } from '../../daemons/storage/extents.ts';
import type { MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import { makerOf, newVolumeSteps, originUuidOf } from '../../daemons/storage/new-volume.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { decideClaim } from '../../daemons/storage/ownership.ts';
import { readFrom, type ReadAt } from '../../daemons/storage/read-at.ts';
import { planChange } from '../../daemons/storage/registry-change.ts';
import { addNode, removeNode } from '../../daemons/storage/registry-edit-nodes.ts';
import { addRequest, macOf, roomyRegistry } from '../../daemons/storage/registry-edit.test-kit.ts';
import { registryPartitionBytes, slotHeaderOffset } from '../../daemons/storage/registry-layout.ts';
import { examineForRebuild, planRebuild } from '../../daemons/storage/registry-rebuild.ts';
import { type Registry, storeOf, withoutSecrets, type VolumeRecord } from '../../daemons/storage/registry.ts';
import { planRestore } from '../../daemons/storage/restore-plan.ts';
import { SAMPLE_DISK_BYTES, SAMPLE_SUPERBLOCK, sampleLabel, sampleSan, sampleUuid } from '../../daemons/storage/sample-san.test-kit.ts';
import { examineSan } from '../../daemons/storage/san-report.ts';
import { examineStore } from '../../daemons/storage/snapshot-exceptions.ts';
import { readVolumeFront, stepsOnDisk } from '../../daemons/storage/volume-front.ts';
import { chooseLabel, DATA_OFFSET_BYTES, labelSteps } from '../../daemons/storage/volume-label.ts';
import { volumeReader } from '../../daemons/storage/volume-reader.ts';
import { FLUSH, type WriteStep } from '../../daemons/storage/write-step.ts';
import { journalOfSteps } from './crash-journal.ts';
import type { ByteRange } from './iscsi-conversation.ts';
import { imageOf, OverlayDisk, type Operation, type Outcome } from './operation.test-kit.ts';

const NEW_MAC: Mac = macOf(2);
const LEASE_VERSION = 1;
const WRITER = 1;
/** Stands for a file system or a swap signature. */
const MADE = new Uint8Array(BLOCK_BYTES).fill(0x5e);

const boardOf = (node: number): string => `board-${node}/52:54:00:00:00:0${node}`;
const containerOn = (read: ReadAt): ContainerFound => valueOf(readContainer(read, SAMPLE_DISK_BYTES, 'debian'));
const frontOn = (read: ReadAt, { registry, ranges }: ContainerFound) => (volume: VolumeRecord) => readVolumeFront(read, volume, registry.extentBytes, ranges.container);
const readerOf = (read: ReadAt, { registry, ranges }: ContainerFound, volume: VolumeRecord): ReadAt => volumeReader(read, volume, registry.extentBytes, ranges.container.firstSector);
const placed = ({ registry, ranges }: ContainerFound, volume: VolumeRecord, steps: readonly WriteStep[]): WriteStep[] => stepsOnDisk(steps, volume, registry.extentBytes, ranges.container);
const bytesOf = ({ registry, ranges }: ContainerFound, { extents }: Pick<VolumeRecord, 'extents'>): ByteRange[] => extents.map(({ start, count }) => (
  { offset: ranges.container.firstSector * SECTOR_BYTES + start * registry.extentBytes, length: count * registry.extentBytes }));

/** An installed SAN whose nodes run; in its free room lies what a dropped store left, without label and owner. */
function runningSan(registry: Registry): MemoryDisk {
  const { disk, at } = sampleSan(registry);
  for (const volume of registry.volumes) {
    if (volume.node === undefined) continue;
    const owner = { hardwareId: boardOf(volume.node), bootNonce: '01'.repeat(16), epoch: 3, counter: 70, node: volume.node, volumeUuid: volume.uuid, renewedAtUnixMs: 1 };
    disk.apply(labelSteps({ ...sampleLabel(registry, volume), state: 'live', generation: 2 }, 0), at(volume.name, 0));
    disk.write(at(volume.name, OWNER_OFFSET), encodeOwner(owner));
  }
  const chunkSectors = storeOf(registry, 1)!.chunkSectors!;
  const { sectors } = buildStore({ chunkSectors, exceptions: firstChunks(chunkSectors, 20) });
  const found = containerOn(disk.read);
  const free = freeExtents(registry.extentCount, registry.volumes).flatMap((run) => bytesOf(found, { extents: [run] }));
  const stores = [...registry.volumes.filter(({ kind }) => kind === 'store').map(({ name }) => at(name, 0)), free[0]!.offset];
  for (const front of stores) for (const [sector, bytes] of sectors) disk.write(front + DATA_OFFSET_BYTES + sector * SECTOR_BYTES, bytes);
  return disk;
}

/** Volumes that are made, and then the registry that names them. */
function making(found: ContainerFound, edited: Registry, volumes: readonly (readonly WriteStep[])[]): WriteStep[] {
  const { steps } = valueOf(planChange({ found, edited, writer: WRITER, leaseVersion: LEASE_VERSION, rewrite: true }));
  const registryAt = found.ranges.registry.firstSector * SECTOR_BYTES;
  return [...volumes.flat(), ...steps.map((step): WriteStep => (step.kind === 'flush' ? step : { kind: 'write', offset: registryAt + step.offset, bytes: step.bytes }))];
}

/** `metamaster node add`; the UUIDs are counted from `uuid`. */
function addSteps(read: ReadAt, uuid: number): WriteStep[] {
  const found = containerOn(read);
  const edited = valueOf(addNode(found.registry, addRequest(2, { writers: SAMPLE_SUPERBLOCK.writers }, uuid)));
  return making(found, edited, edited.volumes.filter(({ node }) => node === 2).map((volume) => placed(found, volume, [
    ...(makerOf(volume) === undefined ? [] : [{ kind: 'write', offset: DATA_OFFSET_BYTES, bytes: MADE } as const, FLUSH]), ...newVolumeSteps(edited, volume),
  ])));
}

/** `metamaster restore -d 2 -F`. */
function moveSteps(read: ReadAt, uuid: number): WriteStep[] {
  const found = containerOn(read);
  const { registry, ranges } = found;
  let next = uuid;
  const plan = valueOf(planRestore({
    registry, container: ranges.container, frontOf: frontOn(read, found), stillMs: new Map(), fenced: new Set(), running: new Set(), claimant: { hardwareId: 'operator', bootNonce: '', nowUnixMs: 1 },
    action: { kind: 'reallocate', nodes: registry.roster.nodes.map(({ number }) => number), occupied: [], newUuid: () => sampleUuid(next++) },
  }));
  if (plan.registry.kind !== 'rewrite') throw new Error('no store could be moved');
  return making(found, plan.registry.registry, plan.nodes.map((node) => (node.kind === 'write' ? node.volumes.flatMap(({ steps }) => steps) : [])));
}

/** Every node of the registry boots on the machine that has its cards, and what it finds new is empty, made, and nobody's. */
function expectAllBoot(read: ReadAt, found: ContainerFound): void {
  const { registry } = found;
  for (const volume of registry.volumes) {
    if (volume.node === undefined || volume.retired !== undefined) continue;
    const { labels, owner, header } = frontOn(read, found)(volume);
    const { label } = valueOf(chooseLabel(...labels));
    const record = valueOf(decodeOwner(owner));
    const decision = decideClaim({
      label, owner: record, storeHeader: header, claimant: { hardwareId: boardOf(volume.node), bootNonce: '02'.repeat(16) },
      expected: { volumeUuid: volume.uuid, clusterUuid: registry.clusterUuid, node: volume.node, originUuid: originUuidOf(registry, volume) },
    });
    if (decision.kind === 'refuse') throw new Error(`${volume.name}: ${decision.problem.code}`);
    if (!decision.initialise) continue;
    const data = readFrom(readerOf(read, found, volume), DATA_OFFSET_BYTES);
    if (record !== undefined) throw new Error(`${volume.name} is new, and somebody's`);
    if (volume.kind !== 'store' && Buffer.compare(data(0, BLOCK_BYTES), MADE) !== 0) throw new Error(`${volume.name} is labelled, and was not made`);
    if (volume.kind === 'store' && examineStore(data, volume.sizeBytes - DATA_OFFSET_BYTES, registry.origins[0]!.imageBytes).kind !== 'empty') throw new Error(`${volume.name} is new, and not empty`);
  }
  const [problem] = examineSan(read, SAMPLE_DISK_BYTES).problems;
  if (problem !== undefined) throw new Error(`san check: ${problem.code} at ${problem.where}`);
}

/** Should the registry be lost now, a copy of it makes it again. */
export function expectRebuildable(read: ReadAt, { registry, ranges }: ContainerFound): void {
  const torn = new OverlayDisk(read);
  const noise = new Uint8Array(BLOCK_BYTES).fill(0xa5);
  for (let writer = 0; writer < SAMPLE_SUPERBLOCK.writers; writer++) for (const slot of [0, 1] as const) torn.write(ranges.registry.firstSector * SECTOR_BYTES + slotHeaderOffset(SAMPLE_SUPERBLOCK, writer, slot), noise);
  const plan = planRebuild({ findings: valueOf(examineForRebuild(torn.read, SAMPLE_DISK_BYTES, 'debian')), read: torn.read, force: false, copy: { registry: withoutSecrets(registry), secret: registry.secret } });
  if (!plan.ok) throw new Error(`an up-to-date copy of the registry is refused: ${plan.problems[0]!.code} at ${plan.problems[0]!.where}`);
}

/** An operation that makes volumes in free room; `stepsOn` plans it anew with other UUIDs, `isDone` tells the new registry. */
function makesVolumes(name: string, disk: MemoryDisk, stepsOn: (read: ReadAt, uuid: number) => WriteStep[], isDone: (registry: Registry) => boolean): Operation {
  const before = imageOf(disk);
  const found = containerOn(before);
  const [text, steps] = [canonicalJson(found.registry), stepsOn(before, 1000)];
  const free = freeExtents(found.registry.extentCount, found.registry.volumes);
  const own = [{ offset: found.ranges.registry.firstSector * SECTOR_BYTES, length: registryPartitionBytes(SAMPLE_SUPERBLOCK) }, ...free.flatMap((run) => bytesOf(found, { extents: [run] }))];
  const judge: Operation['judge'] = (read, crash): Outcome => {
    const seen = containerOn(read);
    expectAllBoot(read, seen);
    expectRebuildable(read, seen);
    if (isDone(seen.registry)) return 'new';
    if (canonicalJson(seen.registry) !== text) throw new Error('a registry that is neither the old nor the new one');
    const again = new OverlayDisk(read);
    again.apply(stepsOn(read, 2000));
    const after = containerOn(again.read);
    if (!isDone(after.registry)) throw new Error('the command given again does not end it');
    expectAllBoot(again.read, after);
    return crash.patches().length === 0 ? 'old' : 'completable';
  };
  return { name, before, events: journalOfSteps(steps), own, judge };
}

/** A node that comes, also where the same was cut off before its registry, and a move of all stores while their nodes run. */
export function newVolumeOperations(): readonly Operation[] {
  const full = roomyRegistry(40);
  const lone = valueOf(removeNode(full, { node: 2, volumes: 'released', ownersGone: full.volumes.filter(({ node }) => node === 2).map(({ uuid }) => uuid) }));
  const isAdded = ({ roster }: Registry): boolean => nodeOfMac(roster, NEW_MAC)?.number === 2;
  const cutOff = runningSan(lone);
  const steps = addSteps(cutOff.read, 3000);
  const containerAt = containerOn(cutOff.read).ranges.container.firstSector * SECTOR_BYTES;
  cutOff.apply(steps.filter((step) => step.kind === 'flush' || step.offset >= containerAt));
  return [
    makesVolumes('node added', runningSan(lone), addSteps, isAdded),
    makesVolumes('node added, where it was cut off before', cutOff, addSteps, isAdded),
    makesVolumes('stores moved, restore -F', runningSan(full), moveSteps, ({ volumes }) => volumes.some(({ retired }) => retired === 'quarantined')),
  ];
}
