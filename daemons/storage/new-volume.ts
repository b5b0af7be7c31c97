// What makes extents a node's empty volume, before the registry speaks of it: its file system or an empty store, no owner, and a label that
// says `new`.

import { NIL_UUID, type Uuid } from '../core/uuid.ts';
import { BLOCK_BYTES } from './block.ts';
import { OWNER_OFFSET } from './owner-record.ts';
import { originOfVolume, type Registry, type VolumeRecord } from './registry.ts';
import { wipeStoreSteps } from './snapshot-store.ts';
import { DATA_OFFSET_BYTES, labelSteps, type LabelledKind, type VolumeLabel } from './volume-label.ts';
import { FLUSH, type WriteStep } from './write-step.ts';

/** The UUID of the origin that a store of the registry lies over; nil for other kinds. */
export const originUuidOf = (registry: Registry, volume: VolumeRecord): Uuid => (volume.origin === undefined ? NIL_UUID : (originOfVolume(registry, volume.origin)?.uuid ?? NIL_UUID));

/** The label that an empty volume gets. */
export function labelOf(registry: Registry, volume: VolumeRecord): VolumeLabel {
  return {
    kind: volume.kind as LabelledKind, volumeUuid: volume.uuid, clusterUuid: registry.clusterUuid, container: registry.roster.container, node: volume.node!,
    originUuid: originUuidOf(registry, volume), state: 'new', chunkSectors: volume.chunkSectors ?? 0, dataOffsetBytes: DATA_OFFSET_BYTES, generation: 1,
  };
}

/** The program that fills a volume before its label is written; the device of its data is the last argument. A store needs none. */
export function makerOf({ kind, node }: VolumeRecord): readonly string[] | undefined {
  if (kind === 'state') return ['mkfs.ext4', '-q', '-F', '-L', `state${node}`, '-E', 'lazy_itable_init=1,nodiscard'];
  return kind === 'swap' ? ['mkswap', '-L', `swap${node}`] : undefined;
}

/** Nobody owns the volume: whoever boots next may. */
export const NO_OWNER: readonly WriteStep[] = [{ kind: 'write', offset: OWNER_OFFSET, bytes: new Uint8Array(BLOCK_BYTES) }, FLUSH];

/** What is written to a new volume, once its maker has run; the label comes last. Offsets are within the volume. */
export function newVolumeSteps(registry: Registry, volume: VolumeRecord): readonly WriteStep[] {
  return [...NO_OWNER, ...(volume.kind === 'store' ? wipeStoreSteps(volume.chunkSectors!) : []), ...labelSteps(labelOf(registry, volume), undefined)];
}
