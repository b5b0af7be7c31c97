import { describe, expect, test } from 'vitest';
import { FAULT_KINDS, formatFault, parseFault } from './fault.ts';
import { drawSchedule, QUIET_AT_END_MS } from './fault-schedule.ts';
import { formatNumbers, parseNumbers } from './number-list.ts';
import { shrink } from './shrink.ts';

describe('a fault', () => {
  test('of any schedule is read as it is written', () => {
    const faults = Array.from({ length: 60 }, (_, seed) => drawSchedule(seed, 12, 60_000).faults).flat();
    expect(faults.map((fault) => parseFault(formatFault(fault)))).toEqual(faults);
    expect(new Set(faults.map(({ kind }) => kind)).size).toBe(Object.keys(FAULT_KINDS).length);
  });

  test.each(['at 5s lose 20% of 1-3 7 for 4s', 'at 5.25s lose 20% for 4s', 'at 0s crash 3', 'at 9s drift -300ppm of 2'])('%s', (line) => expect(formatFault(parseFault(line))).toBe(line));

  test.each([
    ['at noon crash 3', 'a fault is written'], ['at 5s crash', 'crash wants nodes'], ['at 5s crash 3 for 2s', 'crash does not last'], ['at 5s pause 3', 'pause wants to know for how long'],
    ['at 5s lose for 2s', 'lose wants an amount in %'], ['at 5s delay 20% for 2s', 'delay wants an amount in ms'], ['at 5s delay 20ms of 3 for 2s', 'delay is of the whole LAN'], ['at 5s pause 5ms of 3 for 2s', 'pause has no amount'],
  ])('%s: %s', (line, problem) => expect(() => parseFault(line)).toThrow(`${line}: ${problem}`));
});

test('a schedule leaves time to settle, and grows with rack and time', () => {
  for (let seed = 0; seed < 200; seed++) for (const { atMs, forMs } of drawSchedule(seed, 7, 60_000).faults) expect(atMs + forMs).toBeLessThanOrEqual(60_000 - QUIET_AT_END_MS);
  const countOf = (nodes: number, untilMs: number): number => drawSchedule(1, nodes, untilMs).faults.length;
  expect([countOf(100, 60_000) > countOf(5, 60_000), countOf(5, 300_000) > countOf(5, 60_000)]).toEqual([true, true]);
});

test('numbers', () => {
  expect([formatNumbers([1, 2, 3, 7, 9, 10]), formatNumbers([])]).toEqual(['1-3 7 9-10', '']);
  expect(parseNumbers('9-10 7 1-3 2')).toEqual([1, 2, 3, 7, 9, 10]);
  expect(() => parseNumbers('1 x')).toThrow('"x" is neither');
});

describe('shrinking', () => {
  const { faults } = drawSchedule(3, 40, 120_000);
  const needed = [faults[2]!, faults.at(-3)!];

  test('leaves what is needed', () => {
    const { faults: left, tries } = shrink(faults, (some) => needed.every((fault) => some.includes(fault)));
    expect(left).toEqual(needed);
    expect(tries).toBeLessThan(faults.length ** 2);
  });

  test('leaves nothing when nothing is needed', () => expect(shrink(faults, () => true).faults).toEqual([]));

  test('ends after so many tries, with a schedule that fails', () => {
    const { faults: left, tries } = shrink(faults, (some) => needed.every((fault) => some.includes(fault)), 5);
    expect(tries).toBe(5);
    expect(left).toEqual(expect.arrayContaining(needed));
  });
});
