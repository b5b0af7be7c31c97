// Reads a GUID partition table (UEFI 2.10 section 5.3), the backup's copy when the primary is torn, and says what is wrong with it.

import { decodeLatin1, equalBytes, isZero, toHex, viewOf } from '../core/bytes.ts';
import { crc32 } from '../core/crc32.ts';
import type { MessageCode, Problem, Result } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { swapGuidOrder, uuidFromBytes } from '../core/uuid.ts';
import { SECTOR_BYTES } from './block.ts';
import type { Gpt, GptPartition } from './gpt-format.ts';
import { GPT_BACKUP_SECTORS, GPT_ENTRY_BYTES, GPT_ENTRY_SECTORS, GPT_HEADER_BYTES, GPT_NAME_UNITS, GPT_PRIMARY_SECTORS, GPT_REVISION, GPT_SIGNATURE } from './gpt-format.ts';

/** What one copy of the table says. */
interface Copy {
  readonly diskGuid: Uuid;
  readonly otherSector: number;
  readonly partitions: readonly GptPartition[];
  readonly entriesCrc: number;
}

type Place = { readonly name: 'primary' | 'backup'; readonly headerSector: number; readonly entriesSector: number };

const REPAIR = 'Repair it with `sgdisk -e` or `gdisk`, or install anew.';

function problem(code: MessageCode, where: string, rule: string, seen: string, remedy: string): Problem {
  return { code, where, rule, seen, remedy };
}

/**
 * Reads a table. `primary` holds the disk's first 34 sectors, `backup`, when given, its last 33; `diskSectors` is the disk's true size.
 * The primary counts when it is whole, else the backup. Warnings tell of what still works and should be mended: a torn copy, a
 * backup that is not at the disk's end (the disk was grown), a missing protective MBR. Problems: MM-GPT-NONE, -CHECKSUM, -HEADER,
 * -ENTRY, -DISK-SMALLER, -BACKUP-PLACE, -SECTOR-SIZE.
 */
export function decodeGpt(primary: Uint8Array, diskSectors: number, backup?: Uint8Array): Result<{ gpt: Gpt; usedBackup: boolean; warnings: Problem[] }> {
  if (primary.length < GPT_PRIMARY_SECTORS * SECTOR_BYTES) {
    return { ok: false, problems: [problem('MM-GPT-NONE', 'disk', `the first ${GPT_PRIMARY_SECTORS} sectors of 512 bytes are needed`, `${primary.length} bytes`, 'The device is too small to be a SAN of metamaster: check that it is the right one.')] };
  }
  const first = decodeCopy(primary.subarray(SECTOR_BYTES, 2 * SECTOR_BYTES), primary.subarray(2 * SECTOR_BYTES, GPT_PRIMARY_SECTORS * SECTOR_BYTES), { name: 'primary', headerSector: 1, entriesSector: 2 }, diskSectors);
  const second = backup === undefined ? undefined : decodeBackup(backup, diskSectors);
  if (first.ok) {
    const warnings = warningsOf(primary, first.value, diskSectors, second);
    return { ok: true, value: { gpt: gptOf(first.value, diskSectors), usedBackup: false, warnings } };
  }
  const fatal = first.problems.some((p) => p.code === 'MM-GPT-DISK-SMALLER');
  if (second?.ok && !fatal) return { ok: true, value: { gpt: gptOf(second.value, diskSectors), usedBackup: true, warnings: [...first.problems] } };
  if (hasSignature(primary, 4096)) {
    return { ok: false, problems: [problem('MM-GPT-SECTOR-SIZE', 'disk', 'sectors of 512 bytes', 'a GPT for sectors of 4096 bytes', 'Export the LUN with 512-byte logical sectors (physical ones may be larger).')] };
  }
  return { ok: false, problems: [...first.problems, ...(second?.ok === false ? second.problems : [])] };
}

function gptOf(copy: Copy, diskSectors: number): Gpt {
  return { diskGuid: copy.diskGuid, diskSectors, partitions: copy.partitions };
}

