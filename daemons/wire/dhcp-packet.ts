// The fixed part of a BOOTP/DHCP message (RFC 951, RFC 2131 section 2) and the option areas that follow or overload it.

import { concatBytes, decodeLatin1, encodeLatin1, viewOf } from '../core/bytes.ts';
import { ipv4FromBytes, ipv4ToBytes } from '../core/ipv4.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import { END, encodeOptionArea, readOptionArea } from './dhcp-option-area.ts';
import type { DhcpOptions } from './dhcp-option-area.ts';

export const DHCP_SERVER_PORT = 67;
export const DHCP_CLIENT_PORT = 68;

/** The first field of a message: who speaks. */
export const BOOT_REQUEST = 1;
export const BOOT_REPLY = 2;

/** A message is padded to this size: BOOTP's fixed 64-byte vendor area made 300 bytes, and some relays drop less (RFC 1542 section 2.1). */
export const DHCP_MIN_BYTES = 300;
/** Longer datagrams are not looked at: no client sends them, and joining options costs memory. */
export const DHCP_RECEIVE_MAX_BYTES = 4096;

const SNAME_AT = 44;
const FILE_AT = 108;
const COOKIE_AT = 236;
const OPTIONS_AT = 240;
/** RFC 1497: marks the vendor area as options. */
const MAGIC_COOKIE = 0x63825363;
const CHADDR_MAX_BYTES = 16;
const BROADCAST_FLAG = 0x8000;
/** RFC 2132 section 9.3: the fields `file` (1) and `sname` (2) hold options. */
const OVERLOAD = 52;

/** A DHCP message with its long options joined and its overloaded fields resolved. */
export interface DhcpPacket {
  readonly op: typeof BOOT_REQUEST | typeof BOOT_REPLY;
  /** 1 for Ethernet. */
  readonly htype: number;
  readonly hops: number;
  readonly xid: number;
  /** Seconds since the client began, as it says. */
  readonly secs: number;
  /** The client cannot receive unicast before it has an address. */
  readonly broadcast: boolean;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  /** The hardware address, `hlen` bytes of it: six for Ethernet. */
  readonly chaddr: Uint8Array;
  /** Server name, up to 63 characters of Latin-1; empty when the field is overloaded. */
  readonly sname: string;
  /** Boot file name, up to 127 characters of Latin-1; empty when the field is overloaded. */
  readonly file: string;
  /** Without option 52, which is resolved here. */
  readonly options: DhcpOptions;
}

/** Reads a field that ends with its first zero byte or at its end. */
function fieldText(field: Uint8Array): string {
  const end = field.indexOf(0);
  return decodeLatin1(end < 0 ? field : field.subarray(0, end));
}

/**
 * Reads a DHCP message. Undefined when it is too short or too long, has no magic cookie, an impossible op, hlen or
 * overload, or an option that runs past its area. Plain BOOTP without options is refused by the missing cookie.
 */
export function decodeDhcp(bytes: Uint8Array): DhcpPacket | undefined {
  if (bytes.length < OPTIONS_AT || bytes.length > DHCP_RECEIVE_MAX_BYTES) return undefined;
  const view = viewOf(bytes);
  const op = bytes[0]!;
  const hlen = bytes[2]!;
  if ((op !== BOOT_REQUEST && op !== BOOT_REPLY) || hlen > CHADDR_MAX_BYTES || view.getUint32(COOKIE_AT) !== MAGIC_COOKIE) return undefined;
  const options = new Map<number, Uint8Array>();
  if (!readOptionArea(bytes.subarray(OPTIONS_AT), options)) return undefined;
  const overload = options.get(OVERLOAD);
  const overloaded = overload === undefined ? 0 : overload.length === 1 ? overload[0]! : -1;
  if (overloaded < 0 || overloaded > 3 || (overload && overloaded === 0)) return undefined;
  const file = bytes.subarray(FILE_AT, COOKIE_AT);
  const sname = bytes.subarray(SNAME_AT, FILE_AT);
  // RFC 3396 section 5: the areas are joined in the order options, file, sname.
  if (overloaded & 1 && !readOptionArea(file, options)) return undefined;
  if (overloaded & 2 && !readOptionArea(sname, options)) return undefined;
  options.delete(OVERLOAD);
  return {
    op,
    htype: bytes[1]!,
    hops: bytes[3]!,
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    broadcast: (view.getUint16(10) & BROADCAST_FLAG) !== 0,
    ciaddr: ipv4FromBytes(bytes.subarray(12)),
    yiaddr: ipv4FromBytes(bytes.subarray(16)),
    siaddr: ipv4FromBytes(bytes.subarray(20)),
    giaddr: ipv4FromBytes(bytes.subarray(24)),
    chaddr: bytes.slice(28, 28 + hlen),
    sname: overloaded & 2 ? '' : fieldText(sname),
    file: overloaded & 1 ? '' : fieldText(file),
    options,
  };
}

function putText(field: Uint8Array, text: string, name: string): void {
  // One byte stays zero: clients look for the terminator.
  if (text.length >= field.length) throw new RangeError(`DHCP field ${name} holds ${field.length - 1} characters; seen ${text.length}`);
  field.set(encodeLatin1(text));
}

/**
 * The bytes of a message, ended and padded to 300. Nothing is overloaded; values over 255 bytes are split (RFC 3396).
 * Throws RangeError when sname, file or chaddr does not fit or an option code is impossible.
 */
export function encodeDhcp(packet: DhcpPacket): Uint8Array {
  if (packet.chaddr.length > CHADDR_MAX_BYTES) throw new RangeError(`DHCP chaddr holds 16 bytes; seen ${packet.chaddr.length}`);
  const head = new Uint8Array(OPTIONS_AT);
  const view = viewOf(head);
  head.set([packet.op, packet.htype, packet.chaddr.length, packet.hops]);
  view.setUint32(4, packet.xid);
  view.setUint16(8, packet.secs);
  view.setUint16(10, packet.broadcast ? BROADCAST_FLAG : 0);
  [packet.ciaddr, packet.yiaddr, packet.siaddr, packet.giaddr].forEach((address, i) => head.set(ipv4ToBytes(address), 12 + 4 * i));
  head.set(packet.chaddr, 28);
  putText(head.subarray(SNAME_AT, FILE_AT), packet.sname, 'sname');
  putText(head.subarray(FILE_AT, COOKIE_AT), packet.file, 'file');
  view.setUint32(COOKIE_AT, MAGIC_COOKIE);
  const options = encodeOptionArea(packet.options);
  const padding = Math.max(0, DHCP_MIN_BYTES - OPTIONS_AT - options.length - 1);
  return concatBytes(head, options, Uint8Array.of(END), new Uint8Array(padding));
}
