// What a persistent exception store of dm-snapshot holds (drivers/md/dm-snap-persistent.c): how full it is, and whether its tables can
// be true. The first chunk is the header; then areas, each of one chunk of exceptions and behind it the chunks that these speak of. The
// kernel fills areas in order and takes the first exception without a new chunk for the end; what follows it counts for nothing.

import type { Problem } from '../core/problem.ts';
import { viewOf } from '../core/bytes.ts';
import { BLOCK_BYTES, SECTOR_BYTES } from './block.ts';
import type { ReadAt } from './read-at.ts';
import { EXCEPTION_BYTES, decodeSnapshotHeader } from './snapshot-store.ts';

/** NUM_SNAPSHOT_HDR_CHUNKS */
const HEADER_CHUNKS = 1;
/** More wrong exceptions than this tell nothing new. */
const WRONG_SHOWN_MAX = 8;

/** How much of a store is in use. */
export interface StoreUsage {
  readonly chunkSectors: number;
  /** Chunks of the origin that have a copy. */
  readonly exceptions: number;
  /** Header, areas and copies: what the kernel's own status line counts as allocated. */
  readonly usedChunks: number;
  /** Whole chunks of the device. */
  readonly totalChunks: number;
  /** Chunks that are left for copies; areas that these will want are taken off. */
  readonly freeChunks: number;
}

/**
 * What a store is: `none`: no exception store; `empty`: zeros, which the kernel initialises when it is mapped; `valid`; `invalidated`:
 * the kernel gave it up; `full`: no chunk is left, whether it was given up already or will be at the next write to something new.
 */
export type StoreState =
  | { readonly kind: 'none'; readonly problem: Problem }
  | { readonly kind: 'empty' }
  | {
    readonly kind: 'valid' | 'invalidated' | 'full';
    /** The header's word. */
    readonly valid: boolean;
    readonly usage: StoreUsage;
    /** Exceptions that no kernel writes: the tables are damaged. At most a few of them. */
    readonly problems: readonly Problem[];
  };

/** Exceptions as they are counted: what the kernel's read_exceptions and insert_exceptions do when a store is mapped. */
interface Counted {
  readonly exceptions: number;
  readonly nextFree: number;
  readonly problems: readonly Problem[];
}

/** A chunk that holds exceptions: the first of each area. */
const isArea = (chunk: number, perArea: number): boolean => chunk % (perArea + 1) === HEADER_CHUNKS;

/** A chunk number, which the kernel keeps in 64 bits; one that no device reaches becomes Infinity. */
function chunkNumber(view: DataView, at: number): number {
  const value = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
  return Number.isSafeInteger(value) ? value : Infinity;
}

/** One entry of the tables. */
export interface StoreException {
  readonly area: number;
  /** Its place in the area. */
  readonly index: number;
  /** The chunk of the origin; Infinity for one that no device reaches. */
  readonly original: number;
  /** The chunk of the store that holds its copy. */
  readonly copy: number;
}

/** The exceptions as they were written, area by area; one area is in memory at a time. Throws what `read` throws. */
export function* exceptionsOf(read: ReadAt, chunkBytes: number, totalChunks: number): Generator<StoreException> {
  const perArea = chunkBytes / EXCEPTION_BYTES;
  for (let area = 0; ; area++) {
    const at = HEADER_CHUNKS + area * (perArea + 1);
    // Every area before this one is full, and the kernel wiped this one when it filled the last.
    if (at >= totalChunks) return;
    const view = viewOf(read(at * chunkBytes, chunkBytes));
    for (let index = 0; index < perArea; index++) {
      const copy = chunkNumber(view, index * EXCEPTION_BYTES + 8);
      if (copy === 0) return;
      yield { area, index, original: chunkNumber(view, index * EXCEPTION_BYTES), copy };
    }
  }
}

/** The chunk of a store that gets the copy of exception number `i`, from 0, when each goes to the first that is free. */
export function copyChunk(i: number, perArea: number): number {
  return HEADER_CHUNKS + Math.floor(i / perArea) * (perArea + 1) + 1 + (i % perArea);
}

function countExceptions(read: ReadAt, chunkBytes: number, totalChunks: number, originChunks: number): Counted {
  const perArea = chunkBytes / EXCEPTION_BYTES;
  const problems: Problem[] = [];
  const refuse = (where: string, rule: string, seen: string): void => {
    if (problems.length < WRONG_SHOWN_MAX) problems.push({ code: 'MM-STORE-EXCEPTION', where, rule, seen, remedy: 'The tables of the store are damaged: save what can be read (`mount -o ro,noload`), then reset it with `metamaster restore`.' });
  };
  const copies = new Set<number>();
  const originals = new Set<number>();
  let nextFree = HEADER_CHUNKS + 1;
  for (const { area, index, original, copy } of exceptionsOf(read, chunkBytes, totalChunks)) {
    const where = `area ${area}, exception ${index}`;
    if (copy < HEADER_CHUNKS + 1 || copy >= totalChunks || isArea(copy, perArea)) refuse(where, `a chunk from ${HEADER_CHUNKS + 1} to ${totalChunks - 1} that is no area`, String(copy));
    else nextFree = Math.max(nextFree, copy + 1);
    if (copies.has(copy)) refuse(where, 'a chunk of its own', String(copy));
    if (original >= originChunks) refuse(where, `a chunk of the origin, below ${originChunks}`, String(original));
    if (originals.has(original)) refuse(where, 'a chunk of the origin that has no other copy', String(original));
    copies.add(copy);
    originals.add(original);
    // A table of nothing but nonsense could be as long as the device.
    if (problems.length >= WRONG_SHOWN_MAX) return { exceptions: copies.size, nextFree, problems };
  }
  // The kernel steps over the chunk that will be an area.
  return { exceptions: copies.size, nextFree: isArea(nextFree, perArea) ? nextFree + 1 : nextFree, problems };
}

/** Chunks between `nextFree` and the end that may become copies. */
function freeFor(nextFree: number, totalChunks: number, perArea: number): number {
  if (nextFree >= totalChunks) return 0;
  const areasBelow = (chunk: number): number => Math.floor((chunk - HEADER_CHUNKS + perArea) / (perArea + 1));
  return totalChunks - nextFree - (areasBelow(totalChunks) - areasBelow(nextFree));
}

/**
 * Looks at a store.
 * @param read the store's data: offset 0 is its header, behind label and owner record (DATA_OFFSET_BYTES)
 * @param dataBytes the length of the data
 * @param originBytes the size of the origin that it belongs to
 * Throws what `read` throws.
 */
export function examineStore(read: ReadAt, dataBytes: number, originBytes: number): StoreState {
  const header = decodeSnapshotHeader(read(0, BLOCK_BYTES));
  if (!header.ok) return { kind: 'none', problem: header.problems[0]! };
  if (header.value === undefined) return { kind: 'empty' };
  const { valid, chunkSectors } = header.value;
  const chunkBytes = chunkSectors * SECTOR_BYTES;
  const totalChunks = Math.floor(dataBytes / chunkBytes);
  const { exceptions, nextFree, problems } = countExceptions(read, chunkBytes, totalChunks, Math.ceil(originBytes / chunkBytes));
  const freeChunks = freeFor(nextFree, totalChunks, chunkBytes / EXCEPTION_BYTES);
  const usage = { chunkSectors, exceptions, usedChunks: Math.min(nextFree, totalChunks), totalChunks, freeChunks };
  return { kind: freeChunks === 0 ? 'full' : valid ? 'valid' : 'invalidated', valid, usage, problems };
}
