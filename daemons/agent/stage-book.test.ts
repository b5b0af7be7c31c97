import { expect, test } from 'vitest';
import { type Mac, macFromBytes } from '../core/mac.ts';
import type { Instant } from '../core/machine.ts';
import { BLADES_MAX, StageBook } from './stage-book.ts';

const macOf = (number: number): Mac => macFromBytes(Uint8Array.of(2, 0, 0, 0, number >> 8, number & 255));
const stage = (number: number, step: string, at = 0) => ({ mac: macOf(number), step, detail: '', at: at as Instant });

test('the last stage of each blade is kept, and a repeated one is told apart', () => {
  const book = new StageBook();
  expect(book.note(stage(1, 'dhcp'))).toBe(true);
  expect(book.note(stage(2, 'dhcp'))).toBe(true);
  expect(book.note(stage(1, 'kernel', 5))).toBe(true);
  expect(book.note(stage(1, 'kernel', 6))).toBe(false);
  expect(book.list()).toEqual([stage(2, 'dhcp'), stage(1, 'kernel', 6)]);
});

test('a flood of strangers does not grow it beyond its limit', () => {
  const book = new StageBook();
  for (let i = 0; i < BLADES_MAX + 10; i++) book.note(stage(i, 'dhcp'));
  expect(book.list()).toHaveLength(BLADES_MAX);
  expect(book.list()[0]!.mac).toBe(macOf(10));
});
