// The way out of the cluster's network, as each node has it: a default route by the address that moves with the gateway. On a candidate the
// boot sets it, and from then on gatewayd: on the holder it is the router outside. All other nodes are the storage agent's.

import { clusterPrefix, gatewayIpv6 } from '../../daemons/core/inside-ipv6.ts';
import { gatewayCandidates, wayOut, wayOut6 } from '../../daemons/storage/gateway-answers.ts';
import type { Registry } from '../../daemons/storage/registry.ts';
import type { BootHost } from '../boot-host.ts';

/** A VLAN on a card, by the kernel's usual name: `eth1.7`. */
const VLAN_NAME = /^(?<card>[^.]+)\.(?<vlan>[1-9][0-9]{0,3})$/;

/** True when the node may hold the gateway. */
export const isCandidate = ({ install, roster }: Registry, node: number): boolean => gatewayCandidates(install, roster).includes(node);

/**
 * Sets the default route, or takes it away where nothing leads out. Nothing fails by it: whatever a node does for the cluster it does within the
 * cluster's network.
 */
export function setWayOut(host: BootHost, { install, roster }: Registry, device: string): void {
  const via = wayOut(install, roster);
  // Of another way out, which somebody may have set by hand, nothing is taken.
  if (via === undefined) host.run(['ip', '-4', 'route', 'del', 'default', 'via', roster.metaMasterAddress, 'dev', device]);
  else host.run(['ip', '-4', 'route', 'replace', 'default', 'via', via, 'dev', device]);
}

/** The same by IPv6. A kernel without it refuses, and lacks nothing. */
export function setWayOut6(host: BootHost, { install, roster }: Registry, device: string): void {
  const via = wayOut6(install, roster);
  if (via === undefined) host.run(['ip', '-6', 'route', 'del', 'default', 'via', gatewayIpv6(clusterPrefix(roster.clusterName)), 'dev', device]);
  else host.run(['ip', '-6', 'route', 'replace', 'default', 'via', via, 'dev', device]);
}

/**
 * Starts a candidate's card on the outside network, or the VLAN on it, without an address: that one moves. Until gatewayd has loaded its packet
 * filter nobody outside reaches the node by it: there is no IPv6, and a card without an address takes no IPv4 packet at all where sources are
 * looked at (ip-sysctl.rst, rp_filter), for no source can lie behind it. A card that is missing is gatewayd's to complain about.
 * @param inside the card that the node was booted by, which may carry the VLAN
 */
export function startOutside(host: BootHost, registry: Registry, inside: string): void {
  const { install } = registry;
  const name = install['public-interface'];
  if (typeof name !== 'string') return;
  const { card, vlan } = VLAN_NAME.exec(name)?.groups ?? {};
  const silent = (device: string): void => {
    if (device === inside) return;
    host.send(`/proc/sys/net/ipv6/conf/${device}/disable_ipv6`, '1');
    host.send(`/proc/sys/net/ipv4/conf/${device}/rp_filter`, '1');
  };
  if (card !== undefined && vlan !== undefined && !host.exists(`/sys/class/net/${name}`)) {
    silent(card);
    host.run(['ip', 'link', 'set', 'dev', card, 'up']);
    host.run(['ip', 'link', 'add', 'link', card, 'name', name, 'type', 'vlan', 'id', vlan]);
  }
  // A card that is up is gatewayd's already, and may have its addresses.
  if (!host.exists(`/sys/class/net/${name}`) || outsideIsUp(host, registry)) return;
  silent(name);
  host.run(['ip', 'link', 'set', 'dev', name, 'up']);
}

/** True when the card on the outside network was started (IFF_UP of netdevice(7)), whether it has a carrier or not. */
export const outsideIsUp = (host: BootHost, { install }: Registry): boolean => (Number(host.readText(`/sys/class/net/${String(install['public-interface'])}/flags`)?.trim() ?? '0') & 1) === 1;
