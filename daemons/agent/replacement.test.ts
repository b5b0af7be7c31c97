import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import type { Instant } from '../core/machine.ts';
import type { OpenReplacement, Roster } from '../core/roster.ts';
import { ASKING_GAP_MS, ASKING_MS, ReplacementDecider, type ReplacementEffect, type ReplacementFacts, SILENT_MS } from './replacement.ts';

const STRANGER = '52:54:00:99:00:01' as Mac;
const OTHER = '52:54:00:99:00:02' as Mac;
const NONE = '0.0.0.0' as Ipv4;
const OPEN_MS = 10_000;
const opening = (node: number, more: Partial<OpenReplacement> = {}): OpenReplacement => ({ node, policy: 'auto', sinceUnixMs: OPEN_MS, untilUnixMs: OPEN_MS + 3_600_000, ...more });
const rosterOf = (...replacement: OpenReplacement[]): Roster => ({
  clusterName: 'rack', container: 'main', domain: 'test', netmask: NONE, metaMasterAddress: NONE, san: { address: NONE, port: 3260, target: '' }, kernelParameters: '',
  nodes: [1, 2, 3, 4, 5].map((number) => ({ number, name: `node${number}`, macs: [`52:54:00:00:00:0${number}` as Mac], address: NONE, loader: 'rom' as const })),
  barred: [{ node: 9, macs: ['52:54:00:99:00:09' as Mac], sinceUnixMs: 1 }],
  ...(replacement.length === 0 ? {} : { replacement }),
});

/** Nodes that look every five seconds; node 3 is the one that is gone. */
class Rack {
  readonly nodes: readonly { readonly self: number; readonly machine: ReplacementDecider }[];
  ms = 0;
  roster = rosterOf(opening(3));
  heard: readonly number[] = [1, 2, 4, 5];
  serving: readonly number[] = [1, 2, 4, 5];
  newestGeneration = 7;
  unixMs = OPEN_MS;
  readonly asked = new Map<Mac, Instant>();

  constructor(nodes: readonly number[] = [1, 2, 4, 5]) {
    this.nodes = nodes.map((self) => ({ self, machine: new ReplacementDecider(self) }));
  }

  facts(): ReplacementFacts {
    const strangers = Array.from(this.asked, ([mac, lastAt]) => ({ mac, lastAt }));
    return { unixMs: this.unixMs, roster: this.roster, generation: 7, newestGeneration: this.newestGeneration, heard: this.heard, serving: this.serving, strangers };
  }

  /** What each node does in so many seconds, in which these ask every four seconds. */
  seconds(count: number, ...macs: Mac[]): (ReplacementEffect & { self: number })[] {
    const effects: (ReplacementEffect & { self: number })[] = [];
    for (const end = this.ms + count * 1000; this.ms < end; this.ms += 1000) {
      if (this.ms % 4000 === 0) for (const mac of macs) this.asked.set(mac, this.ms as Instant);
      if (this.ms % 5000 === 0) for (const { self, machine } of this.nodes) for (const effect of machine.step(this.ms as Instant, this.facts())) effects.push({ ...effect, self });
    }
    return effects;
  }

  /** The former node has been silent for long enough. */
  silent(): this {
    expect(this.seconds(SILENT_MS / 1000)).toEqual([]);
    return this;
  }
}
const kinds = (effects: readonly ReplacementEffect[]) => effects.map((effect) => (effect.kind === 'replace' ? `${effect.node} ${effect.mac}` : `${effect.event} ${String(effect.fields['why'])}: ${String(effect.fields['macs'])} for ${String(effect.fields['nodes'])}`));

