// Asks the storage network before anything is written: is every address of the cluster free, and does a foreign DHCP server answer?

import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { parseIpv4, type Ipv4 } from '../../daemons/core/ipv4.ts';
import { parseMac } from '../../daemons/core/mac.ts';
import type { Problem } from '../../daemons/core/problem.ts';
import { askForOffers, type DhcpDiscovery, type HeardDatagram } from '../../daemons/host/dhcp-discovery.ts';
import { CommandError, run } from '../../daemons/host/run.ts';
import { arpingArgv, isRunningNode, planProbes, probeProblems, readArping, type PlannedAddress, type ProbedAddress, type ProbeOutcome } from './address-probe.ts';
import type { Answers } from './answers.ts';
import { discoverMessages, foreignDhcpProblem, leadsAway, readOffers, type DhcpOffer } from './foreign-dhcp.ts';
import { storageInterface, type LiveNetwork, type StorageInterface } from './live-interface.ts';
import type { Progress } from './progress.ts';

/** The boot's record of a live system (initrd/steps/handover.ts). */
const LIVE_RECORD = '/run/metamaster/live.json';
/** Addresses that are asked for at once: each is a small process for two seconds, so that 64 nodes cost some four. */
const TOGETHER_MAX = 64;
/** arping's own limit is 3 s; it prints a few lines. */
const ARPING_LIMITS = { timeMs: 10_000, output: 16_384 } as const;

/** What the check needs of the machine. */
export interface NetworkHost {
  network(): LiveNetwork;
  probe(name: string, address: Ipv4): Promise<ProbeOutcome>;
  askForOffers(discovery: DhcpDiscovery): Promise<readonly HeardDatagram[]>;
}

/** What the administrator chose. */
export interface NetworkWishes {
  readonly probeAddresses: boolean;
  readonly acceptForeignDhcp: boolean;
}

/** What came of it: with a problem nothing may be written. */
export interface NetworkCheck {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

function bootedInterface(): string | undefined {
  try {
    const { interfaceName } = JSON.parse(readFileSync(LIVE_RECORD, 'utf8')) as { interfaceName?: unknown };
    return typeof interfaceName === 'string' ? interfaceName : undefined;
  } catch {
    return undefined; // the interfaces' addresses tell as well
  }
}

/** Runs arping; whatever goes wrong is an outcome. */
export async function probeByArping(argv: readonly string[]): Promise<ProbeOutcome> {
  try {
    return readArping(await run(argv, { accept: 'any', env: { LC_ALL: 'C' }, limits: ARPING_LIMITS }));
  } catch (error) {
    return { kind: 'failed', reason: error instanceof CommandError ? error.said : String(error) };
  }
}

/** The live system itself. */
export const LIVE_HOST: NetworkHost = {
  network: () => ({
    booted: bootedInterface(),
    interfaces: Object.entries(networkInterfaces()).map(([name, addresses = []]) => ({
      name, mac: parseMac(addresses[0]?.mac ?? ''), addresses: addresses.flatMap(({ address }) => parseIpv4(address) ?? []),
    })),
  }),
  probe: (name, address) => probeByArping(arpingArgv(name, address)),
  askForOffers,
};

/** Works through all items, so many at a time; the results stand in the items' order. */
async function together<Item, Outcome>(items: readonly Item[], most: number, work: (item: Item) => Promise<Outcome>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const left = items.entries();
  const worker = async (): Promise<void> => {
    for (const [at, item] of left) outcomes[at] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  return outcomes;
}

async function probeAll(host: NetworkHost, name: string, probes: readonly PlannedAddress[], progress: Progress): Promise<readonly ProbedAddress[]> {
  let done = 0;
  return together(probes, TOGETHER_MAX, async (planned) => {
    const outcome = await host.probe(name, planned.address);
    progress.update(++done / probes.length);
    return { planned, outcome };
  });
}

/** The offers of foreign servers, or why nobody could be asked. */
async function findOffers(host: NetworkHost, card: StorageInterface): Promise<readonly DhcpOffer[] | string> {
  const { name, mac, address } = card;
  if (mac === undefined || address === undefined) return `${name} has ${mac === undefined ? 'no MAC address of Ethernet' : 'no address in the storage network'}`;
  const xid = randomInt(2 ** 32);
  try {
    return readOffers(await host.askForOffers({ address, messages: discoverMessages(mac, xid) }), xid);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const unasked = (where: string, rule: string, seen: string, what: string): Problem => ({
  code: 'MM-INSTALL-UNASKED', where, rule, seen,
  remedy: `Make sure by yourself that ${what}. The installation goes on; once nodes run, metamaster status names every foreign DHCP server.`,
});
const dhcpUnasked = (where: string, seen: string): Problem => unasked(where, 'the boot network can be asked for foreign DHCP servers', seen, 'no DHCP server answers there');

/** Asks the network, and says on the progress line that it does. Changes nothing, on this machine or elsewhere. */
export async function checkNetwork(answers: Answers, wishes: NetworkWishes, progress: Progress, host: NetworkHost = LIVE_HOST): Promise<NetworkCheck> {
  const network = host.network();
  const { probes: planned, problems: own } = planProbes(answers, network.interfaces);
  if (answers['connection-kind'] === 'infiniband') {
    return { problems: own, warnings: [unasked('connection-kind', 'ethernet, for ARP probes and a ROM\'s DHCP questions', 'infiniband', 'the addresses are free, and that no DHCP server answers there')] };
  }
  const probes = wishes.probeAddresses ? planned : [];
  const card = storageInterface(network, answers['storage-ip'], answers['storage-netmask']);
  if (card === undefined) {
    const where = `the network of ${answers['storage-ip']}`;
    const seen = `none among ${network.interfaces.map(({ name }) => name).join(', ') || 'no interfaces'}`;
    const blind: Problem = { code: 'MM-INSTALL-ADDRESS-PROBE', where, rule: 'an interface of this machine leads there', seen, remedy: 'Give an interface an address in the storage network (sif=, sifip= and sifnm= in the disc\'s menu); or say --no-address-probe.' };
    return { problems: wishes.probeAddresses ? [...own, blind] : own, warnings: [dhcpUnasked(where, seen)] };
  }
  progress.begin(`asking ${card.name} for ${probes.length === 0 ? '' : `${probes.length} addresses and `}DHCP servers`);
  const [probed, offers] = await Promise.all([probeAll(host, card.name, probes, progress), findOffers(host, card)]);
  progress.end();
  const running = new Set(probed.filter(isRunningNode).map((one) => one.planned.address));
  // A node that runs answers DHCP as well; that it runs is told already.
  const foreign = typeof offers === 'string' ? [] : offers.filter(({ server }) => !running.has(server));
  const refused = foreign.filter((offer) => leadsAway(offer) && !wishes.acceptForeignDhcp);
  return {
    problems: [...own, ...probeProblems(probed, answers, card.name), ...refused.map(foreignDhcpProblem)],
    warnings: [...(typeof offers === 'string' ? [dhcpUnasked(card.name, offers)] : []), ...foreign.filter((offer) => !refused.includes(offer)).map(foreignDhcpProblem)],
  };
}
