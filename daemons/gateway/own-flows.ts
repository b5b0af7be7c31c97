// Connections that a candidate itself has through the gateway. While another node is the gateway, that one translates them, and by conntrackd their states reach
// the backup's kernel, which may be the very one that has them already, untranslated: it would translate them a second time and break them. So as
// long as this node is not the gateway its own are kept apart, in a zone of the connection table (nf_conntrack_zones) of their own. When it takes over, its gate opens:
// then they are looked up where all others are, their states with the translation are there, and they go on as if nothing had been.

import type { Ipv6Side } from './ipv6-side.ts';

/** Any that nobody else uses; 0 is where everything else is. */
const OWN_ZONE = 0x6d6d;
const APART = `meta protocol != @gate ct zone set ${OWN_ZONE}`;
/** IPv6 addresses that no way out leads to: of the link, of groups. */
const NEVER_OUT = ['fe80::/10', 'ff00::/8'] as const;

/** The rules of what this node sends, and of what comes back, on the inside card; both for chains before the connection table (priority raw). */
export function ownFlows(inside: string, network: string, ipv6: Ipv6Side | undefined): { readonly sent: readonly string[]; readonly received: readonly string[] } {
  const near6 = ipv6 && `{ ${[`${ipv6.inside.address}/${ipv6.inside.prefix}`, ...NEVER_OUT].join(', ')} }`;
  const [sent, received] = [`oifname "${inside}"`, `iifname "${inside}" fib daddr type local`];
  return {
    sent: [`${sent} ip daddr != ${network} ${APART}`, ...(near6 === undefined ? [] : [`${sent} ip6 daddr != ${near6} ${APART}`])],
    received: [`${received} ip saddr != ${network} ${APART}`, ...(near6 === undefined ? [] : [`${received} ip6 saddr != ${near6} ${APART}`])],
  };
}
