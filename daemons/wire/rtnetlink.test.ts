import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import { type Ipv6, ipv6FromBytes } from '../core/ipv6.ts';
import { addAddress, decodeRouteMessages, listAddresses, removeAddress, removeDefaultRoute, setDefaultRoute } from './rtnetlink.ts';

const ADDRESS = { index: 7, address: '192.168.0.253' as Ipv4, prefix: 32 };
const VIA = '203.0.113.1' as Ipv4;
const ADDRESS6 = { index: 7, address: 'fd53::1:0' as Ipv6, prefix: 128 };
const HEX6 = 'fd530000 00000000 00000000 00010000';

/**
 * What `strace -e trace=sendmsg -x ip …` of iproute2 6.1 shows of the same changes, but for the sequence number, and without `ip`'s
 * ext-filter and its words for *everywhere* in an IPv6 default route.
 */
test.each([
  ['add', addAddress(1, ADDRESS), '28000000 1400 0506 01000000 00000000 02200000 07000000 0800 0200 c0a800fd 0800 0100 c0a800fd'],
  ['remove', removeAddress(2, ADDRESS), '28000000 1500 0500 02000000 00000000 02200000 07000000 0800 0200 c0a800fd 0800 0100 c0a800fd'],
  ['default route', setDefaultRoute(3, 7, VIA), '2c000000 1800 0505 03000000 00000000 02000000 fe030001 00000000 0800 0500 cb007101 0800 0400 07000000'],
  ['no default route', removeDefaultRoute(4, 7, VIA), '2c000000 1900 0500 04000000 00000000 02000000 fe030001 00000000 0800 0500 cb007101 0800 0400 07000000'],
  ['list', listAddresses(5, 'ipv4'), '18000000 1600 0103 05000000 00000000 02000000 00000000'],
  ['add, IPv6, no source', addAddress(1, ADDRESS6, true), `54000000 1400 0506 01000000 00000000 0a800200 07000000 1400 0200 ${HEX6} 1400 0100 ${HEX6} 1400 0600 00000000 ffffffff 00000000 00000000`],
  ['add, IPv6', addAddress(1, ADDRESS6), `40000000 1400 0506 01000000 00000000 0a800200 07000000 1400 0200 ${HEX6} 1400 0100 ${HEX6}`],
  ['remove, IPv6', removeAddress(2, ADDRESS6), `40000000 1500 0500 02000000 00000000 0a800000 07000000 1400 0200 ${HEX6} 1400 0100 ${HEX6}`],
  ['default route, IPv6', setDefaultRoute(3, 7, ADDRESS6.address), `38000000 1800 0505 03000000 00000000 0a000000 fe030001 00000000 1400 0500 ${HEX6} 0800 0400 07000000`],
  ['list, IPv6', listAddresses(5, 'ipv6'), '18000000 1600 0103 05000000 00000000 0a000000 00000000'],
])('golden: %s', (_name, bytes, hex) => expect(toHex(bytes)).toBe(hex.replaceAll(' ', '')));

const read = (hex: string): unknown => decodeRouteMessages(fromHex(hex.replaceAll(/\s/g, ''))!);

test.each([
  // As Linux 6.18 answers.
  ['success', '24000000 0200 0001 01000000 d2040000 00000000 28000000 1400 0506 01000000 00000000', [{ kind: 'answer', errno: 0 }]],
  ['it exists', '24000000 0200 0001 01000000 d2040000 efffffff 28000000 1400 0506 01000000 00000000', [{ kind: 'answer', errno: 17 }]],
  ['an address and the end', '28000000 1400 0200 05000000 d2040000 02180000 02000000 0800 0100 c0a80001 0800 0200 c0a80001  14000000 0300 0200 05000000 d2040000 00000000', [{ kind: 'address', address: { index: 2, address: '192.168.0.1', prefix: 24 } }, { kind: 'done' }]],
  ['a default route with a metric', '34000000 1800 0200 06000000 d2040000 02000000 fe030001 00000000 0800 0500 cb007101 0800 0400 03000000 0800 0600 64000000', [{ kind: 'default-route', route: { index: 3, via: '203.0.113.1', metric: 100 } }]],
  ['an IPv6 default route, with the kernel\'s metric', '40000000 1800 0200 06000000 d2040000 0a000000 fe030001 00000000 1400 0500 fe800000 00000000 00000000 00000001 0800 0400 03000000 0800 0600 00040000', [{ kind: 'default-route', route: { index: 3, via: 'fe80::1', metric: 1024 } }]],
  ['an address that is as long as the other family\'s', '20000000 1400 0200 05000000 d2040000 0a180000 02000000 0800 0100 c0a80001', []],
  ['a route to a network is none', '24000000 1800 0200 06000000 d2040000 02180000 fe02fd01 00000000 0800 0100 c0a80000', []],
  ['a link that has lost its carrier', '20000000 1000 0000 00000000 00000000 0000 0100 02000000 03100000 00000000', [{ kind: 'link', index: 2, up: false }]],
  ['a link that is up', '20000000 1000 0000 00000000 00000000 0000 0100 02000000 43100100 00000000', [{ kind: 'link', index: 2, up: true }]],
  ['a link that is gone', '20000000 1100 0000 00000000 00000000 0000 0100 02000000 43100100 00000000', [{ kind: 'link', index: 2, up: false }]],
])('reads: %s', (_name, hex, expected) => expect(read(hex)).toEqual(expected));

test('round trip: what is asked for is what would be read', () => {
  const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipv6FromBytes);
  const addresses = fc.record({ index: fc.integer({ min: 1, max: 0x7fffffff }), prefix: fc.nat(32), address: fc.oneof(fc.ipV4().map((text) => text as Ipv4), ipv6) });
  fc.assert(fc.property(fc.nat(), addresses, (sequence, address) => {
    expect(decodeRouteMessages(addAddress(sequence, address))).toEqual([{ kind: 'address', address: { ...address } }]);
  }));
});

test('fuzz: no bytes make it throw, and it ends', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    expect(decodeRouteMessages(bytes).length).toBeLessThanOrEqual(bytes.length / 16);
  }));
});
