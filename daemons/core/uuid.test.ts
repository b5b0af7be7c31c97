import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, isZero, toHex } from './bytes.ts';
import { NIL_UUID, parseUuid, swapGuidOrder, uuidFromBytes, uuidFromRandom, uuidToBytes } from './uuid.ts';
import type { Uuid } from './uuid.ts';

const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 });

test('parseUuid gives the one spelling, or undefined', () => {
  expect(parseUuid('C12A7328-F81F-11D2-BA4B-00A0C93EC93B')).toBe('c12a7328-f81f-11d2-ba4b-00a0c93ec93b');
  for (const text of ['', 'c12a7328f81f11d2ba4b00a0c93ec93b', '{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}', 'c12a7328-f81f-11d2-ba4b-00a0c93ec93', 'g12a7328-f81f-11d2-ba4b-00a0c93ec93b', 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n']) {
    expect(parseUuid(text)).toBeUndefined();
  }
});

describe('bytes', () => {
  test('come back, as text that is read', () => {
    fc.assert(
      fc.property(sixteen, (bytes) => {
        const uuid = uuidFromBytes(bytes);
        expect(uuidToBytes(uuid)).toEqual(bytes);
        expect(parseUuid(uuid)).toBe(uuid);
      }),
    );
  });

  test('the nil UUID is all zero', () => expect(isZero(uuidToBytes(NIL_UUID))).toBe(true));
});

describe('swapGuidOrder', () => {
  test('golden: the type of an EFI system partition as it stands in a GPT (UEFI 2.10 table 5-7)', () => {
    expect(toHex(swapGuidOrder(uuidToBytes('c12a7328-f81f-11d2-ba4b-00a0c93ec93b' as Uuid)))).toBe('28732ac11ff8d211ba4b00a0c93ec93b');
  });

  test('twice is not at all', () => fc.assert(fc.property(sixteen, (bytes) => { expect(swapGuidOrder(swapGuidOrder(bytes))).toEqual(bytes); })));
});

describe('uuidFromRandom', () => {
  test('golden', () => {
    expect(uuidFromRandom(fromHex('ffffffffffffffffffffffffffffffff')!)).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
    expect(uuidFromRandom(new Uint8Array(16))).toBe('00000000-0000-4000-8000-000000000000');
  });

  test('has version 4 and the variant of RFC 9562, and leaves the random bytes alone', () => {
    fc.assert(
      fc.property(sixteen, (random) => {
        const before = toHex(random);
        expect(uuidFromRandom(random)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(toHex(random)).toBe(before);
      }),
    );
  });
});
