// Writes the GUID partition table of the SAN's disk, both copies. Reading it: gpt-decode.ts.

import { viewOf } from '../core/bytes.ts';
import { crc32 } from '../core/crc32.ts';
import { swapGuidOrder, uuidToBytes } from '../core/uuid.ts';
import { SECTOR_BYTES } from './block.ts';
import type { Gpt, GptPartition } from './gpt-format.ts';
import { GPT_BACKUP_SECTORS, GPT_ENTRY_BYTES, GPT_ENTRY_COUNT, GPT_ENTRY_SECTORS, GPT_HEADER_BYTES, GPT_LEAST_SECTORS, GPT_NAME_UNITS, GPT_PRIMARY_SECTORS, GPT_REVISION, GPT_SIGNATURE, firstUsableSector, lastUsableSector } from './gpt-format.ts';

export { decodeGpt } from './gpt-decode.ts';
export type { Gpt, GptPartition } from './gpt-format.ts';

/**
 * The table as bytes: `primary` belongs at sector 0 (protective MBR, header, entries: 34 sectors), `backup` at sector
 * `backupSector` (entries, header: 33 sectors). Throws RangeError for a table that breaks the rules of the format.
 */
export function encodeGpt(gpt: Gpt): { primary: Uint8Array; backup: Uint8Array; backupSector: number } {
  checkTable(gpt);
  const entries = encodeEntries(gpt.partitions);
  const entriesCrc = crc32(entries);
  const last = gpt.diskSectors - 1;
  const backupSector = gpt.diskSectors - GPT_BACKUP_SECTORS;
  const primary = new Uint8Array(GPT_PRIMARY_SECTORS * SECTOR_BYTES);
  primary.set(protectiveMbr(gpt.diskSectors));
  primary.set(encodeHeader(gpt, { own: 1, other: last, entries: 2, entriesCrc }), SECTOR_BYTES);
  primary.set(entries, 2 * SECTOR_BYTES);
  const backup = new Uint8Array(GPT_BACKUP_SECTORS * SECTOR_BYTES);
  backup.set(entries);
  backup.set(encodeHeader(gpt, { own: last, other: 1, entries: backupSector, entriesCrc }), GPT_ENTRY_SECTORS * SECTOR_BYTES);
  return { primary, backup, backupSector };
}

function checkTable(gpt: Gpt): void {
  if (!Number.isSafeInteger(gpt.diskSectors) || gpt.diskSectors < GPT_LEAST_SECTORS) throw new RangeError(`a disk of ${gpt.diskSectors} sectors has no room for a GPT`);
  if (gpt.partitions.length > GPT_ENTRY_COUNT) throw new RangeError(`${gpt.partitions.length} partitions; a GPT of ours has ${GPT_ENTRY_COUNT} entries`);
  for (const part of gpt.partitions) {
    const inside = part.firstSector >= firstUsableSector && part.lastSector <= lastUsableSector(gpt.diskSectors) && part.firstSector <= part.lastSector;
    if (!inside) throw new RangeError(`partition '${part.name}' ${part.firstSector}-${part.lastSector} is outside the usable sectors`);
    if (part.name.length > GPT_NAME_UNITS || part.name.includes('\0')) throw new RangeError(`partition name '${part.name}' does not fit ${GPT_NAME_UNITS} UTF-16 units`);
  }
  const sorted = gpt.partitions.toSorted((a, b) => a.firstSector - b.firstSector);
  const clash = sorted.find((part, i) => i > 0 && part.firstSector <= sorted[i - 1]!.lastSector);
  if (clash) throw new RangeError(`partition '${clash.name}' overlaps another`);
}

/** UEFI 2.10 section 5.2.3: one entry of type 0xEE that covers the disk, so that old tools keep off. */
function protectiveMbr(diskSectors: number): Uint8Array {
  const sector = new Uint8Array(SECTOR_BYTES);
  sector.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446);
  const view = viewOf(sector);
  view.setUint32(454, 1, true);
  view.setUint32(458, Math.min(diskSectors - 1, 0xffffffff), true);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

interface Places {
  readonly own: number;
  readonly other: number;
  readonly entries: number;
  readonly entriesCrc: number;
}

/** UEFI 2.10 section 5.3.2. */
function encodeHeader(gpt: Gpt, places: Places): Uint8Array {
  const sector = new Uint8Array(SECTOR_BYTES);
  const view = viewOf(sector);
  for (let i = 0; i < GPT_SIGNATURE.length; i++) sector[i] = GPT_SIGNATURE.charCodeAt(i);
  view.setUint32(8, GPT_REVISION, true);
  view.setUint32(12, GPT_HEADER_BYTES, true);
  setU64(view, 24, places.own);
  setU64(view, 32, places.other);
  setU64(view, 40, firstUsableSector);
  setU64(view, 48, lastUsableSector(gpt.diskSectors));
  sector.set(swapGuidOrder(uuidToBytes(gpt.diskGuid)), 56);
  setU64(view, 72, places.entries);
  view.setUint32(80, GPT_ENTRY_COUNT, true);
  view.setUint32(84, GPT_ENTRY_BYTES, true);
  view.setUint32(88, places.entriesCrc, true);
  view.setUint32(16, crc32(sector.subarray(0, GPT_HEADER_BYTES)), true);
  return sector;
}

/** UEFI 2.10 section 5.3.3. */
function encodeEntries(partitions: readonly GptPartition[]): Uint8Array {
  const bytes = new Uint8Array(GPT_ENTRY_COUNT * GPT_ENTRY_BYTES);
  const view = viewOf(bytes);
  partitions.forEach((part, i) => {
    const at = i * GPT_ENTRY_BYTES;
    bytes.set(swapGuidOrder(uuidToBytes(part.typeGuid)), at);
    bytes.set(swapGuidOrder(uuidToBytes(part.guid)), at + 16);
    setU64(view, at + 32, part.firstSector);
    setU64(view, at + 40, part.lastSector);
    const attributes = part.attributes ?? '0'.repeat(16);
    view.setUint32(at + 48, Number.parseInt(attributes.slice(8), 16), true);
    view.setUint32(at + 52, Number.parseInt(attributes.slice(0, 8), 16), true);
    for (let unit = 0; unit < part.name.length; unit++) view.setUint16(at + 56 + 2 * unit, part.name.charCodeAt(unit), true);
  });
  return bytes;
}

function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}
