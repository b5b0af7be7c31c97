// When to send a router advertisement. RFC 4861 section 6.2.1 has routers wait minutes between two; here each is meant for an
// iPXE that stands still until it hears one, so they are frequent, and only as many nodes send them as it takes.

import { after, type Instant, type Machine } from '../core/machine.ts';

/** iPXE that begins to listen waits for half of this on average, instead of 16 s in vain. */
export const PERIOD_MS = 2500;
/** A boot request is followed by an advertisement at once, but a rack that is switched on does not make it a storm. */
export const GAP_MIN_MS = 300;
/** Two senders: one may die. A thousand would be 400 multicasts a second. */
export const SENDERS = 2;

export type AdvertiserInput =
  | { readonly kind: 'live'; readonly nodes: readonly number[] }
  /** This node takes part, or leaves it to the others: it is drained, or not the cluster's any more. */
  | { readonly kind: 'duty'; readonly onDuty: boolean }
  /** A blade has begun to boot: its network card asked for an address. */
  | { readonly kind: 'boot-request' }
  | { readonly kind: 'timer' };

export interface AdvertiserEffect {
  readonly kind: 'advertise';
}

export class RouterAdvertiser implements Machine<AdvertiserInput, AdvertiserEffect> {
  readonly #self: number;
  #sender = true;
  #onDuty = true;
  #sentAt: Instant | undefined;
  #due: Instant;

  /** Alone until the first `live`: the first advertisement is due at once. */
  constructor(self: number, now: Instant) {
    this.#self = self;
    this.#due = now;
  }

  deadline(): Instant | undefined {
    return this.#sender && this.#onDuty ? this.#due : undefined;
  }

  step(now: Instant, input: AdvertiserInput): readonly AdvertiserEffect[] {
    if (input.kind === 'live') {
      const others = input.nodes.filter((number) => number < this.#self);
      this.#sender = others.length < SENDERS;
    } else if (input.kind === 'duty') {
      this.#onDuty = input.onDuty;
    } else if (input.kind === 'boot-request') {
      const earliest = this.#sentAt === undefined ? now : after(this.#sentAt, GAP_MIN_MS);
      this.#due = Math.min(this.#due, Math.max(now, earliest)) as Instant;
    }
    if (!this.#sender || !this.#onDuty || now < this.#due) return [];
    this.#sentAt = now;
    this.#due = after(now, PERIOD_MS);
    return [{ kind: 'advertise' }];
  }
}
