// What becomes of an installed cluster's registry when the gateway's answers are changed, and what that means for the nodes. Pure: the answers
// are held against the same forms and relations as the installer's, and then against what gatewayd reads.

import { sameNetwork } from '../daemons/core/ipv4.ts';
import type { Problem, Result } from '../daemons/core/problem.ts';
import type { Roster } from '../daemons/core/roster.ts';
import { gatewayConfig, gatewayFoundation, type GatewayConfig } from '../daemons/gateway/gateway-config.ts';
import { CHANGEABLE_ANSWERS, type ChangeableAnswer, gatewayAnswers, gatewayCandidates, successionOf, wayOut } from '../daemons/storage/gateway-answers.ts';
import { refused, settled } from '../daemons/storage/registry-edit.ts';
import type { InstallAnswer, Registry } from '../daemons/storage/registry.ts';
import { GATEWAY_RELATIONS } from './install/answers-gateway.ts';
import { type SoundAnswers, spareAddress } from './install/answers-relations.ts';
import { parseSomeAnswers } from './install/answers.ts';

/** Stands for the card that the nodes are booted by where it is not known, and is no kernel's name of one. */
const BOOT_CARD = 'boot-card';

/** What is wanted: answers as a file has them, null for one that is to be left out. */
export interface GatewayWish {
  readonly answers: Readonly<Record<string, unknown>>;
  /** The numbers of the nodes in the order of the succession; it stands above the answers that name nodes. */
  readonly succession?: readonly number[];
  /** Leave all of them out: the cluster has no gateway any more. */
  readonly remove?: boolean;
}

/** One answer that becomes another; null: left out. */
export interface AnswerChange {
  readonly answer: ChangeableAnswer;
  readonly from: InstallAnswer | null;
  readonly to: InstallAnswer | null;
}

/** What a change of the answers does to the nodes. */
export interface GatewayEffects {
  /** The succession as it will be. */
  readonly candidates: readonly number[];
  readonly joining: readonly number[];
  readonly leaving: readonly number[];
  /** gatewayd of every candidate starts anew, so that nobody is the way out for some seconds. */
  readonly interrupts: boolean;
  /** The other nodes' default route comes or goes. */
  readonly wayOut: 'opened' | 'closed' | 'stays';
}

/** The answers that are wanted, with the succession as answers. */
function wantedAnswers({ roster }: Registry, { answers, succession, remove }: GatewayWish): Result<Readonly<Record<string, unknown>>> {
  if (remove === true) return { ok: true, value: Object.fromEntries(CHANGEABLE_ANSWERS.map((key) => [key, null])) };
  if (succession === undefined) return { ok: true, value: answers };
  const nodes = succession.map((number) => roster.nodes.find((node) => node.number === number));
  const known = nodes.filter((node) => node !== undefined);
  const numbers = roster.nodes.map(({ number }) => number).join(', ');
  const problem = (rule: string): Problem => ({ code: 'MM-ANSWERS-GATEWAY', where: '--succession', rule, seen: succession.join(','), remedy: 'Give the numbers of nodes that have a card on the outside network, in the order in which they inherit.' });
  if (known.length < nodes.length) return refused(problem(`must name nodes of the roster: ${numbers}`));
  if (new Set(succession).size < succession.length) return refused(problem('must name each node once'));
  return { ok: true, value: { ...answers, 'primary-gateway-local-IP': null, 'backup-gateway-local-IP': null, ...successionOf(known) } };
}

/** The answers as the installer's relations look at them: those of the installed cluster that they are held against stand in its roster. */
function relationsOf(install: Registry['install'], { clusterName, nodes, san, netmask, metaMasterAddress }: Roster): readonly Problem[] {
  const keys = [...CHANGEABLE_ANSWERS, 'spare-local-IP'] as const;
  const stored = parseSomeAnswers(Object.fromEntries(keys.map((key) => [key, install[key]])), keys);
  if (!stored.ok) return stored.problems;
  // What the installer calls the storage network is the nodes'; a SAN behind a router lies elsewhere.
  const storage = sameNetwork(san.address, metaMasterAddress, netmask) ? san.address : metaMasterAddress;
  const sound: SoundAnswers = { ...stored.value, 'cluster-hostname': clusterName, 'storage-ip': storage, 'storage-netmask': netmask, 'meta-master-ip': metaMasterAddress, nodes: nodes.map(({ number, address, macs, loader }) => ({ number, address, macs, loader })) };
  return [spareAddress, ...GATEWAY_RELATIONS].flatMap((relation) => relation(sound));
}

/**
 * The registry with the answers changed. @param ownInterface the card that this node was booted by, as most are; undefined: not known
 * Problems: MM-ANSWERS-… as the installer's; MM-GATEWAY-… where only gatewayd would see them; MM-EDIT-RESULT.
 */
export function changeGateway(registry: Registry, wish: GatewayWish, ownInterface: string | undefined): Result<Registry> {
  const wanted = wantedAnswers(registry, wish);
  if (!wanted.ok) return wanted;
  const left = new Set<string>(CHANGEABLE_ANSWERS.filter((key) => wanted.value[key] === null));
  const read = parseSomeAnswers(Object.fromEntries(Object.entries(wanted.value).filter(([key]) => !left.has(key))), CHANGEABLE_ANSWERS);
  if (!read.ok) return read;
  const kept = Object.entries(registry.install).filter(([key]) => !left.has(key));
  const install = Object.fromEntries(Object.entries({ ...Object.fromEntries(kept), ...read.value })) as Registry['install'];
  const problems = relationsOf(install, registry.roster);
  if (problems.length > 0) return refused(...problems);
  const config = gatewayConfig(gatewayAnswers(install, ownInterface ?? BOOT_CARD), registry.roster);
  return config.ok ? settled({ ...registry, install }) : config;
}

/** What is another in the second than in the first, in the order of the answers. */
export function answerChanges(before: Registry['install'], after: Registry['install']): readonly AnswerChange[] {
  return CHANGEABLE_ANSWERS.flatMap((answer) => {
    const [from, to] = [before[answer] ?? null, after[answer] ?? null];
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ answer, from, to }];
  });
}

const isSetting = (config: Result<GatewayConfig | undefined>): config is { readonly ok: true; readonly value: GatewayConfig } => config.ok && config.value !== undefined;

export function gatewayEffects({ install: before }: Registry, { install: after, roster }: Registry): GatewayEffects {
  const [former, candidates] = [gatewayCandidates(before, roster), gatewayCandidates(after, roster)];
  const [old, fresh] = [before, after].map((install) => gatewayConfig(gatewayAnswers(install, BOOT_CARD), roster)) as [Result<GatewayConfig | undefined>, Result<GatewayConfig | undefined>];
  const [had, has] = [wayOut(before, roster) !== undefined, wayOut(after, roster) !== undefined];
  return {
    candidates, joining: candidates.filter((node) => !former.includes(node)), leaving: former.filter((node) => !candidates.includes(node)),
    interrupts: isSetting(old) && isSetting(fresh) && gatewayFoundation(old.value) !== gatewayFoundation(fresh.value),
    wayOut: had === has ? 'stays' : has ? 'opened' : 'closed',
  };
}
