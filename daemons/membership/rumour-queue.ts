// What rides along with pings and answers, so that news reaches whom its broadcast missed. One entry for each node of the roster at most.

const NOTHING: readonly number[] = [];
/** What has been told or was replaced is cleared away when there is more of it than this, and than of the rest. */
const LITTER_MAX = 64;

/** A node there is news of, and how often it is still to be told; 0: it counts for nothing any more. */
interface Rumour {
  readonly node: number;
  left: number;
}

export class RumourQueue {
  readonly #current = new Map<number, Rumour>();
  /** Those that have waited longest first, from `#from` on. */
  #queue: Rumour[] = [];
  #from = 0;

  /** News of `node`: told `times` from now on, whatever was still to be told of it. */
  add(node: number, times: number): void {
    this.remove(node);
    const rumour = { node, left: times };
    this.#current.set(node, rumour);
    // Behind the others: what has been told less often stands in front.
    this.#queue.push(rumour);
  }

  remove(node: number): void {
    const rumour = this.#current.get(node);
    if (rumour === undefined) return;
    rumour.left = 0;
    this.#current.delete(node);
  }

  /** The next ones, `count` at most, those first that waited longest. */
  take(count: number): readonly number[] {
    if (this.#current.size === 0) return NOTHING;
    const taken: number[] = [];
    const end = this.#queue.length;
    while (taken.length < count && this.#from < end) {
      const rumour = this.#queue[this.#from++]!;
      if (rumour.left === 0) continue;
      taken.push(rumour.node);
      rumour.left -= 1;
      if (rumour.left > 0) this.#queue.push(rumour);
      else this.#current.delete(rumour.node);
    }
    if (this.#queue.length > 2 * this.#current.size + LITTER_MAX) this.#clearAway();
    return taken;
  }

  #clearAway(): void {
    this.#queue = this.#queue.slice(this.#from).filter(({ left }) => left > 0);
    this.#from = 0;
  }

  get size(): number {
    return this.#current.size;
  }
}
