// The options this project reads and writes (RFC 2132, RFC 3004, RFC 3046, RFC 4578), and how their values are spelled.
// A value of the wrong length reads as absent: a client's odd option must not cost it its boot.

import { concatBytes, decodeLatin1, encodeLatin1, viewOf } from '../core/bytes.ts';
import { ipv4FromBytes, ipv4ToBytes } from '../core/ipv4.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { DhcpOptions } from './dhcp-option-area.ts';

/** Option codes by name. */
export const OPTION = {
  subnetMask: 1,
  router: 3,
  domainNameServer: 6,
  hostName: 12,
  domainName: 15,
  broadcastAddress: 28,
  /** PXE's encapsulated vendor options (RFC 2132 section 8.4). */
  vendorSpecific: 43,
  requestedAddress: 50,
  leaseTime: 51,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  maximumMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  /** Vendor class: `PXEClient…`, `HTTPClient…`. */
  vendorClass: 60,
  clientIdentifier: 61,
  tftpServerName: 66,
  bootFileName: 67,
  /** User class, RFC 3004; see dhcp-user-class.ts. */
  userClass: 77,
  /** Relay agent information, RFC 3046: echoed as it came. */
  relayAgent: 82,
  /** Client system architecture, RFC 4578 section 2.1. */
  clientArchitecture: 93,
  clientInterface: 94,
  /** Client machine identifier, RFC 4578 section 2.3. */
  machineIdentifier: 97,
  /** iPXE's encapsulated options; see dhcp-ipxe.ts. */
  ipxe: 175,
} as const;

/** The values of option 53 (RFC 2132 section 9.6). */
export const MESSAGE = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8 } as const;
export type MessageType = (typeof MESSAGE)[keyof typeof MESSAGE];

/** The name of a message type in capitals, for logs. */
export function messageName(type: MessageType): string {
  return Object.entries(MESSAGE).find(([, value]) => value === type)![0].toUpperCase();
}

/** Option 53; undefined when it is missing or unknown. */
export function messageTypeOf(options: DhcpOptions): MessageType | undefined {
  const value = uint8Option(options, OPTION.messageType);
  return Object.values(MESSAGE).find((type) => type === value);
}

/** An option of one byte. */
export function uint8Option(options: DhcpOptions, code: number): number | undefined {
  const value = options.get(code);
  return value?.length === 1 ? value[0] : undefined;
}

/** An option of two bytes, such as 57. */
export function uint16Option(options: DhcpOptions, code: number): number | undefined {
  const value = options.get(code);
  return value?.length === 2 ? viewOf(value).getUint16(0) : undefined;
}

/** An option of four bytes, such as 51. */
export function uint32Option(options: DhcpOptions, code: number): number | undefined {
  const value = options.get(code);
  return value?.length === 4 ? viewOf(value).getUint32(0) : undefined;
}

/** An option that is exactly one address. */
export function addressOption(options: DhcpOptions, code: number): Ipv4 | undefined {
  const value = options.get(code);
  return value?.length === 4 ? ipv4FromBytes(value) : undefined;
}

/** An option that is one or more addresses; undefined when it is none or its length is no multiple of four. */
export function addressListOption(options: DhcpOptions, code: number): Ipv4[] | undefined {
  const value = options.get(code);
  if (!value || value.length === 0 || value.length % 4 !== 0) return undefined;
  return Array.from({ length: value.length / 4 }, (_, i) => ipv4FromBytes(value.subarray(4 * i)));
}

/** A text option. Trailing zeros are cut: RFC 2132 section 2 warns of senders that add them. */
export function textOption(options: DhcpOptions, code: number): string | undefined {
  const value = options.get(code);
  return value && decodeLatin1(value).replace(/\0+$/, '');
}

/** Option 93: every architecture the client says it is; empty when it says none. */
export function architecturesOf(options: DhcpOptions): number[] {
  const value = options.get(OPTION.clientArchitecture);
  if (!value || value.length % 2 !== 0) return [];
  return Array.from({ length: value.length / 2 }, (_, i) => viewOf(value).getUint16(2 * i));
}

/** Option 94: the client's network interface, e.g. UNDI 3.16 as `{type: 1, major: 3, minor: 16}`. */
export function clientInterfaceOf(options: DhcpOptions): { type: number; major: number; minor: number } | undefined {
  const value = options.get(OPTION.clientInterface);
  return value?.length === 3 ? { type: value[0]!, major: value[1]!, minor: value[2]! } : undefined;
}

/** Option 97: the sixteen bytes of the machine's UUID as sent. Some ROMs send the option empty; that and any type but 0 is no identifier. */
export function machineIdentifierOf(options: DhcpOptions): Uint8Array | undefined {
  const value = options.get(OPTION.machineIdentifier);
  return value?.length === 17 && value[0] === 0 ? value.subarray(1) : undefined;
}

/** One byte as an option's value. */
export const uint8Value = (value: number): Uint8Array => Uint8Array.of(value);

/** Two bytes in network order. */
export const uint16Value = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value);

/** Four bytes in network order. */
export const uint32Value = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

/** One or more addresses. */
export const addressValue = (...addresses: readonly Ipv4[]): Uint8Array => concatBytes(...addresses.map(ipv4ToBytes));

/** Text without a terminator. */
export const textValue = (text: string): Uint8Array => encodeLatin1(text);
