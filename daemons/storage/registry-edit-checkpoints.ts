// Edits of the registry for checkpoints of nodes' stores. Reserving a checkpoint's extents comes before anything is written there, and
// whether the copy is whole its label says; so whatever is cut off, the registry explains it, and no extent is anybody else's meanwhile.

import type { Result } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { roundUp } from './block.ts';
import { type Registry, storeOf, type VolumeRecord } from './registry.ts';
import { against, nodeOfRequest, refused, settled } from './registry-edit.ts';
import { volumeProblems, type WantedVolume, withVolumes } from './registry-edit-volumes.ts';
import { DATA_OFFSET_BYTES } from './volume-label.ts';
import { CHECKPOINT_NAME, checkpointName, checkpointVolume } from './volume-name.ts';

/** Checkpoints of one node: each holds extents until it is dropped, and the registry lists them all. */
export const CHECKPOINTS_MAX = 16;

/** A new checkpoint of the store that a node boots from. */
export interface AddCheckpointRequest {
  readonly node: number;
  /** E.g. `before-upgrade`. */
  readonly name: string;
  /** Head and data together; rounded up to whole extents. */
  readonly sizeBytes: number;
  readonly uuid: Uuid;
  readonly atUnixMs: number;
}

/** The checkpoints of a node, in the order in which they were made. */
export function checkpointsOf({ volumes }: Pick<Registry, 'volumes'>, node: number): readonly VolumeRecord[] {
  return volumes.filter((volume) => volume.node === node && volume.retired === 'checkpoint').toSorted((a, b) => a.madeAtUnixMs! - b.madeAtUnixMs!);
}

/** The volume of one checkpoint. Problem MM-EDIT-CHECKPOINT: there is none of that name; the message lists those that there are. */
export function checkpointOf(registry: Pick<Registry, 'volumes'>, node: number, name: string): Result<VolumeRecord> {
  const all = checkpointsOf(registry, node);
  const found = all.find((volume) => volume.name === checkpointVolume(node, name));
  if (found !== undefined) return { ok: true, value: found };
  const names = all.map((volume) => checkpointName(volume.name, node)).join(', ') || 'none at all';
  return refused(against('MM-EDIT-CHECKPOINT', 'name', `a checkpoint of node ${node}: ${names}`, name, 'Correct the name, or make the checkpoint first.'));
}

/**
 * Reserves a checkpoint: a store of its own UUID over the same origin, in the same chunks, that nobody boots from.
 * Problems: MM-EDIT-NODE, -CHECKPOINT (the name's form, a name that is taken, too many of the node), -SIZE, -UUID, -ROOM, -RESULT.
 */
export function addCheckpoint(registry: Registry, { node, name, sizeBytes, uuid, atUnixMs }: AddCheckpointRequest): Result<Registry> {
  const found = nodeOfRequest(registry.roster, node);
  if (!found.ok) return found;
  if (!CHECKPOINT_NAME.test(name)) {
    return refused(against('MM-EDIT-CHECKPOINT', 'name', 'at most 32 lower-case letters, digits, dots, underscores and hyphens, a letter or digit first', name, 'Choose a name like before-upgrade.'));
  }
  const volume = checkpointVolume(node, name);
  if (registry.volumes.some((one) => one.name === volume)) return refused(against('MM-EDIT-CHECKPOINT', 'name', 'a name that no volume has', volume, 'Choose another one, or drop that checkpoint first.'));
  const count = checkpointsOf(registry, node).length;
  if (count >= CHECKPOINTS_MAX) return refused(against('MM-EDIT-CHECKPOINT', 'node', `fewer than ${CHECKPOINTS_MAX} checkpoints of node ${node}`, String(count), 'Drop one that is not wanted any more.'));
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= DATA_OFFSET_BYTES) return refused(against('MM-EDIT-SIZE', 'sizeBytes', `a whole number of bytes above ${DATA_OFFSET_BYTES}`, String(sizeBytes), 'It is the size that the copy takes.'));
  const { origin, chunkSectors } = storeOf(registry, node)!;
  const wanted: WantedVolume = {
    name: volume, kind: 'store', uuid, sizeBytes: roundUp(sizeBytes, registry.extentBytes), node, origin: origin!, chunkSectors: chunkSectors!, retired: 'checkpoint', madeAtUnixMs: atUnixMs,
  };
  const problems = volumeProblems(registry, [wanted]);
  return problems.length > 0 ? refused(...problems) : settled(withVolumes(registry, [wanted]));
}

/**
 * Gives a checkpoint's extents back. The caller zeroes both copies of its label before: without one it counts as unfinished, so a cut
 * between the two leaves a checkpoint that can be dropped again, and no label that the registry does not know.
 * Problem MM-EDIT-CHECKPOINT: there is none of that name.
 */
export function dropCheckpoint(registry: Registry, { node, name }: { readonly node: number; readonly name: string }): Result<Registry> {
  const found = checkpointOf(registry, node, name);
  return found.ok ? settled({ ...registry, volumes: registry.volumes.filter((volume) => volume !== found.value) }) : found;
}
