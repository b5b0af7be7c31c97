import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OBSERVERS } from './membership-limits.ts';
import { WatchRings } from './watch-rings.ts';

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i + 1);
const roster = fc.uniqueArray(fc.integer({ min: 1, max: 65535 }), { minLength: 1, maxLength: 40 });

describe('watch rings', () => {
  test('property: four different observers that are fit, or all there are; and each watches exactly those that it is an observer of', () => {
    fc.assert(fc.property(roster, fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (numbers, health) => {
      const rings = new WatchRings(numbers);
      const fit = (node: number): boolean => health[numbers.indexOf(node)]!;
      const well = numbers.filter(fit);
      for (const node of numbers) {
        const observers = rings.observersOf(node, fit);
        expect(new Set(observers).size).toBe(observers.length);
        expect(observers).toHaveLength(Math.min(OBSERVERS, well.filter((other) => other !== node).length));
        expect(observers.every((other) => other !== node && fit(other))).toBe(true);
      }
      for (const self of well) expect(rings.watchedBy(self, fit, () => true)).toEqual(numbers.filter((node) => rings.observersOf(node, fit).includes(self)).sort((a, b) => a - b));
    }), { numRuns: 200 });
  });

  test('the order of the roster makes no difference', () => {
    const [one, other] = [new WatchRings(upTo(50)), new WatchRings([...upTo(50)].reverse())];
    for (const node of upTo(50)) expect(one.observersOf(node, () => true)).toEqual(other.observersOf(node, () => true));
  });

  test.each([10, 100, 1000])('of %d nodes nobody watches more than two over the measure, and a death moves only what hung on the dead one', (count) => {
    const rings = new WatchRings(upTo(count));
    for (const self of upTo(count)) expect(rings.watchedBy(self, () => true, () => true).length).toBeLessThanOrEqual(OBSERVERS + 2);
    const dead = 7;
    for (const node of upTo(count)) {
      const before = rings.observersOf(node, () => true);
      if (!before.includes(dead)) expect(rings.observersOf(node, (other) => other !== dead)).toEqual(before);
    }
  });

  test('a number outside of the roster neither watches nor is watched', () => {
    const rings = new WatchRings([1, 2]);
    expect([rings.observersOf(3, () => true), rings.watchedBy(3, () => true, () => true)]).toEqual([[], []]);
  });
});
