// What must hold between the answers about the way out: who inherits it, the outside network, what comes in. An installation that passes here
// gives a registry whose settings the gateway takes (daemons/gateway/gateway-config.ts).

import { isHostOf, networkOf, sameNetwork } from '../../daemons/core/ipv4.ts';
import type { MessageCode, Problem } from '../../daemons/core/problem.ts';
import { readIpv6Side } from '../../daemons/gateway/ipv6-side.ts';
import { parsePortForward } from '../../daemons/gateway/port-forward.ts';
import type { Relation } from './answers-relations.ts';

const problemOf = (code: MessageCode, where: string, rule: string, seen: string, remedy: string): Problem => ({ code, where, rule, seen, remedy });

const NAMED_GATEWAYS = ['primary-gateway-local-IP', 'backup-gateway-local-IP'] as const;
/** One without another is half an outside network. */
const PUBLIC_REQUIRED = ['public-IP', 'public-netmask', 'public-router', 'public-interface'] as const;

/** Of an installed cluster nodes may have left. */
const numbersText = (numbers: readonly number[]): string => (numbers.every((number, at) => number === at + 1) ? `1 to ${numbers.length}` : numbers.join(', '));

/** Each node of the succession is one of the list of nodes, and stands in the succession once. */
const succession: Relation = ({ nodes = [], ...answers }) => {
  const problems: Problem[] = [];
  const known = nodes.every((node) => node?.address !== undefined) && nodes.length > 0;
  const numbers = nodes.map((node, at) => node?.number ?? at + 1);
  const holders = new Map<number, string>();
  const add = (where: string, number: number, seen: string): void => {
    const before = holders.get(number);
    if (before !== undefined) problems.push(problemOf('MM-ANSWERS-GATEWAY', where, `must differ from ${before}: a node stands in the succession once`, seen, 'Name another node, or none.'));
    else holders.set(number, where);
  };
  for (const where of NAMED_GATEWAYS) {
    const address = answers[where];
    if (!known || address === undefined) continue;
    const at = nodes.findIndex((node) => node?.address === address);
    if (at < 0) problems.push(problemOf('MM-ANSWERS-GATEWAY', where, 'must be the address of one of the nodes', address, 'Give the address of the node that is meant.'));
    else add(where, numbers[at]!, address);
  }
  (answers['further-gateway-nodes'] ?? []).forEach((text, at) => {
    const where = `further-gateway-nodes[${at}]`;
    if (nodes.length > 0 && !numbers.includes(Number(text))) problems.push(problemOf('MM-ANSWERS-GATEWAY', where, `must be the number of one of the nodes, ${numbersText(numbers)}`, text, 'Give the number of the node that is meant: in answers, its place in the list of nodes.'));
    else add(where, Number(text), `node ${text}`);
  });
  return problems;
};

/** Who has something to inherit needs somebody to inherit it from. */
const primaryGateway: Relation = (answers) => {
  if (answers['primary-gateway-local-IP'] !== undefined) return [];
  const given = answers['backup-gateway-local-IP'] !== undefined ? 'backup-gateway-local-IP' : answers['further-gateway-nodes']?.length ? 'further-gateway-nodes' : answers['public-IP'] === undefined ? undefined : 'public-IP';
  return given === undefined ? [] : [problemOf('MM-ANSWERS-MISSING', 'primary-gateway-local-IP', `is required when ${given} is given`, 'nothing', 'Give the address of the node that is to be the gateway first.')];
};

const publicAddresses: Relation = (answers) => {
  const problems: Problem[] = [];
  const [address, netmask, router] = [answers['public-IP'], answers['public-netmask'], answers['public-router']];
  if (address !== undefined && netmask !== undefined && !isHostOf(address, netmask)) {
    problems.push(problemOf('MM-ANSWERS-HOST', 'public-IP', `must be neither the network's own nor its broadcast address (netmask ${netmask})`, address, 'Give an address between the two.'));
  }
  if (address !== undefined && netmask !== undefined && router !== undefined && (!sameNetwork(address, router, netmask) || address === router)) {
    problems.push(problemOf('MM-ANSWERS-PUBLIC', 'public-router', `must be another address in the network of public-IP, ${networkOf(address, netmask)} with netmask ${netmask}`, router, 'Correct public-IP, public-netmask or public-router.'));
  } else if (router !== undefined && netmask !== undefined && !isHostOf(router, netmask)) {
    problems.push(problemOf('MM-ANSWERS-HOST', 'public-router', `must be neither the network's own nor its broadcast address (netmask ${netmask})`, router, 'Give an address between the two.'));
  }
  const [storage, storageMask] = [answers['storage-ip'], answers['storage-netmask']];
  if (address !== undefined && storage !== undefined && storageMask !== undefined && sameNetwork(address, storage, storageMask)) {
    problems.push(problemOf('MM-ANSWERS-PUBLIC', 'public-IP', `must lie outside the storage network, ${networkOf(storage, storageMask)} with netmask ${storageMask}`, address, 'Give the address on the outside network.'));
  } else if (address !== undefined && netmask !== undefined && storage !== undefined && sameNetwork(address, storage, netmask)) {
    // Of two networks that overlap one lies within the other: the wider one's mask tells.
    problems.push(problemOf('MM-ANSWERS-OVERLAP', 'public-netmask', `must leave the SAN's address ${storage} outside of the public network`, `${networkOf(address, netmask)} with netmask ${netmask}`, 'Give the netmask of the outside network, or move one of the two networks: nodes could not tell on which side an address lies.'));
  }
  return problems;
};

