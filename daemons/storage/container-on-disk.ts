// From a bare disk to a container's registry: what the initrd, the installer and the nodes share.

import type { Problem, Result } from '../core/problem.ts';
import { SECTOR_BYTES } from './block.ts';
import { findContainer, type PartitionKind, type SectorRange } from './container-partitions.ts';
import { decodeGpt } from './gpt.ts';
import { GPT_BACKUP_SECTORS, GPT_LEAST_SECTORS, GPT_PRIMARY_SECTORS } from './gpt-format.ts';
import { readFrom, type ReadAt } from './read-at.ts';
import type { Registry } from './registry.ts';
import { readRegistry, type RegistryFound } from './registry-read.ts';

/** Where a container's parts lie on the disk. */
export type ContainerRanges = Readonly<Record<PartitionKind, SectorRange>>;

/** A container and its registry. */
export interface ContainerFound extends RegistryFound {
  readonly ranges: ContainerRanges;
}

/** MM-SAN-CONTAINER when the registry speaks of more extents than the container's partition has: a LUN that was made smaller, say. */
export function checkContainerRoom({ extentBytes, extentCount }: Pick<Registry, 'extentBytes' | 'extentCount'>, container: SectorRange): Problem | undefined {
  const wanted = extentBytes * extentCount;
  const there = container.sectors * SECTOR_BYTES;
  if (wanted <= there) return undefined;
  return { code: 'MM-SAN-CONTAINER', where: 'container partition', rule: `${wanted} bytes for ${extentCount} extents`, seen: `${there} bytes`, remedy: 'The partition was made smaller: give it its size back before anything is written.' };
}

/** Finds a container by the partition table: its ranges, and the table's own warnings. Problems: the table's, and MM-CONTAINER-NONE. */
export function findOnDisk(read: ReadAt, diskBytes: number, container: string): Result<{ ranges: ContainerRanges; warnings: readonly Problem[] }> {
  const sectors = Math.floor(diskBytes / SECTOR_BYTES);
  const backup = sectors < GPT_LEAST_SECTORS ? undefined : read((sectors - GPT_BACKUP_SECTORS) * SECTOR_BYTES, GPT_BACKUP_SECTORS * SECTOR_BYTES);
  const table = decodeGpt(read(0, Math.min(sectors, GPT_PRIMARY_SECTORS) * SECTOR_BYTES), sectors, backup);
  if (!table.ok) return table;
  const ranges = findContainer(table.value.gpt, container);
  return ranges.ok ? { ok: true, value: { ranges: ranges.value, warnings: table.value.warnings } } : ranges;
}

/**
 * Finds a container on a disk and reads its registry.
 * @param read bytes of the whole disk
 * @returns problems of the partition table, MM-CONTAINER-NONE, and those of `readRegistry`
 */
export function readContainer(read: ReadAt, diskBytes: number, container: string): Result<ContainerFound> {
  const place = findOnDisk(read, diskBytes, container);
  if (!place.ok) return place;
  const { ranges } = place.value;
  const { firstSector, sectors: length } = ranges.registry;
  const found = readRegistry(readFrom(read, firstSector * SECTOR_BYTES), length * SECTOR_BYTES);
  if (!found.ok) return found;
  return { ok: true, value: { ...found.value, ranges, warnings: [...place.value.warnings, ...found.value.warnings] } };
}
