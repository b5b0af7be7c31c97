// The disks that a power cut may leave, from a journal of writes. Between two moments at which something becomes durable, what became so
// before is there, and of the rest any part may be: whole writes, and of one write any of its sectors. Everything is drawn from a seed,
// so that a case can be made again from its number.

import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { choices, type Choice, type CrashOptions } from './crash-choices.ts';
import type { JournalEvent } from './crash-journal.ts';
import { place, WriteStream, type Piece } from './crash-stream.ts';

/** Bytes that differ from the start image, or may. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** One disk. It can be read until the next one is asked for. */
export interface CrashCase {
  /** Counted from 0 over the whole journal. */
  readonly number: number;
  /** Flushes that were done. */
  readonly flushes: number;
  /** What arrived of that which may be lost. */
  readonly what: string;
  /** The disk over its start image. */
  over(base: ReadAt): ReadAt;
  /** All that was written to it, by offset, neighbours joined. */
  patches(): readonly Patch[];
}

function caseOf(number: number, stream: WriteStream, { what, arrived }: Choice, isPresent: () => boolean): CrashCase {
  const overlay = new Map<number, Piece>();
  for (const one of arrived) place(overlay, one);
  const { durable, flushes } = stream;
  const at = (sector: number): Piece | undefined => {
    const [kept, late] = [durable.get(sector), overlay.get(sector)];
    return late !== undefined && (kept === undefined || kept.order < late.order) ? late : kept;
  };
  const present = (): void => {
    if (!isPresent()) throw new Error(`case ${number} was left: a case can be read until the next one is asked for`);
  };
  const over = (base: ReadAt): ReadAt => (offset, length) => {
    present();
    const bytes = Uint8Array.from(base(offset, length));
    for (let done = 0; done < length; done += SECTOR_BYTES) {
      const piece = at((offset + done) / SECTOR_BYTES);
      if (piece !== undefined) bytes.set(piece.run.read(piece.at, SECTOR_BYTES), done);
    }
    return bytes;
  };
  const patches = (): readonly Patch[] => {
    present();
    return joined([...new Set([...durable.keys(), ...overlay.keys()])].sort((a, b) => a - b), at);
  };
  return { number, flushes, what, over, patches };
}

/** One patch longer than this is two: neighbours are joined for speed, not for size. */
const PATCH_SECTORS_MAX = 2048;

function joined(sectors: readonly number[], at: (sector: number) => Piece | undefined): readonly Patch[] {
  const patches: Patch[] = [];
  for (let from = 0; from < sectors.length; ) {
    let end = from + 1;
    while (end < sectors.length && end - from < PATCH_SECTORS_MAX && sectors[end] === sectors[end - 1]! + 1) end++;
    const bytes = new Uint8Array((end - from) * SECTOR_BYTES);
    for (let i = from; i < end; i++) {
      const piece = at(sectors[i]!)!;
      bytes.set(piece.run.read(piece.at, SECTOR_BYTES), (i - from) * SECTOR_BYTES);
    }
    patches.push({ offset: sectors[from]! * SECTOR_BYTES, bytes });
    from = end;
  }
  return patches;
}

/**
 * Every disk that a power cut may leave, as far as `options` tell them apart, from the untouched disk (case 0) to the last event. Throws
 * Error when two writes to the same sectors were under way at once.
 */
export function* crashCases(events: Iterable<JournalEvent>, options: CrashOptions): Generator<CrashCase> {
  const stream = new WriteStream();
  let number = 0;
  // Where all that might be lost became durable, the disk with none of what follows is the one with all of what was before.
  let withNone = true;
  function* moment(): Generator<CrashCase> {
    for (const choice of choices(stream.lost(), options, number, withNone)) {
      const present = number++;
      yield caseOf(present, stream, choice, () => number === present + 1);
    }
  }
  for (const event of events) {
    if (!stream.settles(event)) stream.take(event);
    else {
      yield* moment();
      stream.take(event);
      withNone = stream.lost().length > 0;
    }
  }
  yield* moment();
}

/** The journal replayed: every write that was answered well, in order. What failed, or is under way, is left out. */
export function replayed(events: Iterable<JournalEvent>): CrashCase {
  const list = [...events];
  const good = new Set(list.flatMap((event) => (event.kind === 'answered' && event.good ? [event.id] : [])));
  const stream = new WriteStream();
  for (const event of list) if (event.kind === 'flush-begin' || event.kind === 'flush-done' || good.has(event.id)) stream.take(event);
  return caseOf(0, stream, { what: 'everything that was answered well', arrived: stream.lost().map((write) => ({ write })) }, () => true);
}
