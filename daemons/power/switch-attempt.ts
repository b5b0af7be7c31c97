// One attempt to bring a blade on or off: when the command is given again, what counts as reached, and what as proved.

import type { Instant } from '../core/machine.ts';
import type { ControllerAnswer, PowerState } from './power-answer.ts';

/** Between two readings while something is waited for. */
export const READ_INTERVAL_MS = 2_000;
/** How long a blade may take to be on or off after it was commanded: a BMC's own sequence takes some 10 s. */
export const SWITCH_LIMIT_MS = 60_000;
/** A command that had no effect for so long is given again. */
export const COMMAND_AGAIN_MS = 15_000;
/** How often a command is given at most. */
export const COMMANDS_MAX = 3;
/** A controller that fails so often in a row is given up. */
export const FAILURES_MAX = 3;
/** Proved off takes so many readings of "off" in a row, with nothing else between them … */
export const PROOF_READINGS = 2;
/** … and so long from the first to the last: longer than a BMC keeps an old state in mind. */
export const PROOF_INTERVAL_MS = 3_000;
/**
 * The same when the controller refused the command, as many do for a blade that is off. It may be off only for the moment, in the
 * middle of somebody's power cycle, which lasts 10 s at most with usual BMCs and which an accepted command would have ended.
 */
export const REFUSED_PROOF_INTERVAL_MS = 15_000;

/** A question that has been answered. */
export interface Asked {
  readonly askedAt: Instant;
  readonly now: Instant;
  readonly answer: ControllerAnswer;
}

/** A state, and what it rests on. */
export interface Reading {
  readonly state: PowerState;
  readonly said: string;
  /** The controller gave an answer at all. */
  readonly answered: boolean;
  readonly askedAt: Instant;
  readonly now: Instant;
}

/** How an attempt to switch ended. */
export interface Switched {
  readonly reached: boolean;
  readonly state: PowerState;
  readonly reason: string;
}

/** One attempt to bring a blade on or off: what is remembered of it from one reading to the next. */
export class SwitchAttempt {
  readonly wanted: 'on' | 'off';
  readonly prove: boolean;
  #commands = 0;
  #commandedAt: Instant | undefined;
  #last: ControllerAnswer | undefined;
  #answeredCommand: 'accepted' | 'refused' | undefined;
  #failures = 0;
  #since: Instant | undefined;
  #readings = 0;

  constructor(wanted: 'on' | 'off', prove: boolean) {
    this.wanted = wanted;
    this.prove = prove;
  }

  /** True when the command is to be given (again) now. */
  wantsCommand(now: Instant): boolean {
    if (this.#commands >= COMMANDS_MAX || this.#since !== undefined) return false;
    return this.#commandedAt === undefined || this.#last?.kind === 'failed' || now - this.#commandedAt >= COMMAND_AGAIN_MS;
  }

  /** Takes what came of the command; the end of the attempt, if this is it. */
  commanded({ now, answer }: Asked): Switched | undefined {
    this.#commands += 1;
    this.#commandedAt = now;
    this.#last = answer;
    if (answer.kind === 'accepted' || answer.kind === 'refused') this.#answeredCommand = answer.kind;
    this.#failures = answer.kind === 'failed' ? this.#failures + 1 : 0;
    return answer.kind === 'failed' ? this.#givenUp('unknown', answer.reason) : undefined;
  }

  #givenUp(state: PowerState, said: string): Switched | undefined {
    return this.#failures >= FAILURES_MAX ? { reached: false, state, reason: `the controller gives no answer: ${said}` } : undefined;
  }

  /** Takes a reading; the end of the attempt, if this is it. */
  hears(reading: Reading): Switched | undefined {
    const { state, said, answered, now } = reading;
    this.#failures = answered ? 0 : this.#failures + 1;
    if (state !== this.wanted) {
      this.#since = undefined;
      this.#readings = 0;
      return this.#givenUp(state, said);
    }
    if (!this.prove) return { reached: true, state, reason: said };
    // A reading counts only behind a command that the controller has answered: before it, somebody else's "on" may be under way.
    if (this.#answeredCommand === undefined) return this.#commands < COMMANDS_MAX ? undefined : { reached: false, state, reason: `the controller says "${said}", but took no command${this.#lastWord()}` };
    this.#readings += 1;
    this.#since ??= now;
    const spanMs = reading.askedAt - this.#since;
    if (this.#readings < PROOF_READINGS || spanMs < this.#proofMs()) return undefined;
    const refused = this.#last?.kind === 'refused' ? `; it had refused the command (${this.#last.reason})` : '';
    return { reached: true, state, reason: `the controller said "${said}" ${this.#readings} times within ${(spanMs / 1000).toFixed(1)} s after the command${refused}` };
  }

  /** How long to wait for the next reading. */
  pauseMs(now: Instant): number {
    return this.#since === undefined ? READ_INTERVAL_MS : Math.min(READ_INTERVAL_MS, Math.max(0, this.#since + this.#proofMs() - now));
  }

  /** A proof that is under way is not broken off: it ends by itself. */
  get inProof(): boolean {
    return this.#since !== undefined;
  }

  /** Why it did not succeed: the controller's last word on the command, then on the state. */
  failure({ state, said }: Reading): Switched {
    return { reached: false, state, reason: `after ${SWITCH_LIMIT_MS / 1000} s not ${this.wanted} but "${said}"${this.#lastWord()}` };
  }

  #lastWord(): string {
    const last = this.#last;
    return last === undefined || last.kind === 'accepted' || last.kind === 'state' ? '' : `; the command "${this.wanted}": ${last.reason}`;
  }

  #proofMs(): number {
    return this.#answeredCommand === 'accepted' ? PROOF_INTERVAL_MS : REFUSED_PROOF_INTERVAL_MS;
  }
}
