// What the registry's answers say of the gateway, as far as every node needs it: who is a candidate, whether there is a way out, and what
// becomes of the answers when a node leaves. A candidate's whole settings are read by daemons/gateway/gateway-config.ts.

import { clusterPrefix, gatewayIpv6 } from '../core/inside-ipv6.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Ipv6 } from '../core/ipv6.ts';
import type { Roster, RosterNode } from '../core/roster.ts';
import type { InstallAnswer, Registry } from './registry-model.ts';

type InstallAnswers = Registry['install'];

/** What gatewayd is handed of the answers. */
export const GATEWAY_ANSWERS = [
  'primary-gateway-local-IP', 'backup-gateway-local-IP', 'further-gateway-nodes', 'spare-local-IP', 'meta-master-ip', 'inside-interface', 'public-interface', 'public-IP', 'public-netmask',
  'public-router', 'public-DNS', 'domain', 'port-forwards', 'public-services', 'gateway-preemption', 'gateway-beat-ms', 'public-IP6', 'public-router6',
] as const;
/** In the order of the succession; behind them come `further-gateway-nodes`. */
const NAMED = ['primary-gateway-local-IP', 'backup-gateway-local-IP'] as const;
const FURTHER = 'further-gateway-nodes';
const FORWARDS = 'port-forwards';

const textsOf = (answer: InstallAnswer | undefined): readonly string[] => (Array.isArray(answer) ? answer.map(String) : []);

/** The numbers of the nodes that may hold the gateway, in the order of the succession; what names no node of the roster is passed over. */
export function gatewayCandidates(install: InstallAnswers, roster: Roster): readonly number[] {
  const named = NAMED.flatMap((key) => roster.nodes.find(({ address }) => address === install[key])?.number ?? []);
  const further = textsOf(install[FURTHER]).map(Number).filter((number) => roster.nodes.some((node) => node.number === number));
  return [...new Set([...named, ...further])];
}

/** The answers for a candidate's gateway.json. Where none names the inside interface it is the one that this node was booted by. */
export function gatewayAnswers(install: InstallAnswers, ownInterface: string): Record<string, InstallAnswer> {
  const given = GATEWAY_ANSWERS.flatMap((key) => (install[key] === undefined ? [] : [[key, install[key]] as const]));
  return { 'inside-interface': ownInterface, ...Object.fromEntries(given) };
}

/** The address by which nodes leave the cluster's network: the one that moves. Undefined: there is no outside, or nobody to lead there. */
export function wayOut(install: InstallAnswers, roster: Roster): Ipv4 | undefined {
  return install['public-IP'] === undefined || gatewayCandidates(install, roster).length === 0 ? undefined : roster.metaMasterAddress;
}

/** The same of IPv6. Undefined as well where the outside has none. */
export function wayOut6(install: InstallAnswers, roster: Roster): Ipv6 | undefined {
  return install['public-IP6'] === undefined || wayOut(install, roster) === undefined ? undefined : gatewayIpv6(clusterPrefix(roster.clusterName));
}

/** The addresses inside and the domain belong to the whole cluster, and stay as they were installed. */
const OF_THE_CLUSTER = ['spare-local-IP', 'meta-master-ip', 'domain'] as const;
type OfTheCluster = (typeof OF_THE_CLUSTER)[number];

/** What of the answers may be changed in an installed cluster. */
export type ChangeableAnswer = Exclude<(typeof GATEWAY_ANSWERS)[number], OfTheCluster>;
export const CHANGEABLE_ANSWERS = GATEWAY_ANSWERS.filter((key): key is ChangeableAnswer => !(OF_THE_CLUSTER as readonly string[]).includes(key));

/** The succession as answers: the first two by their addresses. */
export function successionOf(nodes: readonly RosterNode[]): Record<string, InstallAnswer> {
  const named = NAMED.flatMap((key, at) => (nodes[at] === undefined ? [] : [[key, nodes[at].address] as const]));
  return { ...Object.fromEntries(named), [FURTHER]: nodes.slice(NAMED.length).map(({ number }) => String(number)) };
}

/**
 * The answers when a node leaves: those behind it in the succession move up, and no port is forwarded any more to its address, which the next
 * node may be given. Answers that do not name it stay as they are.
 */
export function withoutGatewayNode(install: InstallAnswers, roster: Roster, leaving: RosterNode): InstallAnswers {
  const candidates = gatewayCandidates(install, roster);
  const forwards = textsOf(install[FORWARDS]);
  const kept = forwards.filter((forward) => !forward.includes(`=${leaving.address}:`));
  const withForwards = kept.length === forwards.length ? install : { ...install, [FORWARDS]: kept };
  if (!candidates.includes(leaving.number)) return withForwards;
  const { [NAMED[0]]: _primary, [NAMED[1]]: _backup, ...others } = withForwards;
  const staying = candidates.flatMap((number) => (number === leaving.number ? [] : roster.nodes.filter((node) => node.number === number)));
  return { ...others, ...successionOf(staying) };
}

/** What the gateway loses with a node, for a person who is about to remove it: clauses, none for a node that it has nothing to do with. */
export function gatewayLosses(install: InstallAnswers, roster: Roster, leaving: RosterNode): readonly string[] {
  const after = withoutGatewayNode(install, roster, leaving);
  const left = gatewayCandidates(install, roster).filter((number) => number !== leaving.number);
  const order = left.length === 0 ? 'no node is left that can be the gateway' : `the gateway's succession is ${left.map((number) => `node ${number}`).join(', ')}`;
  const dropped = textsOf(install[FORWARDS]).filter((forward) => !textsOf(after[FORWARDS]).includes(forward));
  return [...(left.length < gatewayCandidates(install, roster).length ? [order] : []), ...dropped.map((forward) => `the port forward ${forward} is gone`)];
}
