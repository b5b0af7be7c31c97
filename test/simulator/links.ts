// Which host hears which on one network: how many faults are between each two, and since when.

const NEVER = Infinity;

export class Links {
  readonly #size: number;
  /** How many faults are between two hosts, by `from * size + to`, and since when there is none. */
  readonly #blocks: Uint16Array;
  readonly #openSinceMs: Float64Array;
  /** When it last began or ceased to be open. */
  readonly #turnedMs: Float64Array;

  /** Hosts have the numbers from 1 to `hosts`. */
  constructor(hosts: number) {
    this.#size = hosts + 1;
    this.#blocks = new Uint16Array(this.#size ** 2);
    this.#openSinceMs = new Float64Array(this.#size ** 2);
    this.#turnedMs = new Float64Array(this.#size ** 2);
  }

  /** One fault more (1) or less (-1) is between the two. */
  block(nowMs: number, from: number, to: number, change: 1 | -1): void {
    const link = from * this.#size + to;
    const wasOpen = this.#blocks[link] === 0;
    this.#blocks[link]! += change;
    if (wasOpen !== (this.#blocks[link] === 0)) this.#turnedMs[link] = nowMs;
    this.#openSinceMs[link] = this.#blocks[link] === 0 ? nowMs : NEVER;
  }

  isOpen(from: number, to: number): boolean {
    return this.#blocks[from * this.#size + to] === 0;
  }

  /** Infinity: it is not. */
  openSinceMs(from: number, to: number): number {
    return this.#openSinceMs[from * this.#size + to]!;
  }

  turnedMs(from: number, to: number): number {
    return this.#turnedMs[from * this.#size + to]!;
  }
}
