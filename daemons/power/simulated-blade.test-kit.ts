// A blade and its controller in simulated time: what the controller answers is a function of the time and of what it was asked before.

import type { Instant } from '../core/machine.ts';
import type { Abilities, ControllerAnswer, ControllerCommand, PowerState } from './power-answer.ts';
import { PowerControl } from './power-control.ts';
import type { PowerGoal, PowerOutcome } from './power-script.ts';

/** A question, and the answer it got. */
export interface Exchange {
  readonly askedAt: number;
  readonly command: ControllerCommand;
  readonly answer: ControllerAnswer;
}

/** Answers a question; undefined: never. */
export type Respond = (command: ControllerCommand, atMs: number, before: readonly Exchange[]) => ControllerAnswer | undefined;

export const BOTH: Abilities = { reads: true, switchesOff: true };
export const state = (state: PowerState): ControllerAnswer => ({ kind: 'state', state, said: `it is ${state}` });
export const accepted: ControllerAnswer = { kind: 'accepted' };
export const refused: ControllerAnswer = { kind: 'refused', reason: 'not now' };
export const failed: ControllerAnswer = { kind: 'failed', reason: 'timed out' };

/** What came of a goal. */
export interface Simulated {
  readonly outcome: PowerOutcome;
  readonly exchanges: readonly Exchange[];
  readonly progress: readonly string[];
  readonly tookMs: number;
}

/** A machine that takes longer than this is stuck. */
const END_MS = 24 * 3_600_000;
/** So is one that asks more often. */
const EXCHANGES_MAX = 5_000;

/** Pursues a goal in simulated time; each answer takes `answerMs`. */
export function simulate(goal: PowerGoal, respond: Respond, { abilities = BOTH, answerMs = 100 }: { abilities?: Abilities; answerMs?: number } = {}): Simulated {
  const control = new PowerControl(goal, abilities);
  const exchanges: Exchange[] = [];
  const progress: string[] = [];
  let now = 1000;
  const began = now;
  let effects = control.step(now as Instant, { kind: 'begin' });
  for (;;) {
    let pending: { id: number; exchange: Exchange } | undefined;
    for (const effect of effects) {
      if (effect.kind === 'progress') progress.push(effect.text);
      else if (effect.kind === 'done') return { outcome: effect.outcome, exchanges, progress, tookMs: now - began };
      else {
        const answer = respond(effect.command, now, exchanges);
        if (answer !== undefined) pending = { id: effect.id, exchange: { askedAt: now, command: effect.command, answer } };
      }
    }
    const deadline = control.deadline();
    if (deadline === undefined || deadline > END_MS || exchanges.length > EXCHANGES_MAX) throw new Error(`stuck at ${now} after ${exchanges.length} exchanges`);
    if (pending === undefined) {
      now = deadline;
      effects = control.step(now as Instant, { kind: 'due' });
    } else {
      now += answerMs;
      exchanges.push(pending.exchange);
      effects = control.step(now as Instant, { kind: 'answer', id: pending.id, answer: pending.exchange.answer });
    }
  }
}

/** A plain blade: it obeys `on` and `off` at once, `soft` after a while (Infinity: never); a press while it shuts down changes nothing. */
export function plainBlade(first: 'on' | 'off', softMs = Infinity): Respond {
  let is = first;
  let goesOffAt = Infinity;
  return (command, atMs) => {
    if (atMs >= goesOffAt) is = 'off';
    if (command === 'read') return state(is);
    if (command !== 'soft') goesOffAt = Infinity;
    else if (is === 'on') goesOffAt = Math.min(goesOffAt, atMs + softMs);
    if (command !== 'soft') is = command;
    return accepted;
  };
}

/** The commands, without the readings. */
export const commandsOf = ({ exchanges }: Simulated): string => exchanges.map(({ command }) => command).filter((command) => command !== 'read').join(' ');
