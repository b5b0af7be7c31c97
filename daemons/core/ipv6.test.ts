import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inNetwork, type Ipv6, ipv6FromBytes, ipv6ToBytes, isLinkLocal, networkOfIpv6, parseHostIpv6, parseIpv6, parseIpv6InNetwork } from './ipv6.ts';

test.each([
  // RFC 5952 sections 1, 2 and 4.
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:0db8::0001', '2001:db8::1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:DB8:AAAA::', '2001:db8:aaaa::'],
  ['2001:db8:10:0:0:10:0:0', '2001:db8:10::10:0:0'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['::1', '::1'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
])('%s is written %s', (text, canonical) => expect(parseIpv6(text)).toBe(canonical));

test.each(['', ':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8', '12345::', 'g::', '::1%eth0', ':1:2:3:4:5:6:7', '1.2.3.4', '::1.2.3', '::1.2.3.4:5', '::256.0.0.1', ' ::1', '::1/64'])(
  '%j is no address', (text) => expect(parseIpv6(text)).toBeUndefined());

test('round trip, and the kernel\'s own library takes each', () => {
  fc.assert(fc.property(fc.array(fc.constantFrom(0, 0, 1, 0xff), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)), (bytes) => {
    const text = ipv6FromBytes(bytes);
    expect([ipv6ToBytes(text), parseIpv6(text), isIPv6(text)]).toEqual([bytes, text, true]);
  }));
});

test('takes what Node takes, but for zones, and nothing else', () => {
  const texts = fc.oneof(fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{0,24}$/), fc.array(fc.constantFrom('0', '1', 'ffff', '', '1.2.3.4', '01.2.3.4'), { maxLength: 9 }).map((groups) => groups.join(':')));
  fc.assert(fc.property(texts, (text) => {
    expect(parseIpv6(text) !== undefined).toBe(isIPv6(text));
  }), { numRuns: 1000 });
});

test.each([
  ['2001:db8::10', true], ['fe80::1', true], ['fd00::1', true], ['ff02::1', false], ['::', false], ['::1', false], ['::ffff:192.0.2.1', false], ['::192.0.2.1', false],
])('%s is a host\'s: %s', (text, host) => expect(parseHostIpv6(text) !== undefined).toBe(host));

test.each([
  ['2001:DB8::10/64', { address: '2001:db8::10', prefix: 64 }], ['fe80::1/128', { address: 'fe80::1', prefix: 128 }],
  ['2001:db8::10', undefined], ['2001:db8::10/0', undefined], ['2001:db8::10/129', undefined], ['2001:db8::10/064', undefined], ['ff02::1/64', undefined],
])('%s as an address in its network', (text, expected) => expect(parseIpv6InNetwork(text)).toEqual(expected));

test.each([
  ['2001:db8::10', 64, '2001:db8::'], ['2001:db8:ffff::10', 33, '2001:db8:8000::'], ['2001:db8::ff', 124, '2001:db8::f0'], ['2001:db8::ff', 128, '2001:db8::ff'], ['2001:db8::', 1, '::'],
] as const)('the network of %s/%i', (address, prefix, network) => {
  expect(networkOfIpv6(address as Ipv6, prefix)).toBe(network);
  expect([inNetwork(address as Ipv6, network as Ipv6, prefix), isLinkLocal(address as Ipv6)]).toEqual([true, false]);
});

test('what holds on its link alone', () => {
  expect(['fe80::1', 'febf::1', 'fec0::1', 'fd00::1'].map((text) => isLinkLocal(text as Ipv6))).toEqual([true, true, false, false]);
});
