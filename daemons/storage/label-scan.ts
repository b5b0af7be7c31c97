// The labels of a container without its registry: a volume begins at an extent, with its label and owner record in front.

import type { Uuid } from '../core/uuid.ts';
import { BLOCK_BYTES, SECTOR_BYTES } from './block.ts';
import { decodeBootVolumeHeader } from './boot-volume.ts';
import type { SectorRange } from './container-partitions.ts';
import { type Extent, freeExtents } from './extents.ts';
import type { OwnerRecord } from './owner-record.ts';
import { OWNER_OFFSET, decodeOwner } from './owner-record.ts';
import type { ReadAt } from './read-at.ts';
import type { PublicRegistry } from './registry.ts';
import type { VolumeLabel } from './volume-label.ts';
import { LABEL_OFFSETS, chooseLabel } from './volume-label.ts';

/** Label, owner record, label: what is read of each extent. */
const FRONT_BYTES = 3 * BLOCK_BYTES;

/** What stands at the beginning of an extent. */
export interface FoundFront {
  readonly extent: number;
  readonly label?: VolumeLabel;
  readonly owner?: OwnerRecord;
  /** A boot volume, and the origin that it belongs to. */
  readonly bootOf?: Uuid;
}

/** What stands in front of one volume whose first extent this is; undefined when it is nothing of ours. Throws what `read` throws. */
export function readFront(read: ReadAt, container: SectorRange, extentBytes: number, extent: number): FoundFront | undefined {
  const front = read(container.firstSector * SECTOR_BYTES + extent * extentBytes, FRONT_BYTES);
  const block = (offset: number): Uint8Array => front.subarray(offset, offset + BLOCK_BYTES);
  const label = chooseLabel(block(LABEL_OFFSETS[0]), block(LABEL_OFFSETS[1]));
  if (label.ok) {
    const owner = decodeOwner(block(OWNER_OFFSET));
    return { extent, label: label.value.label, ...(owner.ok && owner.value ? { owner: owner.value } : {}) };
  }
  const boot = decodeBootVolumeHeader(block(0));
  return boot.ok ? { extent, bootOf: boot.value.originUuid } : undefined;
}

/**
 * Everything of ours at the beginning of these extents. What a file system holds may look the same (an image of a SAN, kept on a
 * node), and what was dropped leaves its label behind: a find is a hint, the registry is the truth.
 */
export function scanFronts(read: ReadAt, container: SectorRange, extentBytes: number, extents: Iterable<number>): FoundFront[] {
  const found: FoundFront[] = [];
  for (const extent of extents) {
    const front = readFront(read, container, extentBytes, extent);
    if (front !== undefined) found.push(front);
  }
  return found;
}

/** All extents of some runs. */
export function* extentsOfRuns(runs: readonly Extent[]): Generator<number> {
  for (const { start, count } of runs) for (let extent = start; extent < start + count; extent++) yield extent;
}

/** Free extents in whose front an owner record stands: a volume was dropped there while its machine may have had it mapped. Throws what `read` throws. */
export function occupiedExtents(read: ReadAt, container: SectorRange, { extentBytes, extentCount, volumes }: Pick<PublicRegistry, 'extentBytes' | 'extentCount' | 'volumes'>): readonly Extent[] {
  const fronts = scanFronts(read, container, extentBytes, extentsOfRuns(freeExtents(extentCount, volumes)));
  return fronts.filter(({ owner }) => owner !== undefined).map(({ extent }) => ({ start: extent, count: 1 }));
}

/** Every extent of a container. */
export function* allExtents(container: SectorRange, extentBytes: number): Generator<number> {
  const count = Math.floor((container.sectors * SECTOR_BYTES) / extentBytes);
  for (let extent = 0; extent < count; extent++) yield extent;
}
