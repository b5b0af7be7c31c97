import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readStart, startBytes, startHalf, writeStart } from './start-text.ts';

test('law: what is written is read, also where many names share a place in memory, and nothing beside it is touched', () => {
  const word = fc.nat(0xffffffff);
  // Names of which the halves differ in the same bits share a place.
  fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), word, fc.nat(8), (highs, difference, at) => {
    for (const high of highs) {
      const text = [high, (high ^ difference) >>> 0].map((half) => half.toString(16).padStart(8, '0')).join('');
      const bytes = new Uint8Array(16 + 2).fill(0xee);
      writeStart(bytes, at, text);
      expect(readStart(bytes, at)).toBe(text);
      expect(bytes.filter((_, place) => place < at || place >= at + 8).every((byte) => byte === 0xee)).toBe(true);
      expect([startHalf(text, 0), startHalf(text, 1)]).toEqual([high, (high ^ difference) >>> 0]);
      expect(bytes.slice(at, at + 8)).toEqual(startBytes(text));
    }
  }));
});

test.each(['', '0', '00000000000000g0', '00000000000000A0', '000000000000000', '00000000000000000', '0000000000000 00'])('%j is no name', (text) => {
  expect(() => startBytes(text)).toThrow(RangeError);
});
