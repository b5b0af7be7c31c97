// Writes the partition table so that at every moment one good copy of a table stands, and never one that leads to an old registry:
// what is installed over becomes unreadable before anything else of it is touched.

import { BLOCK_BYTES, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { partitionName, type SectorRange } from '../../daemons/storage/container-partitions.ts';
import { decodeGpt, encodeGpt, type Gpt } from '../../daemons/storage/gpt.ts';
import { GPT_BACKUP_SECTORS, GPT_ENTRY_SECTORS, GPT_PRIMARY_SECTORS } from '../../daemons/storage/gpt-format.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { FLUSH, type WriteStep } from '../../daemons/storage/write-step.ts';

/** Both places of a registry's superblock. A partition too small for both holds none. */
function emptySuperblocks({ firstSector, sectors }: SectorRange): WriteStep[] {
  const bytes = sectors * SECTOR_BYTES;
  if (bytes < 2 * BLOCK_BYTES) return [];
  const start = firstSector * SECTOR_BYTES;
  const last = start + (Math.floor(bytes / BLOCK_BYTES) - 1) * BLOCK_BYTES;
  return [...[start, last].map((offset): WriteStep => ({ kind: 'write', offset, bytes: new Uint8Array(BLOCK_BYTES) })), FLUSH];
}

/**
 * The writes that put `gpt` on the disk, in whole sectors, offsets from the disk's start.
 *
 * First the superblocks of the container's former registry, where the table that is there has one, and what stands at the new one's
 * places (an earlier life of the disk may have left a registry there). Then the copy of the table that does not count at present,
 * and then the other. On a disk without a table the backup is begun with its entries: `examineForInstall` knows them for ours.
 * @param registry where the new table has the container's registry
 */
export function tableSteps(read: ReadAt, diskBytes: number, gpt: Gpt, container: string, registry: SectorRange): WriteStep[] {
  const sectors = Math.floor(diskBytes / SECTOR_BYTES);
  const backupAt = (sectors - GPT_BACKUP_SECTORS) * SECTOR_BYTES;
  const present = decodeGpt(read(0, GPT_PRIMARY_SECTORS * SECTOR_BYTES), sectors, read(backupAt, GPT_BACKUP_SECTORS * SECTOR_BYTES));
  const former = present.ok ? present.value.gpt.partitions.filter(({ name }) => name === partitionName('registry', container)) : [];
  const { primary, backup, backupSector } = encodeGpt(gpt);
  const entriesBytes = GPT_ENTRY_SECTORS * SECTOR_BYTES;
  const at = backupSector * SECTOR_BYTES;
  const primarySteps: WriteStep[] = [{ kind: 'write', offset: 0, bytes: primary }, FLUSH];
  const backupSteps: WriteStep[] = [
    { kind: 'write', offset: at, bytes: backup.subarray(0, entriesBytes) }, FLUSH,
    { kind: 'write', offset: at + entriesBytes, bytes: backup.subarray(entriesBytes) }, FLUSH,
  ];
  return [
    ...former.flatMap((part) => emptySuperblocks({ firstSector: part.firstSector, sectors: part.lastSector - part.firstSector + 1 })),
    ...emptySuperblocks(registry),
    ...(present.ok && present.value.usedBackup ? [...primarySteps, ...backupSteps] : [...backupSteps, ...primarySteps]),
  ];
}
