// `metamaster node replace --quarantine`: nothing proves the former machine off, so what it may still write to is copied into other volumes,
// and its own extents are left to it. Why the copy is of one moment: docs/decisions/2026-11-21-hot-swap.md.

import { randomBytes } from 'node:crypto';
import { equalBytes } from '../../daemons/core/bytes.ts';
import { InputError, valueOf } from '../../daemons/core/problem.ts';
import { uuidFromRandom } from '../../daemons/core/uuid.ts';
import { MIB } from '../../daemons/storage/block.ts';
import { heldVolumes, planHandOver } from '../../daemons/storage/hand-over.ts';
import { OWNER_STILL_MS } from '../../daemons/storage/ownership.ts';
import { movesProblem, planQuarantine, type QuarantineCopy } from '../../daemons/storage/quarantine-plan.ts';
import { quarantineVolumes, type QuarantineRequest } from '../../daemons/storage/registry-edit-volumes.ts';
import type { Registry, VolumeRecord } from '../../daemons/storage/registry.ts';
import { diffStores, type ViewRange } from '../../daemons/storage/snapshot-view.ts';
import { copiedSteps, copyStoreSteps } from '../../daemons/storage/store-copy.ts';
import { comparePieces, copyVolumeSteps } from '../../daemons/storage/volume-copy.ts';
import { stepsOnDisk } from '../../daemons/storage/volume-front.ts';
import { chooseLabel, type VolumeLabel } from '../../daemons/storage/volume-label.ts';
import type { WriteStep } from '../../daemons/storage/write-step.ts';
import type { Disk } from '../install/disk.ts';
import { progressOf } from '../progress.ts';
import type { ClusterOnSan } from './cluster-on-san.ts';
import { judgedNow, type Judged, notReadBack, requireUnchanged, requireWhole } from './fence-node.ts';
import { makeVolumes, requireUnoccupied } from './make-volumes.ts';
import type { StoresOnSan } from './stores-on-san.ts';

/** What is copied, and what of the registry. */
export interface Quarantine {
  readonly copies: readonly QuarantineCopy[];
  /** The former volumes in the order of the copies. */
  readonly edit: QuarantineRequest;
}

/** What is copied, rather than made anew. */
type Filled = Exclude<QuarantineCopy, { kind: 'anew' }>;

/**
 * Plans what becomes of the volumes that a machine may have mapped. Nothing is written.
 * @throws InputError MM-QUARANTINE-STORE, MM-EDIT-ROOM, and those of labels and stores
 */
export function planHeld(cluster: ClusterOnSan, node: number, { request, fronts }: Judged): Quarantine {
  requireWhole(request);
  const stores = cluster.stores();
  const held = heldVolumes(request);
  const copies = valueOf(planQuarantine(held.map((volume) => {
    const { label } = valueOf(chooseLabel(...fronts.get(volume.name)!.labels, volume.name));
    return { volume, label, ...(volume.kind === 'store' ? { state: stores.found(volume).state } : {}) };
  }), request.registry.extentBytes));
  // A store that is too large to be compared would else be found out behind the copy.
  for (const { kind, former } of copies) if (kind === 'used') stores.view(former);
  const edit = { node, occupied: cluster.occupied(), replacements: held.map(({ uuid }) => ({ former: uuid, uuid: uuidFromRandom(randomBytes(16)) })) };
  valueOf(quarantineVolumes(request.registry, edit));
  return { copies, edit };
}

/** What is done with each volume, for a person. */
export function quarantineText({ copies }: Quarantine): string {
  const parts = copies.map(({ kind, former, bytes }) => (kind === 'anew' ? `${former.name} (made anew)` : `${former.name} (${Math.ceil(bytes / MIB)} MiB copied)`));
  return `Nobody is fenced: the node gets other volumes for ${parts.join(', ')}. What the former machine has not written by now is lost, and the root is as after a power cut. The former volumes are left to that machine, in quarantine.`;
}

/** The same for a program. */
export const quarantineResult = ({ copies }: Quarantine): readonly object[] => copies.map(({ kind, former: { name, uuid }, bytes }) => ({ name, uuid, copy: kind, bytes }));

/**
 * Watches the held volumes, without a fence. One that is given back meanwhile is held no longer; one that is claimed meanwhile was not watched.
 * @returns all volumes as they are judged from then on
 * @throws InputError MM-QUARANTINE-MOVES
 */
