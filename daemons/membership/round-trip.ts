// How long the answers of one node take: the estimate that TCP goes by (RFC 6298, section 2), within the bounds of the membership.

import { ACK_TIMEOUT_MAX_MS, ACK_TIMEOUT_MS } from './membership-limits.ts';

/** Weights of a new measurement (RFC 6298: alpha and beta), and of the variation in the time-out. */
const [SMOOTH, VARY, VARIATIONS] = [1 / 8, 1 / 4, 4];

export class RoundTrip {
  #smoothMs: number | undefined;
  #variationMs = 0;

  /** An answer came after so long. */
  measured(ms: number): void {
    if (this.#smoothMs === undefined) {
      this.#smoothMs = ms;
      this.#variationMs = ms / 2;
      return;
    }
    this.#variationMs += VARY * (Math.abs(this.#smoothMs - ms) - this.#variationMs);
    this.#smoothMs += SMOOTH * (ms - this.#smoothMs);
  }

  /** How long an answer is waited for, in milliseconds. */
  get timeoutMs(): number {
    return Math.min(ACK_TIMEOUT_MAX_MS, Math.max(ACK_TIMEOUT_MS, (this.#smoothMs ?? 0) + VARIATIONS * this.#variationMs));
  }
}
