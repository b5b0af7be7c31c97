// The gateway's settings, out of the installation's answers that the registry keeps and the roster.

import { type Ipv4, isHostOf, parseHostIpv4, parseNetmask, prefixLength, sameNetwork } from '../core/ipv4.ts';
import { isDomainName, isInterfaceName } from '../core/names.ts';
import type { MessageCode, Problem, Result } from '../core/problem.ts';
import type { Roster } from '../core/roster.ts';
import { seenText } from '../storage/json-shape.ts';
import { BEAT_MAX_MS, BEAT_MIN_MS, BEAT_MS } from './beat-timing.ts';
import { type Ipv6Fault, type Ipv6Side, readIpv6Side } from './ipv6-side.ts';
import { parsePortForward, type PortForward } from './port-forward.ts';
import { defaultServices, parsePublicService, type PublicService, publicServiceText, SERVICES_MAX } from './public-service.ts';

/** The answers that the gateway reads: the report's names, and those of ours behind them. */
export type GatewayAnswers = Readonly<Record<string, unknown>>;

/** The outside network as the gateway meets it. */
export interface PublicSide {
  readonly address: Ipv4;
  readonly prefix: number;
  readonly router: Ipv4;
  readonly dns: Ipv4 | undefined;
  readonly interface: string;
}

export interface GatewayConfig {
  /** The nodes in the order of the succession. */
  readonly candidates: readonly number[];
  /** The address that moves on the inside network (`spare-local-IP`), and the nodes' way out. */
  readonly movingAddress: Ipv4;
  readonly insideInterface: string;
  /** The inside network's netmask as a prefix length. */
  readonly insidePrefix: number;
  readonly domain: string;
  /** Undefined: there is no outside network; the inside address moves all the same. */
  readonly publicSide: PublicSide | undefined;
  /** Undefined: the way out is one by IPv4 alone. */
  readonly ipv6: Ipv6Side | undefined;
  readonly forwards: readonly PortForward[];
  /** Open towards the network outside, on the node that has the public address. */
  readonly services: readonly PublicService[];
  readonly preemption: boolean;
  readonly beatMs: number;
}

/** What gatewayd's sockets and addresses hang on, and what only a new start of it can change; equal texts for equal ones. */
export const gatewayFoundation = ({ insideInterface, insidePrefix, movingAddress, publicSide, ipv6, beatMs, preemption }: GatewayConfig): string =>
  JSON.stringify([insideInterface, insidePrefix, movingAddress, publicSide, ipv6, beatMs, preemption]);

/** Stands for the settings of a cluster that has no gateway, so that a node which was a candidate finds what it still has of it. */
export function noGateway({ metaMasterAddress, netmask, domain }: Roster, insideInterface: string): GatewayConfig {
  return { candidates: [], movingAddress: metaMasterAddress, insideInterface, insidePrefix: prefixLength(netmask)!, domain, publicSide: undefined, ipv6: undefined, forwards: [], services: [], preemption: false, beatMs: BEAT_MS };
}

/** More is somebody's mistake: the rules are looked through one by one. */
export const FORWARDS_MAX = 256;
const PUBLIC = ['public-IP', 'public-netmask', 'public-router'] as const;

/** Gathers the problems of one reading. */
class Complaints {
  readonly problems: Problem[] = [];

  add(code: MessageCode, where: string, rule: string, seen: unknown, remedy: string): undefined {
    this.problems.push({ code, where, rule, seen: typeof seen === 'string' ? seen : seenText(seen), remedy });
  }
}

function addressIn(answers: GatewayAnswers, key: string, complaints: Complaints): Ipv4 | undefined {
  const value = answers[key];
  if (value === undefined) return undefined;
  const address = typeof value === 'string' ? parseHostIpv4(value) : undefined;
  return address ?? complaints.add('MM-GATEWAY-ANSWER', key, 'must be the IPv4 address of a host', value, 'Correct the answer in the registry.');
}

