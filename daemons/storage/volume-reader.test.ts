import { expect, test } from 'vitest';
import { volumeReader } from './volume-reader.ts';

// A disk whose every byte tells the 4096-byte unit that it is in.
const read = (offset: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => Math.floor((offset + i) / 4096));
const reader = volumeReader(read, { extents: [{ start: 5, count: 2 }, { start: 1, count: 1 }] }, 4096, 8);

test('a volume is read through its extents', () => {
  expect(reader(0, 4096)[0]).toBe(6);
  expect([...new Set(reader(0, 3 * 4096))]).toEqual([6, 7, 2]);
  expect([...reader(2 * 4096 - 1, 2)]).toEqual([7, 2]);
});
test('not beyond its last', () => expect(() => reader(2 * 4096, 4097)).toThrow(RangeError));
