// Edits of the registry that bring a node in, take one out, and empty one.

import { type Ipv4, ipv4FromNumber, ipv4ToNumber, isHostOf, networkOf, parseIpv4, sameNetwork } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import { isHostLabel } from '../core/names.ts';
import type { Problem, Result } from '../core/problem.ts';
import { portalsOf, type Roster, type RosterNode } from '../core/roster.ts';
import type { Uuid } from '../core/uuid.ts';
import { withoutGatewayNode } from './gateway-answers.ts';
import { type Registry, type RegistrySecret, stateVolumeOf, storeOf, swapVolumeOf, type VolumeRecord } from './registry.ts';
import { against, macProblems, nodeOfRequest, refused, replacementsBut, settled, withNode, withReplacement } from './registry-edit.ts';
import { freeVolumeName, volumeProblems, type WantedVolume, withVolumes } from './registry-edit-volumes.ts';

/** The installer's answer from which the nodes' addresses count. */
const FIRST_ADDRESS_ANSWER = 'first-node-IP-netboot-netstorage';

/** A node that is to come. Chance is the caller's: UUIDs and key are fresh ones. */
export interface AddRequest {
  readonly macs: readonly Mac[];
  /** By default the cluster's name and the number, as the installer forms it. */
  readonly name?: string;
  /** By default the first node's address plus the number less one, as the installer counts; where that is taken, the next free one. */
  readonly address?: Ipv4;
  /** By default `rom`. */
  readonly loader?: RosterNode['loader'];
  readonly hostKey: RegistrySecret['sshHostKeys'][string];
  /** The swap's is not used where nodes have no swap volumes. */
  readonly uuids: Readonly<Record<'store' | 'state' | 'swap', Uuid>>;
  /** Of the registry's superblock: the answer `maximum-nodes` and one. */
  readonly writers: number;
}

/**
 * Adds a node: the lowest free number, an SSH host key, and volumes as most nodes have them. The numbers of the others stay.
 * Not free is a number that a quarantined volume still has: the machine that was this node may run, and would be taken for the new one.
 * Problems: MM-EDIT-NUMBER, -MAC, -MAC-TAKEN, -MAC-BARRED, -NAME, -ADDRESS, -UUID, -ROOM, -RESULT; all that can be told, together.
 */
export function addNode(registry: Registry, request: AddRequest): Result<Registry> {
  const { roster } = registry;
  const number = lowestFreeNumber(registry, request.writers);
  if (!number.ok) return refused(...number.problems, ...macProblems(roster, request.macs));
  const name = request.name ?? `${roster.clusterName}${number.value}`;
  const address = request.address === undefined ? nextFreeAddress(registry, number.value) : judgedAddress(roster, request.address);
  const volumes = volumesLikeOthers(registry, number.value, request.uuids);
  const problems = [...macProblems(roster, request.macs), ...nameProblems(roster, name), ...(address.ok ? [] : address.problems), ...volumeProblems(registry, volumes)];
  if (problems.length > 0 || !address.ok) return refused(...problems);
  const node: RosterNode = { number: number.value, name, macs: request.macs, address: address.value, loader: request.loader ?? 'rom' };
  const nodes = [...roster.nodes, node].toSorted((a, b) => a.number - b.number);
  const sshHostKeys = { ...registry.secret.sshHostKeys, [String(number.value)]: request.hostKey };
  return settled(withVolumes({ ...registry, roster: { ...roster, nodes }, secret: { ...registry.secret, sshHostKeys } }, volumes));
}

function lowestFreeNumber({ roster, volumes }: Registry, writers: number): Result<number> {
  const nodes = new Set(roster.nodes.map((node) => node.number));
  const held = new Set(volumes.flatMap(({ node }) => (node === undefined || nodes.has(node) ? [] : [node])));
  for (let number = 1; number < writers; number++) if (!nodes.has(number) && !held.has(number)) return { ok: true, value: number };
  const seen = held.size === 0 ? `all of ${nodes.size} nodes` : `${nodes.size} nodes, and quarantined volumes of the former nodes ${[...held].toSorted((a, b) => a - b).join(', ')}`;
  const remedy = held.size === 0 ? 'Remove a node, or install with a larger maximum-nodes.' : 'Release the quarantined volumes once their owners are down or fenced, or install with a larger maximum-nodes.';
  return refused(against('MM-EDIT-NUMBER', 'node', `a free number from 1 to ${writers - 1}`, seen, remedy));
}

