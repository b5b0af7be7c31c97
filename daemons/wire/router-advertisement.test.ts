import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../core/bytes.ts';
import { type Mac, macFromBytes } from '../core/mac.ts';
import { clusterPrefix, decodeRouterAdvertisement, encodeRouterAdvertisement, isRouterSolicitation, nodeIpv6, PREFIX_LIFETIME_S, type RouterAdvertisement } from './router-advertisement.ts';

const MESSAGE: RouterAdvertisement = {
  routerLifetimeS: 0,
  sourceMac: '52:54:00:12:34:01' as Mac,
  prefix: fromHex('fd01020304050000')!,
  lifetimeS: PREFIX_LIFETIME_S,
};
const GOLDEN = [
  '86000000000000000000000000000000', // type, code, checksum; hop limit, flags, lifetime; timers
  '0101525400123401', // source link-layer address
  '030440c0000151800001518000000000fd010203040500000000000000000000', // prefix: /64, on link and autonomous
].join('');

test('golden message', () => {
  expect(toHex(encodeRouterAdvertisement(MESSAGE))).toBe(GOLDEN);
  expect(decodeRouterAdvertisement(fromHex(GOLDEN)!)).toEqual(MESSAGE);
});

describe('the cluster\'s prefix', () => {
  test('is unique local, a /64, and the same for the same name', () => {
    const prefix = clusterPrefix('rack');
    expect(toHex(prefix)).toMatch(/^fd[0-9a-f]{10}0000$/);
    expect(clusterPrefix('rack')).toEqual(prefix);
    expect(clusterPrefix('other')).not.toEqual(prefix);
  });
  test('SHA-256 of the name gives its 40 bits', () => {
    // FIPS 180-4: SHA-256 of "abc" begins with ba7816bf8f.
    expect(toHex(clusterPrefix('abc'))).toBe('fdba7816bf8f0000');
  });
  test.each([
    ['fd01020304050000', 1, 'fd01:203:405::1'],
    ['fd01020304050000', 255, 'fd01:203:405::ff'],
    ['fd00000000000000', 7, 'fd00::7'],
    ['fd00000000000001', 7, 'fd00:0:0:1::7'],
  ])('address of %s for node %i', (prefix, number, address) => {
    expect(nodeIpv6(fromHex(prefix)!, number)).toBe(address);
  });
});

test.each([
  ['nothing', ''],
  ['a solicitation', '8500000000000000'],
  ['a wrong code', GOLDEN.replace(/^8600/, '8601')],
  ['an option of length 0', GOLDEN.slice(0, 32) + '0100525400123401'],
  ['an option that is cut', GOLDEN.slice(0, -2)],
  ['no prefix', GOLDEN.slice(0, 48)],
])('%s is no advertisement of ours', (_name, hex) => expect(decodeRouterAdvertisement(fromHex(hex)!)).toBeUndefined());

test('solicitations', () => {
  expect(isRouterSolicitation(fromHex('8500beef00000000')!)).toBe(true);
  expect(isRouterSolicitation(fromHex('8500beef000000000101525400123401')!)).toBe(true);
  expect(isRouterSolicitation(fromHex('8500beef')!)).toBe(false);
  expect(isRouterSolicitation(fromHex(GOLDEN)!)).toBe(false);
});

const message = fc.record({
  routerLifetimeS: fc.integer({ min: 0, max: 0xffff }),
  sourceMac: fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes),
  prefix: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  lifetimeS: fc.integer({ min: 0, max: 0xffffffff }),
});

test('round trip', () => {
  fc.assert(fc.property(message, (value) => {
    expect(decodeRouterAdvertisement(encodeRouterAdvertisement(value))).toEqual(value);
  }));
});

test('fuzz: foreign bytes never throw and never run on for ever', () => {
  const options = fc.uint8Array({ maxLength: 120 }).map((rest) => Uint8Array.of(134, 0, ...rest));
  fc.assert(fc.property(fc.oneof(options, fc.uint8Array({ maxLength: 120 })), (bytes) => {
    decodeRouterAdvertisement(bytes);
    isRouterSolicitation(bytes);
  }), { numRuns: 2000 });
});
