import { expect, test } from 'vitest';
import { timeText } from './unix-time.ts';

test.each([
  [1_795_219_200_000, '2026-11-21T00:00:00.000Z'],
  [8.64e15, '+275760-09-13T00:00:00.000Z'],
  [0, 'at an unknown time'],
  [-1, 'at an unknown time'],
  [Number.MAX_SAFE_INTEGER, 'at an unknown time'],
])('%d is %s', (unixMs, text) => expect(timeText(unixMs)).toBe(text));
