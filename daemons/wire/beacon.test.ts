import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, encodeLatin1, toHex } from '../core/bytes.ts';
import { hmacSha256 } from '../core/sha256.ts';
import { clusterId, decodeBeacon, encodeBeacon } from './beacon.ts';
import type { Beacon } from './beacon.ts';

const KEY = encodeLatin1('a key of thirty-two bytes, or so.');
const BEACON: Beacon = { cluster: 'a1b2c3d4e5f60718', node: 3, incarnation: '00112233445566ff', sequence: 258, rosterGeneration: 2 ** 40 + 7, serving: true };
const GOLDEN_BODY = '4d4d4c42 01 01 0003 a1b2c3d4e5f60718 00112233445566ff 00000102 0000010000000007'.replaceAll(' ', '');
const hex16 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => value.toString(16).padStart(16, '0'));
const beacons: fc.Arbitrary<Beacon> = fc.record({ cluster: hex16, node: fc.integer({ min: 1, max: 65535 }), incarnation: hex16, sequence: fc.integer({ min: 0, max: 0xffffffff }), rosterGeneration: fc.maxSafeNat(), serving: fc.boolean() });
/** A beacon with a changed body under the right key: what a faulty peer could send. */
const signed = (change: (body: Uint8Array) => void): Uint8Array => {
  const body = encodeBeacon(KEY, BEACON).slice(0, 36);
  change(body);
  return concatBytes(body, hmacSha256(KEY, body));
};

describe('beacon', () => {
  test('golden bytes, signed as another implementation of HMAC signs them', () => {
    const bytes = encodeBeacon(KEY, BEACON);
    expect(toHex(bytes.subarray(0, 36))).toBe(GOLDEN_BODY);
    expect(toHex(bytes.subarray(36))).toBe(createHmac('sha256', KEY).update(bytes.subarray(0, 36)).digest('hex'));
  });

  test('clusters are told apart by their names', () => {
    expect(clusterId('rack')).toMatch(/^[0-9a-f]{16}$/);
    expect(clusterId('rack')).not.toBe(clusterId('rack2'));
  });

  test('another key', () => expect(decodeBeacon(encodeLatin1('other'), encodeBeacon(KEY, BEACON))).toBeUndefined());

  test.each<[string, (body: Uint8Array) => void]>([
    ['another magic', (body) => body.fill(0, 0, 1)],
    ['another version', (body) => body.fill(2, 4, 5)],
    ['an unknown flag', (body) => body.fill(3, 5, 6)],
    ['node 0', (body) => body.fill(0, 6, 8)],
    ['a generation beyond 2^53', (body) => body.fill(255, 28, 36)],
  ])('refuses %s even under the right key', (_name, change) => expect(decodeBeacon(KEY, signed(change))).toBeUndefined());

  test.each<[string, Partial<Beacon>]>([
    ['node 0', { node: 0 }],
    ['node 65536', { node: 65536 }],
    ['a sequence beyond 32 bits', { sequence: 2 ** 32 }],
    ['a broken generation', { rosterGeneration: 1.5 }],
    ['a short incarnation', { incarnation: '00' }],
    ['capitals', { cluster: 'A1B2C3D4E5F60718' }],
  ])('will not write %s', (_name, fields) => expect(() => encodeBeacon(KEY, { ...BEACON, ...fields })).toThrow(RangeError));

  test('what is written is read again', () => {
    fc.assert(fc.property(beacons, (beacon) => void expect(decodeBeacon(KEY, encodeBeacon(KEY, beacon))).toEqual(beacon)));
  });

  test('fuzz: no datagram that differs in any byte or in length is taken', () => {
    const good = encodeBeacon(KEY, BEACON);
    fc.assert(
      fc.property(fc.nat(67), fc.integer({ min: 1, max: 255 }), fc.uint8Array({ maxLength: 120 }), (at, change, noise) => {
        expect(decodeBeacon(KEY, good.with(at, good[at]! ^ change))).toBeUndefined();
        expect(decodeBeacon(KEY, good.subarray(0, at))).toBeUndefined();
        expect(decodeBeacon(KEY, concatBytes(good, noise, Uint8Array.of(0)))).toBeUndefined();
        expect(decodeBeacon(KEY, noise)).toBeUndefined();
      }),
    );
  });
});
