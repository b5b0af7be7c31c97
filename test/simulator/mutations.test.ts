// The checkers can fail: cores that are broken on purpose are found out, each by the invariant that it breaks.

import { describe, expect, test } from 'vitest';
import type { Protocols } from './adapter.ts';
import { BROKEN } from './broken.test-kit.ts';
import { INVARIANTS, exploreSeed, formatFailure, newExploration, runSeed } from './explore.ts';
import { drawSchedule, type Schedule } from './fault-schedule.ts';
import { simulate } from './simulation.ts';

const SIZE = { nodes: 5, untilMs: 60_000 };
/** A fault must show itself within so many seeds. */
const SEEDS_MAX = 60;

function firstFailing(invariant: string, protocols: Protocols, schedule?: Schedule): number | undefined {
  const invariants = INVARIANTS.filter(({ name }) => name === invariant);
  const seeds = Array.from({ length: SEEDS_MAX }, (_, i) => i + 1);
  return seeds.find((seed) => simulate({ seed, ...SIZE, ...(schedule ?? drawSchedule(seed, SIZE.nodes, SIZE.untilMs)), protocols, invariants }).violation !== undefined);
}

describe('found out', () => {
  test.each(BROKEN.map(([what, invariant, protocols, schedule]) => ({ what, invariant, protocols, schedule })))('$what: $invariant', ({ invariant, protocols, schedule }) => {
    expect(INVARIANTS.map(({ name }) => name)).toContain(invariant);
    expect(firstFailing(invariant, protocols, schedule)).toBeDefined();
  });

  test('and told with seed, invariant, a short schedule and what happened', () => {
    const [, invariant, protocols] = BROKEN.find(([what]) => what === 'a server that acknowledges for others')!;
    const seed = firstFailing(invariant, protocols)!;
    const failure = exploreSeed(seed, SIZE, newExploration(), protocols)!;
    expect(failure.violation.invariant).toBe(invariant);
    expect(failure.shrunken.length).toBeLessThanOrEqual(2);
    expect(failure.shrunken.length).toBeLessThan(failure.schedule.faults.length);
    expect(runSeed(failure.seed, SIZE, { ...failure.schedule, faults: failure.shrunken }, protocols).violation).toEqual(failure.violation);
    const text = formatFailure(failure, SIZE);
    expect(text).toContain(`npm run simulate -- --seed ${failure.seed} --nodes 5 --minutes 1`);
    expect(text).toMatch(/\nat [\d.]+s power-on /);
    expect(text).toMatch(/\n +[\d.]+ {2}\d+ runs\n/);
  });
});
