// A queue for what may have to wait for long: bounded, the oldest make room, and how many did is counted.

export class DroppingQueue<T> {
  readonly #limit: number;
  #items: T[] = [];
  /** Items before this place were taken: they are let go in one go, for to shift each would cost a copy of the rest. */
  #start = 0;
  #dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#items.length - this.#start;
  }

  /** Adds an item; the oldest one goes when there is no room. */
  put(item: T): void {
    this.#items.push(item);
    if (this.size <= this.#limit) return;
    this.taken();
    this.#dropped += 1;
  }

  /** The oldest item; it stays until `taken` says that it arrived. Undefined when there is none. */
  first(): T | undefined {
    return this.#items[this.#start];
  }

  /** Lets the oldest item go. */
  taken(): void {
    if (this.size > 0) this.#start += 1;
    if (this.#start <= this.#limit && this.#start < this.#items.length) return;
    this.#items = this.#items.slice(this.#start);
    this.#start = 0;
  }

  /** How many were dropped since this was asked last. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}
