// Route netlink (RFC 3549, rtnetlink(7)) as far as a gateway needs it: addresses, the default route, and links that lose their carrier.
// Numbers are in the machine's order, which is little-endian on every machine that we run on; addresses are in the network's.

import { concatBytes, viewOf } from '../core/bytes.ts';
import { type Ipv4, ipv4FromBytes, ipv4ToBytes } from '../core/ipv4.ts';

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
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
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
  readonly address: Ipv4;
  readonly prefix: number;
}

/** A default route of the main table; `via` undefined: on the link, or over several next hops. */
export interface LinkRoute {
  readonly index: number;
  readonly via: Ipv4 | undefined;
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

function addressBody({ index, address, prefix }: LinkAddress): Uint8Array {
  const bytes = ipv4ToBytes(address);
  return concatBytes(Uint8Array.of(AF_INET, prefix, 0, 0), dword(index), attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes));
}

function routeBody(index: number, via: Ipv4): Uint8Array {
  return concatBytes(Uint8Array.of(AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST), dword(0), attribute(RTA_GATEWAY, ipv4ToBytes(via)), attribute(RTA_OIF, dword(index)));
}

/** Adds an address; answered with ERRNO_EXISTS when it is there. */
export const addAddress = (sequence: number, address: LinkAddress): Uint8Array => message(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence, addressBody(address));
/** Removes an address; answered with ERRNO_NO_ADDRESS when it is gone. */
export const removeAddress = (sequence: number, address: LinkAddress): Uint8Array => message(RTM_DELADDR, NLM_F_ACK, sequence, addressBody(address));
/** Sets the default route without a metric, in the place of any other. */
export const setDefaultRoute = (sequence: number, index: number, via: Ipv4): Uint8Array => message(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sequence, routeBody(index, via));
/** Removes that default route; answered with ERRNO_NO_ROUTE when it is gone. */
export const removeDefaultRoute = (sequence: number, index: number, via: Ipv4): Uint8Array => message(RTM_DELROUTE, NLM_F_ACK, sequence, routeBody(index, via));
/** Asks for every IPv4 address, every IPv4 route, every link. */
export const listAddresses = (sequence: number): Uint8Array => message(RTM_GETADDR, NLM_F_DUMP, sequence, concatBytes(Uint8Array.of(AF_INET, 0, 0, 0), dword(0)));
export const listRoutes = (sequence: number): Uint8Array => message(RTM_GETROUTE, NLM_F_DUMP, sequence, concatBytes(Uint8Array.of(AF_INET, 0, 0, 0, 0, 0, 0, 0), dword(0)));
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
const addressIn = (bytes: Uint8Array | undefined): Ipv4 | undefined => (bytes?.length === 4 ? ipv4FromBytes(bytes) : undefined);

function readAddress(body: Uint8Array): RouteMessage | undefined {
  if (body.length < ADDRESS_HEAD_BYTES || body[0] !== AF_INET) return undefined;
  const attributes = attributesOf(body.subarray(ADDRESS_HEAD_BYTES));
  const address = addressIn(attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS));
  return address && { kind: 'address', address: { index: viewOf(body).getUint32(4, true), address, prefix: body[1]! } };
}

function readRoute(body: Uint8Array): RouteMessage | undefined {
  if (body.length < ROUTE_HEAD_BYTES || body[0] !== AF_INET || body[1] !== 0 || body[4] !== RT_TABLE_MAIN || body[7] !== RTN_UNICAST) return undefined;
  const attributes = attributesOf(body.subarray(ROUTE_HEAD_BYTES));
  return { kind: 'default-route', route: { index: dwordIn(attributes.get(RTA_OIF)) ?? 0, via: addressIn(attributes.get(RTA_GATEWAY)), metric: dwordIn(attributes.get(RTA_PRIORITY)) ?? 0 } };
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
