import { describe, expect, test } from 'vitest';
import { concatBytes } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import { EDK2_DISCOVER, ROM_DISCOVER } from '../wire/dhcp-golden.ts';
import { addressListOption, addressOption, MESSAGE, OPTION, textOption, uint16Value, uint32Option } from '../wire/dhcp-options.ts';
import { decodeDhcp } from '../wire/dhcp-packet.ts';
import type { DhcpPacket } from '../wire/dhcp-packet.ts';
import { bootAnswer } from './boot-policy.ts';
import { buildNak, buildReply, destinationOf, fitReply, INFINITE_LEASE_SECONDS, isHostAddress, replyLimitBytes } from './reply.ts';
import type { ReplyContent } from './reply.ts';
import { ROSTER } from './test-roster.ts';

const ip = (text: string) => text as Ipv4;
const discover = decodeDhcp(EDK2_DISCOVER)!;
const content: ReplyContent = {
  roster: ROSTER,
  node: ROSTER.nodes[1]!,
  server: ip('10.7.0.1'),
  leaseSeconds: INFINITE_LEASE_SECONDS,
  nameServers: [ip('10.7.0.1'), ip('10.7.0.3')],
  boot: bootAnswer({ kind: 'uefi-x64', architectures: [7] }, ip('10.7.0.1'), false),
};
const withOption = (packet: DhcpPacket, code: number, value: Uint8Array): DhcpPacket => ({ ...packet, options: new Map([...packet.options, [code, value]]) });

describe('an offer', () => {
  const offer = buildReply(discover, MESSAGE.offer, content);

  test('names server and file in the header and in the options', () => {
    expect(offer).toMatchObject({ op: 2, xid: 0x1d3f6c02, broadcast: true, yiaddr: '10.7.0.2', siaddr: '10.7.0.1', sname: '10.7.0.1', file: 'snponly.efi', chaddr: discover.chaddr });
    expect([textOption(offer.options, 66), textOption(offer.options, 67)]).toEqual(['10.7.0.1', 'snponly.efi']);
  });

  test('configures the network', () => {
    expect(addressOption(offer.options, OPTION.subnetMask)).toBe('255.255.255.0');
    expect(addressOption(offer.options, OPTION.router)).toBe('10.7.0.253');
    expect(addressListOption(offer.options, OPTION.domainNameServer)).toEqual(['10.7.0.1', '10.7.0.3']);
    expect(addressOption(offer.options, OPTION.broadcastAddress)).toBe('10.7.0.255');
    expect([textOption(offer.options, OPTION.hostName), textOption(offer.options, OPTION.domainName)]).toEqual(['node2', 'rack.test']);
  });

  test('an infinite lease has no times in it; a finite one has both', () => {
    expect([uint32Option(offer.options, 51), offer.options.has(58), offer.options.has(59)]).toEqual([0xffffffff, false, false]);
    const finite = buildReply(discover, MESSAGE.offer, { ...content, leaseSeconds: 800 });
    expect([51, 58, 59].map((code) => uint32Option(finite.options, code))).toEqual([800, 400, 700]);
  });

  test('leaves out what a list does not ask for, never what makes a blade boot', () => {
    const frugal = buildReply(withOption(discover, OPTION.parameterRequestList, Uint8Array.of(1, 3)), MESSAGE.offer, content);
    expect([...frugal.options.keys()]).toEqual([53, 54, 51, 1, 3, 60, 43, 66, 67, 97]);
  });

  test('gives back the machine identifier of 17 bytes and not the one of none', () => {
    expect(offer.options.get(97)).toEqual(discover.options.get(97));
    expect(buildReply(decodeDhcp(ROM_DISCOVER)!, MESSAGE.offer, content).options.has(97)).toBe(false);
  });

  test('gives back client identifier and, last, the relay information', () => {
    const relayed = withOption(withOption(discover, 82, Uint8Array.of(1, 2, 3, 4)), 61, Uint8Array.of(9, 9));
    expect([...buildReply(relayed, MESSAGE.offer, content).options].slice(-2)).toEqual([[61, Uint8Array.of(9, 9)], [82, Uint8Array.of(1, 2, 3, 4)]]);
  });
});