/** Primary and backup by their addresses, then those that were named besides, by their numbers. */
function candidatesIn(answers: GatewayAnswers, roster: Roster, complaints: Complaints): readonly number[] {
  const named = (['primary-gateway-local-IP', 'backup-gateway-local-IP'] as const).flatMap((key) => {
    const address = addressIn(answers, key, complaints);
    if (address === undefined) return [];
    const node = roster.nodes.find((one) => one.address === address);
    if (node === undefined) complaints.add('MM-GATEWAY-CANDIDATE', key, 'must be the address of a node of the roster', address, 'Name the address of a node that has an uplink.');
    return node === undefined ? [] : [{ key, number: node.number }];
  });
  const further = answers['further-gateway-nodes'] ?? [];
  const numbers = Array.isArray(further) ? further.map(Number) : [Number.NaN];
  if (!numbers.every((number) => roster.nodes.some((one) => one.number === number))) {
    complaints.add('MM-GATEWAY-CANDIDATE', 'further-gateway-nodes', 'must be a list of numbers of nodes of the roster', further, 'Write it as ["3", "4"], in the order of the succession.');
    return [];
  }
  const all = [...named, ...numbers.map((number) => ({ key: 'further-gateway-nodes', number }))];
  const twice = all.find(({ number }, at) => all.findIndex((one) => one.number === number) < at);
  if (twice !== undefined) complaints.add('MM-GATEWAY-CANDIDATE', twice.key, 'must name each node once in the succession', `node ${twice.number}`, 'Name another node, or none.');
  return all.map(({ number }) => number);
}

function movingAddressIn(answers: GatewayAnswers, roster: Roster, complaints: Complaints): Ipv4 {
  const spare = addressIn(answers, 'spare-local-IP', complaints) ?? addressIn(answers, 'meta-master-ip', complaints) ?? roster.metaMasterAddress;
  const remedy = 'Give a free address of the inside network.';
  if (spare !== roster.metaMasterAddress) complaints.add('MM-GATEWAY-SPARE', 'spare-local-IP', `must be the roster's meta-master address, ${roster.metaMasterAddress}`, spare, 'One address moves with the gateway: leave the answer out.');
  const owner = roster.nodes.find((node) => node.address === spare);
  if (owner !== undefined) complaints.add('MM-GATEWAY-SPARE', 'spare-local-IP', 'must be an address of its own', `that of node ${owner.number}`, remedy);
  if (!isHostOf(spare, roster.netmask)) complaints.add('MM-GATEWAY-SPARE', 'spare-local-IP', `must be a host's within its network (netmask ${roster.netmask})`, spare, remedy);
  return spare;
}

function interfaceIn(answers: GatewayAnswers, key: string, complaints: Complaints): string {
  const value = answers[key];
  if (typeof value === 'string' && isInterfaceName(value)) return value;
  complaints.add('MM-GATEWAY-ANSWER', key, 'must be the name of a network interface', value, 'Name the interface as `ip link` shows it, e.g. eth1.');
  return '';
}

