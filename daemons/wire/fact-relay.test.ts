import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, encodeLatin1, toHex } from '../core/bytes.ts';
import { hmacSha256 } from '../core/sha256.ts';
import { decodeRelay, encodeRelay, RELAY_TEXT_MAX_BYTES, type RelayedFact } from './fact-relay.ts';

const KEY = encodeLatin1('a key of thirty-two bytes, or so.');
const FACT: RelayedFact = { cluster: 'a1b2c3d4e5f60718', node: 3, incarnation: '00112233445566ff', sequence: 258, text: '{"v":1}' };
const hex16 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => value.toString(16).padStart(16, '0'));
const facts: fc.Arbitrary<RelayedFact> = fc.record({ cluster: hex16, node: fc.integer({ min: 1, max: 65535 }), incarnation: hex16, sequence: fc.integer({ min: 0, max: 0xffffffff }), text: fc.string({ unit: 'grapheme', maxLength: 100 }) });

describe('a relayed fact', () => {
  test('golden bytes', () => {
    const bytes = encodeRelay(KEY, FACT)!;
    expect(toHex(bytes.subarray(0, -32))).toBe('4d4d4246 01 00 0003 a1b2c3d4e5f60718 00112233445566ff 00000102 7b2276223a317d'.replaceAll(' ', ''));
    expect(bytes.subarray(-32)).toEqual(hmacSha256(KEY, bytes.subarray(0, -32)));
  });

  test('what is written is read again', () => {
    fc.assert(fc.property(facts, (fact) => void expect(decodeRelay(KEY, encodeRelay(KEY, fact)!)).toEqual(fact)));
  });

  test('another key, and a text that is too long', () => {
    expect(decodeRelay(encodeLatin1('other'), encodeRelay(KEY, FACT)!)).toBeUndefined();
    expect(encodeRelay(KEY, { ...FACT, text: 'é'.repeat(RELAY_TEXT_MAX_BYTES / 2) })).toBeDefined();
    expect(encodeRelay(KEY, { ...FACT, text: `${'é'.repeat(RELAY_TEXT_MAX_BYTES / 2)}x` })).toBeUndefined();
    expect(() => encodeRelay(KEY, { ...FACT, node: 0 })).toThrow(RangeError);
  });

  test('fuzz: no datagram that differs in any byte or in length is taken', () => {
    const good = encodeRelay(KEY, FACT)!;
    fc.assert(fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), fc.uint8Array({ minLength: 1, maxLength: 1200 }), (at, change, noise) => {
      expect(decodeRelay(KEY, good.with(at, good[at]! ^ change))).toBeUndefined();
      expect(decodeRelay(KEY, good.subarray(0, at))).toBeUndefined();
      expect(decodeRelay(KEY, concatBytes(good, noise))).toBeUndefined();
      expect(decodeRelay(KEY, noise)).toBeUndefined();
    }));
  });
});
