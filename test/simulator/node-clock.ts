// The clock of one node, as its machines see it: monotonic, of an origin of its own, a little fast or slow. A jump goes forward only, as
// that of a machine that was suspended; setting the wall clock does not reach the clock that daemons/host/clock.ts reads.

import type { Instant } from '../../daemons/core/machine.ts';

const MILLION = 1_000_000;

export class NodeClock {
  /** Where the line of the clock begins: at this time of the simulation it shows that instant. */
  #fromMs = 0;
  #shown: number;
  /** Milliseconds of this clock in one of the simulation. */
  #rate = 1;

  constructor(originMs: number) {
    this.#shown = originMs;
  }

  /** What the clock shows at a time of the simulation. */
  at(ms: number): Instant {
    return (this.#shown + (ms - this.#fromMs) * this.#rate) as Instant;
  }

  /** How long the simulation goes on until the clock has gone on by `ms`. */
  simulated(ms: number): number {
    return ms / this.#rate;
  }

  #beginAt(ms: number): void {
    this.#shown = this.at(ms);
    this.#fromMs = ms;
  }

  /** From now on the clock is fast by so many parts in a million; slow, when negative. */
  drift(nowMs: number, ppm: number): void {
    this.#beginAt(nowMs);
    this.#rate = 1 + ppm / MILLION;
  }

  jump(nowMs: number, byMs: number): void {
    this.#beginAt(nowMs);
    this.#shown += byMs;
  }
}