function warningsOf(primary: Uint8Array, copy: Copy, diskSectors: number, backup: Result<Copy> | undefined): Problem[] {
  const warnings: Problem[] = [];
  const types = [0, 1, 2, 3].map((i) => primary[446 + 16 * i + 4]);
  if (primary[510] !== 0x55 || primary[511] !== 0xaa || !types.includes(0xee)) {
    warnings.push(problem('MM-GPT-MBR', 'sector 0', 'a protective MBR with an entry of type 0xEE', 'none', REPAIR));
  }
  if (copy.otherSector !== diskSectors - 1) {
    warnings.push(problem('MM-GPT-BACKUP-PLACE', 'primary GPT', `the backup stands in the disk's last sector, ${diskSectors - 1}`, `sector ${copy.otherSector}`, 'The disk was grown; nothing is lost. Move the backup with `sgdisk -e`; for more room add another LUN.'));
  } else if (backup?.ok === false) warnings.push(...backup.problems);
  else if (backup?.ok && (backup.value.entriesCrc !== copy.entriesCrc || backup.value.diskGuid !== copy.diskGuid)) {
    warnings.push(problem('MM-GPT-COPIES', 'backup GPT', 'both copies say the same', 'they differ; the primary counts', REPAIR));
  }
  return warnings;
}

function decodeBackup(backup: Uint8Array, diskSectors: number): Result<Copy> {
  if (backup.length !== GPT_BACKUP_SECTORS * SECTOR_BYTES) {
    return { ok: false, problems: [problem('MM-GPT-NONE', 'backup GPT', `the disk's last ${GPT_BACKUP_SECTORS} sectors`, `${backup.length} bytes`, 'The device is too small to be a SAN of metamaster: check that it is the right one.')] };
  }
  const entries = GPT_ENTRY_SECTORS * SECTOR_BYTES;
  return decodeCopy(backup.subarray(entries), backup.subarray(0, entries), { name: 'backup', headerSector: diskSectors - 1, entriesSector: diskSectors - GPT_BACKUP_SECTORS }, diskSectors);
}

function hasSignature(bytes: Uint8Array, at: number): boolean {
  return decodeLatin1(bytes.subarray(at, at + 8)) === GPT_SIGNATURE;
}

/** A number of sectors that does not fit 2^53 becomes Infinity, which fails every bound. */
function u64(view: DataView, at: number): number {
  const value = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
  return Number.isSafeInteger(value) ? value : Infinity;
}

