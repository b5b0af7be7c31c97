// What a candidate's machine shall look like in each role, what it looks like, and the steps from the one to the other. Doing all steps
// twice changes nothing; after a crash in between the rest of them is found by looking again.

import { type IpAddress, IPV6_BITS, isIpv6 } from '../core/ipv6.ts';
import { gateRuleset, NO_RULESET, type Ruleset } from './gate-ruleset.ts';
import type { GatewayConfig } from './gateway-config.ts';
import type { Ipv6Side } from './ipv6-side.ts';
import type { HostRole } from './succession-types.ts';

/**
 * What conntrackd does. `lead`: its states go to the backup. `follow`: it enters the holder's states into this kernel as they come (external
 * cache off), so that a takeover has nothing large to commit. `off`: neither.
 */
export type ConntrackMode = 'off' | 'follow' | 'lead';

/** An address that moves, where it is. */
export interface HostAddress {
  readonly interface: string;
  readonly address: IpAddress;
  readonly prefix: number;
  /** Given to IPv6 addresses that nothing of this machine's shall come from; IPv4 has /32 for that. */
  readonly noSource?: true;
}

/** The default route of the main table, without a metric (of IPv6, with the kernel's own). */
export interface DefaultRoute {
  readonly via: IpAddress;
  readonly interface: string;
}

/** The part of a machine's state that the gateway looks after. */
export interface HostState {
  readonly addresses: readonly HostAddress[];
  readonly defaultRoute: DefaultRoute | undefined;
  /** That of IPv6; undefined as well where the gateway does not look after it. */
  readonly defaultRoute6: DefaultRoute | undefined;
  /** Below /proc/sys, by their paths: a VLAN's name has a dot. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** See `Ruleset.shape`; empty: neither table is there. */
  readonly rulesetShape: string;
  readonly conntrack: ConntrackMode;
}

/** What is wanted. */
export interface DesiredHostState extends HostState {
  readonly ruleset: Ruleset;
  /** The addresses that the gateway gives and takes; of all others it keeps its hands off. */
  readonly moving: readonly IpAddress[];
}

/** One step. Each succeeds when what it wants is so already. */
export type HostOperation =
  | { readonly kind: 'ruleset'; readonly ruleset: Ruleset }
  | { readonly kind: 'sysctl'; readonly path: string; readonly value: string }
  | { readonly kind: 'conntrack'; readonly mode: ConntrackMode }
  | { readonly kind: 'address-remove'; readonly address: HostAddress }
  | { readonly kind: 'address-add'; readonly address: HostAddress }
  /** Replaces whatever default route without a metric there is. */
  | { readonly kind: 'route-set'; readonly route: DefaultRoute }
  | { readonly kind: 'route-remove'; readonly route: DefaultRoute };

/** `absent`: the node is no candidate any more. */
export type DesiredRole = HostRole | 'absent';

const FORWARDING = 'net/ipv4/ip_forward';

function sysctlsOf({ insideInterface, publicSide }: GatewayConfig, role: DesiredRole): Record<string, string> {
  // Set for every candidate, as the ruleset is: the shut gate forwards nothing.
  if (role === 'absent') return { [FORWARDING]: '0' };
  const interfaces = [insideInterface, ...(publicSide === undefined ? [] : [publicSide.interface])];
  return {
    [FORWARDING]: '1',
    // States that come from another node lag behind the packets: what is beyond their window is not invalid.
    ...(publicSide === undefined ? {} : { 'net/netfilter/nf_conntrack_tcp_be_liberal': '1' }),
    ...Object.fromEntries(interfaces.flatMap((name) => [
      // ip-sysctl.rst: this machine's own ARP requests never carry a moving address as their sender's …
      [`net/ipv4/conf/${name}/arp_announce`, '2'],
      // … and an address is answered for on its own interface alone.
      [`net/ipv4/conf/${name}/arp_ignore`, '1'],
      [`net/ipv4/conf/${name}/send_redirects`, '0'],
    ])),
    // Nobody outside takes an address of the inside for his own; and a card without an address takes nothing at all, also while no rules are loaded.
    ...(publicSide === undefined ? {} : { [`net/ipv4/conf/${publicSide.interface}/rp_filter`]: '1' }),
  };
}

/** Their paths begin with this. */
const IPV6_SYSCTLS = 'net/ipv6/';

/** The card outside is without IPv6 until the gate stands, and again when nobody looks after it. */
function sysctls6Of(outside: string, role: DesiredRole): Record<string, string> {
  const forwarding = `${IPV6_SYSCTLS}conf/all/forwarding`;
  const silent = `${IPV6_SYSCTLS}conf/${outside}/disable_ipv6`;
  if (role === 'absent') return { [forwarding]: '0', [silent]: '1' };
  // No address and no way out that a stranger's advertisement gives.
  return { [`${IPV6_SYSCTLS}conf/${outside}/accept_ra`]: '0', [forwarding]: '1', [silent]: '0' };
}