/** The outside network: all of it or nothing of it. */
function publicSideIn(answers: GatewayAnswers, roster: Roster, complaints: Complaints): PublicSide | undefined {
  const given = [...PUBLIC, 'public-DNS'].filter((key) => answers[key] !== undefined);
  if (given.length === 0) return undefined;
  for (const key of PUBLIC) if (answers[key] === undefined) complaints.add('MM-GATEWAY-MISSING', key, `is required when ${given[0]} is given`, 'nothing', 'Give public-IP, public-netmask and public-router, or none of the public- answers.');
  const [address, router, dns] = [addressIn(answers, 'public-IP', complaints), addressIn(answers, 'public-router', complaints), addressIn(answers, 'public-DNS', complaints)];
  const text = answers['public-netmask'];
  const netmask = typeof text === 'string' ? parseNetmask(text) : undefined;
  if (text !== undefined && netmask === undefined) complaints.add('MM-GATEWAY-ANSWER', 'public-netmask', 'must be a netmask such as 255.255.255.0, 255.255.255.252 at the longest', text, 'Correct the answer in the registry.');
  const outside = interfaceIn(answers, 'public-interface', complaints);
  if (address === undefined || netmask === undefined || router === undefined) return undefined;
  const remedy = 'Correct public-IP, public-netmask or public-router.';
  if (!isHostOf(address, netmask)) complaints.add('MM-GATEWAY-PUBLIC', 'public-IP', `must be neither the network's own nor its broadcast address (netmask ${netmask})`, address, remedy);
  if (!sameNetwork(address, router, netmask) || address === router) complaints.add('MM-GATEWAY-PUBLIC', 'public-router', 'must be another address in the network of public-IP', router, remedy);
  if (sameNetwork(address, roster.metaMasterAddress, netmask) || sameNetwork(address, roster.metaMasterAddress, roster.netmask)) {
    complaints.add('MM-GATEWAY-PUBLIC', 'public-IP', 'must lie in a network that does not overlap with the inside one', `${address} with netmask ${netmask}`, 'Give the address on the outside network.');
  }
  return { address, prefix: prefixLength(netmask)!, router, dns, interface: outside };
}

const IPV6_CODES: Readonly<Record<Ipv6Fault['kind'], MessageCode>> = { value: 'MM-GATEWAY-ANSWER', missing: 'MM-GATEWAY-MISSING', relation: 'MM-GATEWAY-PUBLIC' };

function ipv6SideIn(answers: GatewayAnswers, roster: Roster, complaints: Complaints): Ipv6Side | undefined {
  const { side, faults } = readIpv6Side(answers, roster.clusterName);
  for (const { kind, where, rule, seen, remedy } of faults) complaints.add(IPV6_CODES[kind], where, rule, seen, remedy);
  return side;
}

function forwardsIn(answers: GatewayAnswers, roster: Roster, hasPublicSide: boolean, complaints: Complaints): readonly PortForward[] {
  const value = answers['port-forwards'] ?? [];
  if (!Array.isArray(value) || value.length > FORWARDS_MAX) {
    complaints.add('MM-GATEWAY-FORWARD', 'port-forwards', `must be a list of at most ${FORWARDS_MAX} forwards`, value, 'Write it as ["tcp/443=192.168.0.5:443"].');
    return [];
  }
  if (value.length > 0 && !hasPublicSide) complaints.add('MM-GATEWAY-FORWARD', 'port-forwards', 'needs an outside network', value, 'Give the public- answers, or leave it out.');
  const seen = new Set<string>();
  return value.flatMap((entry: unknown, at): PortForward[] => {
    const forward = typeof entry === 'string' ? parsePortForward(entry) : undefined;
    const where = `port-forwards[${at}]`;
    if (forward === undefined || !sameNetwork(forward.to, roster.metaMasterAddress, roster.netmask)) {
      complaints.add('MM-GATEWAY-FORWARD', where, 'must be tcp or udp, /, a port, =, an address of the inside network, :, and a port', entry, 'Write it as tcp/443=192.168.0.5:8443.');
      return [];
    }
    const outside = `${forward.protocol}/${forward.port}`;
    if (seen.has(outside)) complaints.add('MM-GATEWAY-FORWARD', where, 'must not name a port that another forward names', entry, 'Keep one of the two.');
    seen.add(outside);
    return [forward];
  });
}

