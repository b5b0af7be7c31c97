// ARP for IPv4 over Ethernet (RFC 826) as far as a gateway needs it: telling a whole link that an address has moved.

import { concatBytes, viewOf } from '../core/bytes.ts';
import { type Ipv4, ipv4FromBytes, ipv4ToBytes } from '../core/ipv4.ts';
import { type Mac, macFromBytes, macToBytes } from '../core/mac.ts';

/** EtherType of ARP, for the socket that sends it. */
export const ETHERTYPE_ARP = 0x0806;
const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
const ARP_BYTES = 28;
const ETHERNET_BYTES = 14;
const BROADCAST = 'ff:ff:ff:ff:ff:ff' as Mac;
const NO_ADDRESS = '0.0.0.0' as Ipv4;
const NOBODY = '00:00:00:00:00:00' as Mac;

/** One ARP message; addresses may be anybody's, for this is also what strangers send. */
export interface ArpPacket {
  readonly operation: 'request' | 'reply';
  readonly senderMac: Mac;
  readonly senderAddress: Ipv4;
  readonly targetMac: Mac;
  readonly targetAddress: Ipv4;
}

/** The 28 bytes behind the Ethernet header. */
export function encodeArp({ operation, senderMac, senderAddress, targetMac, targetAddress }: ArpPacket): Uint8Array {
  const head = new Uint8Array(8);
  const view = viewOf(head);
  view.setUint16(0, HARDWARE_ETHERNET);
  view.setUint16(2, PROTOCOL_IPV4);
  head.set([6, 4], 4);
  view.setUint16(6, operation === 'request' ? 1 : 2);
  return concatBytes(head, macToBytes(senderMac), ipv4ToBytes(senderAddress), macToBytes(targetMac), ipv4ToBytes(targetAddress));
}

/** Reads an ARP message for IPv4 over Ethernet; padding behind it is allowed. Undefined for everything else. Never throws. */
export function decodeArp(bytes: Uint8Array): ArpPacket | undefined {
  if (bytes.length < ARP_BYTES) return undefined;
  const view = viewOf(bytes);
  const operation = view.getUint16(6);
  if (view.getUint16(0) !== HARDWARE_ETHERNET || view.getUint16(2) !== PROTOCOL_IPV4 || bytes[4] !== 6 || bytes[5] !== 4 || operation < 1 || operation > 2) return undefined;
  return {
    operation: operation === 1 ? 'request' : 'reply',
    senderMac: macFromBytes(bytes.subarray(8)), senderAddress: ipv4FromBytes(bytes.subarray(14)),
    targetMac: macFromBytes(bytes.subarray(18)), targetAddress: ipv4FromBytes(bytes.subarray(24)),
  };
}

const broadcastHeader = (mac: Mac): Uint8Array => concatBytes(macToBytes(BROADCAST), macToBytes(mac), Uint8Array.of(ETHERTYPE_ARP >> 8, ETHERTYPE_ARP & 0xff));

/** The Ethernet frame that asks who has `address` without saying who asks: the probe of RFC 5227 section 2.1.1. */
export function arpProbe(mac: Mac, address: Ipv4): Uint8Array {
  return concatBytes(broadcastHeader(mac), encodeArp({ operation: 'request', senderMac: mac, senderAddress: NO_ADDRESS, targetMac: NOBODY, targetAddress: address }));
}

/**
 * The Ethernet frames that move `address` to `mac` in every cache of the link: the announcement of RFC 5227 section 2.3, which is a
 * request, and a reply of the same content, for some stacks learn only from the one and some only from the other. Both create no entry
 * where none was, as RFC 826 has it, which is enough: who has none will ask.
 */
export function gratuitousArp(mac: Mac, address: Ipv4): readonly Uint8Array[] {
  const ethernet = broadcastHeader(mac);
  const sender = { senderMac: mac, senderAddress: address, targetAddress: address };
  return [
    concatBytes(ethernet, encodeArp({ ...sender, operation: 'request', targetMac: NOBODY })),
    concatBytes(ethernet, encodeArp({ ...sender, operation: 'reply', targetMac: BROADCAST })),
  ];
}

/** The ARP message of an Ethernet frame; undefined when the frame holds none. Never throws. */
export function arpOfFrame(frame: Uint8Array): ArpPacket | undefined {
  if (frame.length < ETHERNET_BYTES || viewOf(frame).getUint16(12) !== ETHERTYPE_ARP) return undefined;
  return decodeArp(frame.subarray(ETHERNET_BYTES));
}
