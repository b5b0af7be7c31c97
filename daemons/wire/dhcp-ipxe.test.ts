import { expect, test } from 'vitest';
import { fromHex, toHex } from '../core/bytes.ts';
import { IPXE_DISCOVER, IPXE_ROM_DISCOVER, UNDIONLY_DISCOVER } from './dhcp-golden.ts';
import { ipxeFingerprint, ipxeNoProxyDhcp } from './dhcp-ipxe.ts';
import { decodeOptionArea } from './dhcp-option-area.ts';
import { OPTION } from './dhcp-options.ts';
import { decodeDhcp } from './dhcp-packet.ts';
import { pxeNoDiscovery } from './dhcp-pxe.ts';

const option175 = (discover: Uint8Array): Uint8Array => decodeDhcp(discover)!.options.get(OPTION.ipxe)!;
const VERSION = 235;

test('a ROM of 2019 and an undionly.kpxe of 2025 say the same version, and differ in their fingerprint', () => {
  const [rom, ours] = [IPXE_ROM_DISCOVER, UNDIONLY_DISCOVER].map(option175);
  expect([rom, ours].map((value) => decodeOptionArea(value!)!.get(VERSION))).toEqual([Uint8Array.of(1, 0, 0), Uint8Array.of(1, 0, 0)]);
  expect(ipxeFingerprint(rom)).toBe('b105011af41000eb03010000170101220101130101110101270101190101290101100102210101150101180101120101');
  expect(ipxeFingerprint(ours)).toBe('b105011af41000eb03010000260101170101270101220101130101140101110101190101290101100102210101150101180101120101');
  expect(new Set([IPXE_DISCOVER, IPXE_ROM_DISCOVER, UNDIONLY_DISCOVER].map((discover) => ipxeFingerprint(option175(discover)))).size).toBe(3);
});

test('what says nothing has the empty fingerprint', () => expect([ipxeFingerprint(undefined), ipxeFingerprint(fromHex(''))]).toEqual(['', '']));
test('no-pxedhcp is b0 01 01', () => expect(toHex(ipxeNoProxyDhcp())).toBe('b00101'));
test('option 43 keeps PXE clients from port 4011', () => expect(toHex(pxeNoDiscovery())).toBe('060108ff'));
