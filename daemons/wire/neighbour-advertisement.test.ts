import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, fromHex, toHex } from '../core/bytes.ts';
import type { Ipv6 } from '../core/ipv6.ts';
import { type Mac, macFromBytes } from '../core/mac.ts';
import { decodeNeighbourAdvertisement, encodeNeighbourAdvertisement, unsolicitedAdvertisement } from './neighbour-advertisement.ts';

const MAC = '52:54:00:00:00:01' as Mac;
const TARGET = fromHex('fd0011223344000000000000000000fd')!;
const GOLDEN = `88000000 a0000000 ${toHex(TARGET)} 0201 525400000001`.replaceAll(' ', '');
const targets = fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((bytes) => bytes[0] !== 0xff);
const macs = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes);

test('golden bytes: router and override, not solicited', () => {
  expect(toHex(encodeNeighbourAdvertisement({ target: TARGET, mac: MAC, router: true }))).toBe(GOLDEN);
});

test('golden frame: to everybody on the link, from the address that has moved, with the checksum that tcpdump finds right', () => {
  const frame = toHex(unsolicitedAdvertisement(MAC, 'fd00:1122:3344::fd' as Ipv6, true));
  const ip = `60000000 0020 3a ff ${toHex(TARGET)} ff020000000000000000000000000001`;
  expect(frame).toBe(`333300000001 525400000001 86dd ${ip} 8800ff81 a0000000 ${toHex(TARGET)} 0201 525400000001`.replaceAll(' ', ''));
});

test('what is written is read again, whatever option stands behind it', () => {
  fc.assert(
    fc.property(targets, macs, fc.boolean(), (target, mac, router) => {
      const bytes = encodeNeighbourAdvertisement({ target, mac, router });
      const unknown = Uint8Array.of(14, 1, 0, 0, 0, 0, 0, 0);
      expect(decodeNeighbourAdvertisement(concatBytes(bytes, unknown))).toEqual({ target, mac, router });
    }),
  );
});

test.each([
  ['one that overrides nothing', (bytes: Uint8Array) => bytes.with(4, 0x80)],
  ['one of a group', (bytes: Uint8Array) => bytes.with(8, 0xff)],
  ['a solicitation', (bytes: Uint8Array) => bytes.with(0, 135)],
  ['one without a link-layer address', (bytes: Uint8Array) => bytes.subarray(0, 24)],
  ['an option of length 0', (bytes: Uint8Array) => bytes.with(25, 0)],
])('%s is refused', (_name, change) => expect(decodeNeighbourAdvertisement(change(fromHex(GOLDEN)!))).toBeUndefined());

test('will not write a group address, nor half an address', () => {
  for (const target of [TARGET.with(0, 0xff), TARGET.subarray(0, 8)]) expect(() => encodeNeighbourAdvertisement({ target, mac: MAC, router: true })).toThrow(RangeError);
});

test('fuzz: nothing throws, and no message that was cut short is taken', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(31), (noise, cut) => {
    decodeNeighbourAdvertisement(noise);
    decodeNeighbourAdvertisement(concatBytes(fromHex(GOLDEN)!, noise));
    expect(decodeNeighbourAdvertisement(fromHex(GOLDEN)!.subarray(0, cut))).toBeUndefined();
  }));
});
