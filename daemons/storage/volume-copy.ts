// A volume's data copied into another volume as they are, byte for byte: what the file system of a state volume uses of it, only that file
// system knows. An exception store is copied by what its tables speak of: store-copy.ts.

import { equalBytes } from '../core/bytes.ts';
import { BLOCK_BYTES, MIB } from './block.ts';
import { OWNER_OFFSET } from './owner-record.ts';
import type { ReadAt } from './read-at.ts';
import { DATA_OFFSET_BYTES, labelSteps, type VolumeLabel } from './volume-label.ts';
import { FLUSH, type WriteStep } from './write-step.ts';

/** One read or write at most: large enough for the SAN's speed. */
export const PIECE_BYTES = MIB;
/** Bytes between two flushes: what a blade of little memory can hold as dirty pages. */
const FLUSH_EVERY_BYTES = 64 * MIB;

/** A long row of writes, flushed every FLUSH_EVERY_BYTES and at its end. */
export function* flushedWrites(writes: Iterable<Extract<WriteStep, { kind: 'write' }>>): Generator<WriteStep> {
  let unflushed = 0;
  for (const write of writes) {
    yield write;
    unflushed += write.bytes.length;
    if (unflushed < FLUSH_EVERY_BYTES) continue;
    yield FLUSH;
    unflushed = 0;
  }
  yield FLUSH;
}

/** What is copied where. */
export interface VolumeCopyRequest {
  /** The volume's data: offset 0 is what stands behind its head. */
  readonly from: ReadAt;
  readonly bytes: number;
  /** The label of the target when all is there; its generation is set here and by `copiedSteps` (store-copy.ts). */
  readonly label: VolumeLabel;
}

/**
 * The copy into extents that are nobody's, step by step; offsets are within the target volume. Label to `new`, a former volume's owner
 * record away, the data; each flushed before the next begins. Cut off anywhere the label says `new`, until `copiedSteps` say otherwise.
 */
export function* copyVolumeSteps({ from, bytes, label }: VolumeCopyRequest): Generator<WriteStep> {
  yield* labelSteps({ ...label, state: 'new', generation: 1 }, undefined);
  yield { kind: 'write', offset: OWNER_OFFSET, bytes: new Uint8Array(BLOCK_BYTES) };
  yield FLUSH;
  yield* flushedWrites(dataWrites(from, bytes));
}

function* dataWrites(from: ReadAt, bytes: number): Generator<Extract<WriteStep, { kind: 'write' }>> {
  for (const { offset, length } of pieces(bytes)) yield { kind: 'write', offset: DATA_OFFSET_BYTES + offset, bytes: from(offset, length) };
}

/** So many bytes in pieces. */
function* pieces(bytes: number): Generator<{ readonly offset: number; readonly length: number }> {
  for (let offset = 0; offset < bytes; offset += PIECE_BYTES) yield { offset, length: Math.min(PIECE_BYTES, bytes - offset) };
}

/** Compares two devices piece by piece, in order. */
export function* comparePieces(a: ReadAt, b: ReadAt, bytes: number): Generator<{ readonly offset: number; readonly length: number; readonly same: boolean }> {
  for (const { offset, length } of pieces(bytes)) yield { offset, length, same: equalBytes(a(offset, length), b(offset, length)) };
}
