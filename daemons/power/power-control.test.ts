// The machine, its scripts and their attempts, against blades in simulated time.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Instant } from '../core/machine.ts';
import type { ControllerAnswer } from './power-answer.ts';
import { ANSWER_LIMIT_MS, PowerControl } from './power-control.ts';
import { CYCLE_OFF_MS, type PowerGoal, PRESS_AGAIN_MS } from './power-script.ts';
import { accepted, BOTH, commandsOf, failed, plainBlade, refused, type Respond, simulate, type Simulated, state } from './simulated-blade.test-kit.ts';
import { COMMANDS_MAX, PROOF_INTERVAL_MS, PROOF_READINGS, REFUSED_PROOF_INTERVAL_MS, SWITCH_LIMIT_MS } from './switch-attempt.ts';

const PROVE: PowerGoal = { kind: 'prove-off' };
const SHUTDOWN: PowerGoal = { kind: 'shutdown', limitMs: 120_000 };
const silent: Respond = () => failed;

/** The readings at the end of a run that said "off" without anything else between them. */
function lastOffs({ exchanges }: Simulated): readonly { askedAt: number }[] {
  const at = exchanges.findLastIndex(({ command, answer }) => command !== 'read' || answer.kind !== 'state' || answer.state !== 'off');
  return exchanges.slice(at + 1);
}

