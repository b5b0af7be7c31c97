// Fresh seeds for a fixed time, and every seed that ever failed.

import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { exploreSeed, formatExploration, formatFailure, newExploration, runSeed, type Size } from './explore.ts';
import { drawSchedule } from './fault-schedule.ts';
import { PROTOCOLS } from './protocols.ts';
import { parseSeeds, SEED_MAX } from './seeds.ts';
import { Transcript } from './transcript.ts';

/** So long are fresh seeds tried, whatever comes of it. */
const FRESH_SEEDS_MS = 60_000;
/** From the smallest rack on which something can go wrong to one that has a crowd. */
const SIZES: readonly Size[] = [2, 3, 5, 9, 25].map((nodes) => ({ nodes, untilMs: 60_000 }));
/** A failure is run many times again, to shrink it, perhaps on a machine that is busy. */
const TIMEOUT_MS = 600_000;

test('fresh seeds', { timeout: TIMEOUT_MS }, () => {
  const endsAt = performance.now() + FRESH_SEEDS_MS;
  const first = randomInt(SEED_MAX);
  const explored = SIZES.map(newExploration);
  const tookMs = SIZES.map(() => 0);
  let seed = first;
  for (; performance.now() < endsAt; seed++) {
    const at = (seed - first) % SIZES.length;
    const beganAt = performance.now();
    const failure = exploreSeed(seed, SIZES[at]!, explored[at]!);
    tookMs[at]! += performance.now() - beganAt;
    if (failure !== undefined) expect.fail(`${formatFailure(failure, SIZES[at]!)}\n\nThe line for test/simulator/seeds.txt: seed ${seed} nodes ${SIZES[at]!.nodes} minutes ${SIZES[at]!.untilMs / 60_000}: `);
  }
  console.log(`seeds ${first} to ${seed - 1}, with ${SIZES.map(({ nodes }) => nodes).join(', ')} nodes in turn\n${explored.map((one, at) => formatExploration(one, SIZES[at]!, tookMs[at]!)).join('\n\n')}`);
  expect(explored.every(({ seeds }) => seeds > 0)).toBe(true);
});

describe('kept seeds', () => {
  test('each that ever failed holds', { timeout: TIMEOUT_MS }, () => {
    const kept = parseSeeds(readFileSync('test/simulator/seeds.txt', 'utf8'));
    const failures = kept.flatMap((one) => {
      const failure = exploreSeed(one.seed, one, newExploration());
      return failure === undefined ? [] : [`${one.why}\n${formatFailure(failure, one)}`];
    });
    expect(failures).toEqual([]);
  });

  test('are read, and nothing else', () => {
    expect(parseSeeds('# a\nseed 7 nodes 3 minutes 1.5: a bound\n')).toEqual([{ seed: 7, nodes: 3, untilMs: 90_000, why: 'a bound' }]);
    expect(() => parseSeeds('seed 7: why\n')).toThrow('seed 7: why: a kept seed is');
  });
});

describe('the same seed', () => {
  const size: Size = { nodes: 5, untilMs: 60_000 };
  const runOf = (seed: number) => {
    const transcript = new Transcript();
    const { digest } = runSeed(seed, size, drawSchedule(seed, size.nodes, size.untilMs), PROTOCOLS, transcript);
    return { digest, lines: transcript.lines() };
  };

  test('gives the same run, packet by packet', () => {
    for (const seed of [1, 2, 2 ** 31 - 1]) expect(runOf(seed)).toEqual(runOf(seed));
  });

  test('and another seed another one', () => expect(new Set([1, 2, 3, 2 ** 31 - 1].map((seed) => runOf(seed).digest)).size).toBe(4));
});