function nameProblems({ nodes }: Roster, name: string): readonly Problem[] {
  if (!isHostLabel(name)) return [against('MM-EDIT-NAME', 'name', 'a host name of lower-case letters, digits and hyphens, 63 at most', JSON.stringify(name), 'Give a name such as blade3.')];
  const owner = nodes.find((node) => node.name === name);
  return owner === undefined ? [] : [against('MM-EDIT-NAME', 'name', `a name of its own; node ${owner.number} has this one`, name, 'Give another name.')];
}

/** Who has which address of the boot network. */
function takenAddresses({ nodes, metaMasterAddress, san }: Roster): ReadonlyMap<Ipv4, string> {
  return new Map([...portalsOf(san).map(({ address }) => [address, 'the SAN'] as const), [metaMasterAddress, 'the meta-master'] as const, ...nodes.map((node) => [node.address, `node ${node.number}`] as const)]);
}

function judgedAddress(roster: Roster, address: Ipv4): Result<Ipv4> {
  const { netmask, metaMasterAddress } = roster;
  const fail = (rule: string): Result<Ipv4> => refused(against('MM-EDIT-ADDRESS', 'address', rule, address, 'Give a free address of the boot network, or none, for the next free one.'));
  const inside = parseIpv4(address) !== undefined && sameNetwork(address, metaMasterAddress, netmask) && isHostOf(address, netmask);
  if (!inside) return fail(`a host's address in the network ${networkOf(metaMasterAddress, netmask)} with netmask ${netmask}`);
  const owner = takenAddresses(roster).get(address);
  return owner === undefined ? { ok: true, value: address } : fail(`an address of its own; ${owner} has this one`);
}

/** The installer's address for this number, or the next free one behind it; at the network's end it goes on from the network's begin. */
function nextFreeAddress({ roster, install }: Registry, number: number): Result<Ipv4> {
  const { netmask, metaMasterAddress } = roster;
  const answer = install[FIRST_ADDRESS_ANSWER];
  const network = ipv4ToNumber(networkOf(metaMasterAddress, netmask));
  const size = 2 ** 32 - ipv4ToNumber(netmask);
  const first = (typeof answer === 'string' ? parseIpv4(answer) : undefined) ?? ipv4FromNumber(network + 1);
  const from = ipv4ToNumber(first) - network + number - 1;
  const taken = takenAddresses(roster);
  // Beside those that are taken only the network's own and its broadcast address are passed over.
  for (let step = 0; step < Math.min(size, taken.size + 3); step++) {
    const address = ipv4FromNumber(network + ((((from + step) % size) + size) % size));
    if (isHostOf(address, netmask) && !taken.has(address)) return { ok: true, value: address };
  }
  return refused(against('MM-EDIT-ADDRESS', 'address', `a free address in the network ${networkOf(metaMasterAddress, netmask)} with netmask ${netmask}`, `${taken.size} that are taken`, 'Remove a node: the boot network has no room for another one.'));
}

/** The volume that most of these are like; of equally many, the largest. */
function usual(volumes: readonly VolumeRecord[]): VolumeRecord | undefined {
  const kindOf = ({ sizeBytes, origin, chunkSectors }: VolumeRecord): string => `${sizeBytes} ${origin} ${chunkSectors}`;
  const counts = new Map<string, number>();
  for (const volume of volumes) counts.set(kindOf(volume), (counts.get(kindOf(volume)) ?? 0) + 1);
  return volumes.toSorted((a, b) => counts.get(kindOf(b))! - counts.get(kindOf(a))! || b.sizeBytes - a.sizeBytes)[0];
}

/** Store, state and swap for a node, as most nodes have them; swap when at least half of them have it. */
function volumesLikeOthers(registry: Registry, node: number, uuids: AddRequest['uuids']): readonly WantedVolume[] {
  const { roster: { nodes }, volumes } = registry;
  const like = (find: typeof swapVolumeOf): readonly VolumeRecord[] => nodes.flatMap(({ number }) => find(registry, number) ?? []);
  const swaps = like(swapVolumeOf);
  const models = [usual(like(storeOf)), usual(like(stateVolumeOf)), 2 * swaps.length >= nodes.length ? usual(swaps) : undefined];
  return models.flatMap((model): WantedVolume[] => {
    if (model === undefined) return [];
    const { kind, sizeBytes, origin, chunkSectors } = model;
    const uuid = uuids[kind as keyof typeof uuids];
    return [{ name: freeVolumeName(volumes, `node${node}.${kind}`), kind, uuid, sizeBytes, node, ...(origin === undefined ? {} : { origin }), ...(chunkSectors === undefined ? {} : { chunkSectors }) }];
  });
}

