// NTP on the nodes, as text for chrony (chrony.conf(5)): what a node serves and to whom, and whom it asks. Made of the registry alone, so that every
// node's files follow it; what is the same in every cluster stands in live-dvd/overlay/etc/chrony/.

import { networkOf, parseHostIpv4, prefixLength } from '../core/ipv4.ts';
import { isDomainName } from '../core/names.ts';
import type { Roster } from '../core/roster.ts';
import type { InstallAnswer } from './registry-model.ts';

/** More are no better: four tell which one is wrong. */
export const TIME_SERVERS_MAX = 8;
/**
 * So many nodes keep the cluster's time: each asks all others of them and the servers outside, and every node asks them. In a cluster of no more
 * nodes all do. Each node of thousands that asked each other one would send for nothing, and be a burden to the servers outside.
 */
export const TIME_KEEPERS_MAX = 16;
/** The servers that Debian's own systems ask, where the answers name none and there is a way out, with names. */
export const DEFAULT_TIME_SERVERS: readonly string[] = ['0.debian.pool.ntp.org', '1.debian.pool.ntp.org', '2.debian.pool.ntp.org', '3.debian.pool.ntp.org'];
/** What a cluster's own clock is worth without the outside: less than any server's that knows the time. */
const ORPHAN_STRATUM = 10;

/** True for what `ntp-servers` may name. */
export const isTimeServer = (text: string): boolean => parseHostIpv4(text) !== undefined || isDomainName(text);

/** What chrony is told of the cluster's network and at its start alone: neither changes while a node runs. */
export function timeSettings({ metaMasterAddress, netmask }: Roster): string {
  return [
    '# Rendered from the registry at each boot: changes made here are lost.',
    '# The cluster\'s own network may ask, and nobody else.',
    `allow ${networkOf(metaMasterAddress, netmask)}/${prefixLength(netmask)}`,
    '# Without the outside the nodes agree on the clock of one of them; when that is gone, on another\'s.',
    `local stratum ${ORPHAN_STRATUM} orphan`,
    '',
  ].join('\n');
}

/** The numbers of the nodes that keep the time: all, or as many as may, evenly spread over the roster: machines that die together are neighbours. */
export function timeKeepers({ nodes }: Roster): readonly number[] {
  const step = Math.max(1, nodes.length / TIME_KEEPERS_MAX);
  return Array.from({ length: Math.min(nodes.length, TIME_KEEPERS_MAX) }, (_, i) => nodes[Math.floor(i * step)]!.number);
}

/** The answer, or the default; names need a name server outside, and servers outside a way there. */
function outsideServers(install: Readonly<Record<string, InstallAnswer>>): readonly string[] {
  const given = install['ntp-servers'];
  if (Array.isArray(given)) return given.map(String);
  return install['public-IP'] === undefined || install['public-DNS'] === undefined ? [] : DEFAULT_TIME_SERVERS;
}

/**
 * Whom node `self` asks. `server` in both directions and not `peer`: a symmetric association takes no iburst, which a blade needs that has just
 * booted, and of two associations chrony.conf(5) says that they are the safer ones.
 */
export function timeSources(roster: Roster, install: Readonly<Record<string, InstallAnswer>>, self: number): string {
  const keepers = timeKeepers(roster);
  const nodes = roster.nodes.filter(({ number }) => number !== self && keepers.includes(number));
  return [
    '# Rendered from the registry whenever it changes: changes made here are lost.',
    ...nodes.map(({ address }) => `server ${address} iburst`),
    ...(keepers.includes(self) ? outsideServers(install).map((server) => `server ${server} iburst`) : []),
    '',
  ].join('\n');
}
