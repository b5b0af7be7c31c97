// Who is in whose view, who has just left it, and since when. Every view of a run comes here once, for all checkers.

import type { Observation } from './observation.ts';

const NOBODY: readonly number[] = [];

export class Absences {
  readonly #size: number;
  /** By `observer * size + subject`. */
  readonly #present: Uint8Array;
  readonly #sinceMs: Float64Array;
  readonly #seen: (readonly number[] | undefined)[];
  #gone: readonly number[] = NOBODY;

  /** Nodes have the numbers from 1 to `nodes`. */
  constructor(nodes: number) {
    this.#size = nodes + 1;
    this.#present = new Uint8Array(this.#size ** 2);
    this.#sinceMs = new Float64Array(this.#size ** 2);
    this.#seen = Array.from({ length: this.#size });
  }

  view(atMs: number, { node, alive }: Observation & { kind: 'view' }): void {
    const row = node * this.#size;
    const before = this.#seen[node] ?? NOBODY;
    for (const one of before) this.#present[row + one] = 0;
    for (const one of alive) this.#present[row + one] = 1;
    const gone: number[] = [];
    for (const one of before) {
      if (this.#present[row + one] === 1) continue;
      this.#sinceMs[row + one] = atMs;
      gone.push(one);
    }
    this.#gone = gone;
    this.#seen[node] = alive;
  }

  /** Whoever is started anew begins with nobody. */
  forget(atMs: number, node: number): void {
    this.view(atMs, { kind: 'view', node, alive: NOBODY, serving: NOBODY, suspects: NOBODY });
    this.#seen[node] = undefined;
  }

  /** Who was in the last view's predecessor, and is not in it. */
  get gone(): readonly number[] {
    return this.#gone;
  }

  isPresent(observer: number, subject: number): boolean {
    return this.#present[observer * this.#size + subject] === 1;
  }

  /** When it last left the view; 0: it never has. */
  sinceMs(observer: number, subject: number): number {
    return this.#sinceMs[observer * this.#size + subject]!;
  }
}
