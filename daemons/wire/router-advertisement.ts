// Router Advertisements (RFC 4861 section 4.2) that make a stateless prefix known and no default route. They are sent for
// iPXE's sake: without one it waits 16 s for IPv6 before it lets a boot go on.

import { concatBytes, isZero, viewOf } from '../core/bytes.ts';
import { type Mac, macFromBytes, macToBytes } from '../core/mac.ts';

const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
const OPTION_SOURCE_LINK_LAYER = 1;
const OPTION_PREFIX = 3;
const HEADER_BYTES = 16;
const PREFIX_BYTES = 8;
/** RFC 4861 section 4.6.2: L (on link) and A (a host may make an address of it). */
const ON_LINK_AUTONOMOUS = 0xc0;
/** A day: the prefix is no more than a tick-off for iPXE, and a rack that changes its name shall forget the old one. */
export const PREFIX_LIFETIME_S = 86_400;

/** What one advertisement says; `prefix` is the first 8 bytes of a /64. */
export interface RouterAdvertisement {
  /** Seconds as a default router; 0: not one. */
  readonly routerLifetimeS: number;
  readonly sourceMac: Mac;
  readonly prefix: Uint8Array;
  readonly lifetimeS: number;
}

/**
 * The ICMPv6 message without its checksum, which the kernel fills in on a raw ICMPv6 socket (RFC 3542 section 3.1).
 * It must be sent with hop limit 255 from a link-local address (RFC 4861 section 6.1.2).
 */
export function encodeRouterAdvertisement(message: RouterAdvertisement): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = ROUTER_ADVERTISEMENT;
  viewOf(header).setUint16(6, message.routerLifetimeS);
  const source = concatBytes(Uint8Array.of(OPTION_SOURCE_LINK_LAYER, 1), macToBytes(message.sourceMac));
  const prefix = new Uint8Array(32);
  prefix.set([OPTION_PREFIX, 4, 64, ON_LINK_AUTONOMOUS]);
  viewOf(prefix).setUint32(4, message.lifetimeS);
  viewOf(prefix).setUint32(8, message.lifetimeS);
  prefix.set(message.prefix.subarray(0, PREFIX_BYTES), 16);
  return concatBytes(header, source, prefix);
}

/**
 * Reads an advertisement with a link-layer address and a /64 prefix; undefined for every other message. Never throws.
 * Options that are not known are skipped (RFC 4861 section 4.6).
 */
export function decodeRouterAdvertisement(bytes: Uint8Array): RouterAdvertisement | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== ROUTER_ADVERTISEMENT || bytes[1] !== 0) return undefined;
  let sourceMac: Mac | undefined;
  let prefix: Uint8Array | undefined;
  let lifetimeS = 0;
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    const size = 8 * (bytes[at + 1] ?? 0);
    if (size === 0 || at + size > bytes.length) return undefined;
    const option = bytes.subarray(at, at + size);
    if (option[0] === OPTION_SOURCE_LINK_LAYER && size === 8) sourceMac = macFromBytes(option.subarray(2));
    if (option[0] === OPTION_PREFIX && size === 32 && option[2] === 64) {
      prefix = Uint8Array.from(option.subarray(16, 16 + PREFIX_BYTES));
      lifetimeS = viewOf(option).getUint32(4);
    }
    at += size;
  }
  if (sourceMac === undefined || prefix === undefined) return undefined;
  return { routerLifetimeS: viewOf(bytes).getUint16(6), sourceMac, prefix, lifetimeS };
}

/** True for a Router Solicitation (RFC 4861 section 4.1), as it comes from a raw ICMPv6 socket. */
export function isRouterSolicitation(bytes: Uint8Array): boolean {
  return bytes.length >= 8 && bytes[0] === ROUTER_SOLICITATION && bytes[1] === 0 && isZero(bytes.subarray(4, 8));
}
