// What a node's root reads as: the origin, and in front of it the chunks that its exception store has copies of. What the kernel shows
// through a dm-snapshot, without device-mapper; nothing is copied and nothing written.

import { concatBytes, equalBytes } from '../core/bytes.ts';
import type { Problem, Result } from '../core/problem.ts';
import { BLOCK_BYTES, SECTOR_BYTES } from './block.ts';
import type { ReadAt } from './read-at.ts';
import { examineStore, exceptionsOf } from './snapshot-exceptions.ts';

/** Chunks of an origin that a view may have, of 4 bytes each in memory: 256 GiB in chunks of 8 KiB cost 128 MiB. */
export const VIEW_CHUNKS_MAX = 2 ** 25;
/** One piece of a comparison. */
const COMPARED_BYTES = 1024 * 1024;

/** Bytes of a view. */
export interface ViewRange {
  readonly offset: number;
  readonly length: number;
}

/** An exception store's data: offset 0 is its header. */
export interface StoreData {
  readonly read: ReadAt;
  readonly bytes: number;
}

/** A root disk as its node reads it. */
export interface StoreView {
  /** The whole of it has so many bytes, as the origin has. */
  readonly bytes: number;
  readonly read: ReadAt;
  /** False for a store that the kernel gave up: what it had acknowledged is there all the same. */
  readonly valid: boolean;
  readonly exceptions: number;
  readonly chunkBytes: number;
  /** Of each chunk of the origin the chunk of the store that holds its copy; 0: none. */
  readonly copies: Uint32Array;
}

/** The view of an origin that has no store in front of it. */
export const originView = (read: ReadAt, bytes: number): StoreView => ({ read, bytes, valid: true, exceptions: 0, chunkBytes: BLOCK_BYTES, copies: new Uint32Array(0) });

/**
 * The view of an origin of `originBytes` through a store. A store of zeros changes nothing. Problems: MM-SNAPSHOT-HEADER (no store),
 * MM-STORE-EXCEPTION (damaged tables), MM-VIEW-LIMIT (more chunks than VIEW_CHUNKS_MAX). Throws what the reads throw.
 */
export function viewStore(origin: ReadAt, originBytes: number, store: StoreData): Result<StoreView> {
  const state = examineStore(store.read, store.bytes, originBytes);
  if (state.kind === 'none') return { ok: false, problems: [state.problem] };
  if (state.kind === 'empty') return { ok: true, value: originView(origin, originBytes) };
  if (state.problems.length > 0) return { ok: false, problems: state.problems };
  const { chunkSectors, exceptions, totalChunks } = state.usage;
  const chunkBytes = chunkSectors * SECTOR_BYTES;
  const chunks = Math.ceil(originBytes / chunkBytes);
  if (chunks > VIEW_CHUNKS_MAX || totalChunks > 2 ** 32) return { ok: false, problems: [limitProblem(chunks)] };
  const copies = new Uint32Array(chunks);
  for (const { original, copy } of exceptionsOf(store.read, chunkBytes, totalChunks)) copies[original] = copy;
  return { ok: true, value: { bytes: originBytes, valid: state.valid, exceptions, chunkBytes, copies, read: readThrough(origin, originBytes, store.read, chunkBytes, copies) } };
}

const limitProblem = (chunks: number): Problem => ({
  code: 'MM-VIEW-LIMIT', where: 'exception store', rule: `an origin of at most ${VIEW_CHUNKS_MAX} chunks`, seen: String(chunks),
  remedy: 'Use larger chunks at the next reset of that store.',
});

function readThrough(origin: ReadAt, originBytes: number, store: ReadAt, chunkBytes: number, copies: Uint32Array): ReadAt {
  return (offset, length) => {
    if (offset < 0 || offset + length > originBytes) throw new RangeError(`${length} bytes at ${offset} of a view of ${originBytes}`);
    const parts: Uint8Array[] = [];
    for (let at = offset; at < offset + length; ) {
      // As far as the next chunk lies behind this one, on the origin or in the store, it is one read.
      const first = Math.floor(at / chunkBytes);
      let next = first + 1;
      while (next * chunkBytes < offset + length && (copies[first] === 0 ? copies[next] === 0 : copies[next] === copies[first]! + next - first)) next++;
      const end = Math.min(next * chunkBytes, offset + length);
      parts.push(copies[first] === 0 ? origin(at, end - at) : store(copies[first]! * chunkBytes + (at % chunkBytes), end - at));
      at = end;
    }
    return parts.length === 1 ? parts[0]! : concatBytes(...parts);
  };
}

/** The parts of a view that come from its store, in order, as long as can be; their bytes may still be the origin's. */
export function* changedChunks({ copies, chunkBytes, bytes }: StoreView): Generator<ViewRange> {
  for (let chunk = 0; chunk < copies.length; chunk++) {
    if (copies[chunk] === 0) continue;
    const first = chunk;
    while (chunk + 1 < copies.length && copies[chunk + 1] !== 0) chunk++;
    yield { offset: first * chunkBytes, length: Math.min((chunk + 1) * chunkBytes, bytes) - first * chunkBytes };
  }
}

/**
 * The bytes in which two views of one origin differ, in order, in units of 4096 (the last one may be shorter). Only what either of them
 * changed is read. Throws RangeError for views of different sizes.
 */
export function* diffStores(a: StoreView, b: StoreView): Generator<ViewRange> {
  if (a.bytes !== b.bytes) throw new RangeError(`views of ${a.bytes} and ${b.bytes} bytes`);
  let open: ViewRange | undefined;
  for (const { offset, length } of differingBlocks(a, b)) {
    if (open !== undefined && open.offset + open.length === offset) {
      open = { offset: open.offset, length: open.length + length };
      continue;
    }
    if (open !== undefined) yield open;
    open = { offset, length };
  }
  if (open !== undefined) yield open;
}

function* differingBlocks(a: StoreView, b: StoreView): Generator<ViewRange> {
  for (const { offset, length } of union(changedChunks(a), changedChunks(b))) {
    for (let at = offset; at < offset + length; at += COMPARED_BYTES) {
      const piece = Math.min(COMPARED_BYTES, offset + length - at);
      const [one, other] = [a.read(at, piece), b.read(at, piece)];
      if (equalBytes(one, other)) continue;
      for (let block = 0; block < piece; block += BLOCK_BYTES) {
        const end = Math.min(block + BLOCK_BYTES, piece);
        if (!equalBytes(one.subarray(block, end), other.subarray(block, end))) yield { offset: at + block, length: end - block };
      }
    }
  }
}

/** Two ordered lists of ranges as one, without overlaps. */
function* union(a: Iterator<ViewRange>, b: Iterator<ViewRange>): Generator<ViewRange> {
  let [one, other] = [a.next(), b.next()];
  let open: ViewRange | undefined;
  while (one.done !== true || other.done !== true) {
    const fromOne = other.done === true || (one.done !== true && one.value.offset <= other.value.offset);
    const range = (fromOne ? one.value : other.value) as ViewRange;
    if (fromOne) one = a.next();
    else other = b.next();
    if (open !== undefined && range.offset <= open.offset + open.length) open = { offset: open.offset, length: Math.max(open.offset + open.length, range.offset + range.length) - open.offset };
    else {
      if (open !== undefined) yield open;
      open = range;
    }
  }
  if (open !== undefined) yield open;
}
