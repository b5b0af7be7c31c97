// IPv4 addresses and networks. Inside, an address is its dotted text: it sorts in no useful way but reads in every log.

declare const ipv4Brand: unique symbol;
/** An IPv4 address in dotted decimal, without leading zeros. */
export type Ipv4 = string & { readonly [ipv4Brand]: true };

/** Reads a dotted-decimal address; undefined when it is none. Leading zeros are refused: some readers take them for octal. */
export function parseIpv4(text: string): Ipv4 | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const good = parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
  return good ? (text as Ipv4) : undefined;
}

/** The address as an unsigned 32-bit number. */
export function ipv4ToNumber(address: Ipv4): number {
  return address.split('.').reduce((value, part) => value * 256 + Number(part), 0);
}

/** The address of an unsigned 32-bit number. */
export function ipv4FromNumber(value: number): Ipv4 {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.') as Ipv4;
}

/** Four bytes, for the wire. */
export function ipv4ToBytes(address: Ipv4): Uint8Array {
  return Uint8Array.from(address.split('.'), Number);
}

/** The address in the first four of `bytes`. */
export function ipv4FromBytes(bytes: Uint8Array): Ipv4 {
  return Array.from(bytes.subarray(0, 4)).join('.') as Ipv4;
}

/** The prefix length of a netmask; undefined when its ones are not all in front, or when it is /0. */
export function prefixLength(netmask: Ipv4): number | undefined {
  const value = ipv4ToNumber(netmask);
  const ones = Math.clz32(~value >>> 0);
  return ones > 0 && (ones === 32 ? value === 0xffffffff : (value << ones) >>> 0 === 0) ? ones : undefined;
}

/** True when both addresses lie in one network of that netmask. */
export function sameNetwork(a: Ipv4, b: Ipv4, netmask: Ipv4): boolean {
  const mask = ipv4ToNumber(netmask);
  return ((ipv4ToNumber(a) ^ ipv4ToNumber(b)) & mask) === 0;
}

/** The network's first address: the one with no host bits. */
export function networkOf(address: Ipv4, netmask: Ipv4): Ipv4 {
  return ipv4FromNumber((ipv4ToNumber(address) & ipv4ToNumber(netmask)) >>> 0);
}

/** The network's directed broadcast address. */
export function broadcastOf(address: Ipv4, netmask: Ipv4): Ipv4 {
  return ipv4FromNumber((ipv4ToNumber(address) | ~ipv4ToNumber(netmask)) >>> 0);
}

/** Reads an address that one host can have: not "this network", loopback, multicast or reserved (RFC 1122 section 3.2.1.3). */
export function parseHostIpv4(text: string): Ipv4 | undefined {
  const address = parseIpv4(text);
  if (address === undefined) return undefined;
  const first = ipv4ToBytes(address)[0]!;
  return first === 0 || first === 127 || first >= 224 ? undefined : address;
}

/** True when the address is a host's within its network: neither the network's own address nor its broadcast address. */
export function isHostOf(address: Ipv4, netmask: Ipv4): boolean {
  return address !== networkOf(address, netmask) && address !== broadcastOf(address, netmask);
}

/** Reads a netmask that leaves room for two hosts at least, /1 to /30; undefined when it is none. */
export function parseNetmask(text: string): Ipv4 | undefined {
  const mask = parseIpv4(text);
  const ones = mask && prefixLength(mask);
  return ones !== undefined && ones <= 30 ? mask : undefined;
}
