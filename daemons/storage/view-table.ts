// A root as its node reads it, as one read-only device-mapper table: linear runs of the origin and of its store's copies, in the order of
// the root (Documentation/admin-guide/device-mapper/linear.rst). Nothing is copied, and no store is written to, as a snapshot's would be.

import type { Problem, Result } from '../core/problem.ts';
import { SECTOR_BYTES } from './block.ts';
import { diskOffset } from './disk-offset.ts';
import type { ExtentHolder } from './extents.ts';
import type { StoreView } from './snapshot-view.ts';
import { DATA_OFFSET_BYTES } from './volume-label.ts';

/** Lines of one table: the kernel allocates every target at once, some 100 bytes each, and searches them as a tree. */
export const VIEW_LINES_MAX = 16_384;

/** Where the parts of a view lie. */
export interface ViewPlaces {
  readonly view: StoreView;
  readonly origin: ExtentHolder;
  /** Missing for the view of an origin alone. */
  readonly store?: ExtentHolder;
  readonly extentBytes: number;
  /** Of the container on `device`. */
  readonly containerFirstSector: number;
  /** The SAN's disk, e.g. `/dev/sda` or `8:0`. */
  readonly device: string;
}

/** The table, lines without a final newline. Problem MM-VIEW-LINES: the store is in more pieces than VIEW_LINES_MAX. */
export function viewTable({ view, origin, store, extentBytes, containerFirstSector, device }: ViewPlaces): Result<string> {
  const runs: { start: number; length: number }[] = [];
  for (let at = 0; at < view.bytes; ) {
    const copy = view.copies[Math.floor(at / view.chunkBytes)] ?? 0;
    const [volume, offset] = copy === 0 ? [origin, at] : [store!, DATA_OFFSET_BYTES + copy * view.chunkBytes + (at % view.chunkBytes)];
    // A run ends with its chunk or its extent, whichever comes first; where the next one touches it they are joined.
    const toChunk = view.copies.length === 0 ? Infinity : view.chunkBytes - (at % view.chunkBytes);
    const length = Math.min(toChunk, extentBytes - (offset % extentBytes), view.bytes - at);
    const start = diskOffset(volume, extentBytes, containerFirstSector, offset);
    const last = runs.at(-1);
    if (last !== undefined && last.start + last.length === start) last.length += length;
    else runs.push({ start, length });
    if (runs.length > VIEW_LINES_MAX) return { ok: false, problems: [tooMany()] };
    at += length;
  }
  let logical = 0;
  const lines = runs.map(({ start, length }) => {
    const line = `${logical / SECTOR_BYTES} ${length / SECTOR_BYTES} linear ${device} ${start / SECTOR_BYTES}`;
    logical += length;
    return line;
  });
  return { ok: true, value: lines.join('\n') };
}

const tooMany = (): Problem => ({
  code: 'MM-VIEW-LINES', where: 'exception store', rule: `at most ${VIEW_LINES_MAX} contiguous runs`, seen: 'more',
  remedy: 'Name a folder with room for the whole root with -w: it is assembled there.',
});