/** What of the state is IPv6's. */
function desiredIpv6(ipv6: Ipv6Side, inside: string, outside: string, role: DesiredRole): Pick<HostState, 'addresses' | 'defaultRoute6' | 'sysctls'> {
  return {
    addresses: [{ interface: inside, address: ipv6.movingAddress, prefix: IPV6_BITS, noSource: true }, { interface: outside, address: ipv6.address, prefix: ipv6.prefix }],
    defaultRoute6: role === 'holder' ? { via: ipv6.router, interface: outside } : { via: ipv6.movingAddress, interface: inside },
    sysctls: sysctls6Of(outside, role),
  };
}

/** What the machine shall look like in that role. */
export function desiredHostState(config: GatewayConfig, role: DesiredRole): DesiredHostState {
  const { movingAddress, insideInterface, publicSide, ipv6 } = config;
  // /32: no second route to the inside network, and never chosen as a source.
  const inside: HostAddress = { interface: insideInterface, address: movingAddress, prefix: 32 };
  const outside: HostAddress | undefined = publicSide && { interface: publicSide.interface, address: publicSide.address, prefix: publicSide.prefix };
  const desired6 = ipv6 && publicSide && desiredIpv6(ipv6, insideInterface, publicSide.interface, role);
  const addresses = [inside, ...(outside === undefined ? [] : [outside]), ...(desired6?.addresses ?? [])];
  const ruleset = role === 'absent' ? NO_RULESET : gateRuleset(config);
  const wayOut: DefaultRoute | undefined = publicSide && { via: publicSide.router, interface: publicSide.interface };
  return {
    addresses: role === 'holder' ? addresses : [],
    defaultRoute: role === 'holder' ? wayOut : publicSide && { via: movingAddress, interface: insideInterface },
    defaultRoute6: desired6?.defaultRoute6, sysctls: { ...sysctlsOf(config, role), ...desired6?.sysctls }, ruleset, rulesetShape: ruleset.shape,
    conntrack: publicSide === undefined ? 'off' : role === 'holder' ? 'lead' : role === 'backup' ? 'follow' : 'off',
    moving: addresses.map(({ address }) => address),
  };
}

const sameAddress = (a: HostAddress, b: HostAddress): boolean => a.interface === b.interface && a.address === b.address && a.prefix === b.prefix;
const sameRoute = (a: DefaultRoute | undefined, b: DefaultRoute | undefined): boolean => a?.via === b?.via && a?.interface === b?.interface;

/** What a family's default route takes, none or one. */
function routeOperations(present: DefaultRoute | undefined, desired: DefaultRoute | undefined, moving: readonly IpAddress[], surplus: readonly HostAddress[]): readonly HostOperation[] {
  // With the address went its route; and a way that is none of ours stays.
  if (desired === undefined) return present !== undefined && moving.includes(present.via) ? [{ kind: 'route-remove', route: present }] : [];
  // The kernel drops the routes of an interface with its last address.
  return sameRoute(present, desired) && !surplus.some((gone) => gone.interface === desired.interface) ? [] : [{ kind: 'route-set', route: desired }];
}

/**
 * The steps from `present` to `desired`, in their order:
 * the gate before anything is forwarded; connection states before an address (the kernel resets flows to an address of its own that it does
 * not know); on leaving conntrackd stops before the address goes, or the states that die with it would be deleted at the partner as
 * well, and follows only when it is gone; the ruleset goes last. What is IPv6's comes behind all that is IPv4's, but for addresses that go.
 */
export function hostOperations(present: HostState, desired: DesiredHostState): readonly HostOperation[] {
  const surplus = present.addresses.filter((address) => desired.moving.includes(address.address) && !desired.addresses.some((wanted) => sameAddress(wanted, address)));
  const missing = desired.addresses.filter((address) => !present.addresses.some((there) => sameAddress(there, address)));
  const operations: HostOperation[] = [];
  const rulesetDiffers = present.rulesetShape !== desired.rulesetShape;
  if (rulesetDiffers && desired.rulesetShape !== '') operations.push({ kind: 'ruleset', ruleset: desired.ruleset });
  const sysctls = Object.entries(desired.sysctls).flatMap(([path, value]) => (present.sysctls[path] === value ? [] : [{ kind: 'sysctl', path, value } as const]));
  operations.push(...sysctls.filter(({ path }) => !path.startsWith(IPV6_SYSCTLS)));
  let { conntrack } = present;
  const setConntrack = (mode: ConntrackMode): void => {
    if (conntrack === mode) return;
    conntrack = mode;
    operations.push({ kind: 'conntrack', mode });
  };
  if (surplus.length > 0 && conntrack === 'lead') setConntrack('off');
  operations.push(...surplus.map((address) => ({ kind: 'address-remove', address }) as const));
  if (desired.addresses.length > 0) setConntrack(desired.conntrack);
  const additions = missing.map((address) => ({ kind: 'address-add', address }) as const);
  operations.push(...additions.filter(({ address }) => !isIpv6(address.address)), ...routeOperations(present.defaultRoute, desired.defaultRoute, desired.moving, surplus));
  operations.push(...sysctls.filter(({ path }) => path.startsWith(IPV6_SYSCTLS)), ...additions.filter(({ address }) => isIpv6(address.address)));
  operations.push(...routeOperations(present.defaultRoute6, desired.defaultRoute6, desired.moving, surplus));
  setConntrack(desired.conntrack);
  if (rulesetDiffers && desired.rulesetShape === '') operations.push({ kind: 'ruleset', ruleset: desired.ruleset });
  return operations;
}
