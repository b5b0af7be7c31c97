import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeLatin1 } from '../core/bytes.ts';
import { decodeUserClass, encodeUserClass } from './dhcp-user-class.ts';

test('a bare text, as iPXE sends it', () => expect(decodeUserClass(encodeLatin1('iPXE'))).toEqual(['iPXE']));
test('length-prefixed, as RFC 3004 wants it', () => expect(decodeUserClass(encodeLatin1('\x04iPXE\x03lab'))).toEqual(['iPXE', 'lab']));
test('a length that does not tile is text', () => expect(decodeUserClass(encodeLatin1('\x05iPXE'))).toEqual(['\x05iPXE']));
test('empty is no class', () => expect(decodeUserClass(new Uint8Array())).toEqual([]));
test('an empty class cannot be written', () => expect(() => encodeUserClass([''])).toThrow(RangeError));

test('what is written is read again', () => {
  const names = fc.array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 255 }), { maxLength: 4 });
  fc.assert(fc.property(names, (classes) => void expect(decodeUserClass(encodeUserClass(classes))).toEqual(classes)));
});

test('fuzz: any bytes are read as classes that hold no more characters than there were bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void expect(decodeUserClass(bytes).join('').length).toBeLessThanOrEqual(bytes.length)));
});
