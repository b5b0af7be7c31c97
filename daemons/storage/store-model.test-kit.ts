// For tests: an origin and a store over it as a node would have written them, and the root that both together must read as.

import fc from 'fast-check';
import { SECTOR_BYTES } from './block.ts';
import { buildStore, chunksInOrder } from './exception-store.test-kit.ts';
import { MemoryDisk } from './memory-disk.test-kit.ts';
import type { StoreData } from './snapshot-view.ts';

/** What was changed of an origin. */
export interface ModelWish {
  readonly chunkSectors: number;
  readonly originBytes: number;
  /** The origin's chunks in the order of their first change. */
  readonly changed: readonly number[];
  /** Chunks of the store that a power cut left unused, in front of which copy. */
  readonly gapBefore?: number | undefined;
  /** Makes other bytes. */
  readonly seed?: number;
  /** Every so many changes wrote what stood there already. */
  readonly sameEvery?: number | undefined;
}

/** The parts. */
export interface Model {
  readonly origin: MemoryDisk;
  readonly store: MemoryDisk;
  readonly data: StoreData;
  /** What the root reads as. */
  readonly expected: Uint8Array;
}

/** Bytes that differ from sector to sector. */
function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (Math.imul(Math.floor(i / SECTOR_BYTES) + 1, seed * 2 + 1) + (i % 251)) & 0xff);
}

/** Builds one. The store has room for every chunk of the origin and a gap. */
export function buildModel({ chunkSectors, originBytes, changed, gapBefore, seed = 1, sameEvery }: ModelWish): Model {
  const chunkBytes = chunkSectors * SECTOR_BYTES;
  const expected = pattern(originBytes, 7);
  const origin = new MemoryDisk();
  origin.write(0, expected);
  const places = chunksInOrder(chunkSectors, changed.length + 3);
  const exceptions = changed.map((chunk, i) => [chunk, places[gapBefore === undefined || i < gapBefore ? i : i + 3]!] as const);
  const store = buildStore({ chunkSectors, exceptions });
  exceptions.forEach(([chunk, copy], i) => {
    const bytes = pattern(chunkBytes, seed * 1000 + i);
    // Behind the origin's end a chunk holds whatever the kernel left there.
    if (sameEvery !== undefined && i % sameEvery === 0) bytes.set(expected.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes));
    store.write(copy * chunkBytes, bytes);
    expected.set(bytes.subarray(0, Math.min(chunkBytes, originBytes - chunk * chunkBytes)), chunk * chunkBytes);
  });
  const chunks = Math.ceil(originBytes / chunkBytes);
  const bytes = (chunks + 8 + Math.ceil(chunks / (chunkBytes / 16))) * chunkBytes;
  return { origin, store, expected, data: { read: store.read, bytes } };
}

/** Origins of up to 60 chunks, the last one perhaps not whole, and changes of any of them in any order. */
export const anyModel: fc.Arbitrary<ModelWish> = fc.record({ chunkSectors: fc.constantFrom(8, 16), chunks: fc.integer({ min: 1, max: 60 }), short: fc.boolean(), seed: fc.nat(50), gap: fc.option(fc.nat(20), { nil: undefined }), same: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }) })
  .chain(({ chunkSectors, chunks, short, seed, gap, same }) => fc.shuffledSubarray(Array.from({ length: chunks }, (_, i) => i)).map((changed): ModelWish => ({
    chunkSectors, originBytes: chunks * chunkSectors * SECTOR_BYTES - (short && chunkSectors > 8 ? 4096 : 0), changed, seed, gapBefore: gap, sameEvery: same,
  })));
