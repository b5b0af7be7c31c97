// What rides along with pings and answers, so that news reaches whom its broadcast missed. One entry for each node of the roster at most.

/** A node there is news of, and how often it is still to be told. */
export class RumourQueue {
  readonly #left = new Map<number, number>();

  /** News of `node`: told `times` from now on, whatever was still to be told of it. */
  add(node: number, times: number): void {
    // Behind the others: what has been told less often stands in front.
    this.#left.delete(node);
    this.#left.set(node, times);
  }

  remove(node: number): void {
    this.#left.delete(node);
  }

  /** The next ones, `count` at most, those first that waited longest. */
  take(count: number): readonly number[] {
    const taken: number[] = [];
    for (const node of this.#left.keys()) {
      if (taken.length === count) break;
      taken.push(node);
    }
    for (const node of taken) {
      const left = this.#left.get(node)! - 1;
      this.#left.delete(node);
      if (left > 0) this.#left.set(node, left);
    }
    return taken;
  }

  get size(): number {
    return this.#left.size;
  }
}
