import { expect, test } from 'vitest';
import { installClockWarning } from './install-clock.ts';

const MADE = Date.UTC(2026, 10, 1);
const DAY = 86_400_000;

test.each([['the day the disc was made', 0], ['a time zone before it', -12 * 3_600_000], ['nine years later, an old disc', 9 * 365 * DAY]])('%s is nothing to speak of', (_, off) => {
  expect(installClockWarning(MADE + off, MADE)).toBeUndefined();
});

test.each([['1970, a dead battery', -MADE, '20758 days before it'], ['two days before the disc was made', -2 * DAY, '2 days before it'], ['eleven years later', 11 * 365 * DAY, '4015 days after it']])('%s is told, with the day to compare with', (_, off, seen) => {
  expect(installClockWarning(MADE + off, MADE)).toMatchObject({ code: 'MM-INSTALL-CLOCK', rule: expect.stringContaining('2026-11-01') as string, seen, remedy: expect.stringContaining('date -s') as string });
});
