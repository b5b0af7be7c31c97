// What is done, in which order and for how long, to bring a blade's power to a goal. Each script is a coroutine that says what it wants
// next and is told what came of it and when; power-control.ts is the machine around it.

import type { Instant } from '../core/machine.ts';
import type { Abilities, ControllerAnswer, ControllerCommand, PowerState } from './power-answer.ts';
import { type Asked, READ_INTERVAL_MS, type Reading, SWITCH_LIMIT_MS, SwitchAttempt, type Switched } from './switch-attempt.ts';

/** How long a cycle leaves a blade without power: capacitors run empty, and whoever watches sees it. */
export const CYCLE_OFF_MS = 5_000;
/** Between two lines of progress while a blade shuts down. */
export const PROGRESS_MS = 10_000;
/** A press that came before the system listened to its button is lost, so it is repeated while the controller says "on". One that shuts down passes it over. */
export const PRESS_AGAIN_MS = 30_000;

/** What shall be reached. */
export type PowerGoal =
  | { readonly kind: 'status' | 'on' | 'off' | 'cycle' | 'prove-off' }
  /** Press the button, again now and then; when the blade is not off within the limit, take its power. */
  | { readonly kind: 'shutdown'; readonly limitMs: number };

/** What was reached. */
export interface PowerOutcome {
  readonly goal: PowerGoal['kind'];
  /** The goal was reached, as far as the controller can tell. */
  readonly ok: boolean;
  /** The last state that the controller told; `unknown` when it told none. */
  readonly state: PowerState;
  /** The controller itself said "off" after the command, for as long as PROOF_… ask. Only the goal `prove-off` ever sets it. */
  readonly provedOff: boolean;
  /** A shutdown took the power because the blade did not go off by itself. */
  readonly forced: boolean;
  /** Why it is so, in one sentence. */
  readonly reason: string;
}

/** What a script wants next. */
export type Want =
  | { readonly kind: 'ask'; readonly command: ControllerCommand }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'tell'; readonly text: string };

/** What it is told then; `answer` after `ask` only. */
export interface Heard {
  readonly now: Instant;
  readonly answer?: ControllerAnswer;
}

export type Script<T> = Generator<Want, T, Heard>;

function* ask(command: ControllerCommand): Script<Asked> {
  const { now: askedAt } = yield* wait(0);
  const { now, answer } = yield { kind: 'ask', command };
  return { askedAt, now, answer: answer! };
}

function* wait(ms: number): Script<{ readonly now: Instant }> {
  return { now: (yield { kind: 'wait', ms }).now };
}

function* tell(text: string): Script<void> {
  yield { kind: 'tell', text };
}

function* read(): Script<Reading> {
  const { askedAt, now, answer } = yield* ask('read');
  if (answer.kind === 'state') return { state: answer.state, said: answer.said, answered: true, askedAt, now };
  return { state: 'unknown', said: answer.kind === 'accepted' ? 'no state' : answer.reason, answered: false, askedAt, now };
}

/** Commands, and reads until the controller says what is wanted; with `prove` for as long as a proof takes. */
function* switchTo(wanted: 'on' | 'off', prove: boolean): Script<Switched> {
  const attempt = new SwitchAttempt(wanted, prove);
  const { now: began } = yield* wait(0);
  let now = began;
  for (;;) {
    if (attempt.wantsCommand(now)) {
      const asked = yield* ask(wanted);
      if (asked.answer.kind === 'unable') return { reached: false, state: 'unknown', reason: asked.answer.reason };
      const end = attempt.commanded(asked);
      if (end !== undefined) return end;
      now = asked.now;
    }
    const reading = yield* read();
    now = reading.now;
    const end = attempt.hears(reading);
    if (end !== undefined) return end;
    if (now - began >= SWITCH_LIMIT_MS && !attempt.inProof) return attempt.failure(reading);
    now = (yield* wait(attempt.pauseMs(now))).now;
  }
}

const outcome = (goal: PowerGoal, { reached, state, reason }: Switched, more: Partial<PowerOutcome> = {}): PowerOutcome => ({
  goal: goal.kind, ok: reached, state, provedOff: false, forced: false, reason, ...more,
});

/** Reads twice before it calls a state unknown: one lost answer of a busy BMC is nothing to report. */
function* status(goal: PowerGoal): Script<PowerOutcome> {
  let reading = yield* read();
  if (!reading.answered) {
    yield* wait(READ_INTERVAL_MS);
    reading = yield* read();
  }
  return outcome(goal, { reached: reading.state !== 'unknown', state: reading.state, reason: reading.said });
}

