// The clocks: that of the machines never jumps, and its origin means nothing; that of records begins in 1970.

import type { Instant } from '../core/machine.ts';

/** Milliseconds since this process began, with fractions. */
export function now(): Instant {
  return performance.now() as Instant;
}

/** Milliseconds since 1970 that never jump within this process: for records, whose distances shall be true whatever sets the clock. */
export function recordTime(): number {
  return Math.round(performance.timeOrigin + performance.now());
}
