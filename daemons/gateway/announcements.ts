// When a holder tells its networks that the addresses are its own: at its takeover and a few times behind it, and all over again when somebody may
// have believed another.

import { after, type Instant } from '../core/machine.ts';

/** After a takeover its ARP is repeated, for a frame may be lost, and a switch may learn late. Milliseconds after the decision. */
export const ANNOUNCE_AT_MS: readonly number[] = [0, 50, 250, 1000, 5000];

export class Announcements {
  #from: Instant | undefined;
  #done = 0;

  /** All of them once more, counted from now: the takeover, or the last word of a rival. */
  anew(now: Instant): void {
    this.#from = now;
    this.#done = 0;
  }

  /** None any more. */
  stop(): void {
    this.#from = undefined;
  }

  /** When the next one is due; undefined: there is none. */
  deadline(): Instant | undefined {
    const afterMs = ANNOUNCE_AT_MS[this.#done];
    return this.#from === undefined || afterMs === undefined ? undefined : after(this.#from, afterMs);
  }

  /** True when one is due, which counts as made then. */
  take(now: Instant): boolean {
    const due = this.deadline();
    if (due === undefined || now < due) return false;
    this.#done += 1;
    return true;
  }
}
