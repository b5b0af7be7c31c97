// For tests: exception stores as the kernel writes them, built by hand after drivers/md/dm-snap-persistent.c.

import { viewOf } from '../core/bytes.ts';
import { SECTOR_BYTES } from './block.ts';
import { MemoryDisk } from './memory-disk.test-kit.ts';
import { EXCEPTION_BYTES, SNAPSHOT_MAGIC, SNAPSHOT_VERSION } from './snapshot-store.ts';

/** What a test wants of a store. */
export interface StoreWish {
  readonly chunkSectors: number;
  /** Pairs of (chunk of the origin, chunk of the store), in the order in which they were written. */
  readonly exceptions: readonly (readonly [number, number])[];
  readonly valid?: boolean;
}

/** The chunks that the kernel gives to the first `count` copies: all but the header's and the areas'. */
export function chunksInOrder(chunkSectors: number, count: number): number[] {
  const perArea = (chunkSectors * SECTOR_BYTES) / EXCEPTION_BYTES;
  return Array.from({ length: count }, (_, i) => 1 + Math.floor(i / perArea) * (perArea + 1) + 1 + (i % perArea));
}

/** Exceptions of a store in which the first `count` chunks of the origin were changed one after the other. */
export const firstChunks = (chunkSectors: number, count: number): (readonly [number, number])[] => chunksInOrder(chunkSectors, count).map((copy, original) => [original, copy]);

/** The store's data: offset 0 is its header. */
export function buildStore({ chunkSectors, exceptions, valid = true }: StoreWish): MemoryDisk {
  const disk = new MemoryDisk();
  const chunkBytes = chunkSectors * SECTOR_BYTES;
  const perArea = chunkBytes / EXCEPTION_BYTES;
  const header = new Uint8Array(chunkBytes);
  [SNAPSHOT_MAGIC, valid ? 1 : 0, SNAPSHOT_VERSION, chunkSectors].forEach((word, i) => viewOf(header).setUint32(4 * i, word, true));
  disk.write(0, header);
  for (let area = 0; area * perArea < exceptions.length; area++) {
    const chunk = new Uint8Array(chunkBytes);
    exceptions.slice(area * perArea, (area + 1) * perArea).forEach((pair, i) => {
      pair.forEach((number, k) => {
        viewOf(chunk).setUint32(i * EXCEPTION_BYTES + 8 * k, number % 2 ** 32, true);
        viewOf(chunk).setUint32(i * EXCEPTION_BYTES + 8 * k + 4, Math.floor(number / 2 ** 32), true);
      });
    });
    disk.write((1 + area * (perArea + 1)) * chunkBytes, chunk);
  }
  return disk;
}
