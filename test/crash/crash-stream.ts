// A write stream as a disk with a cache sees it: what is durable by now, and what a power cut may still lose.

import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import type { JournalEvent, Run } from './crash-journal.ts';

/** A sector's newest content: the later order counts, whether or not it became durable earlier. */
export interface Piece {
  readonly order: number;
  readonly run: Run;
  readonly at: number;
}

/** A write, in the order in which it was sent. */
export interface SentWrite {
  readonly order: number;
  readonly id: number;
  readonly runs: readonly Run[];
  readonly durableWhenAnswered: boolean;
  state: 'under way' | 'answered' | 'failed';
}

/** A write that may be lost, and which of its sectors arrive; undefined: all. */
export interface Arrived {
  readonly write: SentWrite;
  readonly sector?: (sector: number) => boolean;
}

/** `sector` counts within the write. */
function* piecesOf(write: SentWrite): Generator<readonly [sector: number, index: number, piece: Piece]> {
  let index = 0;
  for (const run of write.runs) {
    for (let at = 0; at < run.length; at += SECTOR_BYTES) yield [(run.offset + at) / SECTOR_BYTES, index++, { order: write.order, run, at }];
  }
}

/** Puts what arrives of a write onto sectors. */
export function place(sectors: Map<number, Piece>, { write, sector: arrives }: Arrived): void {
  for (const [sector, index, piece] of piecesOf(write)) {
    const before = sectors.get(sector);
    if ((arrives === undefined || arrives(index)) && (before === undefined || before.order < piece.order)) sectors.set(sector, piece);
  }
}

/** The stream's writes as they become durable. */
export class WriteStream {
  readonly durable = new Map<number, Piece>();
  flushes = 0;
  readonly #sent = new Map<number, SentWrite>();
  /** Of each flush under way, what it will make durable. */
  readonly #covered = new Map<number, readonly SentWrite[]>();
  #order = 0;

  /** Writes that a power cut may lose, in the order in which they were sent. */
  lost(): readonly SentWrite[] {
    return [...this.#sent.values()];
  }

  /** True when the event makes something durable. */
  settles(event: JournalEvent): boolean {
    if (event.kind === 'flush-done') return event.good;
    return event.kind === 'answered' && event.good && this.#sent.get(event.id)?.durableWhenAnswered === true;
  }

  take(event: JournalEvent): void {
    switch (event.kind) {
      case 'write': {
        const write: SentWrite = { order: this.#order++, id: event.id, runs: event.runs, durableWhenAnswered: event.durable, state: 'under way' };
        this.#refuseRace(write);
        this.#sent.set(event.id, write);
        return;
      }
      case 'answered': {
        const write = this.#sent.get(event.id);
        if (write === undefined) return;
        write.state = event.good ? 'answered' : 'failed';
        if (event.good && write.durableWhenAnswered) this.#settle([write]);
        return;
      }
      case 'flush-begin': {
        const within = ({ offset, length }: Run): boolean => offset >= event.offset && offset + length <= event.offset + event.length;
        this.#covered.set(event.id, this.lost().filter(({ state, runs }) => state === 'answered' && runs.every(within)));
        return;
      }
      case 'flush-done': {
        if (event.good) {
          this.flushes++;
          this.#settle(this.#covered.get(event.id) ?? []);
        }
        this.#covered.delete(event.id);
        return;
      }
      default: event satisfies never;
    }
  }

  #settle(writes: readonly SentWrite[]): void {
    for (const write of writes) {
      this.#sent.delete(write.id);
      place(this.durable, { write });
    }
  }

  /** Which of two such writes counts, the journal cannot tell. */
  #refuseRace(write: SentWrite): void {
    for (const other of this.#sent.values()) {
      if (other.state !== 'under way') continue;
      for (const a of write.runs) for (const b of other.runs) {
        if (a.offset < b.offset + b.length && b.offset < a.offset + a.length) {
          throw new Error(`writes ${other.id} and ${write.id} to the same sectors were under way at once: which of them counts is not known`);
        }
      }
    }
  }
}
