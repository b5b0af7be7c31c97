// Whether the addresses that a cluster is to have are free: which are to be asked for on the network, and what the answers mean. Pure;
// the asking is done in network-check.ts, by iputils' arping with the probes of RFC 5227 section 2.1.1.

import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import { type Mac, parseMac } from '../../daemons/core/mac.ts';
import type { Problem } from '../../daemons/core/problem.ts';
import type { Answers } from './answers.ts';
import type { OwnInterface } from './live-interface.ts';
import { answeringNode } from './running-nodes.ts';

/** Two probes, for one may be lost; who is there answers within milliseconds. The limit is arping's own, where a driver hangs. */
const PROBES = { count: 2, limitSeconds: 3 } as const;

/** An address that the cluster will give out. */
export interface PlannedAddress {
  readonly address: Ipv4;
  /** Every answer that names it, by its path. */
  readonly names: readonly string[];
  /** The node that is to have it, with its network cards. */
  readonly node?: { readonly number: number; readonly macs: readonly Mac[] };
}

/** What came of probing for an address. */
export type ProbeOutcome =
  | { readonly kind: 'free' }
  /** `by`: the network card that answered; undefined when arping said it in no way that is known. */
  | { readonly kind: 'used'; readonly by: Mac | undefined }
  | { readonly kind: 'failed'; readonly reason: string };

/** An address with what came of it. */
export interface ProbedAddress {
  readonly planned: PlannedAddress;
  readonly outcome: ProbeOutcome;
}

/** Every address of the storage network that the cluster will give out; the SAN's is somebody's, and shall be. */
export function plannedAddresses(answers: Answers): readonly PlannedAddress[] {
  const gateways = (['primary-gateway-local-IP', 'backup-gateway-local-IP'] as const).flatMap((name) => (answers[name] === undefined ? [] : [{ name, address: answers[name] }]));
  const nodes = answers.nodes.map(({ address, macs }, at): PlannedAddress => ({
    address, names: [`nodes[${at}].address`, ...gateways.filter((gateway) => gateway.address === address).map(({ name }) => name)], node: { number: at + 1, macs },
  }));
  return [{ address: answers['meta-master-ip'], names: ['meta-master-ip'] }, ...nodes];
}

/** What is to be asked for, and which addresses this machine has itself, where it may not keep them. */
export function planProbes(answers: Answers, own: readonly OwnInterface[]): { readonly probes: readonly PlannedAddress[]; readonly problems: readonly Problem[] } {
  const holders = new Map(own.flatMap(({ name, addresses }) => addresses.map((address) => [address, name] as const)));
  const ownMacs = new Set(own.map(({ mac }) => mac));
  const planned = plannedAddresses(answers);
  // This blade may begin with the very address that it will have as a node: then nobody else gets it.
  const borrowed = planned.filter(({ address, node }) => holders.has(address) && !(node?.macs.some((mac) => ownMacs.has(mac)) ?? false));
  return {
    probes: planned.filter(({ address }) => !holders.has(address)),
    problems: borrowed.map(({ address, names }) => ({
      code: 'MM-INSTALL-OWN-ADDRESS', where: names.join(', '), rule: 'an address that the live system does not have itself', seen: `${address}, which this blade has on ${holders.get(address)!}`,
      remedy: 'Boot the disc with another address (sifip=, press e in its menu), or give another one in the answers: whoever gets this one from the cluster would meet this blade, now and at every later boot from the disc.',
    })),
  };
}

/** The arguments of arping for one address, the program first. Not `-q`: who answers stands in what it prints. */
export function arpingArgv(name: string, address: Ipv4): readonly string[] {
  return ['arping', '-D', '-c', String(PROBES.count), '-w', String(PROBES.limitSeconds), '-I', name, address];
}

/**
 * What arping's end means, in the C locale. Only its words count: its exit code says "free" also for an interface that knows no ARP, and
 * releases of iputils differ in it.
 */
export function readArping({ output, errorOutput }: { readonly output: string; readonly errorOutput: string }): ProbeOutcome {
  const answer = /^(?:Unicast|Broadcast) (?:reply|request) from \S+ \[([0-9A-Fa-f:]+)\]/m.exec(output)?.[1];
  const received = /^Received (\d+) /m.exec(output)?.[1];
  if (answer !== undefined || (received !== undefined && Number(received) > 0)) return { kind: 'used', by: answer === undefined ? undefined : parseMac(answer) };
  const sent = /^Sent (\d+) probes/m.exec(output)?.[1];
  if (received === '0' && sent !== undefined && Number(sent) > 0) return { kind: 'free' };
  return { kind: 'failed', reason: `${errorOutput}\n${output}`.split('\n').map((line) => line.trim()).find((line) => line !== '' && !line.startsWith('ARPING')) ?? 'arping said nothing' };
}

/** The node whose blade answered for its own address: it runs. */
export function isRunningNode({ planned, outcome }: ProbedAddress): boolean {
  return outcome.kind === 'used' && outcome.by !== undefined && (planned.node?.macs.includes(outcome.by) ?? false);
}

function usedProblem({ address, names }: PlannedAddress, by: Mac | undefined, answers: Answers): Problem {
  const blade = by === undefined ? -1 : answers.nodes.findIndex(({ macs }) => macs.includes(by));
  return {
    code: 'MM-INSTALL-ADDRESS-USED', where: names.join(', '), rule: `${address} must be free: nobody on the storage network may answer for it`,
    seen: `an answer from ${by ?? 'a network card that arping did not name'}${blade < 0 ? '' : `, which is a card of nodes[${blade}]`}`,
    remedy: blade < 0
      ? 'Give the machine with that network card another address, or switch it off, or give another address here; the switch\'s address table tells the port of a MAC address.'
      : `Switch the blade of nodes[${blade}] off: it runs, with an address of an older installation.`,
  };
}

/** Everything that is wrong with the addresses that were asked for. */
export function probeProblems(probed: readonly ProbedAddress[], answers: Answers, name: string): readonly Problem[] {
  const failed = probed.flatMap(({ planned, outcome }) => (outcome.kind === 'failed' ? [{ address: planned.address, reason: outcome.reason }] : []));
  const problems = probed.flatMap(({ planned, outcome }): readonly Problem[] => {
    if (outcome.kind !== 'used') return [];
    return isRunningNode({ planned, outcome }) ? [answeringNode(planned.names.join(', '), planned.address, planned.node!.number, outcome.by!)] : [usedProblem(planned, outcome.by, answers)];
  });
  if (failed.length === 0) return problems;
  const [first] = failed;
  return [...problems, {
    code: 'MM-INSTALL-ADDRESS-PROBE', where: name, rule: 'the network can be asked who has an address (ARP)', seen: `${failed.length} of ${probed.length} questions failed, the first one, for ${first!.address}, with: ${first!.reason}`,
    remedy: 'Check link and name of the interface; where ARP cannot be used, say --no-address-probe, and make sure by yourself that the addresses are free.',
  }];
}
