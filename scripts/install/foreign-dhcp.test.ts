import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { addressValue, architecturesOf, clientInterfaceOf, machineIdentifierOf, MESSAGE, OPTION, textOption, textValue, uint8Value } from '../../daemons/wire/dhcp-options.ts';
import { BOOT_REPLY, BOOT_REQUEST, decodeDhcp, type DhcpPacket, encodeDhcp } from '../../daemons/wire/dhcp-packet.ts';
import { discoverMessages, foreignDhcpProblem, leadsAway, readOffers, type HeardReply } from './foreign-dhcp.ts';

const MAC = '52:54:00:00:00:01' as Mac;
const SERVER = '10.1.0.66' as Ipv4;
const XID = 0xffffffff;
const SENT = discoverMessages(MAC, XID).map((bytes) => decodeDhcp(bytes)!);

/** What a server answers to the DISCOVER of that place. */
function offer(at: number, change: Partial<DhcpPacket> = {}, more: readonly (readonly [number, Uint8Array])[] = []): HeardReply {
  const options = new Map([[OPTION.messageType, uint8Value(MESSAGE.offer)], [OPTION.serverIdentifier, addressValue(SERVER)], ...more]);
  return { bytes: encodeDhcp({ ...SENT[at]!, op: BOOT_REPLY, yiaddr: '10.1.9.9' as Ipv4, options, ...change }), from: SERVER, mac: undefined };
}

describe('the question', () => {
  test('is a broadcast of this card, as its ROM would ask with BIOS and with UEFI, under a name of its own', () => {
    expect(SENT.map(({ op, xid, broadcast, ciaddr, chaddr }) => ({ op, xid, broadcast, ciaddr, mac: Buffer.from(chaddr).toString('hex') }))).toEqual(
      [0xffffffff, 0].map((xid) => ({ op: BOOT_REQUEST, xid, broadcast: true, ciaddr: '0.0.0.0', mac: '525400000001' })));
    expect(SENT.map(({ options }) => [architecturesOf(options), clientInterfaceOf(options), textOption(options, OPTION.vendorClass)])).toEqual([
      [[0], { type: 1, major: 2, minor: 1 }, 'PXEClient:Arch:00000:UNDI:002001'], [[7], { type: 1, major: 3, minor: 16 }, 'PXEClient:Arch:00007:UNDI:003016'],
    ]);
    for (const { options } of SENT) {
      expect(options.get(OPTION.messageType)).toEqual(Uint8Array.of(MESSAGE.discover));
      expect(textOption(options, OPTION.clientIdentifier)).toBe('\0metamaster-install');
      expect(machineIdentifierOf(options)).toHaveLength(16);
    }
  });
});

describe('the offers', () => {
  test('of one server to both kinds of firmware are one, with both files', () => {
    const offers = readOffers([offer(0, { file: 'pxelinux.0', siaddr: SERVER }), { ...offer(1, { siaddr: SERVER }, [[OPTION.bootFileName, textValue('grubx64.efi\0')]]), mac: '52:54:00:66:66:66' as Mac }], XID);
    expect(offers).toEqual([{ server: SERVER, mac: '52:54:00:66:66:66', address: '10.1.9.9', nextServer: SERVER, files: ['pxelinux.0', 'grubx64.efi'], boots: false }]);
    expect(foreignDhcpProblem(offers[0]!)).toMatchObject({
      code: 'MM-INSTALL-FOREIGN-DHCP', where: 'DHCP server 10.1.0.66 (52:54:00:66:66:66)', seen: 'an offer of 10.1.9.9, next-server 10.1.0.66, boot file pxelinux.0 or grubx64.efi',
      remedy: expect.stringMatching(/leave the cluster's MAC addresses alone.*--accept-foreign-dhcp/) as string,
    });
  });

  test.each([
    ['an address and nothing to boot: a router', [offer(0)], false, 'an offer of 10.1.9.9, no next-server, no boot file'],
    ['its own address as next-server alone, as dnsmasq says it to everybody', [offer(0, { siaddr: SERVER })], false, 'an offer of 10.1.9.9, next-server 10.1.0.66, no boot file'],
    ['a file in the header', [offer(0, { file: 'pxelinux.0' })], true, 'an offer of 10.1.9.9, no next-server, boot file pxelinux.0'],
    ['a file for UEFI alone', [offer(0), offer(1, { file: 'grubx64.efi' })], true, 'an offer of 10.1.9.9, no next-server, boot file grubx64.efi'],
    ['a proxy, which names the file at port 4011', [offer(0, { yiaddr: '0.0.0.0' as Ipv4 }, [[OPTION.vendorClass, textValue('PXEClient')]])], true, 'an offer without an address, no next-server, a boot file named later'],
  ])('%s', (_, heard, away, seen) => {
    const [first] = readOffers(heard, XID);
    expect(leadsAway(first!)).toBe(away);
    expect(foreignDhcpProblem(first!)).toMatchObject({ seen, remedy: expect.stringContaining(away ? '--accept-foreign-dhcp' : 'find nothing to boot') as string });
  });

  test('of a server that does not name itself are known by their sender', () => {
    const options = new Map([[OPTION.messageType, uint8Value(MESSAGE.offer)]]);
    expect(readOffers([offer(0, { options })], XID).map(({ server }) => server)).toEqual([SERVER]);
  });

  test('to somebody else, of another type, and our own question are no concern of ours', () => {
    const ack = new Map([[OPTION.messageType, uint8Value(MESSAGE.ack)]]);
    expect(readOffers([offer(0, { xid: 7 }), offer(0, { options: ack }), offer(0, { options: new Map() }), offer(0, { op: BOOT_REQUEST }), { bytes: Uint8Array.of(2, 1), from: SERVER, mac: undefined }], XID)).toEqual([]);
  });

  test('a file name from the network is cut, and obeyed by no terminal', () => {
    const [first] = readOffers([offer(0, { file: `\u001b[2J${'x'.repeat(100)}` })], XID);
    expect(first!.files).toEqual([`?[2J${'x'.repeat(60)}`]);
  });

  test('invariant: whatever bytes come, there is at most one offer for each datagram, and every text is printable', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 600 }), fc.tuple(fc.nat(400), fc.nat(255)).map(([at, value]) => {
      const changed = offer(0, { file: 'pxelinux.0' }).bytes.slice();
      changed[at % changed.length] = value;
      return changed;
    }));
    fc.assert(fc.property(fc.array(bytes, { maxLength: 5 }), (all) => {
      const offers = readOffers(all.map((one) => ({ bytes: one, from: SERVER, mac: undefined })), XID);
      expect(offers.length).toBeLessThanOrEqual(all.length);
      for (const one of offers) expect(foreignDhcpProblem(one).seen).toMatch(/^[\x20-\x7e]+$/);
    }));
  });
});
