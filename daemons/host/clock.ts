// The one clock of the machines: it never jumps, and its origin means nothing.

import type { Instant } from '../core/machine.ts';

/** Milliseconds since this process began, with fractions. */
export function now(): Instant {
  return performance.now() as Instant;
}
