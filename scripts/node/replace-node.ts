// `metamaster node replace`: another machine in a node's place. Owners first, then the candidate, then labels and registry under one lease:
// docs/decisions/2026-11-21-hot-swap.md says why in this order.

import type { Status } from '../../daemons/agent/status.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { InputError, type Result, valueOf } from '../../daemons/core/problem.ts';
import { barOfMac, nodeOfMac, type RosterNode } from '../../daemons/core/roster.ts';
import { heldVolumes, mappedVolumes, ownersOf, planHandOver, volumesOfNode } from '../../daemons/storage/hand-over.ts';
import { canonicalJson } from '../../daemons/storage/canonical-json.ts';
import type { OwnerRecord } from '../../daemons/storage/owner-record.ts';
import { nodeOfRequest } from '../../daemons/storage/registry-edit.ts';
import { replaceHardware } from '../../daemons/storage/registry-edit-hardware.ts';
import { quarantineVolumes } from '../../daemons/storage/registry-edit-volumes.ts';
import type { Registry } from '../../daemons/storage/registry.ts';
import { changedMeanwhile } from '../registry-writer.ts';
import type { ClusterOnSan } from './cluster-on-san.ts';
import { controllerOf, fenceNode, fenceText, handOver, judgedNow, type Judged, ownVolumes } from './fence-node.ts';
import type { NodeArguments, NodeTask } from './node-arguments.ts';
import { copyHeld, planHeld, type Quarantine, quarantineResult, quarantineText, requireStill } from './quarantine-copy.ts';
import { strangersNow, waitForStranger } from './strangers.ts';

type ReplaceTask = Extract<NodeTask, { kind: 'replace' }>;

/** A hardware id ends in the MAC address that its machine was booted by. */
const isOneOf = ({ hardwareId }: OwnerRecord, macs: readonly Mac[]): boolean => macs.some((mac) => hardwareId.toLowerCase().endsWith(`/${mac}`));

/** The edit. Done already, it changes nothing, so that a command that was cut off can be given again. */
function editOf(cluster: ClusterOnSan, node: RosterNode, macs: readonly Mac[], former: string | undefined, quarantine: Quarantine | undefined): (registry: Registry) => Result<Registry> {
  const base = cluster.found.registry;
  const atUnixMs = cluster.host.unixMs();
  const ofNode = (registry: Registry): string => canonicalJson([registry.roster.nodes.find(({ number }) => number === node.number) ?? null, volumesOfNode(registry, node.number), registry.extentBytes]);
  return (registry) => {
    // The volumes that were judged must be those that are handed over.
    if (ofNode(registry) !== ofNode(base)) return { ok: false, problems: [changedMeanwhile(cluster.path)] };
    const moved = quarantine === undefined ? { ok: true as const, value: registry } : quarantineVolumes(registry, quarantine.edit);
    if (!moved.ok || macs.join() === node.macs.join()) return moved;
    return replaceHardware(moved.value, { node: node.number, macs, atUnixMs, ...(former === undefined ? {} : { formerHardwareId: former }) });
  };
}

/** What nobody has asked for goes only by an opening that is in force, and for a blade that is nobody's (docs/formats.md section 4). @throws InputError MM-NODE-AUTO */
function requireOpening({ roster }: Registry, { number }: RosterNode, macs: readonly Mac[], unixMs: number): void {
  const refuse = (seen: string): InputError => new InputError([{
    code: 'MM-NODE-AUTO', where: `node ${number}, --auto`, rule: 'an opening of policy auto that is in force, and a blade that no node has', seen, remedy: `Open it with \`metamaster node open ${number} --auto\`, or replace the node without --auto.`,
  }]);
  const opening = roster.replacement?.find(({ node }) => node === number);
  if (opening === undefined || opening.policy !== 'auto') throw refuse(opening === undefined ? 'no opening' : `one of policy ${opening.policy}`);
  if (!(opening.sinceUnixMs <= unixMs && unixMs < opening.untilUnixMs)) throw refuse(`one from ${new Date(opening.sinceUnixMs).toISOString()} until ${new Date(opening.untilUnixMs).toISOString()}`);
  for (const mac of macs) {
    const holder = nodeOfMac(roster, mac);
    if (holder !== undefined) throw refuse(`${mac} of node ${holder.number}`);
    if (barOfMac(roster, mac) !== undefined) throw refuse(`${mac}, which is barred`);
  }
}

/** Runs the verb; returns the exit code. @throws InputError with what is refused */
export async function replaceNode(cluster: ClusterOnSan, task: ReplaceTask, { dryRun }: NodeArguments, status: () => Promise<Status>): Promise<number> {
  const { registry } = cluster.found;
  const node = valueOf(nodeOfRequest(registry.roster, task.node));
  if (cluster.machine.node === node.number) throw new InputError([ownVolumes(node.number)]);
  if (task.auto) requireOpening(registry, node, task.macs ?? [], cluster.host.unixMs());
  const judged = judgedNow(cluster, mappedVolumes(registry, node.number));
  const owners = ownersOf(judged.request);
  const held = heldVolumes(judged.request);
  const already = task.macs?.join() === node.macs.join();
  // Its new machine may run by now: nobody takes its power.
  if (already && (held.length === 0 || owners.every((owner) => isOneOf(owner, node.macs)))) {
    cluster.tell(`Node ${node.number} (${node.name}) has been ${node.macs.join(', ')} already. Nothing was to be done.`);
    cluster.result({ node: node.number, name: node.name, macs: node.macs, result: 'already' });
    return 0;
  }
  const former = owners.find((owner) => !isOneOf(owner, task.macs ?? []))?.hardwareId;
  const quarantined = task.quarantine && held.length > 0;
  const planned = quarantined ? planHeld(cluster, node.number, judged) : undefined;
  if (dryRun) return showOnly(cluster, task, node, judged, former, planned, status);
  // A request that is refused anyway takes nobody's power.
  if (task.macs !== undefined) valueOf(editOf(cluster, node, task.macs, former, planned)(registry));
  const ready = quarantined ? await requireStill(cluster, judged) : await fenceNode(cluster, node, judged, task.fence);
  if (ready === undefined) return 1;
  // Whoever gave a volume back while it was watched needs no copy of it.
  const quarantine = quarantined ? planHeld(cluster, node.number, ready) : undefined;
  const macs = task.macs ?? [await waitForStranger(cluster.host, status, registry.roster, task.waitMs)];
  const what = changeText(node, macs, former);
  if (!(await cluster.confirmed(quarantine === undefined ? what : `${what} ${quarantineText(quarantine)}`))) return 1;
  return carryOut(cluster, node, ready, macs, former, quarantine);
}

