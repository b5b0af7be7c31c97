// The machine that brings one blade's power to one goal. It asks the controller one thing at a time, and ends with an outcome whatever
// the controller does.

import { after, type Instant, type Machine } from '../core/machine.ts';
import type { Abilities, ControllerAnswer, ControllerCommand } from './power-answer.ts';
import { type Heard, type PowerGoal, type PowerOutcome, powerScript, type Script } from './power-script.ts';

/** A shell that says nothing for so long is taken to have failed; its own limits are shorter. */
export const ANSWER_LIMIT_MS = 180_000;

export type PowerInput =
  | { readonly kind: 'begin' }
  /** To the `ask` with this id. */
  | { readonly kind: 'answer'; readonly id: number; readonly answer: ControllerAnswer }
  /** The deadline has come. */
  | { readonly kind: 'due' };

export type PowerEffect =
  | { readonly kind: 'ask'; readonly id: number; readonly command: ControllerCommand }
  /** A line for whoever watches. */
  | { readonly kind: 'progress'; readonly text: string }
  /** The last effect. */
  | { readonly kind: 'done'; readonly outcome: PowerOutcome };

/** What is waited for: an answer until a time, or just a time. */
type Waiting = { readonly kind: 'answer'; readonly id: number; readonly untilMs: Instant } | { readonly kind: 'time'; readonly untilMs: Instant };

export class PowerControl implements Machine<PowerInput, PowerEffect> {
  readonly #script: Script<PowerOutcome>;
  #waiting: Waiting | undefined;
  #lastId = 0;
  #begun = false;

  constructor(goal: PowerGoal, abilities: Abilities) {
    this.#script = powerScript(goal, abilities);
  }

  deadline(): Instant | undefined {
    return this.#waiting?.untilMs;
  }

  /** An answer to anything but the present question is too late, and ignored; so is everything after the end. */
  step(now: Instant, input: PowerInput): readonly PowerEffect[] {
    if (input.kind === 'begin') {
      if (this.#begun) return [];
      this.#begun = true;
      return this.#resume({ now });
    }
    const waiting = this.#waiting;
    if (waiting === undefined) return [];
    if (input.kind === 'answer') return waiting.kind === 'answer' && waiting.id === input.id ? this.#resume({ now, answer: input.answer }) : [];
    if (now < waiting.untilMs) return [];
    return this.#resume(waiting.kind === 'time' ? { now } : { now, answer: { kind: 'failed', reason: `no answer within ${ANSWER_LIMIT_MS / 1000} s` } });
  }

  #resume(heard: Heard): readonly PowerEffect[] {
    const effects: PowerEffect[] = [];
    const { now } = heard;
    this.#waiting = undefined;
    for (let turn = this.#script.next(heard); ; turn = this.#script.next({ now })) {
      if (turn.done === true) return [...effects, { kind: 'done', outcome: turn.value }];
      const want = turn.value;
      if (want.kind === 'ask') {
        this.#lastId += 1;
        this.#waiting = { kind: 'answer', id: this.#lastId, untilMs: after(now, ANSWER_LIMIT_MS) };
        return [...effects, { kind: 'ask', id: this.#lastId, command: want.command }];
      }
      if (want.kind === 'tell') effects.push({ kind: 'progress', text: want.text });
      else if (want.ms > 0) {
        this.#waiting = { kind: 'time', untilMs: after(now, want.ms) };
        return effects;
      }
    }
  }
}
