import { expect, test } from 'vitest';
import { DEAD_FOR_ALL_MS, LIVE_COALESCE_MS, OBSERVERS, PAUSE_FORGIVEN_MS, PROBE_INTERVAL_MS, SUSPECTED_BY_ALL_MS } from '../../daemons/membership/membership-limits.ts';
import { formatCost, measureMembership } from './measure.ts';
import { heapBytes } from './simulate-memory.ts';

test('what ten nodes cost: pings and answers of four observers, and a death within the bounds', () => {
  const cost = measureMembership(10, 1, heapBytes);
  // A ping and an answer for each observer, and as many for those that it watches itself; comparisons are seldom.
  const pings = (2 * OBSERVERS * 1000) / PROBE_INTERVAL_MS;
  expect(cost.datagrams).toBeGreaterThan(pings);
  expect(cost.datagrams).toBeLessThan(1.3 * pings);
  expect(cost.suspectedMs).toBeLessThan(SUSPECTED_BY_ALL_MS + LIVE_COALESCE_MS);
  expect(cost.deadMs).toBeGreaterThan(PAUSE_FORGIVEN_MS);
  expect(cost.deadMs).toBeLessThan(DEAD_FOR_ALL_MS + LIVE_COALESCE_MS);
  expect(cost.coreBytes).toBeGreaterThan(0);
  expect(cost.coreBytes).toBeLessThan(64 * 1024);
  expect(formatCost(cost)).toMatch(/^\| 10 \| [\d.]+ \| \d+ \| [\d.]+ s \| [\d.]+ s \| [\d.]+ KiB \|$/);
});
