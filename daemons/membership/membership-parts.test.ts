import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Instant } from '../core/machine.ts';
import { BroadcastGate } from './broadcast-gate.ts';
import { GenerationWatch } from './generation-watch.ts';
import { LocalHealth } from './local-health.ts';
import { BROADCAST_BURST, BROADCAST_REFILL_MS, HEALTH_WORST, SUSPICION_MAX_MS, SUSPICION_MIN_MS } from './membership-limits.ts';
import { RumourQueue } from './rumour-queue.ts';
import { SeededChance } from './seeded-chance.ts';
import { suspicionMs } from './suspicion-time.ts';
import { TIMER, TimerHeap } from './timer-heap.ts';
import type { TimerKind } from './timer-heap.ts';

const at = (ms: number): Instant => ms as Instant;

describe('the time of a suspicion', () => {
  test.each([
    [1, 4, SUSPICION_MAX_MS], [2, 4, 6000], [3, 4, 4830], [4, 4, SUSPICION_MIN_MS],
    [1, 2, SUSPICION_MAX_MS], [2, 2, SUSPICION_MIN_MS],
    [1, 1, SUSPICION_MIN_MS], [0, 4, SUSPICION_MAX_MS], [9, 4, SUSPICION_MIN_MS], [4, 900, SUSPICION_MIN_MS],
  ])('%d of %d that could share it: %d ms', (suspecters, watchers, ms) => expect(suspicionMs(suspecters, watchers)).toBe(ms));
});

test('property: timers come in the order of their times, of one time by kind and number, each once, and only as they were set last', () => {
  const kind = fc.constantFrom(TIMER.broadcast, TIMER.probe, TIMER.suspicion);
  fc.assert(fc.property(fc.array(fc.tuple(kind, fc.nat(3), fc.option(fc.nat(50))), { maxLength: 400 }), (sets) => {
    const [heap, plain] = [new TimerHeap(), new Map<string, { kind: TimerKind; number: number; at: number }>()];
    for (const [of, number, ms] of sets) {
      if (ms === null) {
        heap.clear(of, number);
        plain.delete(`${of} ${number}`);
      } else {
        heap.set(of, at(ms), number);
        plain.set(`${of} ${number}`, { kind: of, number, at: ms });
      }
    }
    for (const timer of plain.values()) expect(heap.at(timer.kind, timer.number)).toBe(timer.at);
    const expected = [...plain.values()].sort((a, b) => a.at - b.at || a.kind - b.kind || a.number - b.number);
    const taken = [];
    for (let timer = heap.takeDue(at(25)); timer; timer = heap.takeDue(at(25))) taken.push({ kind: timer.kind, number: timer.number, at: timer.at });
    expect(taken).toEqual(expected.filter((timer) => timer.at <= 25));
    expect(heap.next()).toBe(expected.find((timer) => timer.at > 25)?.at);
  }));
});

test('the gate lets a few pass at once, then one after another', () => {
  const gate = new BroadcastGate();
  const passed: number[] = [];
  for (let ms = 100; ms < 100 + 10 * BROADCAST_REFILL_MS; ms += 10) if (gate.pass(at(ms))) passed.push(ms);
  expect(passed).toHaveLength(BROADCAST_BURST + 9);
  expect(passed.slice(0, BROADCAST_BURST)).toEqual([100, 110, 120, 130]);
  const full = new BroadcastGate();
  for (let i = 0; i < BROADCAST_BURST; i++) full.pass(at(0));
  expect([full.nextAt(at(1)), full.pass(at(BROADCAST_REFILL_MS - 1)), full.pass(at(BROADCAST_REFILL_MS))]).toEqual([BROADCAST_REFILL_MS, false, true]);
});

test('rumours are told in turn, each as often as it was given, and anew when there is news', () => {
  const queue = new RumourQueue();
  queue.add(1, 2);
  queue.add(2, 1);
  queue.add(3, 3);
  expect([queue.take(2), queue.take(2), queue.take(2), queue.take(2), queue.take(2)]).toEqual([[1, 2], [3, 1], [3], [3], []]);
  queue.add(4, 1);
  queue.add(4, 2);
  expect([queue.take(1), queue.take(1), queue.take(1), queue.size]).toEqual([[4], [4], [], 0]);
});

test('local health stays within its bounds and stretches what is waited for', () => {
  const health = new LocalHealth();
  health.change(-1);
  expect(health.stretch(100)).toBe(100);
  health.change(2);
  expect(health.stretch(100)).toBe(300);
  health.change(100);
  expect(health.score).toBe(HEALTH_WORST);
});

test('generations: behind counts from when a newer one is known, anew for one that follows, and not for the dead', () => {
  const watch = new GenerationWatch(5);
  for (const node of [1, 2]) watch.stands(at(0), node, 5);
  expect([watch.hear(at(100), 7), watch.hear(at(200), 7), watch.hear(at(200), 6)]).toEqual([true, false, false]);
  watch.stands(at(100), 3, 7);
  expect(watch.rows()).toEqual([{ node: 1, generation: 5, behindSince: 100 }, { node: 2, generation: 5, behindSince: 100 }, { node: 3, generation: 7, behindSince: undefined }]);
  watch.stands(at(200), 2, 6);
  watch.stands(at(300), 2, 6);
  watch.drop(1);
  expect(watch.rows()).toEqual([{ node: 2, generation: 6, behindSince: 200 }, { node: 3, generation: 7, behindSince: undefined }]);
});

test('seeded chance: the same seed gives the same, every outcome comes, and what was drawn from stays as it was', () => {
  const [one, other, third] = [new SeededChance(1), new SeededChance(1), new SeededChance(2)];
  const draw = (chance: SeededChance): readonly number[] => Array.from({ length: 200 }, () => chance.below(10));
  const drawn = draw(one);
  expect([draw(other), new Set(drawn).size, Math.max(...drawn)]).toEqual([drawn, 10, 9]);
  expect(draw(third)).not.toEqual(drawn);
  const from = [1, 2, 3, 4, 5];
  expect(new Set(one.some(from, 3)).size).toBe(3);
  expect([one.some(from, 9), from]).toEqual([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]);
});
