import { describe, expect, test } from 'vitest';
import type { Instant } from '../core/machine.ts';
import { LOG_INTERVAL_MS, LOGS_PER_INTERVAL_MAX, RecentTable } from './recent-table.ts';

const at = (ms: number): Instant => ms as Instant;

describe('recent table', () => {
  test('one line a minute for each key', () => {
    const table = new RecentTable(4);
    const loud = [0, 1, LOG_INTERVAL_MS - 1, LOG_INTERVAL_MS, LOG_INTERVAL_MS + 1].map((ms) => table.note(at(ms), 'a', ''));
    expect(loud).toEqual([true, false, false, true, false]);
    expect(table.rows()).toEqual([{ key: 'a', firstAt: 0, lastAt: LOG_INTERVAL_MS + 1, count: 5, detail: '' }]);
  });

  test('the least recently seen makes room', () => {
    const table = new RecentTable(2);
    for (const key of ['a', 'b', 'a', 'c']) table.note(at(0), key, key);
    expect(table.rows().map(({ key }) => key)).toEqual(['a', 'c']);
  });

  test('changing names do not get past the limit of the log', () => {
    const table = new RecentTable(8);
    const lines = Array.from({ length: 1000 }, (_, i) => table.note(at(i), `stranger ${i}`, '')).filter(Boolean);
    expect(lines.length).toBe(LOGS_PER_INTERVAL_MAX);
    expect(table.note(at(LOG_INTERVAL_MS), 'later', '')).toBe(true);
  });
});
