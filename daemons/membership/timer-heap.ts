// The timers of a machine by name: a binary heap. A timer that is set anew or cleared leaves its old entry behind, which counts for nothing.

import type { Instant } from '../core/machine.ts';

/** Entries that count for nothing may be so many more than the timers before the heap is made anew. */
const LITTER_MAX = 64;

interface Entry {
  readonly at: Instant;
  readonly key: string;
}

export interface DueTimer {
  readonly key: string;
  readonly at: Instant;
}

/** At most one timer for each key. */
export class TimerHeap {
  #heap: Entry[] = [];
  readonly #at = new Map<string, Instant>();

  set(key: string, at: Instant): void {
    this.#at.set(key, at);
    this.#push({ at, key });
    if (this.#heap.length > 2 * this.#at.size + LITTER_MAX) this.#rebuild();
  }

  clear(key: string): void {
    this.#at.delete(key);
  }

  at(key: string): Instant | undefined {
    return this.#at.get(key);
  }

  /** When the first timer is due; undefined: there is none. */
  next(): Instant | undefined {
    while (this.#heap.length > 0) {
      const { at, key } = this.#heap[0]!;
      if (this.#at.get(key) === at) return at;
      this.#pop();
    }
    return undefined;
  }

  /** Takes out the first timer that is due at `now`. Those of one instant come in the order of their keys. */
  takeDue(now: Instant): DueTimer | undefined {
    const next = this.next();
    if (next === undefined || next > now) return undefined;
    const { key, at } = this.#heap[0]!;
    this.#pop();
    this.#at.delete(key);
    return { key, at };
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [key, at] of this.#at) this.#push({ at, key });
  }

  #before(a: Entry, b: Entry): boolean {
    return a.at < b.at || (a.at === b.at && a.key < b.key);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (let child = 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && this.#before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!this.#before(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}
