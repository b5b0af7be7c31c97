// The timers of a machine: a binary heap in which each timer knows its place, so that one that is set anew moves and one that is cleared leaves.

import type { Instant } from '../core/machine.ts';

/** What a timer is for. Of two at one instant the kind that stands first here comes first, and of one kind the lower number. */
export const TIMER = { alone: 0, broadcast: 1, facts: 2, live: 3, probe: 4, relay: 5, retarget: 6, suspicion: 7, sync: 8 } as const;
export type TimerKind = (typeof TIMER)[keyof typeof TIMER];

export interface DueTimer {
  readonly kind: TimerKind;
  readonly number: number;
  readonly at: Instant;
}

interface Timer {
  readonly kind: TimerKind;
  readonly number: number;
  at: Instant;
  /** In the heap. */
  place: number;
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && (a.kind < b.kind || (a.kind === b.kind && a.number < b.number)));

/** At most one timer for each kind and number: that of a node, or of a ping. */
export class TimerHeap {
  readonly #heap: Timer[] = [];
  /** By kind and number. */
  readonly #timers: readonly Map<number, Timer>[] = Object.values(TIMER).map(() => new Map());

  set(kind: TimerKind, at: Instant, number = 0): void {
    const known = this.#timers[kind]!.get(number);
    if (known === undefined) {
      const timer: Timer = { kind, number, at, place: this.#heap.length };
      this.#timers[kind]!.set(number, timer);
      this.#rise(timer);
      return;
    }
    known.at = at;
    this.#rise(known);
    this.#sink(known);
  }

  clear(kind: TimerKind, number = 0): void {
    const timer = this.#timers[kind]!.get(number);
    if (timer !== undefined) this.#remove(timer);
  }

  at(kind: TimerKind, number = 0): Instant | undefined {
    return this.#timers[kind]!.get(number)?.at;
  }

  /** When the first timer is due; undefined: there is none. */
  next(): Instant | undefined {
    return this.#heap[0]?.at;
  }

  /** Takes out the first timer that is due at `now`. */
  takeDue(now: Instant): DueTimer | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    this.#remove(first);
    return first;
  }

  #remove(timer: Timer): void {
    this.#timers[timer.kind]!.delete(timer.number);
    const last = this.#heap.pop()!;
    if (last === timer) return;
    last.place = timer.place;
    this.#rise(last);
    this.#sink(last);
  }

  #stand(timer: Timer, place: number): void {
    this.#heap[place] = timer;
    timer.place = place;
  }

  /** Up to where the one above it is earlier. */
  #rise(timer: Timer): void {
    const heap = this.#heap;
    let { place } = timer;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!isBefore(timer, heap[above]!)) break;
      this.#stand(heap[above]!, place);
      place = above;
    }
    this.#stand(timer, place);
  }

  /** Down to where both below it are later. */
  #sink(timer: Timer): void {
    const heap = this.#heap;
    let { place } = timer;
    for (let below = 2 * place + 1; below < heap.length; below = 2 * place + 1) {
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
      if (!isBefore(heap[below]!, timer)) break;
      this.#stand(heap[below]!, place);
      place = below;
    }
    this.#stand(timer, place);
  }
}
