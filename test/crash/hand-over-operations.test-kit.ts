// For tests: a hot swap, recorded as `metamaster node replace` writes it: the labels of a node's volumes, then the registry that names the
// new machine; a node that is removed; and a volume that comes out of quarantine.

import type { Mac } from '../../daemons/core/mac.ts';
import { type Result, valueOf } from '../../daemons/core/problem.ts';
import { barOfMac, nodeOfMac } from '../../daemons/core/roster.ts';
import { BLOCK_BYTES } from '../../daemons/storage/block.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import { giveBackSteps, type HandOverRequest, isGivenBack, ownersOf, planHandOver, volumesOfNode } from '../../daemons/storage/hand-over.ts';
import type { MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { decideClaim } from '../../daemons/storage/ownership.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { planChange } from '../../daemons/storage/registry-change.ts';
import { replaceHardware } from '../../daemons/storage/registry-edit-hardware.ts';
import { removeNode } from '../../daemons/storage/registry-edit-nodes.ts';
import { quarantineVolumes, releaseQuarantined } from '../../daemons/storage/registry-edit-volumes.ts';
import { roomyRegistry } from '../../daemons/storage/registry-edit.test-kit.ts';
import { registryPartitionBytes } from '../../daemons/storage/registry-layout.ts';
import { type Registry, storeOf, type VolumeRecord } from '../../daemons/storage/registry.ts';
import { SAMPLE_DISK_BYTES, SAMPLE_SUPERBLOCK, sampleLabel, sampleSan, sampleUuid } from '../../daemons/storage/sample-san.test-kit.ts';
import { readVolumeFront } from '../../daemons/storage/volume-front.ts';
import { chooseLabel, LABEL_OFFSETS, type LabelState, labelSteps } from '../../daemons/storage/volume-label.ts';
import type { WriteStep } from '../../daemons/storage/write-step.ts';
import { journalOfSteps } from './crash-journal.ts';
import { imageOf, OverlayDisk, type Operation, type Outcome } from './operation.test-kit.ts';

const [OLD_MAC, NEW_MAC] = ['52:54:00:00:00:01', '52:54:00:00:00:07'] as Mac[] as [Mac, Mac];
const [OLD, NEW] = [`old-board/${OLD_MAC}`, `new-board/${NEW_MAC}`];
const registry = roomyRegistry(40);
const volumes = volumesOfNode(registry, 1);

const found = (read: ReadAt) => valueOf(readContainer(read, SAMPLE_DISK_BYTES, 'debian'));

/** Whether the machine of that card, that boots now, comes up as node 1 with all its volumes. */
function boots(read: ReadAt, hardwareId: string, mac: Mac, mapped: readonly VolumeRecord[] = volumes): boolean {
  const { registry: { roster }, ranges } = found(read);
  if (barOfMac(roster, mac) !== undefined || nodeOfMac(roster, mac)?.number !== 1) return false;
  return mapped.every((volume) => {
    const front = readVolumeFront(read, volume, registry.extentBytes, ranges.container);
    const { label } = valueOf(chooseLabel(...front.labels));
    const decision = decideClaim({
      label, owner: valueOf(decodeOwner(front.owner)), storeHeader: front.header, purpose: 'repair',
      expected: { volumeUuid: volume.uuid, clusterUuid: registry.clusterUuid, node: 1, originUuid: label.originUuid }, claimant: { hardwareId, bootNonce: '02'.repeat(16) },
    });
    if (decision.kind === 'refuse' && decision.problem.code !== 'MM-CLAIM-FOREIGN') throw new Error(`${volume.name}: ${decision.problem.code}`);
    return decision.kind === 'claim';
  });
}

/** The former machine has the volume. */
function inUse(disk: MemoryDisk, at: (volume: string, offset: number) => number, of: Registry, volume: VolumeRecord, state: LabelState): void {
  disk.apply(labelSteps({ ...sampleLabel(of, volume), state, generation: 2 }, 0), at(volume.name, 0));
  disk.write(at(volume.name, OWNER_OFFSET), encodeOwner({ hardwareId: OLD, bootNonce: '01'.repeat(16), epoch: 3, counter: 70, node: 1, volumeUuid: volume.uuid, renewedAtUnixMs: 1 }));
}

/** What the command writes to the SAN that stands there: nothing of what is done already. */
function plan(read: ReadAt): readonly WriteStep[] {
  const now = found(read);
  const request: HandOverRequest = {
    registry: now.registry, container: now.ranges.container, volumes, frontOf: (volume) => readVolumeFront(read, volume, registry.extentBytes, now.ranges.container),
    stillMs: new Map(volumes.map(({ name }) => [name, 30_000])), fenced: true, hardwareId: 'operator',
  };
  const done = nodeOfMac(now.registry.roster, NEW_MAC) !== undefined;
  const edited = done ? now.registry : valueOf(replaceHardware(now.registry, { node: 1, macs: [NEW_MAC], atUnixMs: 1, formerHardwareId: OLD }));
  const change = valueOf(planChange({ found: now, edited, writer: 2, leaseVersion: 1 }));
  const { registryAt } = sampleSan(registry);
  const labels = valueOf(planHandOver(request)).flatMap(({ steps }) => steps);
  const slot = change.steps.map((step): WriteStep => (step.kind === 'write' ? { kind: 'write', offset: registryAt + step.offset, bytes: step.bytes } : step));
  return [...labels, ...slot];
}

function hotSwap(name: string, state: LabelState): Operation {
  const { disk, at, registryAt } = sampleSan(registry);
  for (const volume of volumes) inUse(disk, at, registry, volume, state);
  const before = imageOf(disk);
  const own = [
    { offset: registryAt, length: registryPartitionBytes(SAMPLE_SUPERBLOCK) },
    ...volumes.flatMap((volume) => [...LABEL_OFFSETS, OWNER_OFFSET].map((offset) => ({ offset: at(volume.name, offset), length: BLOCK_BYTES }))),
  ];
  const judge = (read: ReadAt): Outcome => {
    const [old, fresh] = [boots(read, OLD, OLD_MAC), boots(read, NEW, NEW_MAC)];
    // One of the two comes up as node 1 with everything, and never either.
    if (old === fresh) throw new Error(old ? 'both machines are granted the node' : 'no machine is granted the node');
    if (fresh) return 'new';
    const again = new OverlayDisk(read);
    again.apply(plan(read));
    if (!boots(again.read, NEW, NEW_MAC) || boots(again.read, OLD, OLD_MAC)) throw new Error('the command given again does not end it');
    return plan(read).length === plan(before).length ? 'old' : 'completable';
  };
  return { name, before, events: journalOfSteps(plan(before)), own, judge };
}

/** What is given up: volumes of node 1, that a machine may still have mapped. */
interface GivingUp {
  readonly name: string;
  readonly registry: Registry;
  readonly volumes: readonly VolumeRecord[];
  readonly edit: (registry: Registry) => Result<Registry>;
  readonly isDone: (registry: Registry) => boolean;
  /** The volumes with which the former machine is node 1 while nothing has been given up; and whether it goes on being so. */
  readonly booted: readonly VolumeRecord[];
  readonly bootsAfter: boolean;
}

/** As `metamaster node remove` and `release` write it: the volumes are nobody's before the registry gives their extents back. */
function givingUp({ name, registry: start, volumes: given, edit, isDone, booted, bootsAfter }: GivingUp): Operation {
  const { disk, at, registryAt } = sampleSan(start);
  for (const volume of start.volumes.filter(({ node }) => node === 1)) inUse(disk, at, start, volume, 'live');
  const before = imageOf(disk);
  const frontOn = (read: ReadAt) => (volume: VolumeRecord) => readVolumeFront(read, volume, start.extentBytes, found(read).ranges.container);
  const planOn = (read: ReadAt): readonly WriteStep[] => {
    const now = found(read);
    const left = given.filter((volume) => !isGivenBack(frontOn(read)(volume)));
    // What is not nobody's yet must still be one that a fence gives up.
    valueOf(planHandOver({ registry: start, container: now.ranges.container, volumes: left, frontOf: frontOn(read), stillMs: new Map(left.map((volume) => [volume.name, 30_000])), fenced: true, hardwareId: 'operator' }));
    const change = valueOf(planChange({ found: now, edited: valueOf(edit(now.registry)), writer: 2, leaseVersion: 1 }));
    const slot = change.steps.map((step): WriteStep => (step.kind === 'write' ? { kind: 'write', offset: registryAt + step.offset, bytes: step.bytes } : step));
    return [...left.flatMap((volume) => giveBackSteps(volume, start.extentBytes, now.ranges.container)), ...slot];
  };
  const judge = (read: ReadAt): Outcome => {
    const nobodys = given.every((volume) => isGivenBack(frontOn(read)(volume)));
    const done = isDone(found(read).registry);
    const owned = ownersOf({ volumes: given, frontOf: frontOn(read) }).length === given.length;
    // The owner records go first: while all are there, nothing has been given up.
    if ((owned || bootsAfter) && !boots(read, OLD, OLD_MAC, booted)) throw new Error('its own machine is refused the node');
    if (done) {
      if (!nobodys) throw new Error('extents are free in which somebody\'s label or owner record stands');
      return 'new';
    }
    const again = new OverlayDisk(read);
    again.apply(planOn(read));
    if (!isDone(found(again.read).registry)) throw new Error('the command given again does not end it');
    return owned ? 'old' : 'completable';
  };
  const own = [{ offset: registryAt, length: registryPartitionBytes(SAMPLE_SUPERBLOCK) }, ...given.flatMap((volume) => [...LABEL_OFFSETS, OWNER_OFFSET].map((offset) => ({ offset: at(volume.name, offset), length: BLOCK_BYTES })))];
  return { name, before, events: journalOfSteps(planOn(before)), own, judge };
}

function removal(): Operation {
  const edit = (now: Registry): Result<Registry> => removeNode(now, { node: 1, volumes: 'released', ownersGone: volumes.map(({ uuid }) => uuid) });
  return givingUp({ name: 'node removed', registry, volumes, edit, isDone: ({ roster }) => roster.nodes.every(({ number }) => number !== 1), booted: volumes, bootsAfter: false });
}

/** The store that `metamaster restore -F` left behind; the node has another one, which nothing of this may touch. */
function release(): Operation {
  const moved = valueOf(quarantineVolumes(registry, { node: 1, replacements: [{ former: storeOf(registry, 1)!.uuid, uuid: sampleUuid(800) }] }));
  const left = moved.volumes.filter(({ retired }) => retired === 'quarantined');
  const [{ uuid }] = left as [VolumeRecord];
  return givingUp({
    name: 'quarantined store released', registry: moved, volumes: left, edit: (now) => releaseQuarantined(now, { uuid }), isDone: (now) => now.volumes.every((volume) => volume.uuid !== uuid),
    booted: volumesOfNode(moved, 1), bootsAfter: true,
  });
}

/** Hot swaps of a node whose machine died, gave its volumes back, or had just begun to fill them; a node that goes; and room that comes out of quarantine. */
export function handOverOperations(): readonly Operation[] {
  return [removal(), release(), hotSwap('hot swap, volumes in use', 'live'), hotSwap('hot swap, given back', 'down'), hotSwap('hot swap, begun', 'new')];
}
