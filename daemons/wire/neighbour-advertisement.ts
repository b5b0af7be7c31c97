// Unsolicited Neighbour Advertisements (RFC 4861 sections 4.4 and 7.2.6): what a gratuitous ARP is for IPv4.

import { concatBytes } from '../core/bytes.ts';
import { type Mac, macFromBytes, macToBytes } from '../core/mac.ts';

const NEIGHBOUR_ADVERTISEMENT = 136;
const OPTION_TARGET_LINK_LAYER = 2;
const ROUTER = 0x80;
const OVERRIDE = 0x20;
const HEADER_BYTES = 24;
const ADDRESS_BYTES = 16;

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