describe('the number is given', () => {
  test('once, by one node, to the blade that has asked for long enough', () => {
    const rack = new Rack().silent();
    expect(kinds(rack.seconds(ASKING_MS / 1000 - 1, STRANGER))).toEqual([]);
    expect(kinds(rack.seconds(300, STRANGER))).toEqual([`3 ${STRANGER}`]);
  });

  test('to a blade that waits for the former node to be silent for long', () => {
    const rack = new Rack();
    expect(kinds(rack.seconds(SILENT_MS / 1000 - 5, STRANGER))).toEqual([]);
    expect(kinds(rack.seconds(20, STRANGER))).toEqual([`3 ${STRANGER}`]);
  });

  test('of several openings: the auto one that was opened first, of the same time the one of the lowest number', () => {
    const rack = new Rack();
    rack.heard = [1, 2];
    rack.serving = [1, 2];
    rack.roster = rosterOf(opening(1, { policy: 'ask', sinceUnixMs: 1 }), opening(5), opening(4), opening(3, { sinceUnixMs: OPEN_MS + 1 }));
    rack.unixMs = OPEN_MS + 2;
    expect(kinds(rack.silent().seconds(60, STRANGER))).toEqual([`4 ${STRANGER}`]);
  });

  test('anew when the same number is opened again', () => {
    const rack = new Rack().silent();
    expect(rack.seconds(60, STRANGER)).toHaveLength(1);
    rack.roster = rosterOf(opening(3, { sinceUnixMs: OPEN_MS - 1 }));
    expect(kinds(rack.seconds(60, STRANGER))).toEqual([`3 ${STRANGER}`]);
  });

  test('by the next node when the one whose turn it was has died before it acted', () => {
    const [first] = new Rack().silent().seconds(60, STRANGER);
    const rack = new Rack([1, 2, 4, 5].filter((self) => self !== first!.self)).silent();
    expect(rack.seconds(60, STRANGER)).toEqual([]);
    rack.heard = rack.serving = [1, 2, 4, 5].filter((self) => self !== first!.self);
    expect(kinds(rack.seconds(60, STRANGER))).toEqual([`3 ${STRANGER}`]);
  });
});

describe('nothing is given', () => {
  test.each<[string, (rack: Rack) => void]>([
    ['without an opening', (rack) => { rack.roster = rosterOf(); }],
    ['before its time', (rack) => { rack.unixMs = OPEN_MS - 1; }],
    ['behind its time', (rack) => { rack.unixMs = OPEN_MS + 3_600_000; }],
    ['by nodes that are behind the registry', (rack) => { rack.newestGeneration = 8; }],
    ['by nodes that do not serve', (rack) => { rack.serving = []; }],
  ])('%s', (_name, spoil) => {
    const rack = new Rack();
    spoil(rack);
    expect(rack.silent().seconds(120, STRANGER)).toEqual([]);
  });

  test('to a blade that asked an hour ago and once now, nor to one that asked once', () => {
    const rack = new Rack();
    rack.seconds(12, STRANGER);
    expect(rack.seconds(3600)).toEqual([]);
    rack.seconds(4, STRANGER);
    expect(rack.seconds(3600)).toEqual([]);
  });

  test('to one that has gone by the time that the former node is silent', () => {
    const rack = new Rack();
    rack.seconds(120, STRANGER);
    expect(rack.seconds(3600)).toEqual([]);
  });

  test('to a node\'s card, nor to a barred one', () => {
    expect(new Rack().silent().seconds(120, '52:54:00:00:00:04' as Mac, '52:54:00:99:00:09' as Mac)).toEqual([]);
  });

  test('a barred machine does not keep the one that is meant from it', () => {
    expect(kinds(new Rack().silent().seconds(60, '52:54:00:99:00:09' as Mac, STRANGER))).toEqual([`3 ${STRANGER}`]);
  });
});

describe('an administrator is asked, by one node, once', () => {
  test('when several blades ask; one that has only begun to ask counts too, one that has stopped no more', () => {
    const rack = new Rack().silent();
    expect(kinds(rack.seconds(200, STRANGER, OTHER))).toEqual([`replacement.ask several unknown blades ask, and only one can be meant: ${STRANGER},${OTHER} for 3`]);
    expect(kinds(rack.seconds(ASKING_GAP_MS / 1000 + 30, STRANGER))).toEqual([`3 ${STRANGER}`]);
    const late = new Rack().silent();
    late.seconds(16, STRANGER);
    expect(kinds(late.seconds(8, STRANGER, OTHER))).toEqual([`replacement.ask several unknown blades ask, and only one can be meant: ${STRANGER} for 3`]);
  });

  test('when all openings say so, for all of them', () => {
    const rack = new Rack();
    rack.roster = rosterOf(opening(3, { policy: 'ask' }), opening(2, { policy: 'ask', sinceUnixMs: 5 }));
    const effects = rack.silent().seconds(200, STRANGER);
    expect(kinds(effects)).toEqual([`replacement.ask the replacement was opened with the policy ask: ${STRANGER} for 2,3`]);
    expect(effects).toMatchObject([{ level: 'warn', fields: { code: 'MM-REPLACE-ASK', remedy: expect.stringContaining('metamaster node replace NODE --mac MAC') as string } }]);
  });

  test('when the node lives', () => {
    const rack = new Rack();
    rack.heard = [1, 2, 3, 4, 5];
    expect(kinds(rack.seconds(900, STRANGER))).toEqual([`replacement.ask the node that is to be replaced is still heard of: ${STRANGER} for 3`]);
  });

  test('and once a minute at most, whatever names strangers give themselves', () => {
    const rack = new Rack().silent();
    let lines = 0;
    for (let n = 0; n < 60; n++) lines += rack.seconds(30, `52:54:00:98:00:${(n % 50 + 10)}` as Mac, `52:54:00:97:00:${(n % 50 + 10)}` as Mac).length;
    expect(lines).toBeLessThanOrEqual(31);
    expect(lines).toBeGreaterThan(5);
  });
});

