// What is still to happen, the earliest first (a binary heap). Of two at the same time the one that was put in first comes first, so that
// the order never hangs on the heap's own.

/** Something that happens at a time of the simulation, in milliseconds. */
export interface SimulatedEvent {
  readonly atMs: number;
  readonly order: number;
  readonly happen: () => void;
}

const isBefore = (a: SimulatedEvent, b: SimulatedEvent): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export class EventQueue {
  readonly #heap: SimulatedEvent[] = [];
  #order = 0;

  put(atMs: number, happen: () => void): void {
    const heap = this.#heap;
    const event: SimulatedEvent = { atMs, order: this.#order++, happen };
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  /** Takes the earliest event out; undefined when there is none. */
  take(): SimulatedEvent | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