function changeText(node: RosterNode, macs: readonly Mac[], former: string | undefined): string {
  const same = macs.join() === node.macs.join();
  return same ? `The volumes of node ${node.number} (${node.name}) are handed over to ${macs.join(', ')}.`
    : `Node ${node.number} (${node.name}), until now ${node.macs.join(', ')}${former === undefined ? '' : ` (${former})`}, becomes ${macs.join(', ')}. Root and state stay; the former machine is barred.`;
}

/** Labels and registry, under one lease. */
async function carryOut(cluster: ClusterOnSan, node: RosterNode, judged: Judged, macs: readonly Mac[], former: string | undefined, quarantine: Quarantine | undefined): Promise<number> {
  const left = quarantine?.copies.map((copy) => copy.former) ?? [];
  const handed = { ...judged, request: { ...judged.request, volumes: judged.request.volumes.filter(({ uuid }) => left.every((volume) => volume.uuid !== uuid)) } };
  let freed: readonly string[] = [];
  const { found } = await cluster.change(editOf(cluster, node, macs, former, quarantine), {
    before: async (edited, disk, lost) => {
      if (quarantine !== undefined) await copyHeld(cluster, quarantine, judged, edited, disk, lost);
      if (!lost.aborted) freed = await handOver(cluster, handed, disk);
    },
  });
  // A machine that came up again between the labels and the registry would own them now.
  await cluster.drop();
  const taken = heldVolumes(judgedNow(cluster, handed.request.volumes).request);
  if (taken.length > 0 && !ownersOf(judgedNow(cluster, taken).request).every((owner) => isOneOf(owner, macs))) throw new InputError([{
    code: 'MM-NODE-TAKEN-BACK', where: taken.map(({ name }) => name).join(', '), rule: 'free for the new machine', seen: 'claimed again by another one',
    remedy: `The former machine came up in that very moment. The registry names the new one already: prove the former one off, and give the command again with --mac ${macs.join(',')}.`,
  }]);
  const { generation } = found.header;
  cluster.tell(`Node ${node.number} (${node.name}) is ${macs.join(', ')} now (registry generation ${generation}). Switch it on; it boots as this node.`);
  if (left.length > 0) cluster.tell(`In quarantine: ${left.map(({ name }) => name).join(', ')}. Once their machine is off for good, \`metamaster node release ${left.map(({ uuid }) => uuid).join(' ')} --fenced\` gives the room back.`);
  cluster.result({ node: node.number, name: node.name, macs, formerMacs: node.macs, formerHardwareId: former ?? null, fence: judged.fence, freed, ...(quarantine === undefined ? {} : { quarantined: quarantineResult(quarantine) }), generation, result: 'done' });
  return 0;
}

/** What would be done. Nobody's power is taken, no record is watched, and nobody is waited for. */
async function showOnly(cluster: ClusterOnSan, task: ReplaceTask, node: RosterNode, { request }: Judged, former: string | undefined, quarantine: Quarantine | undefined, status: () => Promise<Status>): Promise<number> {
  const held = heldVolumes(request);
  const controller = held.length === 0 || task.fence.fenced || quarantine !== undefined ? undefined : controllerOf(task.fence, node.number);
  const refused = held.length > 0 && !task.fence.fenced && controller === undefined && quarantine === undefined;
  if (refused) valueOf(planHandOver(request));
  const strangers = task.macs === undefined ? strangersNow(await status(), cluster.found.registry.roster) : [];
  const macs = task.macs ?? (strangers.length === 1 ? [strangers[0]!.mac] : undefined);
  if (macs !== undefined) valueOf(editOf(cluster, node, macs, former, quarantine)(cluster.found.registry));
  const candidates = strangers.map(({ mac }) => mac);
  if (quarantine !== undefined) cluster.tell(`To be watched: ${held.map(({ name }) => name).join(', ')}. ${quarantineText(quarantine)}`);
  else cluster.tell(held.length === 0 ? 'All volumes were given back: nobody has to be fenced.' : `To be fenced and watched: ${held.map(({ name }) => name).join(', ')}: ${fenceText(task.fence, controller, node)}.`);
  cluster.tell(macs === undefined ? `Strangers that asked for a boot just now: ${candidates.join(', ') || 'none'}; one is wanted, or --mac.` : changeText(node, macs, former));
  cluster.result({ node: node.number, name: node.name, macs: macs ?? null, candidates, formerMacs: node.macs, formerHardwareId: former ?? null, ...(quarantine === undefined ? { toFence: held.map(({ name }) => name) } : { toFence: [], quarantined: quarantineResult(quarantine) }), result: 'planned' });
  return 0;
}
