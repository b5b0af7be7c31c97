// The shell around one machine: it keeps the machine's one timer and hands its effects to whoever performs them.

import type { Instant, Machine } from '../core/machine.ts';

/** setTimeout takes 31 bits; a longer wait is done in pieces. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export class MachineLoop<Input, Effect> {
  readonly #machine: Machine<Input, Effect>;
  readonly #now: () => Instant;
  readonly #due: Input;
  readonly #perform: (effect: Effect) => void;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** `due` is the input that tells the machine that its deadline has come. Nothing happens before the first `step`. */
  constructor(machine: Machine<Input, Effect>, now: () => Instant, due: Input, perform: (effect: Effect) => void) {
    this.#machine = machine;
    this.#now = now;
    this.#due = due;
    this.#perform = perform;
  }

  /** Takes an input, performs what it leads to, and sets the timer anew. After `stop` nothing is taken any more. */
  step(input: Input): void {
    if (this.#stopped) return;
    for (const effect of this.#machine.step(this.#now(), input)) this.#perform(effect);
    clearTimeout(this.#timer);
    const deadline = this.#machine.deadline();
    if (deadline === undefined || this.#stopped) return;
    // Rounded up: a timer that fires early would only be set again.
    const waitMs = Math.min(Math.max(0, Math.ceil(deadline - this.#now())), TIMER_MAX_MS);
    this.#timer = setTimeout(() => this.step(this.#due), waitMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
