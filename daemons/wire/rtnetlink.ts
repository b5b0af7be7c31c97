// Route netlink (RFC 3549, rtnetlink(7)) as far as a gateway needs it: addresses, the default route, and links that lose their carrier.
// Numbers are in the machine's order, which is little-endian on every machine that we run on; addresses are in the network's.

import { concatBytes, viewOf } from '../core/bytes.ts';
import { ipv4FromBytes, ipv4ToBytes } from '../core/ipv4.ts';
import { type IpAddress, ipv6FromBytes, ipv6ToBytes, isIpv6 } from '../core/ipv6.ts';

const HEADER_BYTES = 16;
const NLM_F_REQUEST = 0x001;
const NLM_F_ACK = 0x004;
const NLM_F_REPLACE = 0x100;
const NLM_F_EXCL = 0x200;
const NLM_F_DUMP = 0x300;
const NLM_F_CREATE = 0x400;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const AF_INET = 2;
const AF_INET6 = 10;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
/** No duplicate address detection: it would take a second, and find the dead holder's kernel. */
const IFA_F_NODAD = 0x02;
const FOREVER_S = 0xffff_ffff;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RT_TABLE_MAIN = 254;
/** `ip route` without a word about it enters this. */
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;
const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;
/** ifaddrmsg, rtmsg and ifinfomsg. */
const [ADDRESS_HEAD_BYTES, ROUTE_HEAD_BYTES, LINK_HEAD_BYTES] = [8, 12, 16];
const ATTRIBUTE_HEAD_BYTES = 4;

/** The error numbers of a change that was there already, or of a removal of what is gone. */
export const ERRNO_EXISTS = 17;
export const ERRNO_NO_ADDRESS = 99;
export const ERRNO_NO_ROUTE = 3;

/** An address on the interface of that index. */
export interface LinkAddress {
  readonly index: number;
  readonly address: IpAddress;
  readonly prefix: number;
}

/** A default route of the main table; `via` undefined: on the link, or over several next hops. */
export interface LinkRoute {
  readonly index: number;
  readonly via: IpAddress | undefined;
  readonly metric: number;
}

/** What the kernel says. `done`: the end of a list. `answer`: to a change; 0 is success. */
export type RouteMessage =
  | { readonly kind: 'address'; readonly address: LinkAddress }
  | { readonly kind: 'default-route'; readonly route: LinkRoute }
  /** `up`: switched on, with a carrier. A link that is gone is one without. */
  | { readonly kind: 'link'; readonly index: number; readonly up: boolean }
  | { readonly kind: 'answer'; readonly errno: number }
  | { readonly kind: 'done' };

const padded = (length: number): number => (length + 3) & ~3;

function attribute(type: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(padded(ATTRIBUTE_HEAD_BYTES + content.length));
  const view = viewOf(bytes);
  view.setUint16(0, ATTRIBUTE_HEAD_BYTES + content.length, true);
  view.setUint16(2, type, true);
  bytes.set(content, ATTRIBUTE_HEAD_BYTES);
  return bytes;
}

function dword(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}

function message(type: number, flags: number, sequence: number, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(HEADER_BYTES);
  const view = viewOf(head);
  view.setUint32(0, HEADER_BYTES + body.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | flags, true);
  view.setUint32(8, sequence, true);
  return concatBytes(head, body);
}

/** The family's number, and the address as it stands in an attribute. */
const familyOf = (address: IpAddress): number => (isIpv6(address) ? AF_INET6 : AF_INET);
const bytesOf = (address: IpAddress): Uint8Array => (isIpv6(address) ? ipv6ToBytes(address) : ipv4ToBytes(address));

function addressBody({ index, address, prefix }: LinkAddress, flags: number): Uint8Array {
  const bytes = bytesOf(address);
  return concatBytes(Uint8Array.of(familyOf(address), prefix, flags, 0), dword(index), attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes));
}

function routeBody(index: number, via: IpAddress): Uint8Array {
  return concatBytes(Uint8Array.of(familyOf(via), 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST), dword(0), attribute(RTA_GATEWAY, bytesOf(via)), attribute(RTA_OIF, dword(index)));
}

/**
 * Adds an address; answered with ERRNO_EXISTS when it is there. `noSource`, for IPv6: it is deprecated from the first (RFC 4862 section
 * 5.5.4), so that nothing that begins here takes it as its own.
 */
