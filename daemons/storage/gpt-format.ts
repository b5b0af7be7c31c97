// The GUID partition table (UEFI 2.10 section 5) as values, and the figures of the form that we write: 512-byte sectors,
// 128 entries of 128 bytes.

import type { Uuid } from '../core/uuid.ts';
import { SECTOR_BYTES } from './block.ts';

/** One used entry of the table. */
export interface GptPartition {
  readonly typeGuid: Uuid;
  readonly guid: Uuid;
  readonly firstSector: number;
  /** Inclusive. */
  readonly lastSector: number;
  /** At most 36 UTF-16 units. */
  readonly name: string;
  /** The entry's attribute bits as 16 hexadecimal digits, when any is set: kept for partitions that are not ours. */
  readonly attributes?: string;
}

/** A partition table. Partitions stand in the order of their entries. */
export interface Gpt {
  readonly diskGuid: Uuid;
  readonly diskSectors: number;
  readonly partitions: readonly GptPartition[];
}

/** Entries in a table that we write: UEFI asks for room for 16 KiB of them at least, and every tool expects 128. */
export const GPT_ENTRY_COUNT = 128;
export const GPT_ENTRY_BYTES = 128;
export const GPT_ENTRY_SECTORS = (GPT_ENTRY_COUNT * GPT_ENTRY_BYTES) / SECTOR_BYTES;
export const GPT_HEADER_BYTES = 92;
export const GPT_SIGNATURE = 'EFI PART';
export const GPT_REVISION = 0x00010000;
/** UTF-16 units of a partition's name. */
export const GPT_NAME_UNITS = 36;
/** Protective MBR, header, entries. */
export const GPT_PRIMARY_SECTORS = 2 + GPT_ENTRY_SECTORS;
/** Entries, header. */
export const GPT_BACKUP_SECTORS = GPT_ENTRY_SECTORS + 1;
/** Both copies and one usable sector: anything smaller is no disk for a table. */
export const GPT_LEAST_SECTORS = GPT_PRIMARY_SECTORS + GPT_BACKUP_SECTORS + 1;

/** The first sector that a partition may have in a table that we write. */
export const firstUsableSector = GPT_PRIMARY_SECTORS;
/** The last sector that a partition may have in a table that we write. */
export const lastUsableSector = (diskSectors: number): number => diskSectors - GPT_BACKUP_SECTORS - 1;