/** A node that is to go, and what becomes of its volumes. */
export type RemoveRequest = { readonly node: number } & (
  | {
    /** The extents are free again. */
    readonly volumes: 'released';
    /** The UUIDs of all its volumes whose owner the caller knows to be down or fenced. */
    readonly ownersGone: readonly Uuid[];
  }
  /** Nobody could fence the owner: the volumes stay, of no node of the roster, until each is released. */
  | { readonly volumes: 'quarantined' }
);

/**
 * Takes a node out of the roster, its host key out of the secrets, and it out of the gateway's succession; its open replacement goes, bars stay. What was quarantined before
 * stays so, also when the rest is released; checkpoints are released in any case. Released volumes the caller has made nobody's, under the
 * lease, before the change.
 * Problems: MM-EDIT-NODE, -LAST (no node would be left, or none that serves), -OWNER (an owner that may run), -RESULT.
 */
export function removeNode(registry: Registry, request: RemoveRequest): Result<Registry> {
  const { node: number } = request;
  const { roster } = registry;
  const found = nodeOfRequest(roster, number);
  if (!found.ok) return found;
  const nodes = roster.nodes.filter((node) => node.number !== number);
  const problems = [...servingProblems(nodes), ...(request.volumes === 'released' ? ownerProblems(registry, number, request.ownersGone) : [])];
  if (problems.length > 0) return refused(...problems);
  const kept = registry.volumes.flatMap((volume): VolumeRecord[] => {
    if (volume.node !== number || volume.retired === 'quarantined') return [volume];
    // A checkpoint is a copy that nobody maps, and of no use without its node.
    return request.volumes === 'released' || volume.retired === 'checkpoint' ? [] : [{ ...volume, retired: 'quarantined' }];
  });
  const { [String(number)]: _, ...sshHostKeys } = registry.secret.sshHostKeys;
  const install = withoutGatewayNode(registry.install, roster, found.value);
  return settled({ ...registry, roster: withReplacement({ ...roster, nodes }, replacementsBut(roster, number)), volumes: kept, install, secret: { ...registry.secret, sshHostKeys } });
}

/** A rack whose last serving node goes can be booted from the disc alone. */
function servingProblems(nodes: readonly RosterNode[]): readonly Problem[] {
  if (nodes.some(({ drained }) => drained !== true)) return [];
  const seen = nodes.length === 0 ? 'it is the last one' : `all ${nodes.length} others are drained`;
  return [against('MM-EDIT-LAST', 'node', 'another node that serves boots', seen, nodes.length === 0 ? 'Add another node first.' : 'Let another node serve again first.')];
}

function ownerProblems({ volumes }: Registry, number: number, ownersGone: readonly Uuid[]): readonly Problem[] {
  const held = volumes.filter(({ node, retired, uuid }) => node === number && retired !== 'quarantined' && retired !== 'checkpoint' && !ownersGone.includes(uuid));
  return held.map(({ name, uuid }) => against('MM-EDIT-OWNER', 'ownersGone', `every volume of node ${number} whose extents are given back: its owner is down or fenced`, `${name} (${uuid}) is not among them`, 'Shut the node down or prove it off first; where nothing can, quarantine its volumes.'));
}

/**
 * Says whether a node is drained: it runs and boots, but serves no boots and holds no roles. A registry that says so already is given back
 * as it is. Problems: MM-EDIT-NODE, MM-EDIT-LAST (nobody would serve).
 */
export function setDrained(registry: Registry, { node: number, drained }: { readonly node: number; readonly drained: boolean }): Result<Registry> {
  const { roster } = registry;
  const found = nodeOfRequest(roster, number);
  if (!found.ok) return found;
  const { drained: before, ...node } = found.value;
  if ((before === true) === drained) return { ok: true, value: registry };
  const problems = drained ? servingProblems(roster.nodes.filter((one) => one.number !== number)) : [];
  if (problems.length > 0) return refused(...problems);
  return settled({ ...registry, roster: { ...roster, nodes: withNode(roster, found.value, drained ? { ...node, drained } : node) } });
}
