// For tests: `metamaster node replace N --quarantine`, the command itself, recorded on a disk in memory; only the lease and the 30 s of watching
// are left out, and mkswap is run in name only (whoever uses this replaces daemons/host/run.ts). Whatever a power cut leaves, one machine is
// the node: the former one with its former volumes, or the new one with volumes that hold the same. Nobody else's bytes change, ever.

import { equalBytes } from '../../daemons/core/bytes.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { barOfMac, nodeOfMac } from '../../daemons/core/roster.ts';
import { MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { canonicalJson } from '../../daemons/storage/canonical-json.ts';
import { type ContainerFound, readContainer } from '../../daemons/storage/container-on-disk.ts';
import { buildStore, firstChunks } from '../../daemons/storage/exception-store.test-kit.ts';
import { freeExtents } from '../../daemons/storage/extents.ts';
import { volumesOfNode } from '../../daemons/storage/hand-over.ts';
import type { MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import { originUuidOf } from '../../daemons/storage/new-volume.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { decideClaim, OWNER_STILL_MS } from '../../daemons/storage/ownership.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { planChange } from '../../daemons/storage/registry-change.ts';
import { macOf, NOW, roomyRegistry } from '../../daemons/storage/registry-edit.test-kit.ts';
import { registryPartitionBytes } from '../../daemons/storage/registry-layout.ts';
import { stateVolumeOf, storeOf, type VolumeRecord } from '../../daemons/storage/registry.ts';
import { SAMPLE_DISK_BYTES, SAMPLE_SUPERBLOCK, sampleLabel, sampleSan } from '../../daemons/storage/sample-san.test-kit.ts';
import { examineSan } from '../../daemons/storage/san-report.ts';
import { diffStores } from '../../daemons/storage/snapshot-view.ts';
import { buildModel, type Model } from '../../daemons/storage/store-model.test-kit.ts';
import { readVolumeFront } from '../../daemons/storage/volume-front.ts';
import { chooseLabel, DATA_OFFSET_BYTES, labelSteps } from '../../daemons/storage/volume-label.ts';
import { volumeReader } from '../../daemons/storage/volume-reader.ts';
import type { WriteStep } from '../../daemons/storage/write-step.ts';
import { REAL_HOST } from '../../scripts/command-host.ts';
import { ModelDisk } from '../../scripts/install/install.test-kit.ts';
import { ClusterOnSan } from '../../scripts/node/cluster-on-san.ts';
import type { NodeArguments } from '../../scripts/node/node-arguments.ts';
import { replaceNode } from '../../scripts/node/replace-node.ts';
import { StoresOnSan } from '../../scripts/node/stores-on-san.ts';
import type { Changed, ChangeOptions, Edit } from '../../scripts/registry-writer.ts';
import { journalOfSteps } from './crash-journal.ts';
import type { ByteRange } from './iscsi-conversation.ts';
import { expectRebuildable } from './new-volume-operations.test-kit.ts';
import { imageOf, OverlayDisk, type Operation, type Outcome } from './operation.test-kit.ts';

const NODE = 1;
/** On one in so many of the disks the command is given again. */
const GIVEN_AGAIN_EVERY = 6;
const [OLD_MAC, NEW_MAC] = [macOf(1), macOf(10)];
const boardOf = (mac: Mac): string => `board/${mac}`;
/** Node 2, on which the command runs. */
const MACHINE = { hardwareId: boardOf(macOf(2)), bootNonce: '02'.repeat(16), node: 2 };
const TASK = { kind: 'replace', node: NODE, macs: [NEW_MAC], fence: { fenced: false, power: false }, quarantine: true, waitMs: 0, auto: false } as const;
const WISH: NodeArguments = { task: TASK, dryRun: false, yes: true, json: false };
const HOST: typeof REAL_HOST = { ...REAL_HOST, out: () => undefined, error: () => undefined, now: () => 0, unixMs: () => NOW };

const first = roomyRegistry(40);
const held = volumesOfNode(first, NODE);
const CHUNK_SECTORS = storeOf(first, NODE)!.chunkSectors!;
const modelOf = (changed: readonly number[], seed: number): Model => buildModel({ chunkSectors: CHUNK_SECTORS, originBytes: 4 * MIB, changed, seed });
const [EARLIER, LATEST] = [modelOf([4, 300], 3), modelOf([9, 4, 5, 6, 300], 4)];
const stateOf = (seed: number): Uint8Array => Uint8Array.from({ length: MIB }, (_, i) => (i >> 12) * seed + 1);

const containerOn = (read: ReadAt): ContainerFound => valueOf(readContainer(read, SAMPLE_DISK_BYTES, 'debian'));
const bytesOf = ({ registry, ranges }: ContainerFound, { extents }: Pick<VolumeRecord, 'extents'>): ByteRange[] => extents.map(({ start, count }) => (
  { offset: ranges.container.firstSector * SECTOR_BYTES + start * registry.extentBytes, length: count * registry.extentBytes }));
const registryRange = ({ ranges }: ContainerFound): ByteRange => ({ offset: ranges.registry.firstSector * SECTOR_BYTES, length: registryPartitionBytes(SAMPLE_SUPERBLOCK) });

/** What node 1's machine has in its root and its state volume. */
function holds(disk: MemoryDisk, at: (volume: string, offset: number) => number, model: Model, seed: number): void {
  for (const [sector, bytes] of model.store.sectors) disk.write(at('node1', DATA_OFFSET_BYTES + sector * SECTOR_BYTES), bytes);
  disk.write(at('state1', DATA_OFFSET_BYTES), stateOf(seed));
}

/** A SAN whose nodes run; in its free room lies what a dropped store left. `cutOff`: an earlier run of the command ended before its registry, and the machine wrote on. */
async function heldSan(cutOff: boolean): Promise<MemoryDisk> {
  const { disk, at } = sampleSan(first);
  for (const volume of first.volumes) {
    if (volume.node === undefined) continue;
    disk.apply(labelSteps({ ...sampleLabel(first, volume), state: 'live', generation: 2 }, 0), at(volume.name, 0));
    disk.write(at(volume.name, OWNER_OFFSET), encodeOwner({ hardwareId: boardOf(macOf(volume.node)), bootNonce: '01'.repeat(16), epoch: 3, counter: 70, node: volume.node, volumeUuid: volume.uuid, renewedAtUnixMs: 1 }));
  }
  const found = containerOn(disk.read);
  const [free] = freeExtents(first.extentCount, first.volumes).flatMap((run) => bytesOf(found, { extents: [run] }));
  const { sectors } = buildStore({ chunkSectors: CHUNK_SECTORS, exceptions: firstChunks(CHUNK_SECTORS, 20) });
  for (const store of [free!.offset, at('node2', 0)]) for (const [sector, bytes] of sectors) disk.write(store + DATA_OFFSET_BYTES + sector * SECTOR_BYTES, bytes);
  for (const [sector, bytes] of LATEST.origin.sectors) disk.write(at('default@1', sector * SECTOR_BYTES), bytes);
  holds(disk, at, EARLIER, 3);
  if (cutOff) {
    const containerAt = found.ranges.container.firstSector * SECTOR_BYTES;
    disk.apply((await commandSteps(disk.read)).filter((step) => step.kind === 'flush' || step.offset >= containerAt));
  }
  holds(disk, at, LATEST, 5);
  return disk;
}

/** The cluster on a disk in memory, whose lease nobody contends for, and whose owner records have stood still. */
class ModelCluster extends ClusterOnSan {
  readonly #disk: ModelDisk;

  constructor(disk: ModelDisk) {
    super(HOST, MACHINE, disk.path, containerOn(disk.read), WISH, { read: disk.read, bytes: disk.bytes, close: () => undefined });
    this.#disk = disk;
  }

  override async watch(volumes: readonly VolumeRecord[]): Promise<ReadonlyMap<string, number>> {
    return new Map(volumes.map(({ name }) => [name, OWNER_STILL_MS]));
  }

  override async change(edit: Edit, { before }: ChangeOptions = {}): Promise<Changed> {
    const found = containerOn(this.#disk.read);
    const { registry, steps } = valueOf(planChange({ found, edited: valueOf(edit(found.registry)), writer: MACHINE.node, leaseVersion: 1, nowUnixMs: NOW }));
    await before?.(registry, this.#disk, new AbortController().signal);
    this.#disk.carryOut(steps, (offset) => registryRange(found).offset + offset);
    return { found: containerOn(this.#disk.read), written: steps.length > 0 };
  }
}

/** Everything that the command writes to the SAN that stands there. @throws Error when it ends otherwise than well */
async function commandSteps(read: ReadAt): Promise<readonly WriteStep[]> {
  const disk = new ModelDisk(SAMPLE_DISK_BYTES, new OverlayDisk(read));
  try {
    const code = await replaceNode(new ModelCluster(disk), TASK, WISH, () => Promise.reject(new Error('the MAC address was given')));
    if (code !== 0) throw new Error(`the command ends with code ${code}`);
    return disk.steps;
  } finally {
    disk.close();
  }
}

/** Whether the machine of that card, that boots now, comes up as node 1 with all volumes that the registry gives the node. */
function boots(read: ReadAt, { registry, ranges }: ContainerFound, mac: Mac): boolean {
  if (barOfMac(registry.roster, mac) !== undefined || nodeOfMac(registry.roster, mac)?.number !== NODE) return false;
  for (const volume of volumesOfNode(registry, NODE)) {
    const { labels, owner, header } = readVolumeFront(read, volume, registry.extentBytes, ranges.container);
    const decision = decideClaim({
      label: valueOf(chooseLabel(...labels)).label, owner: valueOf(decodeOwner(owner)), storeHeader: header, claimant: { hardwareId: boardOf(mac), bootNonce: '03'.repeat(16) },
      expected: { volumeUuid: volume.uuid, clusterUuid: registry.clusterUuid, node: NODE, originUuid: originUuidOf(registry, volume) },
    });
    if (decision.kind === 'refuse') throw new Error(`${volume.name}: ${decision.problem.code}`);
    // Of what holds something nothing may be begun anew.
    if (decision.initialise && volume.kind !== 'swap') throw new Error(`${volume.name} is called new`);
  }
  return true;
}

/** The node's volumes hold, byte for byte, what the former ones hold. */
function expectSame(read: ReadAt, { registry, ranges }: ContainerFound): void {
  const stores = new StoresOnSan('/dev/null', { read, bytes: SAMPLE_DISK_BYTES, close: () => undefined }, 'debian');
  const [other] = diffStores(stores.view(storeOf(first, NODE)!), stores.view(storeOf(registry, NODE)!));
  if (other !== undefined) throw new Error(`${other.length} bytes at ${other.offset} of the root are not the former ones`);
  const [former, now] = [stateVolumeOf(first, NODE)!, stateVolumeOf(registry, NODE)!].map((volume) => volumeReader(read, volume, registry.extentBytes, ranges.container.firstSector)(DATA_OFFSET_BYTES, MIB));
  if (!equalBytes(former!, now!)) throw new Error('the state volume is not the former one');
}

/** The new machine is the node, the former one is nobody, and its volumes are left to it. */
function expectReplaced(read: ReadAt, found: ContainerFound): void {
  if (!boots(read, found, NEW_MAC)) throw new Error('the new machine is not the node');
  const bar = barOfMac(found.registry.roster, OLD_MAC);
  if (boots(read, found, OLD_MAC) || bar?.hardwareId !== boardOf(OLD_MAC)) throw new Error('the former machine is not barred');
  for (const { uuid, name } of held) if (found.registry.volumes.find((volume) => volume.uuid === uuid)?.retired !== 'quarantined') throw new Error(`${name} is not in quarantine`);
  expectSame(read, found);
}

async function quarantine(name: string, disk: MemoryDisk): Promise<Operation> {
  const before = imageOf(disk);
  const steps = await commandSteps(before);
  const after = new OverlayDisk(before);
  after.apply(steps);
  const [old, done] = [containerOn(before), containerOn(after.read)];
  const [oldText, doneText] = [old, done].map(({ registry }) => canonicalJson(registry));
  const free = [registryRange(old), ...freeExtents(first.extentCount, first.volumes).flatMap((run) => bytesOf(old, { extents: [run] }))];
  const own = [registryRange(old), ...volumesOfNode(done.registry, NODE).flatMap((volume) => bytesOf(done, volume))];
  const isFree = (step: WriteStep): boolean => step.kind === 'flush' || free.some(({ offset, length }) => step.offset >= offset && step.offset + step.bytes.length <= offset + length);

  async function expectCompletes(read: ReadAt): Promise<void> {
    const again = await commandSteps(read);
    if (!again.every(isFree)) throw new Error('the command given again writes to what is somebody\'s');
    const ended = new OverlayDisk(read);
    ended.apply(again);
    expectReplaced(ended.read, containerOn(ended.read));
  }

  const judge: Operation['judge'] = async (read, crash): Promise<Outcome> => {
    const seen = containerOn(read);
    const text = canonicalJson(seen.registry);
    const [problem] = examineSan(read, SAMPLE_DISK_BYTES).problems;
    if (problem !== undefined) throw new Error(`san check: ${problem.code} at ${problem.where}`);
    expectRebuildable(read, seen);
    if (text === doneText) {
      expectReplaced(read, seen);
      if ((await commandSteps(read)).length > 0) throw new Error('the command given again writes to what is done');
      return 'new';
    }
    if (text !== oldText) throw new Error('a registry that is neither the old nor the new one');
    if (!boots(read, seen, OLD_MAC)) throw new Error('the former machine is not the node any more');
    if (boots(read, seen, NEW_MAC)) throw new Error('both machines are the node');
    if (crash.number % GIVEN_AGAIN_EVERY === 0) await expectCompletes(read);
    return crash.patches().length === 0 ? 'old' : 'completable';
  };
  return { name, before, events: journalOfSteps(steps), own, judge };
}

/** A node whose machine nobody can fence gets other volumes; also where the same command was cut off before, and the copies that it left are of an earlier moment. */
export async function quarantineOperations(): Promise<readonly Operation[]> {
  return [await quarantine('node replaced, quarantine', await heldSan(false)), await quarantine('node replaced, quarantine, where it was cut off before', await heldSan(true))];
}
