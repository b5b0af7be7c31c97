import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeLatin1, fromHex, toHex } from './bytes.ts';
import { hmacSha256, sha256 } from './sha256.ts';

describe('sha256', () => {
  // The examples that NIST publishes for FIPS 180-4, and its million letters a.
  test.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ['abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq', '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1'],
    ['abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu', 'cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1'],
    ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
  ])('%.12j…', (text, digest) => expect(toHex(sha256(encodeLatin1(text)))).toBe(digest));

  test('agrees with node:crypto at every length around the block borders', () => {
    for (let length = 0; length <= 200; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 255);
      expect(toHex(sha256(bytes))).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });

  test('agrees with node:crypto on any part of a larger array', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), fc.nat(70), (bytes, skip) => {
        const part = bytes.subarray(skip);
        expect(toHex(sha256(part))).toBe(createHash('sha256').update(part).digest('hex'));
      }),
    );
  });
});

describe('hmacSha256', () => {
  const bytes = (hex: string): Uint8Array => fromHex(hex)!;
  // RFC 4231 section 4: test cases 1 to 4, 6 and 7 (5 is a truncated output).
  test.each<[string, Uint8Array, Uint8Array, string]>([
    ['1', bytes('0b'.repeat(20)), encodeLatin1('Hi There'), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    ['2, a short key', encodeLatin1('Jefe'), encodeLatin1('what do ya want for nothing?'), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
    ['3', bytes('aa'.repeat(20)), bytes('dd'.repeat(50)), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
    ['4', bytes('0102030405060708090a0b0c0d0e0f10111213141516171819'), bytes('cd'.repeat(50)), '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b'],
    ['6, a key longer than a block', bytes('aa'.repeat(131)), encodeLatin1('Test Using Larger Than Block-Size Key - Hash Key First'), '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54'],
    [
      '7, both longer than a block', bytes('aa'.repeat(131)),
      encodeLatin1('This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.'),
      '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
    ],
  ])('RFC 4231 test case %s', (_case, key, message, mac) => expect(toHex(hmacSha256(key, message))).toBe(mac));

  test('agrees with node:crypto', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 140 }), fc.uint8Array({ maxLength: 200 }), (key, message) => {
        expect(toHex(hmacSha256(key, message))).toBe(createHmac('sha256', key).update(message).digest('hex'));
      }),
    );
  });
});
