import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { clusterPrefix, gatewayIpv6, nodeIpv6, prefixIpv6 } from './inside-ipv6.ts';

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
  ])('address of %s for node %i', (prefix, number, address) => expect(nodeIpv6(fromHex(prefix)!, number)).toBe(address));

  test('the gateway\'s address is no node\'s', () => {
    const prefix = fromHex('fd01020304050000')!;
    expect([gatewayIpv6(prefix), nodeIpv6(prefix, 0xffff), prefixIpv6(prefix)]).toEqual(['fd01:203:405::1:0', 'fd01:203:405::ffff', 'fd01:203:405::']);
  });
});
