// The cluster's own IPv6 network: a prefix that follows from the cluster's name, and who has which address in it. Nobody has to choose one.

import { concatBytes, encodeUtf8 } from './bytes.ts';
import { type Ipv6, ipv6FromBytes } from './ipv6.ts';
import { sha256 } from './sha256.ts';

/** The length of the prefix. */
export const INSIDE_PREFIX_BITS = 64;
/** Behind the numbers of all nodes, which have two bytes in everything that tells them. */
const GATEWAY_IDENTIFIER = 0x1_0000;

/** A unique local prefix (RFC 4193) for the cluster: fd, 40 bits of its name's SHA-256, subnet 0. 8 bytes. */
export function clusterPrefix(clusterName: string): Uint8Array {
  return concatBytes(Uint8Array.of(0xfd), sha256(encodeUtf8(clusterName)).subarray(0, 5), new Uint8Array(2));
}

function addressUnder(prefix: Uint8Array, identifier: number): Ipv6 {
  const bytes = new Uint8Array(16);
  bytes.set(prefix);
  new DataView(bytes.buffer).setUint32(12, identifier);
  return ipv6FromBytes(bytes);
}

/** The address of node `number` under `prefix`: the number is its interface identifier. */
export const nodeIpv6 = (prefix: Uint8Array, number: number): Ipv6 => addressUnder(prefix, number);

/** The address that moves with the gateway: the nodes' way out. */
export const gatewayIpv6 = (prefix: Uint8Array): Ipv6 => addressUnder(prefix, GATEWAY_IDENTIFIER);

/** The prefix itself as an address. */
export const prefixIpv6 = (prefix: Uint8Array): Ipv6 => addressUnder(prefix, 0);