function servicesIn(answers: GatewayAnswers, forwards: readonly PortForward[], hasPublicSide: boolean, complaints: Complaints): readonly PublicService[] {
  const value = answers['public-services'];
  if (value === undefined) return hasPublicSide ? defaultServices(forwards) : [];
  if (!Array.isArray(value) || value.length > SERVICES_MAX) {
    complaints.add('MM-GATEWAY-SERVICE', 'public-services', `must be a list of at most ${SERVICES_MAX} ports`, value, 'Write it as ["tcp/22"].');
    return [];
  }
  if (value.length > 0 && !hasPublicSide) complaints.add('MM-GATEWAY-SERVICE', 'public-services', 'needs an outside network', value, 'Give the public- answers, or leave it out.');
  const seen = new Set(forwards.map(publicServiceText));
  return value.flatMap((entry: unknown, at): PublicService[] => {
    const service = typeof entry === 'string' ? parsePublicService(entry) : undefined;
    const where = `public-services[${at}]`;
    if (service === undefined) {
      complaints.add('MM-GATEWAY-SERVICE', where, 'must be tcp or udp, /, and a port', entry, 'Write it as tcp/22.');
      return [];
    }
    const text = publicServiceText(service);
    if (seen.has(text)) complaints.add('MM-GATEWAY-SERVICE', where, 'must name no port that is forwarded or named already', entry, 'Keep one of the two.');
    seen.add(text);
    return [service];
  });
}

function flagIn(answers: GatewayAnswers, key: string, complaints: Complaints): boolean {
  const value = answers[key] ?? false;
  if (typeof value !== 'boolean') complaints.add('MM-GATEWAY-ANSWER', key, 'must be true or false', value, 'Leave it out for false.');
  return value === true;
}

/**
 * Reads the gateway's settings. All problems (MM-GATEWAY-…) are reported together. Undefined as the value: the answers name no candidate, so
 * the cluster has no gateway.
 */
export function gatewayConfig(answers: GatewayAnswers, roster: Roster): Result<GatewayConfig | undefined> {
  const complaints = new Complaints();
  const candidates = candidatesIn(answers, roster, complaints);
  if (candidates.length === 0 && complaints.problems.length === 0) return { ok: true, value: undefined };
  const beatMs = answers['gateway-beat-ms'] ?? BEAT_MS;
  const goodBeat = typeof beatMs === 'number' && Number.isInteger(beatMs) && beatMs >= BEAT_MIN_MS && beatMs <= BEAT_MAX_MS;
  if (!goodBeat) complaints.add('MM-GATEWAY-ANSWER', 'gateway-beat-ms', `must be a whole number of milliseconds, ${BEAT_MIN_MS} to ${BEAT_MAX_MS}`, beatMs, `Leave it out for ${BEAT_MS}.`);
  const domain = answers['domain'] ?? roster.domain;
  const goodDomain = typeof domain === 'string' && isDomainName(domain);
  if (!goodDomain) complaints.add('MM-GATEWAY-ANSWER', 'domain', 'must be a domain name of lower-case letters, digits and hyphens', domain, 'Correct the answer in the registry.');
  const publicSide = publicSideIn(answers, roster, complaints);
  const hasPublicSide = publicSide !== undefined || answers['public-IP'] !== undefined;
  const forwards = forwardsIn(answers, roster, hasPublicSide, complaints);
  const config = {
    candidates, movingAddress: movingAddressIn(answers, roster, complaints), insideInterface: interfaceIn(answers, 'inside-interface', complaints), insidePrefix: prefixLength(roster.netmask)!,
    publicSide, ipv6: ipv6SideIn(answers, roster, complaints), forwards, services: servicesIn(answers, forwards, hasPublicSide, complaints), preemption: flagIn(answers, 'gateway-preemption', complaints),
  };
  if (config.insideInterface !== '' && config.insideInterface === publicSide?.interface) {
    complaints.add('MM-GATEWAY-ANSWER', 'public-interface', 'must differ from inside-interface', publicSide.interface, 'The outside network needs a card, or a VLAN, of its own.');
  }
  if (!goodBeat || !goodDomain || complaints.problems.length > 0) return { ok: false, problems: complaints.problems };
  return { ok: true, value: { ...config, domain, beatMs } };
}
