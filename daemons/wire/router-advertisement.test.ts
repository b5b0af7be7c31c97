import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../core/bytes.ts';
import { type Mac, macFromBytes } from '../core/mac.ts';
import { decodeRouterAdvertisement, encodeRouterAdvertisement, isRouterSolicitation, PREFIX_LIFETIME_S, type RouterAdvertisement } from './router-advertisement.ts';

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
