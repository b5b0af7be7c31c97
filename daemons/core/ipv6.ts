// IPv6 addresses. Inside, an address is its text in the one form of RFC 5952, so that two are equal when their texts are.

import { type Ipv4, ipv4ToBytes, parseIpv4 } from './ipv4.ts';

declare const ipv6Brand: unique symbol;
/** An IPv6 address as RFC 5952 section 4 writes it: lower case, no leading zeros, the first of the longest runs of zeros as `::`. */
export type Ipv6 = string & { readonly [ipv6Brand]: true };
/** An address of either family. */
export type IpAddress = Ipv4 | Ipv6;

/** An address and the length of its network's prefix: `2001:db8::1/64`. */
export interface Ipv6InNetwork {
  readonly address: Ipv6;
  readonly prefix: number;
}

const GROUPS = 8;
export const IPV6_BITS = 128;
const LINK_LOCAL_BITS = 10;

export const isIpv6 = (address: IpAddress): address is Ipv6 => address.includes(':');

/** Sixteen bytes, for the wire. */
export function ipv6ToBytes(address: Ipv6): Uint8Array {
  const [front, back] = address.split('::').map((part) => (part === '' ? [] : part.split(':'))) as [string[], string[] | undefined];
  const groups = back === undefined ? front : [...front, ...Array<string>(GROUPS - front.length - back.length).fill('0'), ...back];
  return Uint8Array.from(groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]));
}

/** The address in the first sixteen of `bytes`. */
export function ipv6FromBytes(bytes: Uint8Array): Ipv6 {
  const groups = Array.from({ length: GROUPS }, (_none, at) => ((bytes[2 * at]! << 8) | bytes[2 * at + 1]!).toString(16));
  const text = groups.join(':');
  // Section 4.2.2: one group of zeros alone is not shortened.
  const runs = [...text.matchAll(/(?<![0-9a-f])0(?::0(?![0-9a-f]))+/g)];
  const longest = runs.reduce<RegExpExecArray | undefined>((best, run) => (best === undefined || run[0].length > best[0].length ? run : best), undefined);
  if (longest === undefined) return text as Ipv6;
  return `${text.slice(0, longest.index).replace(/:$/, '')}::${text.slice(longest.index + longest[0].length).replace(/^:/, '')}` as Ipv6;
}

/** Reads an address in any form of RFC 4291 section 2.2, without a zone; undefined when it is none. */
export function parseIpv6(text: string): Ipv6 | undefined {
  const dotted = /^(?<head>.*:)(?<tail>[0-9]+\.[0-9.]+)$/.exec(text)?.groups as { head: string; tail: string } | undefined;
  if (dotted !== undefined) {
    const tail = parseIpv4(dotted.tail);
    if (tail === undefined) return undefined;
    const [a, b, c, d] = ipv4ToBytes(tail) as unknown as [number, number, number, number];
    return parseIpv6(`${dotted.head}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`);
  }
  const parts = text.split('::');
  if (parts.length > 2) return undefined;
  const groups = parts.flatMap((part) => (part === '' ? [] : part.split(':')));
  const whole = parts.length === 1 ? groups.length === GROUPS : groups.length < GROUPS;
  return whole && groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) ? ipv6FromBytes(ipv6ToBytes(text as Ipv6)) : undefined;
}

/** Reads an address that one host can have: not unspecified, loopback, a group, nor an IPv4 address in disguise (RFC 4291 section 2.4). */
export function parseHostIpv6(text: string): Ipv6 | undefined {
  const address = parseIpv6(text);
  if (address === undefined || inNetwork(address, '::' as Ipv6, 80)) return undefined;
  return address.startsWith('ff') && inNetwork(address, 'ff00::' as Ipv6, 8) ? undefined : address;
}

/** Reads `ADDRESS/LENGTH`, a host's address and its prefix length, 1 to 128. */
export function parseIpv6InNetwork(text: string): Ipv6InNetwork | undefined {
  const { host = '', length = '' } = /^(?<host>[^/]+)\/(?<length>[1-9][0-9]{0,2})$/.exec(text)?.groups ?? {};
  const address = parseHostIpv6(host);
  return address === undefined || Number(length) > IPV6_BITS ? undefined : { address, prefix: Number(length) };
}

/** The network's first address: the one with no host bits. */
export function networkOfIpv6(address: Ipv6, prefix: number): Ipv6 {
  return ipv6FromBytes(ipv6ToBytes(address).map((byte, at) => byte & (0xff00 >> Math.max(0, Math.min(8, prefix - 8 * at)))));
}

/** True when both addresses have the first `prefix` bits in common. */
export function inNetwork(address: Ipv6, network: Ipv6, prefix: number): boolean {
  return networkOfIpv6(address, prefix) === networkOfIpv6(network, prefix);
}

/** True for an address that holds on its own link alone (fe80::/10). */
export const isLinkLocal = (address: Ipv6): boolean => inNetwork(address, 'fe80::' as Ipv6, LINK_LOCAL_BITS);
