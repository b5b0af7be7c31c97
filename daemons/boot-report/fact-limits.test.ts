import { describe, expect, test } from 'vitest';
import type { Mac } from '../core/mac.ts';
import type { Instant } from '../core/machine.ts';
import type { Roster } from '../core/roster.ts';
import { FACT_RATE, FactLimits, KERNEL_RATE } from './fact-limits.ts';

const [A, B, STRANGER] = ['52:54:00:00:00:01', '52:54:00:00:00:02', '52:54:00:00:00:99'] as Mac[] as [Mac, Mac, Mac];
const ROSTER = { nodes: [{ number: 1, macs: [A] }, { number: 2, macs: [B] }] } as unknown as Roster;
const at = (ms: number): Instant => ms as Instant;
const taken = (limits: FactLimits, ms: number, mac: Mac, kind: 'stage' | 'kernel', count: number): number => Array.from({ length: count }, () => limits.admit(at(ms), mac, kind)).filter(Boolean).length;

describe('limits', () => {
  test('a burst is taken, then so many a second; each blade and each kind for itself', () => {
    const limits = new FactLimits(ROSTER);
    expect(taken(limits, 0, A, 'stage', 1000)).toBe(FACT_RATE.burst);
    expect(limits.dropped).toBe(1000 - FACT_RATE.burst);
    expect(taken(limits, 0, B, 'stage', 10)).toBe(10);
    expect(taken(limits, 0, A, 'kernel', 5000)).toBe(KERNEL_RATE.burst);
    expect(taken(limits, 2_000, A, 'stage', 1000)).toBe(2 * FACT_RATE.perSecond);
    expect(taken(limits, 1_000_000_000, A, 'stage', 1000)).toBe(FACT_RATE.burst);
  });

  test('a stranger is refused and costs no memory', () => {
    const limits = new FactLimits(ROSTER);
    expect(taken(limits, 0, STRANGER, 'stage', 10)).toBe(0);
    expect(limits.dropped).toBe(0);
  });

  test('another roster: who left is a stranger, who came is none, and who left and comes back begins anew', () => {
    const limits = new FactLimits(ROSTER);
    expect([taken(limits, 0, A, 'stage', 1000), limits.fresh(1, 'one', 5)]).toEqual([FACT_RATE.burst, true]);
    limits.useRoster({ nodes: [{ number: 9, macs: [STRANGER] }, { number: 2, macs: [B] }] } as unknown as Roster);
    expect([A, B, STRANGER].map((mac) => taken(limits, 0, mac, 'stage', 1))).toEqual([0, 1, 1]);
    expect([limits.fresh(1, 'two', 0), limits.fresh(9, 'one', 0)]).toEqual([false, true]);
    limits.useRoster(ROSTER);
    expect([taken(limits, 0, A, 'stage', 1000), limits.fresh(1, 'one', 5)]).toEqual([FACT_RATE.burst, true]);
  });

  test('a relayed fact counts once; a recording of this or an earlier start of its node does not', () => {
    const limits = new FactLimits(ROSTER);
    expect([0, 1, 1, 0, 5, 4].map((sequence) => limits.fresh(1, 'one', sequence))).toEqual([true, true, false, false, true, false]);
    expect([limits.fresh(1, 'two', 0), limits.fresh(1, 'one', 6), limits.fresh(2, 'one', 6)]).toEqual([true, false, true]);
    expect(limits.fresh(3, 'x', 0)).toBe(false);
  });
});
