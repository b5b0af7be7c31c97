// What is still to happen, the earliest first (a binary heap). Of two at the same time the one that was put in first comes first, so that
// the order never hangs on the heap's own. Times stand in typed arrays: as fields of objects each would be an object by itself.

const FIRST_ROOM = 1024;

export class EventQueue {
  #atMs = new Float64Array(FIRST_ROOM);
  #orders = new Float64Array(FIRST_ROOM);
  readonly #happenings: (() => void)[] = [];
  #order = 0;

  /** At a time of the simulation, in milliseconds. */
  put(atMs: number, happen: () => void): void {
    let at = this.#happenings.length;
    if (at === this.#atMs.length) this.#grow();
    this.#happenings.push(happen);
    const times = this.#atMs;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      // What is put in later comes later, of the same time too.
      if (times[parent]! <= atMs) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#set(at, atMs, this.#order++, happen);
  }

  /** When the earliest event happens; Infinity: there is none. */
  get nextMs(): number {
    return this.#happenings.length === 0 ? Infinity : this.#atMs[0]!;
  }

  /** Takes the earliest event out; undefined when there is none. */
  take(): (() => void) | undefined {
    const happenings = this.#happenings;
    const first = happenings[0];
    const last = happenings.pop();
    const size = happenings.length;
    if (size === 0 || last === undefined) return first;
    const atMs = this.#atMs[size]!;
    const order = this.#orders[size]!;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && this.#isBefore(child + 1, this.#atMs[child]!, this.#orders[child]!)) child += 1;
      if (!this.#isBefore(child, atMs, order)) break;
      this.#move(child, at);
      at = child;
    }
    this.#set(at, atMs, order, last);
    return first;
  }

  #isBefore(at: number, atMs: number, order: number): boolean {
    const own = this.#atMs[at]!;
    return own < atMs || (own === atMs && this.#orders[at]! < order);
  }

  #set(at: number, atMs: number, order: number, happen: () => void): void {
    this.#atMs[at] = atMs;
    this.#orders[at] = order;
    this.#happenings[at] = happen;
  }

  #move(from: number, to: number): void {
    this.#atMs[to] = this.#atMs[from]!;
    this.#orders[to] = this.#orders[from]!;
    this.#happenings[to] = this.#happenings[from]!;
  }

  #grow(): void {
    const larger = (from: Float64Array): Float64Array<ArrayBuffer> => {
      const to = new Float64Array(2 * from.length);
      to.set(from);
      return to;
    };
    this.#atMs = larger(this.#atMs);
    this.#orders = larger(this.#orders);
  }
}
