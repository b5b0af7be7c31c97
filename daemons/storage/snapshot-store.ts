// The kernel's own format of a persistent exception store (Documentation/admin-guide/device-mapper/snapshot.rst,
// drivers/md/dm-snap-persistent.c): chunk 0 is the header, chunk 1 the first area of exceptions, then as many data chunks as the
// area has exceptions, then the next area, and so on. A header of zeros makes the kernel initialise the store.

import { isZero, toHex, viewOf } from '../core/bytes.ts';
import type { Result } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { BLOCK_BYTES, MIB, SECTOR_BYTES } from './block.ts';
import { OWNER_OFFSET } from './owner-record.ts';
import type { ChosenLabel } from './volume-label.ts';
import { DATA_OFFSET_BYTES, isChunkSectors, labelSteps } from './volume-label.ts';
import type { WriteStep } from './write-step.ts';
import { FLUSH } from './write-step.ts';

/** 'SnAp', little-endian. */
export const SNAPSHOT_MAGIC = 0x70416e53;
/** The only version that the kernel writes. */
export const SNAPSHOT_VERSION = 1;
/** Two 64-bit chunk numbers. */
export const EXCEPTION_BYTES = 16;

/** What the kernel wrote in front of a store. */
export interface SnapshotHeader {
  /** False after an I/O error or an overflow; the kernel then refuses every access. */
  readonly valid: boolean;
  readonly version: number;
  readonly chunkSectors: number;
}

/**
 * The header at the start of a store's data: undefined when it is zero (not initialised). Problem MM-SNAPSHOT-HEADER for anything
 * that the kernel would refuse: another magic, another version, an impossible chunk.
 */
export function decodeSnapshotHeader(bytes: Uint8Array): Result<SnapshotHeader | undefined> {
  const fail = (rule: string, seen: string): Result<SnapshotHeader | undefined> => ({ ok: false, problems: [{ code: 'MM-SNAPSHOT-HEADER', where: 'store header', rule, seen, remedy: 'This is no exception store of dm-snapshot: reset it with `metamaster restore` if nothing is to be saved.' }] });
  if (bytes.length < EXCEPTION_BYTES) return fail('16 bytes at least', `${bytes.length} bytes`);
  // The kernel looks at the magic alone: a header whose magic is zero counts as new, whatever follows.
  if (isZero(bytes.subarray(0, 4))) return { ok: true, value: undefined };
  const view = viewOf(bytes);
  const word = (i: number): number => view.getUint32(4 * i, true);
  if (word(0) !== SNAPSHOT_MAGIC) return fail(`magic 0x${SNAPSHOT_MAGIC.toString(16)}`, `bytes ${toHex(bytes.subarray(0, 16))}`);
  if (word(2) !== SNAPSHOT_VERSION) return fail(`version ${SNAPSHOT_VERSION}`, `version ${word(2)}`);
  if (!isChunkSectors(word(3))) return fail('a chunk of a power of two of sectors', `${word(3)} sectors`);
  return { ok: true, value: { valid: word(1) !== 0, version: word(2), chunkSectors: word(3) } };
}

/**
 * The size of a store volume that can never fill: a chunk for every chunk of the origin, the areas of exceptions, the header, and our
 * own part in front. The kernel wipes the next area as soon as one is full, so there is one area more than the exceptions need.
 */
export function storeSizeBytes(originBytes: number, chunkBytes: number): number {
  if (!(originBytes > 0) || !isChunkSectors(chunkBytes / SECTOR_BYTES)) throw new RangeError(`an origin of ${originBytes} bytes in chunks of ${chunkBytes}`);
  return storeBytesFor(Math.ceil(originBytes / chunkBytes), chunkBytes);
}

/** The size of a store volume that has room for so many exceptions and no more. */
export function storeBytesFor(exceptions: number, chunkBytes: number): number {
  const areas = Math.floor(exceptions / (chunkBytes / EXCEPTION_BYTES)) + 1;
  return DATA_OFFSET_BYTES + (1 + areas + exceptions) * chunkBytes;
}

/** The header chunk of a valid store. */
export function encodeSnapshotHeader(chunkSectors: number): Uint8Array {
  const chunk = new Uint8Array(chunkSectors * SECTOR_BYTES);
  const view = viewOf(chunk);
  [SNAPSHOT_MAGIC, 1, SNAPSHOT_VERSION, chunkSectors].forEach((word, i) => view.setUint32(4 * i, word, true));
  return chunk;
}

/** The kernel keeps every exception in memory, some 40 bytes each (measured: 26 MB for 5 GiB changed in chunks of 8 KiB). */
export const EXCEPTION_MEMORY_BYTES = 40;
/** What a full store may cost of a blade's memory: an eighth of the smallest blade that the root runs in (144 MB). */
export const EXCEPTION_MEMORY_LIMIT = 18 * MIB;
/** 8 KiB copies least for a small change; beyond 64 KiB the copying costs more than the memory it saves. */
export const USUAL_CHUNK_SECTORS = [16, 32, 64, 128] as const;

/** The chunk for a store of `storeBytes`: the smallest usual one with which the full store keeps within the memory limit, else the largest. */
export function chunkSectorsFor(storeBytes: number): number {
  const fits = (sectors: number): boolean => Math.ceil(storeBytes / (sectors * SECTOR_BYTES)) * EXCEPTION_MEMORY_BYTES <= EXCEPTION_MEMORY_LIMIT;
  return USUAL_CHUNK_SECTORS.find(fits) ?? USUAL_CHUNK_SECTORS.at(-1)!;
}

/** A store's contents thrown away: the first exception area is zeroed, and only then the header. Offsets are within the volume. */
export function wipeStoreSteps(chunkSectors: number): WriteStep[] {
  const chunkBytes = chunkSectors * SECTOR_BYTES;
  const zeros = new Uint8Array(chunkBytes);
  return [{ kind: 'write', offset: DATA_OFFSET_BYTES + chunkBytes, bytes: zeros }, FLUSH, { kind: 'write', offset: DATA_OFFSET_BYTES, bytes: zeros }, FLUSH];
}

/** What a reset makes of a store. */
export interface ResetRequest {
  readonly current: ChosenLabel;
  /** The origin from now on; by default the present one. */
  readonly originUuid?: Uuid;
  /** The chunk from now on; by default the present one. */
  readonly chunkSectors?: number;
  /** True when the store is left to whoever boots next: the owner block is zeroed at the very end. */
  readonly releaseOwner: boolean;
}

/**
 * Resets a store: label to `new`, zero the first exception area, flush, header, flush, label with the new origin. Cut off anywhere
 * after the first label, the store is `new` and will be initialised at its next mapping. The caller owns the store.
 */
export function resetSteps({ current, originUuid, chunkSectors, releaseOwner }: ResetRequest): WriteStep[] {
  const { label, copy } = current;
  if (label.kind !== 'store') throw new RangeError(`a reset of a ${label.kind} volume`);
  const emptied = { ...label, state: 'new' as const, generation: label.generation + 1 };
  const done = { ...emptied, originUuid: originUuid ?? label.originUuid, chunkSectors: chunkSectors ?? label.chunkSectors, generation: label.generation + 2 };
  const release: WriteStep[] = [{ kind: 'write', offset: OWNER_OFFSET, bytes: new Uint8Array(BLOCK_BYTES) }, FLUSH];
  return [...labelSteps(emptied, copy), ...wipeStoreSteps(done.chunkSectors), ...labelSteps(done, 1), ...(releaseOwner ? release : [])];
}