describe('proved off', () => {
  test('two readings of "off" behind an accepted command, the named interval apart', () => {
    const run = simulate(PROVE, plainBlade('on'));
    expect(run.outcome).toMatchObject({ goal: 'prove-off', ok: true, provedOff: true, state: 'off' });
    expect(commandsOf(run)).toBe('off');
    const offs = lastOffs(run);
    expect(offs.length).toBeGreaterThanOrEqual(PROOF_READINGS);
    expect(offs.at(-1)!.askedAt - offs[0]!.askedAt).toBeGreaterThanOrEqual(PROOF_INTERVAL_MS);
  });

  test('a blade that says it is off is commanded all the same', () => {
    expect(simulate(PROVE, plainBlade('off')).exchanges[0]!.command).toBe('off');
  });

  test('a refused command takes longer, for it may be off only for a moment', () => {
    const run = simulate(PROVE, (command) => (command === 'read' ? state('off') : refused));
    expect(run.outcome).toMatchObject({ provedOff: true, reason: expect.stringContaining('refused the command (not now)') as string });
    const offs = lastOffs(run);
    expect(offs.at(-1)!.askedAt - offs[0]!.askedAt).toBeGreaterThanOrEqual(REFUSED_PROOF_INTERVAL_MS);
  });

  test('off in the middle of a power cycle is no proof: it comes on, and is switched off for good', () => {
    // Somebody's cycle leaves it off for 10 s; while it is off the controller takes no "off".
    let is: 'cycling' | 'off' = 'cycling';
    const run = simulate(PROVE, (command, atMs) => {
      if (is === 'off') return command === 'read' ? state('off') : refused;
      const off = atMs < 11_000;
      if (command === 'read') return state(off ? 'off' : 'on');
      if (off) return refused;
      is = 'off';
      return accepted;
    });
    expect(run.outcome.provedOff).toBe(true);
    expect(run.exchanges.filter(({ command, answer }) => command === 'off' && answer.kind === 'accepted')).toHaveLength(1);
  });

  test('one reading of "on", "unknown" or nothing between begins the proof anew', () => {
    for (const other of [state('on'), state('unknown'), failed]) {
      let readings = 0;
      const run = simulate(PROVE, (command) => (command === 'read' ? ((readings += 1) === 2 ? other : state('off')) : accepted));
      expect(run.outcome.provedOff).toBe(true);
      expect(lastOffs(run).length).toBeGreaterThanOrEqual(PROOF_READINGS);
    }
  });

  test('a blade that stays on is not proved, and was commanded so often as the limit says', () => {
    const run = simulate(PROVE, (command) => (command === 'read' ? state('on') : accepted));
    expect(run.outcome).toMatchObject({ ok: false, provedOff: false, state: 'on', reason: 'after 60 s not off but "it is on"' });
    expect(commandsOf(run).split(' ')).toHaveLength(COMMANDS_MAX);
    expect(run.tookMs).toBeLessThan(SWITCH_LIMIT_MS + 10_000);
  });

  test('a controller that does not answer, at all or only to the command', () => {
    expect(simulate(PROVE, silent).outcome).toMatchObject({ provedOff: false, state: 'unknown', reason: expect.stringMatching(/no answer: timed out/) as string });
    const deaf = simulate(PROVE, (command) => (command === 'read' ? state('off') : failed));
    expect(deaf.outcome).toMatchObject({ ok: false, provedOff: false, state: 'off', reason: expect.stringMatching(/took no command; the command "off": timed out/) as string });
  });

  test('a shell that says nothing is a controller that does not answer', () => {
    const run = simulate(PROVE, () => undefined);
    expect(run.outcome).toMatchObject({ provedOff: false, reason: expect.stringContaining(`no answer within ${ANSWER_LIMIT_MS / 1000} s`) as string });
  });

  test('a controller that has no such command is asked no further', () => {
    const run = simulate(PROVE, (command) => (command === 'read' ? state('off') : { kind: 'unable', reason: 'no reset' }));
    expect(run.outcome).toMatchObject({ provedOff: false, reason: 'no reset' });
    expect(run.exchanges).toHaveLength(1);
  });

  test('Wake-on-LAN is never asked', () => {
    const run = simulate(PROVE, plainBlade('off'), { abilities: { reads: false, switchesOff: false } });
    expect(run.outcome).toMatchObject({ ok: false, provedOff: false, reason: expect.stringContaining('nothing is proved') as string });
    expect(run.exchanges).toEqual([]);
  });

  test('no other goal ever claims it', () => {
    for (const kind of ['status', 'on', 'off', 'cycle'] as const) expect(simulate({ kind }, plainBlade('off')).outcome.provedOff, kind).toBe(false);
    expect(simulate(SHUTDOWN, plainBlade('on', 5000)).outcome.provedOff).toBe(false);
  });

  test('whatever a controller answers, and however slowly, every goal ends, and a proof rests on what a proof asks for', () => {
    const answer = fc.constantFrom<ControllerAnswer | undefined>(state('on'), state('off'), state('off'), state('off'), state('unknown'), accepted, refused, failed, { kind: 'unable', reason: 'x' }, undefined);
    const goal = fc.constantFrom<PowerGoal>({ kind: 'status' }, { kind: 'on' }, { kind: 'off' }, { kind: 'cycle' }, PROVE, PROVE, PROVE, SHUTDOWN);
    fc.assert(fc.property(goal, fc.infiniteStream(answer), fc.nat(30_000), (goal, answers, answerMs) => {
      const run = simulate(goal, () => answers.next().value, { answerMs });
      if (!run.outcome.provedOff) return;
      expect(goal.kind).toBe('prove-off');
      const offs = lastOffs(run);
      const taken = run.exchanges.slice(0, -offs.length).findLast(({ command, answer }) => command === 'off' && (answer.kind === 'accepted' || answer.kind === 'refused'));
      expect(taken).toBeDefined();
      expect(offs.length).toBeGreaterThanOrEqual(PROOF_READINGS);
      const needed = taken!.answer.kind === 'accepted' ? PROOF_INTERVAL_MS : REFUSED_PROOF_INTERVAL_MS;
      // From the end of the first reading to the begin of the last.
      expect(offs.at(-1)!.askedAt - (offs[0]!.askedAt + answerMs)).toBeGreaterThanOrEqual(needed);
    }), { numRuns: 2000 });
  });
});

describe('status', () => {
  test.each(['on', 'off'] as const)('%s', (power) => expect(simulate({ kind: 'status' }, plainBlade(power)).outcome).toMatchObject({ ok: true, state: power, provedOff: false }));

  test('one lost answer is asked for again, two are unknown', () => {
    let asked = 0;
    expect(simulate({ kind: 'status' }, () => ((asked += 1) === 1 ? failed : state('on'))).outcome).toMatchObject({ ok: true, state: 'on' });
    expect(simulate({ kind: 'status' }, silent)).toMatchObject({ outcome: { ok: false, state: 'unknown', reason: 'timed out' }, exchanges: { length: 2 } });
  });
});