export function addAddress(sequence: number, address: LinkAddress, noSource = false): Uint8Array {
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  if (!isIpv6(address.address)) return message(RTM_NEWADDR, flags, sequence, addressBody(address, 0));
  const lifetimes = noSource ? attribute(IFA_CACHEINFO, concatBytes(dword(0), dword(FOREVER_S), dword(0), dword(0))) : new Uint8Array(0);
  return message(RTM_NEWADDR, flags, sequence, concatBytes(addressBody(address, IFA_F_NODAD), lifetimes));
}
/** Removes an address; answered with ERRNO_NO_ADDRESS when it is gone. */
export const removeAddress = (sequence: number, address: LinkAddress): Uint8Array => message(RTM_DELADDR, NLM_F_ACK, sequence, addressBody(address, 0));
/** Sets the family's default route without a metric (IPv6: with the kernel's own), in the place of any other. */
export const setDefaultRoute = (sequence: number, index: number, via: IpAddress): Uint8Array => message(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sequence, routeBody(index, via));
/** Removes that default route; answered with ERRNO_NO_ROUTE when it is gone. */
export const removeDefaultRoute = (sequence: number, index: number, via: IpAddress): Uint8Array => message(RTM_DELROUTE, NLM_F_ACK, sequence, routeBody(index, via));
/** Which family a list is asked for. */
export type Family = 'ipv4' | 'ipv6';
const FAMILIES: Readonly<Record<Family, number>> = { ipv4: AF_INET, ipv6: AF_INET6 };
/** Asks for every address and every route of a family, every link. */
export const listAddresses = (sequence: number, family: Family): Uint8Array => message(RTM_GETADDR, NLM_F_DUMP, sequence, concatBytes(Uint8Array.of(FAMILIES[family], 0, 0, 0), dword(0)));
export const listRoutes = (sequence: number, family: Family): Uint8Array => message(RTM_GETROUTE, NLM_F_DUMP, sequence, concatBytes(Uint8Array.of(FAMILIES[family], 0, 0, 0, 0, 0, 0, 0), dword(0)));
export const listLinks = (sequence: number): Uint8Array => message(RTM_GETLINK, NLM_F_DUMP, sequence, new Uint8Array(LINK_HEAD_BYTES));

/** The attributes behind a message's head, by their types; what is cut short ends them. */
function attributesOf(body: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  const view = viewOf(body);
  for (let at = 0; at + ATTRIBUTE_HEAD_BYTES <= body.length; ) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEAD_BYTES || at + length > body.length) break;
    found.set(view.getUint16(at + 2, true) & 0x3fff, body.subarray(at + ATTRIBUTE_HEAD_BYTES, at + length));
    at += padded(length);
  }
  return found;
}

const dwordIn = (bytes: Uint8Array | undefined): number | undefined => (bytes?.length === 4 ? viewOf(bytes).getUint32(0, true) : undefined);
/** The address in an attribute that is as long as the family has them. */
function addressIn(family: number, bytes: Uint8Array | undefined): IpAddress | undefined {
  if (family === AF_INET && bytes?.length === 4) return ipv4FromBytes(bytes);
  return family === AF_INET6 && bytes?.length === 16 ? ipv6FromBytes(bytes) : undefined;
}

function readAddress(body: Uint8Array): RouteMessage | undefined {
  if (body.length < ADDRESS_HEAD_BYTES) return undefined;
  const attributes = attributesOf(body.subarray(ADDRESS_HEAD_BYTES));
  const address = addressIn(body[0]!, attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS));
  return address && { kind: 'address', address: { index: viewOf(body).getUint32(4, true), address, prefix: body[1]! } };
}

function readRoute(body: Uint8Array): RouteMessage | undefined {
  const ofFamily = body[0] === AF_INET || body[0] === AF_INET6;
  if (body.length < ROUTE_HEAD_BYTES || !ofFamily || body[1] !== 0 || body[4] !== RT_TABLE_MAIN || body[7] !== RTN_UNICAST) return undefined;
  const attributes = attributesOf(body.subarray(ROUTE_HEAD_BYTES));
  const route = { index: dwordIn(attributes.get(RTA_OIF)) ?? 0, via: addressIn(body[0]!, attributes.get(RTA_GATEWAY)), metric: dwordIn(attributes.get(RTA_PRIORITY)) ?? 0 };
  return { kind: 'default-route', route };
}

function readLink(type: number, body: Uint8Array): RouteMessage | undefined {
  if (body.length < LINK_HEAD_BYTES) return undefined;
  const view = viewOf(body);
  const flags = view.getUint32(8, true);
  // A bridge that loses a port says RTM_DELLINK of the family AF_BRIDGE, and the link is still there.
  if (type === RTM_DELLINK && body[0] !== 0) return undefined;
  return { kind: 'link', index: view.getInt32(4, true), up: type === RTM_NEWLINK && (flags & IFF_UP) !== 0 && (flags & IFF_LOWER_UP) !== 0 };
}

function readOne(type: number, body: Uint8Array): RouteMessage | undefined {
  switch (type) {
    case NLMSG_ERROR: return body.length < 4 ? undefined : { kind: 'answer', errno: Math.abs(viewOf(body).getInt32(0, true)) };
    case NLMSG_DONE: return { kind: 'done' };
    case RTM_NEWADDR: return readAddress(body);
    case RTM_NEWROUTE: return readRoute(body);
    case RTM_NEWLINK:
    case RTM_DELLINK: return readLink(type, body);
    default: return undefined;
  }
}

/** Reads what one receive brought; messages of other kinds are left out, and what is cut short ends it. Never throws. */
export function decodeRouteMessages(bytes: Uint8Array): readonly RouteMessage[] {
  const found: RouteMessage[] = [];
  const view = viewOf(bytes);
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || at + length > bytes.length) break;
    const one = readOne(view.getUint16(at + 4, true), bytes.subarray(at + HEADER_BYTES, at + length));
    if (one !== undefined) found.push(one);
    at += padded(length);
  }
  return found;
}
