// A clock that stands still while its process does: how long a peer was silent *while somebody listened*.

import { after, type Instant } from '../core/machine.ts';

/** Advanced at each step of its machine. A gap between two steps counts for `lateMaxMs` at most. */
export class AttendedClock {
  readonly #lateMaxMs: number;
  #steppedAt: Instant | undefined;
  #attendedMs = 0;

  constructor(lateMaxMs: number) {
    this.#lateMaxMs = lateMaxMs;
  }

  /** Tells the clock that its machine is stepped now. Returns the true milliseconds since the step before; 0 at the first. */
  advance(now: Instant): number {
    const gapMs = this.#steppedAt === undefined ? 0 : Math.max(0, now - this.#steppedAt);
    this.#attendedMs += Math.min(gapMs, this.#lateMaxMs);
    this.#steppedAt = now;
    return gapMs;
  }

  /** Milliseconds attended since the first step. */
  get ms(): number {
    return this.#attendedMs;
  }

  /** When this clock will show `ms`, if the machine is stepped in time until then; the last step's instant when it does so already. */
  instantOf(ms: number): Instant | undefined {
    return this.#steppedAt && after(this.#steppedAt, Math.max(0, ms - this.#attendedMs));
  }
}