describe('on, off, cycle', () => {
  test.each([['on', 'off'], ['off', 'on']] as const)('%s a blade that is %s', (kind, before) => {
    const run = simulate({ kind }, plainBlade(before));
    expect(run.outcome).toMatchObject({ ok: true, state: kind });
    expect(commandsOf(run)).toBe(kind);
  });

  test.each(['on', 'off'] as const)('%s already: no command', (kind) => {
    const run = simulate({ kind }, plainBlade(kind));
    expect(run.outcome).toMatchObject({ ok: true, state: kind, reason: `it was ${kind} already` });
    expect(commandsOf(run)).toBe('');
  });

  test('a state that comes late is waited for', () => {
    const run = simulate({ kind: 'off' }, (command, atMs, before) => (command === 'off' ? accepted : state(before.some(({ command }) => command === 'off') && atMs > 12_000 ? 'off' : 'unknown')));
    expect(run.outcome).toMatchObject({ ok: true, state: 'off' });
    expect(commandsOf(run)).toBe('off');
  });

  test('a lost command is given again', () => {
    let lost = true;
    const blade = plainBlade('off');
    const run = simulate({ kind: 'on' }, (command, atMs, before) => {
      if (command !== 'on' || !lost) return blade(command, atMs, before);
      lost = false;
      return failed;
    });
    expect(run.outcome.ok).toBe(true);
    expect(commandsOf(run)).toBe('on on');
  });

  test('a cycle is off for a while, then on', () => {
    const run = simulate({ kind: 'cycle' }, plainBlade('on'));
    expect(run.outcome).toMatchObject({ ok: true, state: 'on' });
    expect(commandsOf(run)).toBe('off on');
    const at = (wanted: string): number => run.exchanges.find(({ command }) => command === wanted)!.askedAt;
    expect(at('on') - at('off')).toBeGreaterThanOrEqual(CYCLE_OFF_MS);
  });

  test('a blade that does not go off is not switched on', () => {
    const run = simulate({ kind: 'cycle' }, (command) => (command === 'read' ? state('on') : refused));
    expect(run.outcome).toMatchObject({ ok: false, reason: expect.stringMatching(/^it stays as it was: .*not now/) as string });
    expect(commandsOf(run)).not.toContain('on');
  });

  test('Wake-on-LAN: a packet, and no claim; it takes no power', () => {
    const abilities = { reads: false, switchesOff: false };
    expect(simulate({ kind: 'on' }, () => accepted, { abilities })).toMatchObject({ outcome: { ok: true, state: 'unknown', reason: expect.stringContaining('nothing can tell') as string }, exchanges: { length: 1 } });
    expect(simulate({ kind: 'on' }, silent, { abilities }).outcome).toMatchObject({ ok: false, reason: 'timed out' });
    for (const kind of ['status', 'off', 'cycle'] as const) expect(simulate({ kind }, () => accepted, { abilities }), kind).toMatchObject({ outcome: { ok: false }, exchanges: [] });
  });
});