test('property: nodes with the same facts, in whatever order, of which some miss some, never give one number to two blades, nor two numbers at once', () => {
  const moment = fc.record({
    // Mostly one and the same, or nothing would ever be decided.
    asks: fc.oneof({ weight: 12, arbitrary: fc.constant([STRANGER]) }, { weight: 1, arbitrary: fc.subarray([STRANGER, OTHER, '52:54:00:99:00:03' as Mac]) }),
    deaf: fc.subarray([1, 2, 4, 5]),
    order: fc.constantFrom<(a: number, b: number) => number>((a, b) => a - b, (a, b) => b - a, (a, b) => (a * 7) % 5 - (b * 7) % 5),
    lastMs: fc.constantFrom(5_000, 5_000, 5_000, 20_000, 70_000),
  });
  const openingsOf = fc.uniqueArray(fc.record({ node: fc.constantFrom(3, 4, 5), policy: fc.constantFrom('ask' as const, 'auto' as const, 'auto' as const), sinceUnixMs: fc.integer({ min: 0, max: 3 }) }), { selector: ({ node }) => node });
  let given = 0;
  fc.assert(
    fc.property(fc.array(moment, { minLength: 5, maxLength: 40 }), openingsOf, fc.subarray([1, 2, 3, 4, 5], { minLength: 1, maxLength: 3 }), (moments, open, serving) => {
      const machines = serving.map((self) => ({ self, machine: new ReplacementDecider(self) }));
      const asked = new Map<Mac, Instant>();
      const roster = rosterOf(...open.map((one) => opening(one.node, one)));
      const meant = open.filter(({ policy }) => policy === 'auto').toSorted((a, b) => a.sinceUnixMs - b.sinceUnixMs || a.node - b.node)[0];
      let ms = 0;
      const shuffled = <T,>(list: readonly T[], order: (a: number, b: number) => number): T[] => list.map((one, at) => [one, at] as const).sort(([, a], [, b]) => order(a, b)).map(([one]) => one);
      // All have looked once, long ago: silence counts from there.
      const look = (order: (a: number, b: number) => number, deaf: readonly number[]): { node: number; mac: Mac }[] => {
        const strangers = shuffled(Array.from(asked, ([mac, lastAt]) => ({ mac, lastAt })), order);
        const facts = { unixMs: 10, roster: { ...roster, ...(roster.replacement && { replacement: shuffled(roster.replacement, order) }) }, generation: 1, newestGeneration: 1, heard: serving, serving: shuffled(serving, order), strangers };
        return shuffled(machines, order).filter(({ self }) => !deaf.includes(self)).flatMap(({ machine }) => machine.step(ms as Instant, facts)).flatMap((effect) => (effect.kind === 'replace' ? [effect] : []));
      };
      look((a, b) => a - b, []);
      ms = SILENT_MS;
      const all: { node: number; mac: Mac }[] = [];
      for (const { asks, deaf, order, lastMs } of moments) {
        for (const mac of asks) asked.set(mac, ms as Instant);
        const now = look(order, deaf);
        all.push(...now);
        expect(now.length).toBeLessThanOrEqual(1);
        for (const { node, mac } of now) {
          expect(node).toBe(meant!.node);
          expect(serving).not.toContain(node);
          expect([...asked].filter(([, at]) => ms - at <= ASKING_GAP_MS).map(([one]) => one)).toEqual([mac]);
        }
        ms += lastMs;
      }
      // The set of those that serve did not change, so that one node was to act all the time.
      expect(all.length).toBeLessThanOrEqual(1);
      given += all.length;
    }),
    { numRuns: 1500 },
  );
  expect(given, 'the property was tried on decisions').toBeGreaterThan(100);
});
