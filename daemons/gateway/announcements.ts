// When a holder tells its networks that the addresses are its own: at its takeover and a few times behind it, then now and then, and all over
// again when somebody may have believed another.

import { after, type Instant } from '../core/machine.ts';

/** After a takeover its ARP is repeated, for a frame may be lost, and a switch may learn late. Milliseconds after the decision. */
export const ANNOUNCE_AT_MS: readonly number[] = [0, 50, 250, 1000, 5000];
/**
 * And then once in this time, as long as it holds: a host that could be heard and did not hear (a cable with one good pair, a switch that forgot a
 * group) is missed by nobody, and only this tells it. One small frame for each address.
 */
export const ANNOUNCE_AGAIN_MS = 5000;

export class Announcements {
  #from: Instant | undefined;
  #done = 0;
  #dueAt: Instant | undefined;

  /** All of them once more, counted from now: the takeover, or the last word of a rival. */
  anew(now: Instant): void {
    this.#from = now;
    this.#done = 0;
    this.#dueAt = now;
  }

  /** None any more. */
  stop(): void {
    this.#from = undefined;
    this.#dueAt = undefined;
  }

  /** When the next one is due; undefined: this node is no holder. */
  deadline(): Instant | undefined {
    return this.#dueAt;
  }

  /** True when one is due, which counts as made then. */
  take(now: Instant): boolean {
    if (this.#from === undefined || this.#dueAt === undefined || now < this.#dueAt) return false;
    this.#done += 1;
    const afterMs = ANNOUNCE_AT_MS[this.#done];
    // Counted from now, not from when it was due: who was stopped for an hour does not owe hundreds.
    this.#dueAt = afterMs === undefined ? after(now, ANNOUNCE_AGAIN_MS) : after(this.#from, afterMs);
    return true;
  }
}
