// What strangers can cause is logged once in a minute, each event for itself.

import type { LogEffect } from '../core/log-effect.ts';
import { after, type Instant } from '../core/machine.ts';

const LOG_INTERVAL_MS = 60_000;

export class QuietLog {
  readonly #quietUntil = new Map<string, Instant>();

  /** True when it shall be said. */
  admits(now: Instant, { event }: LogEffect): boolean {
    const until = this.#quietUntil.get(event);
    if (until !== undefined && now < until) return false;
    this.#quietUntil.set(event, after(now, LOG_INTERVAL_MS));
    return true;
  }
}
