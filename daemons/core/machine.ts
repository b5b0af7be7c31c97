// The one shape of everything that lives in time: stepped from outside, it returns what is to be done and does nothing.

declare const instantBrand: unique symbol;
/** Milliseconds on a monotonic clock of arbitrary origin. */
export type Instant = number & { readonly [instantBrand]: true };

/** The instant `ms` milliseconds after `from`. */
export const after = (from: Instant, ms: number): Instant => (from + ms) as Instant;

/** A state machine without clock, socket or chance of its own. */
export interface Machine<Input, Effect> {
  /** Takes one input at the time `now` and returns what is to be done, in order. */
  step(now: Instant, input: Input): readonly Effect[];
  /** When the machine wants to be stepped next although nothing happened; undefined: never. */
  deadline(): Instant | undefined;
}
