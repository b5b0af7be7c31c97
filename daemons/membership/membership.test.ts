import { describe, expect, test } from 'vitest';
import type { Instant } from '../core/machine.ts';
import type { Claim, Description, MembershipBody, Sender } from '../wire/membership-packet.ts';
import { Membership } from './membership.ts';
import type { MembershipEffect } from './membership.ts';
import { rosterOf, TestLan, upTo } from './membership-lan.test-kit.ts';
import { LIVE_COALESCE_MS, OTHERS_BURIAL_AFTER_MS, STALL_GRACE_MS, SUSPICION_MAX_MS } from './membership-limits.ts';

const at = (ms: number): Instant => ms as Instant;
const SELF = '00000000000000aa';
const [FIRST, SECOND] = ['00000000000000b1', '00000000000000b2'];
const machine = (self = 1) => new Membership({ roster: rosterOf([1, 2, 3]), generation: 5, self, start: SELF, firstIncarnation: 100, seed: 1 });
const started = (): Membership => {
  const one = machine();
  one.step(at(0), { kind: 'tick' });
  return one;
};
const describedBy = (fields: Partial<Description> = {}): Description => ({ sequence: 1, serving: true, present: true, rosterGeneration: 5, facts: new Map(), ...fields });
const aClaim = (fields: Partial<Claim> = {}): Claim => ({ node: 2, start: FIRST, incarnation: 10, status: 'alive', by: [], description: undefined, ...fields });
const hear = (to: Membership, ms: number, body: MembershipBody, from: Partial<Sender> = {}) => to.step(at(ms), { kind: 'packet', packet: { from: { node: 2, start: FIRST, incarnation: 10, sequence: 1, rosterGeneration: 5, ...from }, body } });
const news = (...claims: readonly Claim[]): MembershipBody => ({ kind: 'news', claims });
/** Of node 2, as it introduces itself. */
const join = (to: Membership, ms: number, fields: Partial<Description> = {}) => hear(to, ms, news(aClaim({ description: describedBy(fields) })), { rosterGeneration: fields.rosterGeneration ?? 5 });
/** Steps it at each deadline up to then. */
const runUntil = (one: Membership, untilMs: number): void => {
  for (let ms = one.deadline()!; ms <= untilMs; ms = one.deadline()!) one.step(ms, { kind: 'tick' });
};
const only = <K extends MembershipEffect['kind']>(effects: readonly MembershipEffect[], kind: K) => effects.filter((effect): effect is Extract<MembershipEffect, { kind: K }> => effect.kind === kind);
const logged = (effects: readonly MembershipEffect[]) => only(effects, 'log').map(({ event }) => event);
const told = (effects: readonly MembershipEffect[]) => only(effects, 'broadcast').flatMap(({ packet: { body } }) => (body.kind === 'news' ? body.claims : []));

