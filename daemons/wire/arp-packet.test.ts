import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, fromHex, toHex } from '../core/bytes.ts';
import { type Ipv4, ipv4FromNumber } from '../core/ipv4.ts';
import { type Mac, macFromBytes } from '../core/mac.ts';
import { type ArpPacket, arpOfFrame, decodeArp, encodeArp, gratuitousArp } from './arp-packet.ts';

const MAC = '52:54:00:00:00:01' as Mac;
const ADDRESS = '192.168.0.253' as Ipv4;
const REQUEST = 'ffffffffffff 525400000001 0806 0001 0800 06 04 0001 525400000001 c0a800fd 000000000000 c0a800fd'.replaceAll(' ', '');
const REPLY = 'ffffffffffff 525400000001 0806 0001 0800 06 04 0002 525400000001 c0a800fd ffffffffffff c0a800fd'.replaceAll(' ', '');
const macs = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes);
const addresses = fc.integer({ min: 0, max: 0xffffffff }).map(ipv4FromNumber);
const packets: fc.Arbitrary<ArpPacket> = fc.record({ operation: fc.constantFrom('request', 'reply'), senderMac: macs, senderAddress: addresses, targetMac: macs, targetAddress: addresses });

test('golden frames: the announcement of RFC 5227, and the reply beside it', () => {
  expect(gratuitousArp(MAC, ADDRESS).map((frame) => toHex(frame))).toEqual([REQUEST, REPLY]);
});

test('what is written is read again, with the padding that Ethernet adds', () => {
  fc.assert(fc.property(packets, fc.uint8Array({ maxLength: 20 }), (packet, padding) => void expect(decodeArp(concatBytes(encodeArp(packet), padding))).toEqual(packet)));
});

test.each([
  ['another EtherType', 12, 0x86dd],
  ['hardware that is not Ethernet', 14, 6],
  ['another protocol than IPv4', 16, 0x86dd],
  ['addresses of another length', 18, 0x0804],
  ['reverse ARP', 20, 3],
])('%s is none', (_name, at, value) => {
  const frame = fromHex(REQUEST)!;
  frame.set([value >> 8, value & 0xff], at);
  expect(arpOfFrame(frame)).toBeUndefined();
});

test('fuzz: whatever is read is written back as it was, and nothing throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(41), (noise, cut) => {
      const read = decodeArp(noise);
      if (read !== undefined) expect(encodeArp(read)).toEqual(noise.subarray(0, 28));
      expect(arpOfFrame(fromHex(REQUEST)!.subarray(0, cut))).toBeUndefined();
      arpOfFrame(concatBytes(fromHex(REQUEST)!.subarray(0, 14), noise));
    }),
  );
});
