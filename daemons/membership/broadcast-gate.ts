// How often a node may broadcast: a few at once, then one after another.

import { after } from '../core/machine.ts';
import type { Instant } from '../core/machine.ts';
import { BROADCAST_BURST, BROADCAST_REFILL_MS } from './membership-limits.ts';

export class BroadcastGate {
  #tokens = BROADCAST_BURST;
  /** Since when the next token grows. */
  #since: Instant | undefined;

  /** True: it may be sent now, and is counted. */
  pass(now: Instant): boolean {
    this.#refill(now);
    if (this.#tokens === 0) return false;
    this.#tokens -= 1;
    return true;
  }

  /** When the next one may be sent. */
  nextAt(now: Instant): Instant {
    this.#refill(now);
    return this.#tokens > 0 || this.#since === undefined ? now : after(this.#since, BROADCAST_REFILL_MS);
  }

  #refill(now: Instant): void {
    this.#since ??= now;
    const grown = Math.floor((now - this.#since) / BROADCAST_REFILL_MS);
    this.#tokens = Math.min(BROADCAST_BURST, this.#tokens + grown);
    this.#since = this.#tokens === BROADCAST_BURST ? now : after(this.#since, grown * BROADCAST_REFILL_MS);
  }
}