describe('shutdown', () => {
  test('a blade that obeys is never cut off', () => {
    const run = simulate(SHUTDOWN, plainBlade('on', 35_000));
    expect(run.outcome).toMatchObject({ ok: true, state: 'off', forced: false });
    expect(commandsOf(run)).toBe('soft soft');
    expect(run.progress).toEqual(['shutting down', expect.stringMatching(/^shutting down, \d+ s left/), expect.stringMatching(/s left/), expect.stringMatching(/s left/)]);
  });

  test('one that does not is cut off at the limit, and not before', () => {
    const run = simulate(SHUTDOWN, plainBlade('on'));
    expect(run.outcome).toMatchObject({ ok: true, state: 'off', forced: true, reason: 'it did not shut down within 120 s; its power was cut' });
    expect(commandsOf(run)).toBe('soft soft soft soft off');
    expect(run.exchanges.find(({ command }) => command === 'off')!.askedAt - run.exchanges[0]!.askedAt).toBeGreaterThanOrEqual(120_000);
  });

  test('a press that the system did not hear yet is repeated', () => {
    const blade = plainBlade('on', 20_000);
    const run = simulate(SHUTDOWN, (command, atMs, before) => (command === 'soft' && before.length === 1 ? accepted : blade(command, atMs, before)));
    expect(run.outcome).toMatchObject({ ok: true, state: 'off', forced: false });
    const presses = run.exchanges.filter(({ command }) => command === 'soft').map(({ askedAt }) => askedAt);
    expect(presses).toHaveLength(2);
    expect(presses[1]! - presses[0]!).toBeGreaterThanOrEqual(PRESS_AGAIN_MS);
    expect(run.tookMs).toBeLessThan(60_000);
  });

  test.each([['off', state('off')], ['unknown', state('unknown')], ['silence', failed]] as const)('never pressed again at %s: on some blades a press is what switches on', (_, reading) => {
    const run = simulate(SHUTDOWN, (command, atMs) => (command === 'read' ? (atMs < 10_000 ? state('on') : reading) : accepted));
    expect(commandsOf(run).split(' ').filter((command) => command === 'soft')).toHaveLength(1);
  });

  test('off already: nothing is pressed', () => expect(commandsOf(simulate(SHUTDOWN, plainBlade('off')))).toBe(''));

  test('a button that cannot be pressed is said, and the power cut', () => {
    const blade = plainBlade('on');
    const run = simulate(SHUTDOWN, (command, atMs, before) => (command === 'soft' ? refused : blade(command, atMs, before)));
    expect(run.outcome).toMatchObject({ ok: true, forced: true, reason: 'the power button could not be pressed (not now); its power was cut' });
  });

  test('a controller that answers late is waited for within the limit', () => {
    const blade = plainBlade('on', 10_000);
    const run = simulate(SHUTDOWN, (command, atMs, before) => (atMs < 30_000 ? failed : blade(command, atMs, before)));
    expect(run.outcome).toMatchObject({ ok: true, forced: false });
  });

  test('a controller that is gone: not done, and said', () => {
    expect(simulate(SHUTDOWN, silent).outcome).toMatchObject({ ok: false, forced: false, state: 'unknown', reason: expect.stringMatching(/could not be pressed.*could not be cut/) as string });
  });
});

describe('the machine', () => {
  const at = (ms: number): Instant => ms as Instant;

  test('an answer to another question, one that is late, and all after the end are ignored', () => {
    const control = new PowerControl({ kind: 'status' }, BOTH);
    expect(control.deadline()).toBeUndefined();
    expect(control.step(at(0), { kind: 'due' })).toEqual([]);
    expect(control.step(at(0), { kind: 'begin' })).toEqual([{ kind: 'ask', id: 1, command: 'read' }]);
    expect(control.step(at(1), { kind: 'begin' })).toEqual([]);
    expect(control.step(at(1), { kind: 'answer', id: 9, answer: state('off') })).toEqual([]);
    expect(control.step(at(2), { kind: 'due' })).toEqual([]);
    expect(control.step(at(ANSWER_LIMIT_MS), { kind: 'due' })).toEqual([]);
    expect(control.step(at(ANSWER_LIMIT_MS + 1), { kind: 'answer', id: 1, answer: state('off') })).toEqual([]);
    const [ask] = control.step(control.deadline()!, { kind: 'due' });
    expect(ask).toEqual({ kind: 'ask', id: 2, command: 'read' });
    expect(control.step(at(ANSWER_LIMIT_MS + 9000), { kind: 'answer', id: 2, answer: state('on') })).toMatchObject([{ kind: 'done', outcome: { state: 'on' } }]);
    expect(control.deadline()).toBeUndefined();
    expect(control.step(at(ANSWER_LIMIT_MS + 9001), { kind: 'answer', id: 2, answer: state('off') })).toEqual([]);
  });
});
