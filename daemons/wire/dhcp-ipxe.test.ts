import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toHex } from '../core/bytes.ts';
import { IPXE_DISCOVER } from './dhcp-golden.ts';
import { decodeIpxeOptions, encodeIpxeOptions } from './dhcp-ipxe.ts';
import { OPTION } from './dhcp-options.ts';
import { decodeDhcp } from './dhcp-packet.ts';
import { pxeNoDiscovery } from './dhcp-pxe.ts';

test('the version in a real DISCOVER', () => {
  expect(decodeIpxeOptions(decodeDhcp(IPXE_DISCOVER)!.options.get(OPTION.ipxe)!)).toEqual({ version: '1.21.1', noPxeDhcp: false });
});

test('no-pxedhcp is b0 01 01', () => expect(toHex(encodeIpxeOptions({ noPxeDhcp: true }))).toBe('b00101'));
test('a version of two bytes is none', () => expect(decodeIpxeOptions(Uint8Array.of(235, 2, 1, 21))).toEqual({ noPxeDhcp: false }));
test('broken encapsulation', () => expect(decodeIpxeOptions(Uint8Array.of(235, 9, 1))).toBeUndefined());
test.each(['1.21', '1.21.256', 'x.y.z'])('version %s cannot be written', (version) => expect(() => encodeIpxeOptions({ version, noPxeDhcp: false })).toThrow(RangeError));

test('what is written is read again', () => {
  const version = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join('.'));
  fc.assert(fc.property(version, fc.boolean(), (version, noPxeDhcp) => void expect(decodeIpxeOptions(encodeIpxeOptions({ version, noPxeDhcp }))).toEqual({ version, noPxeDhcp })));
});

test('fuzz: any bytes are read or refused', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void decodeIpxeOptions(bytes)));
});

test('option 43 keeps PXE clients from port 4011', () => expect(toHex(pxeNoDiscovery())).toBe('060108ff'));