export async function requireStill(cluster: ClusterOnSan, { request, fronts }: Judged): Promise<Judged> {
  const stillMs = await cluster.watch(heldVolumes(request));
  const judged = judgedNow(cluster, request.volumes);
  const isStill = ({ name }: VolumeRecord): boolean => (stillMs.get(name) ?? 0) >= OWNER_STILL_MS && equalBytes(judged.fronts.get(name)!.owner, fronts.get(name)!.owner);
  const moving = heldVolumes(judged.request).filter((volume) => !isStill(volume));
  if (moving.length > 0) throw new InputError(moving.map(movesProblem));
  return { ...judged, fence: 'quarantine' };
}

/**
 * Fills the volumes that the edited registry gives the node, in the order that makes the copy one of a single moment: all are copied, then all
 * are read again and compared, then the owners are looked at; the labels come last. Of the former volumes nothing is written.
 * @throws InputError MM-NODE-CHANGED, MM-NODE-OCCUPIED, MM-NODE-READ-BACK, MM-QUARANTINE-CHANGED
 */
export async function copyHeld(cluster: ClusterOnSan, { copies, edit }: Quarantine, judged: Judged, edited: Registry, disk: Disk, lost: AbortSignal): Promise<void> {
  const placed = copies.map((copy, i) => ({ copy, target: edited.volumes.find(({ uuid }) => uuid === edit.replacements[i]!.uuid)! }));
  const filled = placed.flatMap(({ copy, target }) => (copy.kind === 'anew' ? [] : [{ copy, target }]));
  const targets = placed.map(({ target }) => target);
  const carryOut = (target: VolumeRecord, steps: readonly WriteStep[]): void => disk.carryOut(stepsOnDisk(steps, target, edited.extentBytes, cluster.found.ranges.container), (offset) => offset);
  await requireUnchanged(cluster, judged);
  requireUnoccupied(cluster, edited, targets, disk);
  const stores = cluster.stores();
  await makeVolumes(cluster, edited, placed.flatMap(({ copy, target }) => (copy.kind === 'anew' ? [target] : [])), disk);
  for (const { copy, target } of filled) {
    const told = progressOf(cluster.host, `${copy.former.name} to ${target.name}`, copy.bytes);
    for (const step of stepsOf(stores, copy, target)) {
      if (lost.aborted) return;
      carryOut(target, [step]);
      if (step.kind === 'write') await told(step.bytes.length);
    }
  }
  await cluster.drop();
  for (const { copy, target } of filled) await requireSame(cluster, stores, copy, target);
  await requireUnchanged(cluster, judged);
  if (lost.aborted) return;
  for (const { copy, target } of filled) carryOut(target, copiedSteps({ label: labelOfTarget(copy, target) }));
  await cluster.drop();
  const free = planHandOver(judgedNow(cluster, targets).request);
  if (!free.ok || free.value.some(({ steps }) => steps.length > 0)) throw notReadBack(targets.map(({ name }) => name).join(', '), 'other labels');
}

const labelOfTarget = ({ label }: Filled, { uuid }: VolumeRecord): VolumeLabel => ({ ...label, volumeUuid: uuid, state: 'down' });

function stepsOf(stores: StoresOnSan, copy: Filled, target: VolumeRecord): Generator<WriteStep> {
  const label = labelOfTarget(copy, target);
  const from = stores.data(copy.former);
  return copy.kind === 'used' ? copyStoreSteps({ from, chunkSectors: copy.chunkSectors, label }) : copyVolumeSteps({ from: from.read, bytes: copy.bytes, label });
}

/** Reads the source once more, and holds what was written against it. @throws InputError MM-QUARANTINE-CHANGED */
async function requireSame(cluster: ClusterOnSan, stores: StoresOnSan, { kind, former, bytes }: Filled, target: VolumeRecord): Promise<void> {
  const changed = (what: string, { offset, length }: ViewRange): InputError => new InputError([{
    code: 'MM-QUARANTINE-CHANGED', where: former.name, rule: `${length} bytes at ${offset} of its ${what} as they were copied, when they are read again`, seen: 'others; the registry was not written',
    remedy: 'Its machine writes all the same: switch it off or cut it off from the SAN, and begin again. Or the SAN does not keep what it acknowledges.',
  }]);
  if (kind === 'used') {
    cluster.host.error(`  ${former.name}: read again\n`);
    const other = diffStores(stores.view(former), stores.view(target)).next();
    if (other.done !== true) throw changed('root', other.value);
    return;
  }
  const told = progressOf(cluster.host, `${former.name}: read again`, bytes);
  for (const piece of comparePieces(stores.data(former).read, stores.data(target).read, bytes)) {
    if (!piece.same) throw changed('data', piece);
    await told(piece.length);
  }
}