function* wake(goal: PowerGoal): Script<PowerOutcome> {
  const { answer } = yield* ask('on');
  if (answer.kind === 'accepted') return outcome(goal, { reached: true, state: 'unknown', reason: 'the magic packet was sent; whether the blade woke, nothing can tell' });
  return outcome(goal, { reached: false, state: 'unknown', reason: answer.kind === 'state' ? answer.said : answer.reason });
}

function* bring(goal: PowerGoal, wanted: 'on' | 'off'): Script<PowerOutcome> {
  const before = yield* read();
  if (before.state === wanted) return outcome(goal, { reached: true, state: wanted, reason: `it was ${wanted} already` });
  return outcome(goal, yield* switchTo(wanted, false));
}

function* cycle(goal: PowerGoal): Script<PowerOutcome> {
  const off = yield* switchTo('off', false);
  if (!off.reached) return outcome(goal, off, { reason: `it stays as it was: ${off.reason}` });
  yield* tell('off; on again in a moment');
  yield* wait(CYCLE_OFF_MS);
  return outcome(goal, yield* switchTo('on', false));
}

/** Presses the button until the controller takes it. Why it cannot be pressed, or undefined when it was. */
function* press(endsAt: Instant): Script<string | undefined> {
  for (;;) {
    const { now, answer } = yield* ask('soft');
    if (answer.kind === 'accepted') return undefined;
    if (answer.kind !== 'failed') return answer.kind === 'state' ? answer.said : answer.reason;
    if (now + READ_INTERVAL_MS >= endsAt) return answer.reason;
    yield* wait(READ_INTERVAL_MS);
  }
}

function* shutdown(goal: PowerGoal & { readonly kind: 'shutdown' }): Script<PowerOutcome> {
  const before = yield* read();
  if (before.state === 'off') return outcome(goal, { reached: true, state: 'off', reason: 'it was off already' });
  const endsAt = (before.now + goal.limitMs) as Instant;
  const hindrance = yield* press(endsAt);
  let why = `the power button could not be pressed (${hindrance})`;
  if (hindrance === undefined) {
    yield* tell('shutting down');
    let toldAt = before.now;
    let pressedAt = before.now;
    for (let reading = yield* read(); ; reading = yield* read()) {
      if (reading.state === 'off') return outcome(goal, { reached: true, state: 'off', reason: 'it shut down by itself' });
      if (reading.now >= endsAt) break;
      if (reading.state === 'on' && reading.now - pressedAt >= PRESS_AGAIN_MS) {
        // What the controller says to it is no news: the next reading tells.
        pressedAt = (yield* ask('soft')).now;
      }
      if (reading.now - toldAt >= PROGRESS_MS) {
        toldAt = reading.now;
        yield* tell(`shutting down, ${Math.round((endsAt - reading.now) / 1000)} s left ("${reading.said}")`);
      }
      yield* wait(Math.min(READ_INTERVAL_MS, endsAt - reading.now));
    }
    why = `it did not shut down within ${goal.limitMs / 1000} s`;
  }
  yield* tell(`${why}: its power is cut`);
  const off = yield* switchTo('off', false);
  return outcome(goal, off, off.reached ? { forced: true, reason: `${why}; its power was cut` } : { reason: `${why}, and its power could not be cut: ${off.reason}` });
}

function* proveOff(goal: PowerGoal): Script<PowerOutcome> {
  const off = yield* switchTo('off', true);
  return outcome(goal, off, { provedOff: off.reached });
}

/** The script of a goal. Without the abilities that it needs it ends at once, and says so. */
export function* powerScript(goal: PowerGoal, abilities: Abilities): Script<PowerOutcome> {
  const cannot = (reason: string): PowerOutcome => outcome(goal, { reached: false, state: 'unknown', reason });
  if (goal.kind === 'on') return abilities.reads ? yield* bring(goal, 'on') : yield* wake(goal);
  if (!abilities.reads) return cannot('this controller cannot tell the state, so nothing is proved');
  if (goal.kind === 'status') return yield* status(goal);
  if (!abilities.switchesOff) return cannot('this controller cannot switch off');
  switch (goal.kind) {
    case 'off':
      return yield* bring(goal, 'off');
    case 'cycle':
      return yield* cycle(goal);
    case 'shutdown':
      return yield* shutdown(goal);
    case 'prove-off':
      return yield* proveOff(goal);
  }
}