function decodeCopy(header: Uint8Array, entries: Uint8Array, place: Place, diskSectors: number): Result<Copy> {
  const where = `${place.name} GPT`;
  const fail = (code: MessageCode, rule: string, seen: string, remedy = REPAIR): Result<Copy> => ({ ok: false, problems: [problem(code, where, rule, seen, remedy)] });
  if (!hasSignature(header, 0)) {
    return fail('MM-GPT-NONE', `the signature '${GPT_SIGNATURE}' in sector ${place.headerSector}`, isZero(header) ? 'zeros' : `bytes ${toHex(header.subarray(0, 8))}`, 'Is this the SAN\'s disk? If so, install or restore first.');
  }
  const view = viewOf(header);
  const headerBytes = view.getUint32(12, true);
  if (headerBytes < GPT_HEADER_BYTES || headerBytes > SECTOR_BYTES) return fail('MM-GPT-HEADER', `a header of ${GPT_HEADER_BYTES} to ${SECTOR_BYTES} bytes`, String(headerBytes));
  const copy = Uint8Array.from(header.subarray(0, headerBytes));
  copy.fill(0, 16, 20);
  if (crc32(copy) !== view.getUint32(16, true)) return fail('MM-GPT-CHECKSUM', 'the CRC-32 of the header holds', 'another CRC-32', 'The copy is torn or damaged. ' + REPAIR);
  if (view.getUint32(8, true) !== GPT_REVISION) return fail('MM-GPT-HEADER', 'revision 1.0', `0x${view.getUint32(8, true).toString(16)}`);
  const otherSector = u64(view, 32);
  const lastUsable = u64(view, 48);
  if (Math.max(lastUsable, place.name === 'primary' ? otherSector : 0) >= diskSectors) {
    return fail('MM-GPT-DISK-SMALLER', `the disk has the ${Math.max(lastUsable, otherSector) + 1} sectors that the table speaks of`, `${diskSectors} sectors`, 'The LUN was made smaller, or this is another disk: give it its size back before anything is written.');
  }
  if (u64(view, 24) !== place.headerSector) return fail('MM-GPT-BACKUP-PLACE', `the ${place.name} header stands in sector ${place.headerSector}`, `it says ${u64(view, 24)}`, 'The disk was grown or copied to another size. Move the backup with `sgdisk -e`.');
  const count = view.getUint32(80, true);
  const size = view.getUint32(84, true);
  if (u64(view, 72) !== place.entriesSector || size < GPT_ENTRY_BYTES || size % GPT_ENTRY_BYTES !== 0 || count * size > entries.length) {
    return fail('MM-GPT-HEADER', `at most ${GPT_ENTRY_SECTORS} sectors of entries from sector ${place.entriesSector} on`, `${count} entries of ${size} bytes from sector ${u64(view, 72)} on`, 'Make the table with the usual 128 entries.');
  }
  const used = entries.subarray(0, count * size);
  if (crc32(used) !== view.getUint32(88, true)) return fail('MM-GPT-CHECKSUM', 'the CRC-32 of the entries holds', 'another CRC-32', 'The copy is torn or damaged. ' + REPAIR);
  const partitions = decodeEntries(used, size);
  const problems = entryProblems(partitions, u64(view, 40), lastUsable, where);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: { diskGuid: uuidFromBytes(swapGuidOrder(header.subarray(56, 72))), otherSector, partitions, entriesCrc: view.getUint32(88, true) } };
}

function decodeEntries(bytes: Uint8Array, size: number): GptPartition[] {
  const partitions: GptPartition[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const entry = bytes.subarray(at, at + size);
    if (equalBytes(entry.subarray(0, 16), new Uint8Array(16))) continue;
    const view = viewOf(entry);
    const units = Array.from({ length: GPT_NAME_UNITS }, (_, i) => view.getUint16(56 + 2 * i, true));
    const end = units.indexOf(0);
    const attributes = toHex(entry.slice(48, 56).reverse());
    partitions.push({
      typeGuid: uuidFromBytes(swapGuidOrder(entry.subarray(0, 16))),
      guid: uuidFromBytes(swapGuidOrder(entry.subarray(16, 32))),
      firstSector: u64(view, 32),
      lastSector: u64(view, 40),
      name: String.fromCharCode(...(end < 0 ? units : units.slice(0, end))),
      ...(/^0+$/.test(attributes) ? {} : { attributes }),
    });
  }
  return partitions;
}

function entryProblems(partitions: readonly GptPartition[], firstUsable: number, lastUsable: number, where: string): Problem[] {
  const problems: Problem[] = [];
  for (const part of partitions) {
    if (part.firstSector < firstUsable || part.lastSector > lastUsable || part.firstSector > part.lastSector) {
      problems.push(problem('MM-GPT-ENTRY', `${where}, partition '${part.name}'`, `sectors within ${firstUsable}-${lastUsable}`, `${part.firstSector}-${part.lastSector}`, REPAIR));
    }
  }
  const sorted = partitions.toSorted((a, b) => a.firstSector - b.firstSector);
  sorted.forEach((part, i) => {
    const before = sorted[i - 1];
    if (before && part.firstSector <= before.lastSector) problems.push(problem('MM-GPT-ENTRY', `${where}, partition '${part.name}'`, `no sector of '${before.name}'`, `it begins at ${part.firstSector}, that one ends at ${before.lastSector}`, REPAIR));
  });
  return problems;
}
