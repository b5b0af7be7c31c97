import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../core/bytes.ts';
import { type Mac, macFromBytes } from '../core/mac.ts';
import { decodeMagicPacket, encodeMagicPacket } from './magic-packet.ts';

const MAC = '00:1a:2b:3c:4d:5e' as Mac;
const GOLDEN = `ffffffffffff${'001a2b3c4d5e'.repeat(16)}`;
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes);
const secureOn = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 6, maxLength: 6 }));

describe('a magic packet', () => {
  test('golden bytes, without a password and with one', () => {
    expect(toHex(encodeMagicPacket({ mac: MAC }))).toBe(GOLDEN);
    expect(toHex(encodeMagicPacket({ mac: MAC, secureOn: Uint8Array.of(1, 2, 3, 4, 5, 6) }))).toBe(`${GOLDEN}010203040506`);
  });

  test('a password of another length is our own mistake', () => {
    for (const length of [0, 1, 3, 5, 7]) expect(() => encodeMagicPacket({ mac: MAC, secureOn: new Uint8Array(length) })).toThrow(RangeError);
  });

  test('what was encoded decodes to the same', () => {
    fc.assert(fc.property(mac, fc.option(secureOn, { nil: undefined }), (mac, secureOn) => {
      const packet = { mac, ...(secureOn === undefined ? {} : { secureOn }) };
      expect(decodeMagicPacket(encodeMagicPacket(packet))).toEqual(packet);
    }));
  });

  test('whatever decodes encodes to the same bytes', () => {
    const near = fc.tuple(fc.constant(fromHex(`${GOLDEN}010203040506`)!), fc.nat(110), fc.nat(107), fc.nat(255)).map(([bytes, length, at, value]) => {
      const copy = bytes.slice(0, length);
      if (at < copy.length) copy[at] = value;
      return copy;
    });
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), near), (bytes) => {
      const packet = decodeMagicPacket(bytes);
      if (packet !== undefined) expect(encodeMagicPacket(packet)).toEqual(bytes);
    }), { numRuns: 2000 });
  });

  test.each([
    ['one byte short', GOLDEN.slice(0, -2)], ['a trailing byte', `${GOLDEN}00`], ['five bytes behind it', `${GOLDEN}0102030405`],
    ['no synchronisation', `ffffffffff00${'001a2b3c4d5e'.repeat(16)}`], ['another last repetition', `${GOLDEN.slice(0, -2)}5f`], ['nothing', ''],
  ])('refused: %s', (_what, hex) => expect(decodeMagicPacket(fromHex(hex)!)).toBeUndefined());
});
