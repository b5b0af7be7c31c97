import { describe, expect, test } from 'vitest';
import type { Instant } from '../../daemons/core/machine.ts';
import type { Datagram, Service } from './adapter.ts';
import { EventQueue } from './event-queue.ts';
import { SOCKET_HOLDS, STARVE_MAX_MS, TIMER_LATE_MS } from './limits.ts';
import { NodeClock } from './node-clock.ts';
import { Random } from './random.ts';
import { SimulatedHost } from './simulated-host.ts';

const PORT = 9;
const EVERY_MS = 1000;

/** A host with a service that wants to be stepped each second, and notes what happens to it. */
function bench() {
  const queue = new EventQueue();
  const clock = new NodeClock(5_000_000);
  const state = { nowMs: 0, overflown: 0 };
  const host = new SimulatedHost({ queue, clock, random: new Random(1), nowMs: () => state.nowMs, overflown: () => (state.overflown += 1), starveMaxMs: STARVE_MAX_MS });
  const notes: { readonly what: string; readonly atMs: number }[] = [];
  let next = 0 as Instant;
  const note = (what: string): void => void notes.push({ what, atMs: state.nowMs });
  const service: Service = {
    ports: [PORT],
    drainsFirst: false,
    start: (now) => void (next = (now + EVERY_MS) as Instant),
    hear: () => note('packet'),
    told: () => note('news'),
    due(now) {
      // A timer may come before the deadline, when the clock has slowed down meanwhile.
      if (now < next) return note('early');
      note('due');
      next = (now + EVERY_MS) as Instant;
    },
    deadline: () => next,
  };
  host.begin([service]);
  const runUntil = (ms: number): void => {
    while (queue.nextMs <= ms) {
      state.nowMs = queue.nextMs;
      queue.take()!();
    }
    state.nowMs = ms;
  };
  const packet: Datagram = { from: 1, fromPort: PORT, port: PORT, network: 'boot', bytes: new Uint8Array(1), unicast: false, meaning: undefined };
  return { host, clock, state, notes, runUntil, packet };
}

describe('a host', () => {
  test('is stepped at its deadlines, a little late', () => {
    const { notes, runUntil } = bench();
    runUntil(5500);
    expect(notes.map(({ what }) => what)).toEqual(['due', 'due', 'due', 'due', 'due']);
    for (const [i, { atMs }] of notes.entries()) expect(atMs - (i + 1) * EVERY_MS).toBeGreaterThanOrEqual(0);
    expect(notes.at(-1)!.atMs).toBeLessThan(5 * (EVERY_MS + TIMER_LATE_MS));
  });

  test('that stood still has its timer first, then what waited; what its sockets could not hold is gone', () => {
    const { host, notes, packet, runUntil, state } = bench();
    host.pause(4000);
    runUntil(2000);
    for (let i = 0; i < SOCKET_HOLDS + 3; i++) host.hear(packet);
    runUntil(4000);
    expect(state.overflown).toBe(3);
    expect(notes.map(({ what }) => what)).toEqual(['due', ...Array.from({ length: SOCKET_HOLDS }, () => 'packet')]);
    expect(new Set(notes.map(({ atMs }) => atMs))).toEqual(new Set([4000]));
  });

  test('that starves takes what comes, each within the bound', () => {
    const { host, notes, packet, runUntil } = bench();
    host.starve(60_000);
    for (let ms = 100; ms < 900; ms += 100) {
      runUntil(ms);
      host.hear(packet);
    }
    runUntil(900 + STARVE_MAX_MS);
    expect(notes.filter(({ what }) => what === 'packet')).toHaveLength(8);
    expect(new Set(notes.map(({ atMs }) => Math.round(atMs) % 100)).size).toBeGreaterThan(1);
  });

  test('whose clock slows down under a timer is stepped again', () => {
    const { clock, notes, runUntil } = bench();
    runUntil(500);
    clock.drift(500, -200_000);
    runUntil(1500);
    expect(notes.map(({ what }) => what)).toEqual(['early', 'due']);
  });

  test('that is started anew knows nothing of what was set before', () => {
    const { host, notes, packet, runUntil } = bench();
    host.pause(2000);
    host.hear(packet);
    host.begin([]);
    host.hear(packet);
    runUntil(5000);
    expect(notes).toEqual([]);
  });
});

test('a clock is of its own, drifts and jumps, and never goes back', () => {
  const clock = new NodeClock(100);
  expect([clock.at(0), clock.at(1000)]).toEqual([100, 1100]);
  clock.drift(1000, 1000);
  expect(clock.at(2000)).toBeCloseTo(2101, 6);
  clock.jump(2000, 500);
  expect(clock.at(2000)).toBeCloseTo(2601, 6);
  expect(clock.at(3000)).toBeCloseTo(3602, 6);
  expect(clock.simulated(1001)).toBeCloseTo(1000, 6);
});
