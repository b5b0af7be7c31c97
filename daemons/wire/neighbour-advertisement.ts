// Unsolicited Neighbour Advertisements (RFC 4861 sections 4.4 and 7.2.6): what a gratuitous ARP is for IPv4.

import { concatBytes, viewOf } from '../core/bytes.ts';
import { type Ipv6, ipv6ToBytes } from '../core/ipv6.ts';
import { type Mac, macFromBytes, macToBytes } from '../core/mac.ts';

const NEIGHBOUR_ADVERTISEMENT = 136;
const OPTION_TARGET_LINK_LAYER = 2;
const ROUTER = 0x80;
const OVERRIDE = 0x20;
const HEADER_BYTES = 24;
const ADDRESS_BYTES = 16;
/** EtherType of IPv6, for the socket that sends it. */
export const ETHERTYPE_IPV6 = 0x86dd;
const NEXT_HEADER_ICMPV6 = 58;
/** Section 7.1.2: a router in between would have taken something off it. */
const HOP_LIMIT = 255;
/** ff02::1, every node of the link, and the Ethernet group that it has by RFC 2464 section 7. */
const ALL_NODES = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC = '33:33:00:00:00:01' as Mac;

/** One advertisement as we send it: not solicited, and overriding what a cache holds. */
export interface NeighbourAdvertisement {
  /** The IPv6 address that is advertised: 16 bytes. */
  readonly target: Uint8Array;
  readonly mac: Mac;
  /** The sender forwards packets. A host that hears false takes the sender off its list of routers (section 7.2.5). */
  readonly router: boolean;
}

/**
 * The ICMPv6 message without its checksum, which the kernel fills in on a raw ICMPv6 socket (RFC 3542 section 3.1). It goes to ff02::1
 * with hop limit 255. Throws RangeError when the address is not one: that is a fault of ours.
 */
export function encodeNeighbourAdvertisement({ target, mac, router }: NeighbourAdvertisement): Uint8Array {
  if (target.length !== ADDRESS_BYTES || target[0] === 0xff) throw new RangeError(`the target must be a unicast IPv6 address of ${ADDRESS_BYTES} bytes`);
  const head = Uint8Array.of(NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, OVERRIDE | (router ? ROUTER : 0), 0, 0, 0);
  return concatBytes(head, target, Uint8Array.of(OPTION_TARGET_LINK_LAYER, 1), macToBytes(mac));
}

/** The Internet checksum (RFC 1071) of an even number of bytes. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += viewOf(bytes).getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/**
 * The Ethernet frame that moves `address` to `mac` in every neighbour cache of the link that has it: whole, so that it needs neither a link-local
 * address nor a socket of the kernel's that has already noticed the new one. It comes from `address` itself.
 */
export function unsolicitedAdvertisement(mac: Mac, address: Ipv6, router: boolean): Uint8Array {
  const target = ipv6ToBytes(address);
  const message = encodeNeighbourAdvertisement({ target, mac, router });
  const length = Uint8Array.of(0, message.length);
  // RFC 8200 section 8.1: the checksum is over a pseudo-header, too.
  viewOf(message).setUint16(2, checksum(concatBytes(target, ALL_NODES, Uint8Array.of(0, 0), length, Uint8Array.of(0, 0, 0, NEXT_HEADER_ICMPV6), message)));
  const ethernet = concatBytes(macToBytes(ALL_NODES_MAC), macToBytes(mac), Uint8Array.of(ETHERTYPE_IPV6 >> 8, ETHERTYPE_IPV6 & 0xff));
  return concatBytes(ethernet, Uint8Array.of(0x60, 0, 0, 0), length, Uint8Array.of(NEXT_HEADER_ICMPV6, HOP_LIMIT), target, ALL_NODES, message);
}

/**
 * Reads an advertisement with a link-layer address that overrides; undefined for every other message. Never throws. Options that are not
 * known are skipped (RFC 4861 section 4.6).
 */
export function decodeNeighbourAdvertisement(bytes: Uint8Array): NeighbourAdvertisement | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== NEIGHBOUR_ADVERTISEMENT || bytes[1] !== 0) return undefined;
  if ((bytes[4]! & OVERRIDE) === 0 || bytes[8] === 0xff) return undefined;
  let mac: Mac | undefined;
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    const size = 8 * (bytes[at + 1] ?? 0);
    if (size === 0 || at + size > bytes.length) return undefined;
    if (bytes[at] === OPTION_TARGET_LINK_LAYER && size === 8) mac = macFromBytes(bytes.subarray(at + 2));
    at += size;
  }
  return mac && { target: Uint8Array.from(bytes.subarray(8, HEADER_BYTES)), mac, router: (bytes[4]! & ROUTER) !== 0 };
}
