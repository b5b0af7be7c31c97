// What stands in front of a volume that one node writes to, as it was read: what a program that mends or resets it decides upon, and what
// it looks at once more before it writes.

import { equalBytes } from '../core/bytes.ts';
import { BLOCK_BYTES } from './block.ts';
import type { SectorRange } from './container-partitions.ts';
import { diskOffset } from './disk-offset.ts';
import type { ExtentHolder } from './extents.ts';
import { OWNER_OFFSET } from './owner-record.ts';
import type { ReadAt } from './read-at.ts';
import { DATA_OFFSET_BYTES, LABEL_OFFSETS } from './volume-label.ts';
import { volumeReader } from './volume-reader.ts';
import type { WriteStep } from './write-step.ts';

/** Four blocks of a volume. */
export interface VolumeFront {
  readonly labels: readonly [Uint8Array, Uint8Array];
  readonly owner: Uint8Array;
  /** The first block of the data: a store's header. */
  readonly header: Uint8Array;
}

/** Reads the front of a volume from the disk. Throws what `read` throws. */
export function readVolumeFront(read: ReadAt, volume: ExtentHolder, extentBytes: number, container: SectorRange): VolumeFront {
  const block = volumeReader(read, volume, extentBytes, container.firstSector);
  const at = (offset: number): Uint8Array => block(offset, BLOCK_BYTES);
  return { labels: [at(LABEL_OFFSETS[0]), at(LABEL_OFFSETS[1])], owner: at(OWNER_OFFSET), header: at(DATA_OFFSET_BYTES) };
}

/** True when nobody wrote to the front between two looks. */
export function sameFront(a: VolumeFront, b: VolumeFront): boolean {
  return equalBytes(a.labels[0], b.labels[0]) && equalBytes(a.labels[1], b.labels[1]) && equalBytes(a.owner, b.owner) && equalBytes(a.header, b.header);
}

/** Steps within a volume as steps on its disk: a write that crosses into another extent is cut there, for that may lie elsewhere. */
export function stepsOnDisk(steps: readonly WriteStep[], volume: ExtentHolder, extentBytes: number, container: SectorRange): WriteStep[] {
  return steps.flatMap((step): WriteStep[] => {
    if (step.kind === 'flush') return [step];
    const parts: WriteStep[] = [];
    for (let done = 0; done < step.bytes.length; ) {
      const at = step.offset + done;
      const length = Math.min(step.bytes.length - done, extentBytes - (at % extentBytes));
      parts.push({ kind: 'write', offset: diskOffset(volume, extentBytes, container.firstSector, at), bytes: step.bytes.subarray(done, done + length) });
      done += length;
    }
    return parts;
  });
}
