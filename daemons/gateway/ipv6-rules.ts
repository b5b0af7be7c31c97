// What the packet filter of a candidate has besides where it is the way out by IPv6 as well. Its gate is the same: forwarding asks for the
// element of the packet's own family already, and a second datagram to itself renews that of IPv6.

import { toHex } from '../core/bytes.ts';
import { ipv6ToBytes } from '../core/ipv6.ts';
import type { Ipv6Side } from './ipv6-side.ts';

/** Lines of a set, and rules. */
interface GatedAdvertisements {
  readonly set: string;
  readonly rules: readonly string[];
}

/**
 * A moving address is advertised only while the gate is open. Solicitations as well enter their sender's address in neighbour caches (RFC 4861
 * section 7.2.3). Whom an advertisement speaks of stands 8 bytes behind its beginning: `icmpv6 taddr` is a word of newer releases of nft.
 */
export function gatedAdvertisements({ movingAddress, address }: Ipv6Side): GatedAdvertisements {
  const moving = [movingAddress, address];
  return {
    set: `set moving6 { type ipv6_addr; elements = { ${moving.join(', ')} }; }`,
    rules: [
      'ip6 saddr @moving6 icmpv6 type nd-neighbor-solicit meta protocol != @gate counter drop',
      `icmpv6 type nd-neighbor-advert @th,64,128 { ${moving.map((one) => `0x${toHex(ipv6ToBytes(one))}`).join(', ')} } meta protocol != @gate counter drop`,
    ],
  };
}

/** Translation of the inside network, whose addresses mean nothing outside. */
export const translation6 = ({ inside, address }: Ipv6Side, outside: string): string => `oifname "${outside}" ip6 saddr ${inside.address}/${inside.prefix} snat ip6 to ${address}`;