describe('membership', () => {
  test('introduces itself at the first step, once a second while it is alone, and is alive', () => {
    const one = machine();
    expect(one.deadline()).toBeUndefined();
    const effects = one.step(at(0), { kind: 'tick' });
    expect(told(effects)).toEqual([{ node: 1, start: SELF, incarnation: 100, status: 'alive', by: [], description: describedBy({ serving: false }) }]);
    expect(only(effects, 'live')).toEqual([{ kind: 'live', nodes: [1], serving: [], suspects: [] }]);
    let broadcasts = 0;
    for (let ms = one.deadline()!; ms <= 10_500; ms = one.deadline()!) broadcasts += told(one.step(ms, { kind: 'tick' })).length;
    expect(broadcasts).toBe(10);
  });

  test('a change of serving is told at once, by one broadcast', () => {
    const one = started();
    const effects = one.step(at(500), { kind: 'serving', serving: true });
    expect(told(effects).map(({ description }) => description)).toEqual([describedBy({ sequence: 2 })]);
    expect(only(effects, 'live')).toEqual([{ kind: 'live', nodes: [1], serving: [1], suspects: [] }]);
    expect(one.step(at(600), { kind: 'serving', serving: true }).filter(({ kind }) => kind !== 'log')).toEqual([]);
  });

  test('broadcasts no more than the gate lets pass, and then all that waits', () => {
    const one = started();
    const sent: number[] = [];
    for (let i = 0; i < 10; i++) sent.push(told(one.step(at(i), { kind: 'serving', serving: i % 2 === 0 })).length);
    expect(sent).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    let late = 0;
    for (let ms = one.deadline()!; ms <= 400; ms = one.deadline()!) late += told(one.step(ms, { kind: 'tick' })).length;
    expect(late).toBe(1);
  });

  test('who introduces itself is alive, and serves when it says so; who takes leave is not, and nobody buries it', () => {
    const one = started();
    expect(only(join(one, 500), 'live')).toEqual([{ kind: 'live', nodes: [1, 2], serving: [2], suspects: [] }]);
    expect(only(join(one, 1000, { sequence: 2, serving: false }), 'live')).toEqual([{ kind: 'live', nodes: [1, 2], serving: [], suspects: [] }]);
    expect(only(join(one, 1500, { sequence: 3, serving: true, present: false }), 'live')).toEqual([{ kind: 'live', nodes: [1], serving: [], suspects: [] }]);
    const events: string[] = [];
    for (let ms = one.deadline()!; ms <= 30_000; ms = one.deadline()!) events.push(...logged(one.step(ms, { kind: 'tick' })));
    expect([events, one.watched(), one.statusOf(2)]).toEqual([[], [], 'alive']);
  });

  test('the living set is told at once, then gathered', () => {
    const one = started();
    expect(only(join(one, 500), 'live')).toHaveLength(1);
    expect(only(join(one, 501, { sequence: 2, serving: false }), 'live')).toEqual([]);
    expect(only(join(one, 502, { sequence: 3 }), 'live')).toEqual([]);
    expect(only(join(one, 503, { sequence: 4, serving: false }), 'live')).toEqual([]);
    const late: MembershipEffect[] = [];
    for (let ms = one.deadline()!; ms <= 500 + LIVE_COALESCE_MS; ms = one.deadline()!) late.push(...one.step(ms, { kind: 'tick' }));
    expect(only(late, 'live').map(({ serving }) => serving)).toEqual([[]]);
  });

  test('a suspicion of this node is refuted at once; one of a former life is not worth a word', () => {
    const one = started();
    const rumour = (incarnation: number) => hear(one, 500, news(aClaim({ node: 1, start: SELF, incarnation, status: 'suspect', by: [2] })));
    expect(told(rumour(99))).toEqual([]);
    expect(told(rumour(100)).map(({ incarnation, status }) => [incarnation, status])).toEqual([[101, 'alive']]);
    expect(one.localHealth()).toBe(1);
    expect(told(rumour(100))).toEqual([]);
  });

  test('a life under this number that was later than this one is outdone, so that a restart counts', () => {
    const effects = hear(started(), 500, news(aClaim({ node: 1, start: FIRST, incarnation: 700, status: 'dead', by: [2] })));
    expect(told(effects).map(({ node, start, incarnation }) => [node, start, incarnation])).toEqual([[1, SELF, 701]]);
  });

  test('a restarted node is told of, although the set is the same, and its former life does not come back', () => {
    const one = started();
    join(one, 500);
    const again = hear(one, 1000, news(aClaim({ start: SECOND, incarnation: 11, description: describedBy() })), { start: SECOND, incarnation: 11 });
    expect(only(again, 'live')).toHaveLength(1);
    expect(only(join(one, 2000, { sequence: 9 }), 'live')).toEqual([]);
    expect(one.members().find(({ node }) => node === 2)).toMatchObject({ start: SECOND, incarnation: 11 });
  });

  test('who speaks as an earlier life than is known, or is thought dead, is told so', () => {
    const one = started();
    join(one, 500);
    const [answer] = only(hear(one, 600, { kind: 'ping', probe: 7, claims: [] }, { start: SECOND, incarnation: 1 }), 'send');
    expect(answer).toMatchObject({ to: 2, packet: { body: { kind: 'ack', probe: 7, claims: [{ node: 2, start: FIRST, incarnation: 10, status: 'alive' }, { node: 1 }] } } });
  });

  test('the burial by others counts only after a suspicion of some length: until then the node is asked', () => {
    const one = started();
    join(one, 500);
    const dead = news(aClaim({ status: 'dead', by: [3] }));
    const third = { node: 3, start: SECOND, incarnation: 1 };
    const first = hear(one, 600, dead, third);
    expect([one.statusOf(2), only(first, 'send').some(({ to, packet: { body } }) => to === 2 && body.kind === 'records')]).toEqual(['suspect', true]);
    hear(one, 700, dead, third);
    expect(one.statusOf(2)).toBe('suspect');
    runUntil(one, 600 + OTHERS_BURIAL_AFTER_MS);
    hear(one, 600 + OTHERS_BURIAL_AFTER_MS, dead, third);
    expect(one.statusOf(2)).toBe('dead');
  });

  test('what this node stood still, or its clock jumped by, is no part of a suspicion, whoever shares or buries it afterwards', () => {
    const one = new Membership({ roster: rosterOf([1, 2, 3, 4, 5]), generation: 5, self: 1, start: SELF, firstIncarnation: 100, seed: 1 });
    one.step(at(0), { kind: 'tick' });
    for (const node of [2, 3, 4, 5]) hear(one, 100, news(aClaim({ node, description: describedBy() })), { node });
    const suspected = (...by: readonly number[]): MembershipBody => news(aClaim({ status: 'suspect', by }));
    hear(one, 200, suspected(3), { node: 3 });
    const wokeMs = 5000;
    expect(logged(one.step(at(wokeMs), { kind: 'tick' }))).toContain('membership.stalled');
    hear(one, wokeMs + 1, suspected(3, 4, 5), { node: 4 });
    hear(one, wokeMs + 2, news(aClaim({ status: 'dead', by: [3, 4, 5] })), { node: 5 });
    one.step(at(wokeMs + STALL_GRACE_MS - 1), { kind: 'tick' });
    expect(one.statusOf(2)).toBe('suspect');
    runUntil(one, wokeMs + SUSPICION_MAX_MS);
    expect(one.statusOf(2)).toBe('dead');
  });

  test('its own broadcast is no news; another machine under its number is, once a minute', () => {
    const one = started();
    expect(logged(hear(one, 1, news(), { node: 1, start: SELF }))).toEqual([]);
    expect(logged(hear(one, 2, news(), { node: 1, start: FIRST }))).toEqual(['membership.twin']);
    expect(logged(hear(one, 3, news(), { node: 1, start: FIRST }))).toEqual([]);
  });

  test('a stranger is logged once a minute, and neither answered nor believed, but for a newer registry', () => {
    const one = started();
    const ping: MembershipBody = { kind: 'ping', probe: 1, claims: [aClaim({ node: 3 })] };
    expect(hear(one, 1, ping, { node: 9 }).map((effect) => (effect.kind === 'log' ? effect.event : effect.kind))).toEqual(['membership.not-in-roster']);
    expect(one.statusOf(3)).toBeUndefined();
    expect(only(hear(one, 2, ping, { node: 9, rosterGeneration: 6 }), 'newer-roster')).toEqual([{ kind: 'newer-roster', generation: 6, node: 9 }]);
  });

  test('what is none of ours is logged once a minute; another cluster is nobody\'s fault', () => {
    const one = started();
    const refused = (ms: number, reason: 'key' | 'foreign') => logged(one.step(at(ms), { kind: 'refused', reason, bytes: 60 }));
    expect([refused(1, 'foreign'), refused(2, 'key'), refused(3, 'key')]).toEqual([[], ['membership.refused'], []]);
  });

  test('a later registry is announced once for each generation; one that was read is no news', () => {
    const one = started();
    expect(only(join(one, 500, { sequence: 2, rosterGeneration: 6 }), 'newer-roster')).toHaveLength(1);
    expect(only(join(one, 600, { sequence: 3, rosterGeneration: 6 }), 'newer-roster')).toEqual([]);
    expect(told(one.step(at(700), { kind: 'roster', roster: rosterOf([1, 2, 3]), generation: 8 })).map(({ description }) => description?.rosterGeneration)).toEqual([8]);
    expect(only(join(one, 800, { sequence: 4, rosterGeneration: 8 }), 'newer-roster')).toEqual([]);
    expect(only(join(one, 900, { sequence: 5, rosterGeneration: 9 }), 'newer-roster')).toHaveLength(1);
    expect(one.generations()).toEqual([{ node: 1, generation: 8, behindSince: 900 }, { node: 2, generation: 9, behindSince: undefined }]);
  });

  test('who is not the node any more says so once, is silent, and comes back as a later life than any that was heard of', () => {
    const one = started();
    join(one, 500);
    const left = one.step(at(1000), { kind: 'member', member: false });
    expect(told(left).map(({ description }) => description?.present)).toEqual([false]);
    hear(one, 1500, news(aClaim({ node: 1, start: SECOND, incarnation: 400 })));
    const sent: MembershipEffect[] = [...hear(one, 1600, { kind: 'ping', probe: 1, claims: [] })];
    for (let ms = one.deadline()!; ms <= 20_000; ms = one.deadline()!) sent.push(...one.step(ms, { kind: 'tick' }));
    expect([only(sent, 'send'), only(sent, 'broadcast')]).toEqual([[], []]);
    expect(told(one.step(at(20_001), { kind: 'member', member: true })).map(({ incarnation, description }) => [incarnation, description?.present])).toEqual([[401, true]]);
  });

  test('who is not the node from its start on never speaks, and hears the others', () => {
    const one = machine();
    expect(told(one.step(at(0), { kind: 'member', member: false }))).toEqual([]);
    expect(only(join(one, 500), 'live').map(({ nodes }) => nodes)).toEqual([[1, 2]]);
  });

  test('facts that cannot be told are a fault of ours', () => {
    expect(() => started().step(at(1), { kind: 'facts', facts: new Map([['a b', '']]), urgent: true })).toThrow(/seen a b/);
  });

  test('a clock that goes back stands still instead', () => {
    const one = started();
    join(one, 5000);
    one.step(at(0), { kind: 'tick' });
    expect(one.deadline()).toBeGreaterThanOrEqual(5000);
  });

  test('the same seed gives the same run', () => {
    const run = (): string => {
      const lan = new TestLan({ numbers: upTo(12), seed: 3, loss: 0.1, measure: true });
      lan.run(5000);
      lan.powerOff(2);
      lan.run(10_000);
      return JSON.stringify([lan.told, lan.traffic(15_000)]);
    };
    expect(run()).toBe(run());
  });
});
