// An exception store copied into another volume: only what its tables speak of, one exception behind the other without gaps, so that a
// copy needs no more room than its exceptions. What the kernel would read of it is the same. A checkpoint is such a copy, and a rollback
// copies one back. Everything is a step, made as it is wanted: a store is larger than a blade's memory.

import { viewOf } from '../core/bytes.ts';
import { BLOCK_BYTES, SECTOR_BYTES } from './block.ts';
import { OWNER_OFFSET } from './owner-record.ts';
import { copyChunk, exceptionsOf } from './snapshot-exceptions.ts';
import { EXCEPTION_BYTES, encodeSnapshotHeader } from './snapshot-store.ts';
import type { StoreData } from './snapshot-view.ts';
import { flushedWrites, PIECE_BYTES } from './volume-copy.ts';
import { type ChosenLabel, DATA_OFFSET_BYTES, labelSteps, type VolumeLabel } from './volume-label.ts';
import type { WriteStep } from './write-step.ts';
import { FLUSH } from './write-step.ts';

/** What is copied where. */
export interface CopyRequest {
  readonly from: StoreData;
  /** Of the store that is copied: the header's. */
  readonly chunkSectors: number;
  /** The label of the target when all is there; its generation is set here. */
  readonly label: VolumeLabel;
  /** The label that stands in the target; undefined for none. */
  readonly current?: Pick<ChosenLabel, 'label' | 'copy'>;
}

/**
 * The copy, step by step; offsets are within the target volume. Label to `new` (in a volume without one also the owner record away);
 * header to zeros; copies and tables; header; each flushed before the next begins. Cut off anywhere nothing was changed, or the label says
 * `new`, until `copiedSteps` say otherwise. The caller owns the target, has judged the source (its tables hold) and the target's room, and
 * knows that nobody writes to the source, or reads it again behind the copy.
 */
export function* copyStoreSteps({ from, chunkSectors, label, current }: CopyRequest): Generator<WriteStep> {
  const chunkBytes = chunkSectors * SECTOR_BYTES;
  yield* labelSteps({ ...label, state: 'new', generation: generationOf(current) }, current?.copy);
  // A former volume's record would be taken for an owner's who still writes here.
  if (current === undefined) yield { kind: 'write', offset: OWNER_OFFSET, bytes: new Uint8Array(BLOCK_BYTES) };
  yield { kind: 'write', offset: DATA_OFFSET_BYTES, bytes: new Uint8Array(chunkBytes) };
  yield FLUSH;
  yield* flushedWrites(contentWrites(from, chunkBytes));
  yield { kind: 'write', offset: DATA_OFFSET_BYTES, bytes: encodeSnapshotHeader(chunkSectors) };
  yield FLUSH;
}

/** The label as wanted, over the copy that was just made and looked at again. */
export const copiedSteps = ({ label, current }: Pick<CopyRequest, 'label' | 'current'>): WriteStep[] => labelSteps({ ...label, generation: generationOf(current) + 1 }, 1);

const generationOf = (current: CopyRequest['current']): number => (current?.label.generation ?? 0) + 1;

type Write = Extract<WriteStep, { kind: 'write' }>;

/** A run of chunks that lie one behind the other, in the source as in the target. */
interface Run {
  readonly source: number;
  readonly target: number;
  readonly count: number;
}

function* contentWrites(from: StoreData, chunkBytes: number): Generator<Write> {
  const perArea = chunkBytes / EXCEPTION_BYTES;
  const runMax = Math.max(1, PIECE_BYTES / chunkBytes);
  const write = (chunk: number, bytes: Uint8Array): Write => ({ kind: 'write', offset: DATA_OFFSET_BYTES + chunk * chunkBytes, bytes });
  const copied = ({ source, target, count }: Run): Write => write(target, from.read(source * chunkBytes, count * chunkBytes));
  let table = new Uint8Array(chunkBytes);
  let run: Run | undefined;
  let count = 0;
  for (const { original, copy } of exceptionsOf(from.read, chunkBytes, Math.floor(from.bytes / chunkBytes))) {
    const target = copyChunk(count, perArea);
    putException(table, count % perArea, original, target);
    if (run !== undefined && run.count < runMax && copy === run.source + run.count && target === run.target + run.count) run = { source: run.source, target: run.target, count: run.count + 1 };
    else {
      if (run !== undefined) yield copied(run);
      run = { source: copy, target, count: 1 };
    }
    count++;
    if (count % perArea > 0) continue;
    yield write(areaChunk(count / perArea - 1, perArea), table);
    table = new Uint8Array(chunkBytes);
  }
  if (run !== undefined) yield copied(run);
  // The area that is not full, or the wiped one that the kernel wants behind the last full one.
  yield write(areaChunk(Math.floor(count / perArea), perArea), table);
}

/** The chunk that holds area number `area`: it stands in front of its first copy. */
const areaChunk = (area: number, perArea: number): number => copyChunk(area * perArea, perArea) - 1;

function putException(table: Uint8Array, index: number, original: number, copy: number): void {
  const view = viewOf(table);
  [original, copy].forEach((chunk, k) => {
    view.setUint32(index * EXCEPTION_BYTES + 8 * k, chunk % 2 ** 32, true);
    view.setUint32(index * EXCEPTION_BYTES + 8 * k + 4, Math.floor(chunk / 2 ** 32), true);
  });
}
