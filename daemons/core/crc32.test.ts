import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeLatin1 } from './bytes.ts';
import { crc32, crc32c, crc32cRegister } from './crc32.ts';

const CHECK = encodeLatin1('123456789');

describe('crc32', () => {
  test('the check value of the catalogue', () => expect(crc32(CHECK)).toBe(0xcbf43926));
  test('nothing gives zero', () => expect(crc32(new Uint8Array(0))).toBe(0));
  test('agrees with zlib', () => fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => { expect(crc32(bytes)).toBe(zlibCrc32(bytes)); })));
});

describe('crc32c: the examples of RFC 3720 appendix B.4', () => {
  test.each<[string, Uint8Array, number]>([
    ['32 bytes of zeroes', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 bytes of 0, 1, …, 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['32 bytes of 31, 30, …, 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['the check value of the catalogue', CHECK, 0xe3069283],
  ])('%s', (_what, bytes, expected) => expect(crc32c(bytes)).toBe(expected));

  test('sees every single flipped bit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(), (bytes, bit) => {
        const before = crc32c(bytes);
        const at = bit % (8 * bytes.length);
        bytes[at >> 3]! ^= 1 << (at & 7);
        expect(crc32c(bytes)).not.toBe(before);
      }),
    );
  });
});

test('the bare register of CRC-32C: begun with ones and inverted it is the checksum, begun with zeroes nothing changes it but a one', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => { expect((crc32cRegister(bytes, 0xffffffff) ^ 0xffffffff) >>> 0).toBe(crc32c(bytes)); }));
  expect(crc32cRegister(new Uint8Array(50), 0)).toBe(0);
});
