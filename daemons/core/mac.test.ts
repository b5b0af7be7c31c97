import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from './bytes.ts';
import { macFromBytes, macToBytes, parseMac } from './mac.ts';

/** Bytes of a card's own address: not a group's, not all zero. */
const cardBytes = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => bytes.with(0, bytes[0]! & 0xfe)).filter((bytes) => bytes.some((byte) => byte !== 0));

describe('parseMac', () => {
  test.each(['52:54:00:aa:bb:cc', '52-54-00-AA-BB-CC', '5254.00aa.bbcc', '525400AABBCC', '52:54:00:Aa:bB:cC'])('%s is read', (text) => expect(parseMac(text)).toBe('52:54:00:aa:bb:cc'));

  test.each([
    '', '52:54:00:aa:bb', '52:54:00:aa:bb:cc:dd', '52:54-00:aa:bb:cc', '52:54:00:aa:bbcc', '5254.00aa:bbcc', '52:54:00:aa:bb:cg', ' 52:54:00:aa:bb:cc', '52:54:00:aa:bb:cc\n',
    '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '33:33:00:00:00:01',
  ])('%j is no card\'s address', (text) => expect(parseMac(text)).toBeUndefined());

  test('every spelling of an address gives the same one', () => {
    fc.assert(
      fc.property(cardBytes, fc.constantFrom(':', '-', ''), fc.boolean(), (bytes, separator, capitals) => {
        const text = toHex(bytes, separator);
        expect(parseMac(capitals ? text.toUpperCase() : text)).toBe(toHex(bytes, ':'));
      }),
    );
  });

  test('fuzz: any text gives undefined or an address in the one spelling', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF:-. \n'), maxLength: 20 }), (text) => { expect(parseMac(text) ?? '02:00:00:00:00:00').toMatch(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/); }));
  });
});

test('bytes come back', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => { expect(macToBytes(macFromBytes(bytes))).toEqual(bytes); }));
});

test('macFromBytes takes the first six bytes', () => expect(macFromBytes(Uint8Array.of(82, 84, 0, 170, 187, 204, 1, 2))).toBe('52:54:00:aa:bb:cc'));
