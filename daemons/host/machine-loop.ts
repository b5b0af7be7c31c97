// The shell around one machine: it keeps the machine's one timer and hands its effects to whoever performs them.

import type { Instant, Machine } from '../core/machine.ts';

/** setTimeout takes 31 bits; a longer wait is done in pieces. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Is called when a deadline has come, and calls `then` once when the machine may be told: at once, or after what came earlier was taken. */
export type BeforeDue = (then: () => void) => void;

export class MachineLoop<Input, Effect> {
  readonly #machine: Machine<Input, Effect>;
  readonly #now: () => Instant;
  readonly #due: Input;
  readonly #perform: (effect: Effect) => void;
  readonly #beforeDue: BeforeDue;
  #timer: NodeJS.Timeout | undefined;
  /** The deadline has come, and what is to be done before is being done. */
  #preparing = false;
  #stopped = false;

  /** `due` is the input that tells the machine that its deadline has come. Nothing happens before the first `step`. */
  constructor(machine: Machine<Input, Effect>, now: () => Instant, due: Input, perform: (effect: Effect) => void, beforeDue: BeforeDue = (then) => then()) {
    this.#machine = machine;
    this.#now = now;
    this.#due = due;
    this.#perform = perform;
    this.#beforeDue = beforeDue;
  }

  /** Takes an input, performs what it leads to, and sets the timer anew. After `stop` nothing is taken any more. */
  step(input: Input): void {
    if (this.#stopped) return;
    for (const effect of this.#machine.step(this.#now(), input)) this.#perform(effect);
    clearTimeout(this.#timer);
    const deadline = this.#machine.deadline();
    if (deadline === undefined || this.#stopped || this.#preparing) return;
    // Rounded up: a timer that fires early would only be set again.
    const waitMs = Math.min(Math.max(0, Math.ceil(deadline - this.#now())), TIMER_MAX_MS);
    this.#timer = setTimeout(() => this.#fire(), waitMs);
  }

  #fire(): void {
    this.#preparing = true;
    this.#beforeDue(() => {
      this.#preparing = false;
      this.step(this.#due);
    });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