describe('where a reply goes', () => {
  const NONE = ip('0.0.0.0');
  const everybody = { to: { address: '255.255.255.255', port: 68 }, broadcast: true };
  test.each([
    ['relay before all', { giaddr: ip('10.9.0.1'), ciaddr: ip('10.7.0.2') }, MESSAGE.ack, { to: { address: '10.9.0.1', port: 67 }, broadcast: false }],
    ['a NAK too', { giaddr: ip('10.9.0.1'), ciaddr: NONE }, MESSAGE.nak, { to: { address: '10.9.0.1', port: 67 }, broadcast: false }],
    ['an address in use', { giaddr: NONE, ciaddr: ip('10.7.0.2') }, MESSAGE.ack, { to: { address: '10.7.0.2', port: 68 }, broadcast: false }],
    ['a NAK, even to an address in use', { giaddr: NONE, ciaddr: ip('10.7.0.2') }, MESSAGE.nak, everybody],
    ['broadcast flag', { giaddr: NONE, ciaddr: NONE, broadcast: true }, MESSAGE.offer, everybody],
    ['no broadcast flag', { giaddr: NONE, ciaddr: NONE, broadcast: false }, MESSAGE.offer, everybody],
  ])('%s', (_name, fields, type, expected) => expect(destinationOf({ ...discover, ...fields }, type)).toEqual(expected));

  test('through a relay the flag is kept, and a NAK sets it', () => {
    const relayed = { ...discover, broadcast: false, giaddr: ip('10.9.0.1') };
    expect(buildReply(relayed, MESSAGE.offer, content)).toMatchObject({ broadcast: false, giaddr: '10.9.0.1' });
    expect(buildNak(relayed, ip('10.7.0.1'))).toMatchObject({ broadcast: true, yiaddr: '0.0.0.0', siaddr: '0.0.0.0', file: '' });
    expect(buildNak({ ...relayed, giaddr: NONE }, ip('10.7.0.1')).broadcast).toBe(false);
  });

  test.each([['10.0.0.1', true], ['0.0.0.0', false], ['127.0.0.1', false], ['224.0.0.1', false], ['255.255.255.255', false]])('%s is a host: %s', (address, expected) => {
    expect(isHostAddress(ip(address))).toBe(expected);
  });
});

describe('how long a reply may be', () => {
  test.each([[undefined, 548], [100, 548], [576, 548], [1260, 1232], [1472, 1444], [9000, 1472]])('option 57 = %s: %s bytes', (told, limit) => {
    const options = new Map(told === undefined ? [] : [[OPTION.maximumMessageSize as number, uint16Value(told)]]);
    expect(replyLimitBytes({ ...discover, options })).toBe(limit);
  });

  test('what is expendable goes first, the boot file stays', () => {
    const talkative = withOption(discover, 61, new Uint8Array(255).fill(1));
    const reply = buildReply(talkative, MESSAGE.offer, { ...content, roster: { ...ROSTER, domain: 'd'.repeat(200) } });
    const fitted = decodeDhcp(fitReply(reply, 548)!)!;
    expect(fitted.options.has(OPTION.domainName)).toBe(false);
    expect(textOption(fitted.options, OPTION.bootFileName)).toBe('snponly.efi');
    expect(fitReply(reply, 1444)!.length).toBeGreaterThan(548);
  });

  test('the relay information counts against the frame, not against the client', () => {
    const value = concatBytes(Uint8Array.of(1, 253), new Uint8Array(253));
    const reply = buildReply(withOption(discover, 82, value), MESSAGE.offer, content);
    const bytes = fitReply(reply, 548)!;
    expect(decodeDhcp(bytes)!.options.get(82)).toEqual(value);
    expect(bytes.length).toBeGreaterThan(548);
    expect(fitReply(buildReply(withOption(discover, 82, new Uint8Array(1400)), MESSAGE.offer, content), 548)).toBeUndefined();
  });
});
