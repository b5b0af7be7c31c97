// Random trouble on a pair or a triple of candidates with two networks, and what must hold whatever it was.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NETWORKS, TIMING, World } from './succession.test-kit.ts';
import { START_LISTEN_MS } from './succession.ts';

/** One-way delay and lateness of timers at their worst, in milliseconds, once all is well again. */
const DELAY_MAX_MS = 2;
const LATE_MAX_MS = 3;
const TROUBLE_FROM_MS = 1500;
const TROUBLE_MS = 3000;
/** After the trouble the last stall may still run, and a machine that was switched on last listens first. */
const STALL_MAX_MS = 400;
/** After it there is a holder: the longest listening, a death, and every place of the order. */
const HOLDER_WITHIN_MS = STALL_MAX_MS + START_LISTEN_MS + TIMING.deadAfterMs + 3 * 3 * TIMING.staggerMs + TIMING.deadAfterMs + LATE_MAX_MS;

const node = fc.integer({ min: 1, max: 3 });
const trouble = fc.oneof(
  fc.record({ kind: fc.constant('stall' as const), node, ms: fc.integer({ min: 5, max: STALL_MAX_MS }) }),
  fc.record({ kind: fc.constant('cut' as const), node, to: node, network: fc.constantFrom(...NETWORKS) }),
  fc.record({ kind: fc.constant('split' as const), node }),
  fc.record({ kind: fc.constant('heal' as const) }),
  fc.record({ kind: fc.constant('off' as const), node }),
  fc.record({ kind: fc.constant('on' as const), node }),
  fc.record({ kind: fc.constant('loss' as const), loss: fc.constantFrom(0, 0.1, 0.5) }),
  fc.record({ kind: fc.constant('switch' as const), node }),
  fc.record({ kind: fc.constant('uplink' as const), node, usable: fc.boolean() }),
);
type Trouble = typeof trouble extends fc.Arbitrary<infer T> ? T : never;
const schedules = fc.array(fc.record({ atMs: fc.integer({ min: 0, max: TROUBLE_MS }), what: trouble }), { maxLength: 14 });

function cause(world: World, on: Set<number>, count: number, what: Trouble): void {
  if ('node' in what && what.node > count) return;
  switch (what.kind) {
    case 'stall': return world.stall(what.node, what.ms);
    case 'cut': return void (what.to <= count && world.cut(what.network, what.node, what.to));
    case 'split': return world.split([what.node], [1, 2, 3].filter((other) => other <= count && other !== what.node));
    case 'heal': return world.heal();
    case 'loss': return void (world.loss = what.loss);
    case 'switch': return world.tell(what.node, { kind: 'switch' });
    case 'uplink': return world.tell(what.node, { kind: 'uplink', usable: what.usable });
    case 'off':
      on.delete(what.node);
      return world.powerOff(what.node);
    case 'on':
      if (on.has(what.node)) return;
      on.add(what.node);
      return world.powerOn(what.node);
  }
}

test('when all is well again: never two that answer for longer than a beat, soon one, and all agree who', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 3 }), fc.nat(1_000_000), fc.boolean(), schedules, (count, seed, preemption, schedule) => {
      const candidates = [1, 2, 3].slice(0, count);
      const world = new World({ seed, candidates, preemption });
      world.delayMs = [0.05, DELAY_MAX_MS];
      world.lateMs = LATE_MAX_MS;
      const on = new Set(candidates);
      for (const { atMs, what } of schedule) world.at(TROUBLE_FROM_MS + atMs, () => cause(world, on, count, what));
      const over = TROUBLE_FROM_MS + TROUBLE_MS + STALL_MAX_MS;
      world.at(over, () => {
        world.loss = 0;
        world.heal();
        for (const candidate of candidates) {
          if (on.has(candidate)) world.tell(candidate, { kind: 'uplink', usable: true });
          else world.powerOn(candidate);
        }
      });
      world.run(over + HOLDER_WITHIN_MS);
      const settledAt = world.now;
      expect(world.answering()).toHaveLength(1);
      world.run(settledAt + 1000);
      const [holder] = world.answering();
      expect(candidates.map((candidate) => world.machine(candidate).status().holder)).toEqual(candidates.map(() => holder));
      for (const { fromMs, toMs, nodes } of world.stretches) {
        // A double that began before the end of the trouble counts from then on.
        const bound = TIMING.beatMs + DELAY_MAX_MS + LATE_MAX_MS;
        if (nodes.length > 1 && toMs > over) expect(toMs - Math.max(fromMs, over), `two from ${fromMs} to ${toMs}`).toBeLessThanOrEqual(bound);
        if (fromMs >= settledAt) expect(nodes).toHaveLength(1);
      }
    }),
    { numRuns: 40 },
  );
}, 120_000);

test('as long as the holder is late by less than a death, nobody takes over, however much the others are starved and one network loses', () => {
  const lateMax = TIMING.deadAfterMs - TIMING.beatMs - DELAY_MAX_MS - LATE_MAX_MS;
  const starvation = fc.array(fc.record({ atMs: fc.integer({ min: 0, max: 4000 }), node: fc.constantFrom(2, 3), ms: fc.integer({ min: 1, max: 2500 }) }), { maxLength: 20 });
  const late = fc.array(fc.integer({ min: 1, max: lateMax }), { maxLength: 30 });
  fc.assert(
    fc.property(fc.nat(1_000_000), starvation, late, fc.constantFrom(...NETWORKS), (seed, stalls, holderStalls, dead) => {
      const world = new World({ seed });
      world.delayMs = [0.05, DELAY_MAX_MS];
      world.lateMs = LATE_MAX_MS;
      world.run(TROUBLE_FROM_MS);
      world.split([1], [2, 3], [dead]);
      for (const { atMs, node: starved, ms } of stalls) world.at(TROUBLE_FROM_MS + atMs, () => world.stall(starved, ms));
      // The holder may be late again as soon as it has spoken.
      holderStalls.forEach((ms, i) => world.at(TROUBLE_FROM_MS + 2 * i * TIMING.deadAfterMs, () => world.stall(1, ms)));
      world.run(TROUBLE_FROM_MS + 8000);
      expect(world.takeovers).toHaveLength(1);
      expect(world.answering()).toEqual([1]);
    }),
    { numRuns: 25 },
  );
}, 120_000);
