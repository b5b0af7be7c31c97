// The way out by IPv6, which there is beside that by IPv4 where the answers give an address for it: the address that moves outside is theirs, the
// one inside follows from the cluster's name.

import { clusterPrefix, gatewayIpv6, INSIDE_PREFIX_BITS, prefixIpv6 } from '../core/inside-ipv6.ts';
import { inNetwork, type Ipv6, IPV6_BITS, type Ipv6InNetwork, isLinkLocal, networkOfIpv6, parseHostIpv6, parseIpv6InNetwork } from '../core/ipv6.ts';

/** The answers; one without the other is half a network. */
export const PUBLIC_ADDRESS6 = 'public-IP6';
export const PUBLIC_ROUTER6 = 'public-router6';

export interface Ipv6Side {
  /** The address that moves on the inside network: the nodes' way out. */
  readonly movingAddress: Ipv6;
  /** The inside network, all of whose addresses are translated. */
  readonly inside: Ipv6InNetwork;
  /** The address that moves outside, with its network's prefix length. */
  readonly address: Ipv6;
  readonly prefix: number;
  readonly router: Ipv6;
}

/** What breaks a rule. `kind`: a value that is none; a value that is missing; values that do not fit together. */
export interface Ipv6Fault {
  readonly kind: 'value' | 'missing' | 'relation';
  readonly where: string;
  readonly rule: string;
  readonly seen: unknown;
  readonly remedy: string;
}

/** Rule and remedy of each answer. */
export const IPV6_ADVICE = {
  [PUBLIC_ADDRESS6]: ['must be the IPv6 address of a host with its prefix length, such as 2001:db8::10/64', 'Give the gateway\'s IPv6 address on the outside network, or leave it out.'],
  [PUBLIC_ROUTER6]: ['must be the IPv6 address of a host', 'Give the outside network\'s IPv6 router, which may be a link-local address (fe80::…).'],
} as const;

/** True for an address that can move outside: a host's, and one that means something beyond its link. */
const canMove = ({ address, prefix }: Ipv6InNetwork): boolean => !isLinkLocal(address) && (prefix >= IPV6_BITS - 1 || networkOfIpv6(address, prefix) !== address);

export function parsePublicIpv6(value: unknown): Ipv6InNetwork | undefined {
  const parsed = typeof value === 'string' ? parseIpv6InNetwork(value) : undefined;
  return parsed !== undefined && canMove(parsed) ? parsed : undefined;
}

export const parseRouterIpv6 = (value: unknown): Ipv6 | undefined => (typeof value === 'string' ? parseHostIpv6(value) : undefined);

/** The faults between two answers that are good by themselves. */
function relations(outside: Ipv6InNetwork, router: Ipv6, prefix: Ipv6): Ipv6Fault[] {
  const faults: Ipv6Fault[] = [];
  const network = `${networkOfIpv6(outside.address, outside.prefix)}/${outside.prefix}`;
  const reached = isLinkLocal(router) || inNetwork(router, outside.address, outside.prefix);
  if (!reached || router === outside.address) {
    faults.push({ kind: 'relation', where: PUBLIC_ROUTER6, rule: `must be another address in the network of public-IP6, ${network}, or a link-local one`, seen: router, remedy: 'Correct public-IP6 or public-router6.' });
  }
  if (inNetwork(outside.address, prefix, Math.min(outside.prefix, INSIDE_PREFIX_BITS))) {
    faults.push({ kind: 'relation', where: PUBLIC_ADDRESS6, rule: `must lie in a network that does not overlap with the inside one, ${prefix}/${INSIDE_PREFIX_BITS}`, seen: network, remedy: 'Give the address on the outside network.' });
  }
  return faults;
}

/** Reads the answers of a cluster of that name, undefined when they give no IPv6; with all faults. */
export function readIpv6Side(answers: Readonly<Record<string, unknown>>, clusterName: string): { readonly side: Ipv6Side | undefined; readonly faults: readonly Ipv6Fault[] } {
  const given = ([PUBLIC_ADDRESS6, PUBLIC_ROUTER6] as const).filter((key) => answers[key] !== undefined);
  if (given.length === 0) return { side: undefined, faults: [] };
  const missing = [PUBLIC_ADDRESS6, PUBLIC_ROUTER6, 'public-IP'].filter((key) => answers[key] === undefined);
  const faults: Ipv6Fault[] = missing.map((where) => ({ kind: 'missing', where, rule: `is required when ${given[0]} is given`, seen: 'nothing', remedy: 'Give both public-IP6 and public-router6, beside the IPv4 ones; or neither.' }));
  const [outside, router] = [parsePublicIpv6(answers[PUBLIC_ADDRESS6]), parseRouterIpv6(answers[PUBLIC_ROUTER6])];
  for (const key of given) {
    const [rule, remedy] = IPV6_ADVICE[key];
    if ((key === PUBLIC_ADDRESS6 ? outside : router) === undefined) faults.push({ kind: 'value', where: key, rule, seen: answers[key], remedy });
  }
  if (outside === undefined || router === undefined) return { side: undefined, faults };
  const bytes = clusterPrefix(clusterName);
  const prefix = prefixIpv6(bytes);
  faults.push(...relations(outside, router, prefix));
  return { side: { movingAddress: gatewayIpv6(bytes), inside: { address: prefix, prefix: INSIDE_PREFIX_BITS }, ...outside, router }, faults };
}
