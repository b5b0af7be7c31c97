import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MIB, SECTOR_BYTES } from './block.ts';
import { storeSizeBytes } from './snapshot-store.ts';
import { canFill, FILL_HYSTERESIS, FILL_WARNINGS, fillPercent, fillWarning, parseStoreFill } from './store-fill.ts';

describe('the status line of a snapshot', () => {
  test('in use: sectors used, all, and of metadata', () => {
    const fill = parseStoreFill('0 2097152 snapshot 183504/262144 368\n');
    expect(fill).toEqual({ kind: 'in-use', usedSectors: 183_504, totalSectors: 262_144, metadataSectors: 368 });
    expect(fill?.kind === 'in-use' && fillPercent(fill)).toBe(70);
  });

  test.each(['Invalid', 'Overflow', 'Merge failed'])('given up: %s', (word) => {
    expect(parseStoreFill(`0 2097152 snapshot ${word}\n`)).toEqual({ kind: 'given-up', word });
  });

  test('among what else a program says', () => {
    expect(parseStoreFill('some warning\n0 8 snapshot 16/32 16\n')).toMatchObject({ usedSectors: 16 });
  });

  test.each(['', '0 2097152 linear ', '0 2097152 snapshot Unknown', '0 2097152 snapshot 1/0 0', '0 2097152 snapshot 9/8 0', 'Device does not exist.', '0 8 snapshot -1/8 0', '0 8 snapshot Invalidated'])('neither: %j', (text) => {
    expect(parseStoreFill(text)).toBeUndefined();
  });

  test('no text throws, and no fill is beyond 100 %', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.tuple(fc.nat(), fc.nat(), fc.nat()).map(([a, b, c]) => `0 8 snapshot ${a}/${b} ${c}`)), (text) => {
      const fill = parseStoreFill(text);
      if (fill?.kind === 'in-use') expect(fillPercent(fill)).toBeLessThanOrEqual(100);
    }));
  });
});

describe('warnings', () => {
  /** The warnings that are given on the way through these fills. */
  function given(fills: readonly number[]): number[] {
    let held = 0;
    return fills.flatMap((percent) => {
      const former = held;
      held = fillWarning(percent, former);
      return held > former ? [held] : [];
    });
  }

  test('come once each, on the way up', () => {
    expect(given([0, 69, 70, 71, 89, 90, 95, 100])).toEqual([70, 90]);
    expect(given([0, 95, 96])).toEqual([90]);
  });

  test('are not repeated by a fill that goes to and fro around one, and are after more room was made', () => {
    expect(given([70, 69, 70, 66, 71])).toEqual([70]);
    expect(given([91, 60, 75, 92])).toEqual([90, 70, 90]);
    expect(given([91, 86, 90])).toEqual([90]);
  });

  test('never hold far below their mark, and hold at it', () => {
    fc.assert(fc.property(fc.nat({ max: 100 }), fc.constantFrom(0, ...FILL_WARNINGS), (percent, former) => {
      const held = fillWarning(percent, former);
      expect(held === 0 || percent >= held - FILL_HYSTERESIS).toBe(true);
      expect(FILL_WARNINGS.every((warning) => percent < warning || held >= warning)).toBe(true);
    }));
  });
});

test('a store with room for every chunk of its origin cannot fill, a smaller one can', () => {
  const whole = storeSizeBytes(1024 * MIB, 16 * SECTOR_BYTES);
  expect([canFill(whole, 1024 * MIB, 16), canFill(whole + 4 * MIB, 1024 * MIB, 16), canFill(whole - 1, 1024 * MIB, 16)]).toEqual([false, false, true]);
});
