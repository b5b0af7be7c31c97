// Option 175: what iPXE says of itself and what it can be told, as encapsulated options (iPXE, src/include/ipxe/dhcp.h).

import { toHex } from '../core/bytes.ts';

/** Do not wait for a ProxyDHCP server: saves three seconds of every boot. */
const NO_PXEDHCP = 176;

/** The value of option 175 for a reply. */
export function ipxeNoProxyDhcp(): Uint8Array {
  return Uint8Array.of(NO_PXEDHCP, 1, 1);
}

/**
 * What tells one build of iPXE from another on the same card: all that it says in option 175 (the card's vendor and device, its version,
 * its features in the order in which they were linked), in hexadecimal; empty for one that says nothing. The version alone will not
 * do: builds that are six years apart have been heard to call themselves 1.0.0.
 */
export function ipxeFingerprint(value: Uint8Array | undefined): string {
  return value === undefined ? '' : toHex(value);
}
