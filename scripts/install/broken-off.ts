// What an installation leaves on a disk when it is broken off, told apart from a cluster that is damaged or that a newer release
// wrote: the one may be installed over without a word, the other never.

import { decodeLatin1, isZero } from '../../daemons/core/bytes.ts';
import { swapGuidOrder, uuidFromBytes } from '../../daemons/core/uuid.ts';
import { BLOCK_BYTES, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { findContainer, PARTITION_KINDS, PARTITION_TYPES } from '../../daemons/storage/container-partitions.ts';
import type { Gpt } from '../../daemons/storage/gpt.ts';
import { GPT_ENTRY_BYTES, GPT_ENTRY_SECTORS } from '../../daemons/storage/gpt-format.ts';
import { readFrom, type ReadAt } from '../../daemons/storage/read-at.ts';
import { slotHeaderOffset } from '../../daemons/storage/registry-layout.ts';
import { scanRegistry } from '../../daemons/storage/registry-read.ts';

const SUPERBLOCK_MAGIC = 'MMREGSUP';
const SLOT_MAGIC = 'MMREGSLT';

/**
 * True for a block of ours in which some sectors arrived and others did not, over zeros or under them: all fields stand in the first
 * sector, the checksum in the last, and between them there is nothing.
 */
function isZeroOrTorn(block: Uint8Array, magic: string): boolean {
  const first = block.subarray(0, SECTOR_BYTES);
  return isZero(block.subarray(SECTOR_BYTES, BLOCK_BYTES - 4)) && (isZero(first) || decodeLatin1(first.subarray(0, magic.length)) === magic);
}

/**
 * True when the container's registry is one that an installation had not finished: no superblock, or slots that nobody wrote to, but
 * for the installer's own header, which it was about to write.
 */
export function isBrokenOff(read: ReadAt, gpt: Gpt, container: string): boolean {
  const places = findContainer(gpt, container);
  if (!places.ok) return false;
  const { firstSector, sectors } = places.value.registry;
  const inRegistry = readFrom(read, firstSector * SECTOR_BYTES);
  const bytes = sectors * SECTOR_BYTES;
  const { superblock, slots, problems } = scanRegistry(inRegistry, bytes);
  if (superblock === undefined) {
    if (problems.some(({ code }) => code === 'MM-BLOCK-VERSION' || code === 'MM-REGISTRY-PARTITION')) return false;
    const last = (Math.floor(bytes / BLOCK_BYTES) - 1) * BLOCK_BYTES;
    return [0, last].every((offset) => isZeroOrTorn(inRegistry(offset, BLOCK_BYTES), SUPERBLOCK_MAGIC));
  }
  if (superblock.container !== container || problems.some(({ code }) => code !== 'MM-REGISTRY-NONE')) return false;
  return slots.every(({ writer, slot, state }) => {
    if (state === 'empty') return true;
    return state === 'header-damaged' && writer === 0 && slot === 0 && isZeroOrTorn(inRegistry(slotHeaderOffset(superblock, 0, 0), BLOCK_BYTES), SLOT_MAGIC);
  });
}

/** True for a backup table without a header whose entries are zero or of our types: the first thing that is written to an empty disk. */
export function isBeginningOfTable(backup: Uint8Array): boolean {
  if (!isZero(backup.subarray(GPT_ENTRY_SECTORS * SECTOR_BYTES))) return false;
  const ours = new Set<string>(PARTITION_KINDS.map((kind) => PARTITION_TYPES[kind]));
  for (let at = 0; at < GPT_ENTRY_SECTORS * SECTOR_BYTES; at += GPT_ENTRY_BYTES) {
    const entry = backup.subarray(at, at + GPT_ENTRY_BYTES);
    if (!isZero(entry) && !ours.has(uuidFromBytes(swapGuidOrder(entry.subarray(0, 16))))) return false;
  }
  return true;
}
