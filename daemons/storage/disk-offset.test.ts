import { expect, test } from 'vitest';
import { diskOffset } from './disk-offset.ts';

const MIB = 1024 * 1024;
const volume = { extents: [{ start: 3, count: 2 }, { start: 10, count: 1 }] };

test('an offset is found in the extent that holds it', () => {
  expect(diskOffset(volume, 4 * MIB, 2048, 0)).toBe(MIB + 12 * MIB);
  expect(diskOffset(volume, 4 * MIB, 2048, 5 * MIB)).toBe(MIB + 17 * MIB);
  expect(diskOffset(volume, 4 * MIB, 2048, 8 * MIB + 7)).toBe(MIB + 40 * MIB + 7);
});

test('an offset behind the last extent is refused', () => {
  expect(() => diskOffset(volume, 4 * MIB, 2048, 12 * MIB)).toThrow(RangeError);
});
