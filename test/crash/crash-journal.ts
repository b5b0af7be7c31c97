// A write stream as it was seen in front of a disk: what was sent, what was answered, and what was flushed, in order.

import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import type { WriteStep } from '../../daemons/storage/write-step.ts';

/** Contiguous bytes of a write. */
export interface Run {
  readonly offset: number;
  readonly length: number;
  /** The run's bytes from `at` on; both numbers are multiples of 512. */
  read(at: number, length: number): Uint8Array;
}

/**
 * `write`: sent, and under way until it is answered; `durable`: on the medium as soon as it is answered (FUA, or a disk without a write
 * cache). A flush covers the writes in its range that were answered well before it began. What is never answered stays under way.
 */
export type JournalEvent =
  | { readonly kind: 'write'; readonly id: number; readonly runs: readonly Run[]; readonly durable: boolean }
  | { readonly kind: 'answered'; readonly id: number; readonly good: boolean }
  | { readonly kind: 'flush-begin'; readonly id: number; readonly offset: number; readonly length: number }
  | { readonly kind: 'flush-done'; readonly id: number; readonly good: boolean };

/** A run of bytes that are in memory. Throws RangeError when they are not of whole sectors. */
export function memoryRun(offset: number, bytes: Uint8Array): Run {
  if (offset % SECTOR_BYTES !== 0 || bytes.length % SECTOR_BYTES !== 0) throw new RangeError(`a write of ${bytes.length} bytes at ${offset}`);
  return { offset, length: bytes.length, read: (at, length) => bytes.subarray(at, at + length) };
}

/**
 * The journal of a plan that one program carried out step by step, `place` turning its offsets into the disk's. Its writes go to a page
 * cache or a disk's cache, which may write them out in any order: each counts as answered at once, and as durable after the next flush.
 */
export function journalOfSteps(steps: readonly WriteStep[], place: (offset: number) => number = (offset) => offset): JournalEvent[] {
  return steps.flatMap((step, id): JournalEvent[] => step.kind === 'flush'
    ? [{ kind: 'flush-begin', id, offset: 0, length: Infinity }, { kind: 'flush-done', id, good: true }]
    : [{ kind: 'write', id, runs: [memoryRun(place(step.offset), step.bytes)], durable: false }, { kind: 'answered', id, good: true }]);
}
