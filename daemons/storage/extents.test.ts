import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { allocate, freeExtents } from './extents.ts';

const held = (...extents: [number, number][]): { extents: { start: number; count: number }[] } => ({ extents: extents.map(([start, count]) => ({ start, count })) });

describe('freeExtents', () => {
  test('gaps in front, between and behind', () => {
    expect(freeExtents(20, [held([10, 2], [2, 3]), held([5, 1])])).toEqual([{ start: 0, count: 2 }, { start: 6, count: 4 }, { start: 12, count: 8 }]);
  });
  test('all, and nothing', () => {
    expect(freeExtents(4, [])).toEqual([{ start: 0, count: 4 }]);
    expect(freeExtents(4, [held([0, 4])])).toEqual([]);
  });
});

describe('allocate', () => {
  test('the first run that is long enough', () => {
    expect(valueOf(allocate(20, [held([2, 3], [8, 2])], 7 * 100 - 50, 100))).toEqual([{ start: 10, count: 7 }]);
    expect(valueOf(allocate(20, [held([2, 3], [8, 2])], 300, 100))).toEqual([{ start: 5, count: 3 }]);
  });
  test('several pieces when no run is', () => {
    expect(valueOf(allocate(10, [held([2, 3], [8, 2])], 500, 100))).toEqual([{ start: 0, count: 2 }, { start: 5, count: 3 }]);
    expect(valueOf(allocate(10, [held([2, 3], [8, 2])], 400, 100))).toEqual([{ start: 0, count: 2 }, { start: 5, count: 2 }]);
  });
  test('no room: free and wanted are told', () => {
    const result = allocate(10, [held([2, 3], [8, 2])], 501, 100);
    expect(!result.ok && [result.problems[0]!.code, result.problems[0]!.rule, result.problems[0]!.seen]).toEqual(['MM-EXTENTS-ROOM', '6 free extents of 100 bytes (600 bytes)', '5 of 10 extents free (500 bytes)']);
  });
  test('a volume of nothing is our own mistake', () => expect(() => allocate(10, [], 0, 100)).toThrow(RangeError));

  test('whatever is asked for, nothing is given twice and all of it is given', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.boolean()), { maxLength: 30 }), (extentCount, requests) => {
        let volumes: { extents: readonly { start: number; count: number }[] }[] = [];
        for (const [count, drop] of requests) {
          const free = freeExtents(extentCount, volumes).reduce((sum, run) => sum + run.count, 0);
          const got = allocate(extentCount, volumes, count * 4096, 4096);
          expect(got.ok).toBe(free >= count);
          if (got.ok) volumes.push({ extents: got.value });
          const all = volumes.flatMap((volume) => volume.extents.flatMap((run) => Array.from({ length: run.count }, (_, i) => run.start + i)));
          expect(new Set(all).size).toBe(all.length);
          expect(all.every((extent) => extent < extentCount)).toBe(true);
          if (got.ok) expect(got.value.reduce((sum, run) => sum + run.count, 0)).toBe(count);
          if (drop) volumes = volumes.slice(1);
        }
      }),
    );
  });
});
