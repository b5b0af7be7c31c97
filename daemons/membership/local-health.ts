// Lifeguard's local health: a node that misses answers which others get, has to refute what is said of it, or is stepped late, doubts itself
// and gives the others more time.

import { HEALTH_WORST } from './membership-limits.ts';

export class LocalHealth {
  #score = 0;

  /** Positive: worse. */
  change(by: number): void {
    this.#score = Math.min(HEALTH_WORST, Math.max(0, this.#score + by));
  }

  /** What a time-out becomes. */
  stretch(timeoutMs: number): number {
    return timeoutMs * (this.#score + 1);
  }

  /** 0 is well, HEALTH_WORST the worst. */
  get score(): number {
    return this.#score;
  }
}
