// For tests: one operation on a SAN, every disk that a power cut may leave of it, and what is to be said of each.

import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { CRASH_DEFAULTS } from './crash-choices.ts';
import { crashCases, type CrashCase } from './crash-states.ts';
import type { JournalEvent } from './crash-journal.ts';
import type { ByteRange } from './iscsi-conversation.ts';

/** What a disk turned out to be: as before the operation; neither, but it can be done again or undone; as after it. */
export type Outcome = 'old' | 'completable' | 'new';

/** An operation, recorded. */
export interface Operation {
  readonly name: string;
  readonly before: ReadAt;
  readonly events: readonly JournalEvent[];
  /** Where it may write; every other byte must stay as it was. */
  readonly own: readonly ByteRange[];
  /** Judges one disk with the project's own readers. @throws Error for a disk that must not be */
  judge(read: ReadAt, crash: CrashCase): Outcome | Promise<Outcome>;
}

/** A row of the table. */
export interface Tally {
  readonly name: string;
  readonly flushes: number;
  readonly cases: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly violations: readonly string[];
}

/** Not more than these are told; the first is what is to be looked at. */
const VIOLATIONS_SHOWN_MAX = 5;

/** A disk in memory as a start image: like its own `read`, and fast enough for a thousand cases. */
export function imageOf(disk: MemoryDisk): ReadAt {
  const { sectors } = disk.clone();
  return (offset, length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += SECTOR_BYTES) {
      const sector = sectors.get((offset + at) / SECTOR_BYTES);
      if (sector !== undefined) bytes.set(sector, at);
    }
    return bytes;
  };
}

/** A disk in memory that shows a start image under what is written to it. */
export class OverlayDisk extends MemoryDisk {
  readonly #under: ReadAt;

  constructor(under: ReadAt, sectors: ReadonlyMap<number, Uint8Array> = new Map()) {
    super(sectors);
    this.#under = under;
  }

  override readonly read: ReadAt = (offset, length) => {
    const bytes = Uint8Array.from(this.#under(offset, length));
    for (let at = 0; at < length; at += SECTOR_BYTES) {
      const written = this.sectors.get((offset + at) / SECTOR_BYTES);
      if (written !== undefined) bytes.set(written, at);
    }
    return bytes;
  };

  override clone(): OverlayDisk {
    return new OverlayDisk(this.#under, this.sectors);
  }
}

/** The first sector outside `own` that is not what it was; undefined: none. */
export function foreignSector(before: ReadAt, own: readonly ByteRange[], crash: CrashCase): number | undefined {
  for (const { offset, bytes } of crash.patches()) {
    for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
      const start = offset + at;
      if (own.some((range) => start >= range.offset && start + SECTOR_BYTES <= range.offset + range.length)) continue;
      if (Buffer.compare(before(start, SECTOR_BYTES), bytes.subarray(at, at + SECTOR_BYTES)) !== 0) return start / SECTOR_BYTES;
    }
  }
  return undefined;
}

/** Judges every case of an operation, or the one that `only` names. */
export async function checkOperation(operation: Operation, seed: number, only?: number): Promise<Tally> {
  const outcomes: Record<Outcome, number> = { old: 0, completable: 0, new: 0 };
  const violations: string[] = [];
  let cases = 0;
  for (const crash of crashCases(operation.events, { seed, ...CRASH_DEFAULTS })) {
    if (only !== undefined && crash.number !== only) continue;
    cases++;
    try {
      const foreign = foreignSector(operation.before, operation.own, crash);
      if (foreign !== undefined) throw new Error(`sector ${foreign} is somebody else's and has changed`);
      outcomes[await operation.judge(crash.over(operation.before), crash)]++;
    } catch (error) {
      violations.push(`CRASH_SEED=${seed} CRASH_CASE="${operation.name}:${crash.number}" (after ${crash.flushes} flushes; ${crash.what}): ${(error as Error).message}`);
    }
  }
  return { name: operation.name, flushes: operation.events.filter(({ kind }) => kind === 'flush-done').length, cases, outcomes, violations: violations.slice(0, VIOLATIONS_SHOWN_MAX) };
}

/** The tallies as a table, with their sum. */
export function formatTallies(tallies: readonly Tally[]): string {
  const cells = ({ name, flushes, cases, outcomes, violations }: Tally): string[] => [name, flushes, cases, outcomes.old, outcomes.completable, outcomes.new, violations.length].map(String);
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0);
  const total: Tally = {
    name: 'all', flushes: sum(({ flushes }) => flushes), cases: sum(({ cases }) => cases), violations: tallies.flatMap(({ violations }) => violations),
    outcomes: { old: sum(({ outcomes }) => outcomes.old), completable: sum(({ outcomes }) => outcomes.completable), new: sum(({ outcomes }) => outcomes.new) },
  };
  const rows = [['operation', 'flushes', 'cases', 'old', 'completable', 'new', 'violations'], ...tallies.map(cells), cells(total)];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ')).join('\n');
}