/** The outside network: all of it or nothing of it. */
const publicWhole: Relation = (answers) => {
  const given = [...PUBLIC_REQUIRED, 'public-DNS' as const].find((key) => answers[key] !== undefined);
  if (given === undefined) return [];
  return PUBLIC_REQUIRED.filter((key) => answers[key] === undefined).map((key) =>
    problemOf('MM-ANSWERS-MISSING', key, `is required when ${given} is given`, 'nothing', `Give ${PUBLIC_REQUIRED.join(', ')}, or none of the public- answers.`));
};

/** The way out by IPv6, which is one beside that by IPv4; the inside network follows from the nodes' name. */
const publicIpv6: Relation = (answers) => readIpv6Side(answers, answers['cluster-hostname'] ?? '').faults.flatMap(({ kind, where, rule, seen, remedy }) =>
  kind === 'value' ? [] : [problemOf(kind === 'missing' ? 'MM-ANSWERS-MISSING' : 'MM-ANSWERS-PUBLIC', where, rule, String(seen), remedy)]);

const interfaces: Relation = ({ 'inside-interface': inside, 'public-interface': outside }) =>
  inside === undefined || inside !== outside ? [] : [problemOf('MM-ANSWERS-INTERFACE', 'public-interface', 'must differ from inside-interface', outside, 'The outside network needs a card, or a VLAN, of its own.')];

const portForwards: Relation = (answers) => {
  const [forwards = [], storage, netmask] = [answers['port-forwards'], answers['storage-ip'], answers['storage-netmask']];
  const problems: Problem[] = [];
  if (forwards.length > 0 && answers['public-IP'] === undefined) problems.push(problemOf('MM-ANSWERS-FORWARD', 'port-forwards', 'needs an outside network', `${forwards.length} forwards`, 'Give the public- answers, or leave it out.'));
  const first = new Map<string, string>();
  forwards.forEach((text, at) => {
    const { protocol, port, to } = parsePortForward(text)!;
    const where = `port-forwards[${at}]`;
    if (storage !== undefined && netmask !== undefined && (!sameNetwork(to, storage, netmask) || !isHostOf(to, netmask))) {
      problems.push(problemOf('MM-ANSWERS-FORWARD', where, `must lead to a host of the storage network, ${networkOf(storage, netmask)} with netmask ${netmask}`, text, 'Give the address of a node.'));
    } else if (to === answers['meta-master-ip']) {
      problems.push(problemOf('MM-ANSWERS-FORWARD', where, 'must not lead to the address that moves with the gateway itself', text, 'Give the address of a node.'));
    }
    const owner = first.get(`${protocol}/${port}`);
    if (owner === undefined) first.set(`${protocol}/${port}`, where);
    else problems.push(problemOf('MM-ANSWERS-FORWARD', where, `must not forward what ${owner} forwards`, text, 'Keep one of the two.'));
  });
  return problems;
};

/** What is open is the gateway's own: a port that is forwarded never gets there. */
const publicServices: Relation = (answers) => {
  const services = answers['public-services'] ?? [];
  const problems: Problem[] = [];
  if (services.length > 0 && answers['public-IP'] === undefined) problems.push(problemOf('MM-ANSWERS-SERVICE', 'public-services', 'needs an outside network', `${services.length} ports`, 'Give the public- answers, or leave it out.'));
  const first = new Map((answers['port-forwards'] ?? []).map((text, at) => [text.slice(0, text.indexOf('=')), `port-forwards[${at}]`]));
  services.forEach((text, at) => {
    const where = `public-services[${at}]`;
    const owner = first.get(text);
    if (owner === undefined) first.set(text, where);
    else problems.push(problemOf('MM-ANSWERS-SERVICE', where, `must not open what ${owner} names`, text, 'Keep one of the two.'));
  });
  return problems;
};

/** Everything that may be wrong between the answers about the gateway. */
export const GATEWAY_RELATIONS: readonly Relation[] = [succession, primaryGateway, publicAddresses, publicWhole, publicIpv6, interfaces, portForwards, publicServices];
