import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeLatin1, encodeLatin1 } from '../core/bytes.ts';
import { toNetascii } from './netascii.ts';

test.each([
  ['', ''],
  ['plain', 'plain'],
  ['a\nb\n', 'a\r\nb\r\n'],
  ['a\rb', 'a\r\0b'],
  ['a\r\n', 'a\r\0\r\n'],
])('%j goes over the wire as %j', (text, wire) => {
  expect(decodeLatin1(toNetascii(encodeLatin1(text)))).toBe(wire);
});

test('the receiver gets every byte back', () => {
  const decode = (wire: string) => wire.replaceAll(/\r([\n\0])/g, (_all, next) => (next === '\n' ? '\n' : '\r'));
  fc.assert(fc.property(fc.array(fc.constantFrom('\r', '\n', '\0', 'x')), (chars) => {
    expect(decode(decodeLatin1(toNetascii(encodeLatin1(chars.join('')))))).toBe(chars.join(''));
  }));
});
