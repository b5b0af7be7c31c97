import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  broadcastOf, ipv4FromBytes, ipv4FromNumber, ipv4ToBytes, ipv4ToNumber, isHostOf, networkOf, parseHostIpv4, parseIpv4, parseNetmask, prefixLength, sameNetwork,
} from './ipv4.ts';
import type { Ipv4 } from './ipv4.ts';

const ip = (text: string): Ipv4 => parseIpv4(text)!;
const address = fc.ipV4().map((text) => text as Ipv4);
const prefix = fc.integer({ min: 1, max: 32 });
const maskOf = (ones: number): Ipv4 => ipv4FromNumber((0xffffffff << (32 - ones)) >>> 0);

describe('parseIpv4', () => {
  test.each(['0.0.0.0', '192.168.0.252', '255.255.255.255', '10.0.100.9'])('%s is one', (text) => expect(parseIpv4(text)).toBe(text));
  test.each(['', '1.2.3', '1.2.3.4.5', '256.0.0.0', '1.2.3.04', '01.2.3.4', '1.2.3.-4', '1.2.3. 4', '1.2.3.4 ', '1.2.3.4\n', '0x1.2.3.4', '1e1.2.3.4', '1..2.3', '١.2.3.4'])('%j is none', (text) => expect(parseIpv4(text)).toBeUndefined());
  test('every address is read', () => fc.assert(fc.property(address, (text) => { expect(parseIpv4(text)).toBe(text); })));
});

test('parseHostIpv4 refuses what no host has as its own', () => {
  for (const text of ['1.0.0.0', '126.1.2.3', '128.0.0.1', '223.255.255.255']) expect(parseHostIpv4(text)).toBe(text);
  for (const text of ['0.0.0.0', '0.1.2.3', '127.0.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255', 'x', '']) expect(parseHostIpv4(text)).toBeUndefined();
});

describe('other forms', () => {
  test('golden', () => {
    expect(ipv4ToNumber(ip('192.168.0.252'))).toBe(0xc0a800fc);
    expect(ipv4FromNumber(0xc0a800fc)).toBe('192.168.0.252');
    expect([...ipv4ToBytes(ip('192.168.0.252'))]).toEqual([192, 168, 0, 252]);
    expect(ipv4FromBytes(Uint8Array.of(192, 168, 0, 252, 9))).toBe('192.168.0.252');
  });

  test('come back', () => {
    fc.assert(
      fc.property(address, (a) => {
        expect(ipv4FromNumber(ipv4ToNumber(a))).toBe(a);
        expect(ipv4FromBytes(ipv4ToBytes(a))).toBe(a);
      }),
    );
  });
});

describe('netmasks', () => {
  test.each([['255.255.255.0', 24], ['255.255.255.255', 32], ['128.0.0.0', 1], ['255.255.255.252', 30], ['255.255.254.0', 23]])('%s is /%i', (mask, length) => expect(prefixLength(ip(mask))).toBe(length));
  test.each(['0.0.0.0', '255.0.255.0', '0.0.0.255', '255.255.255.1', '127.255.255.255'])('%s is none', (mask) => expect(prefixLength(ip(mask))).toBeUndefined());
  test('every prefix is found again', () => fc.assert(fc.property(prefix, (ones) => { expect(prefixLength(maskOf(ones))).toBe(ones); })));

  test('only the 32 masks have a prefix', () => {
    fc.assert(fc.property(address, (mask) => { expect(prefixLength(mask) === undefined).toBe(!/^1+0*$/.test(ipv4ToNumber(mask).toString(2).padStart(32, '0'))); }));
  });
});

test('parseNetmask takes masks with room for two hosts', () => {
  for (const text of ['128.0.0.0', '255.255.255.0', '255.255.255.252']) expect(parseNetmask(text)).toBe(text);
  for (const text of ['0.0.0.0', '255.255.255.254', '255.255.255.255', '255.0.255.0', '24', '']) expect(parseNetmask(text)).toBeUndefined();
});

describe('networks', () => {
  test('golden', () => {
    const [a, mask] = [ip('192.168.5.130'), ip('255.255.255.128')];
    expect([networkOf(a, mask), broadcastOf(a, mask)]).toEqual(['192.168.5.128', '192.168.5.255']);
    expect(sameNetwork(a, ip('192.168.5.254'), mask)).toBe(true);
    expect(sameNetwork(a, ip('192.168.5.127'), mask)).toBe(false);
    expect([isHostOf(a, mask), isHostOf(ip('192.168.5.128'), mask), isHostOf(ip('192.168.5.255'), mask)]).toEqual([true, false, false]);
  });

  test('two addresses share a network exactly when they have the same network address, and so the same broadcast address', () => {
    fc.assert(
      fc.property(address, address, prefix, (a, b, ones) => {
        const mask = maskOf(ones);
        expect(sameNetwork(a, b, mask)).toBe(networkOf(a, mask) === networkOf(b, mask));
        expect(networkOf(a, mask) === networkOf(b, mask)).toBe(broadcastOf(a, mask) === broadcastOf(b, mask));
        expect(sameNetwork(a, broadcastOf(a, mask), mask)).toBe(true);
      }),
    );
  });
});
