// `metamaster node remove` and `release`: a node that goes, and the room of volumes that were in quarantine. What is given up is nobody's on
// the SAN before the registry gives its extents back, all under one lease.

import { InputError, type Result, valueOf } from '../../daemons/core/problem.ts';
import { canonicalJson } from '../../daemons/storage/canonical-json.ts';
import { gatewayLosses } from '../../daemons/storage/gateway-answers.ts';
import { heldVolumes, mappedVolumes, planHandOver, volumesOfNode } from '../../daemons/storage/hand-over.ts';
import { nodeOfRequest } from '../../daemons/storage/registry-edit.ts';
import { checkpointsOf } from '../../daemons/storage/registry-edit-checkpoints.ts';
import { removeNode } from '../../daemons/storage/registry-edit-nodes.ts';
import { releaseQuarantined } from '../../daemons/storage/registry-edit-volumes.ts';
import type { Registry, VolumeRecord } from '../../daemons/storage/registry.ts';
import { changedMeanwhile, type ChangeOptions, type Edit } from '../registry-writer.ts';
import { type ClusterOnSan, editOnly } from './cluster-on-san.ts';
import { controllerOf, fenceNode, fenceText, giveBack, judgedToGiveUp, ownVolumes, wipeFronts } from './fence-node.ts';
import type { FenceWish, NodeArguments, NodeTask } from './node-arguments.ts';

/** What is given up, and what of the registry. */
interface GivingUp {
  /** What a machine may have mapped. */
  readonly volumes: readonly VolumeRecord[];
  /** What nobody maps: it goes without a fence. */
  readonly checkpoints?: readonly VolumeRecord[];
  /** Whose machine, for the fence and for the word that is typed. */
  readonly owner: { readonly number: number; readonly name: string };
  readonly fence: FenceWish;
  readonly edit: Edit;
  /** What is done, for a person. */
  readonly what: string;
  readonly subject: object;
}

async function giveUp(cluster: ClusterOnSan, { volumes, checkpoints = [], owner, fence, edit, what, subject }: GivingUp, { dryRun }: NodeArguments): Promise<number> {
  const all = new Set([...volumes, ...checkpoints].map(({ uuid }) => uuid));
  const those = ({ volumes: listed }: Registry): string => canonicalJson(listed.filter(({ uuid }) => all.has(uuid)));
  const looked = those(cluster.found.registry);
  // The volumes that were judged must be those whose extents are given back.
  const guarded: Edit = (registry) => (those(registry) === looked ? edit(registry) : { ok: false, problems: [changedMeanwhile(cluster.path)] });
  valueOf(guarded(cluster.found.registry));
  const judged = judgedToGiveUp(cluster, volumes);
  if (dryRun) {
    const held = heldVolumes(judged.request);
    const controller = held.length === 0 || fence.fenced ? undefined : controllerOf(fence, owner.number);
    if (held.length > 0 && !fence.fenced && controller === undefined) valueOf(planHandOver(judged.request));
    cluster.tell(`To be done: ${what}.${held.length === 0 ? '' : ` To be fenced and watched before: ${held.map(({ name }) => name).join(', ')}: ${fenceText(fence, controller, owner)}.`}`);
    cluster.result({ ...subject, toFence: held.map(({ name }) => name), result: 'planned' });
    return 0;
  }
  const fenced = await fenceNode(cluster, owner, judged, fence);
  if (fenced === undefined || !(await cluster.confirmed(`${what}.`))) return 1;
  const { found } = await cluster.change(guarded, {
    async before(_, disk) {
      await giveBack(cluster, fenced, disk);
      await wipeFronts(cluster, { registry: cluster.found.registry, container: cluster.found.ranges.container, volumes: checkpoints }, disk);
    },
  });
  cluster.tell(`Done: ${what} (registry generation ${found.header.generation}).`);
  cluster.result({ ...subject, fence: fenced.fence, generation: found.header.generation, result: 'done' });
  return 0;
}

/** Takes a node out of the roster. @throws InputError with what is refused */
export async function removeFromCluster(cluster: ClusterOnSan, { node: number, quarantine, fence }: Extract<NodeTask, { kind: 'remove' }>, wish: NodeArguments): Promise<number> {
  const { registry } = cluster.found;
  const node = valueOf(nodeOfRequest(registry.roster, number));
  if (cluster.machine.node === number) throw new InputError([ownVolumes(number)]);
  const volumes = volumesOfNode(registry, number);
  const namesOf = (some: readonly VolumeRecord[]): string => some.map(({ name }) => name).join(', ');
  const leaves = [`node ${number} (${node.name}) leaves the roster`, ...gatewayLosses(registry.install, registry.roster, node)].join('; ');
  const subject = { node: number, name: node.name, macs: node.macs, volumes: volumes.map(({ name, uuid }) => ({ name, uuid })) };
  if (quarantine) {
    const checkpoints = checkpointsOf(registry, number);
    const what = `${leaves}; ${namesOf(volumes.filter(({ retired }) => retired !== 'checkpoint'))} stay in quarantine`;
    const isAsLooked = (now: Registry): boolean => canonicalJson(checkpointsOf(now, number)) === canonicalJson(checkpoints);
    const edit: Edit = (now) => (isAsLooked(now) ? removeNode(now, { node: number, volumes: 'quarantined' }) : { ok: false, problems: [changedMeanwhile(cluster.path)] });
    // Nobody maps a checkpoint: its extents are given back without a fence.
    const before: ChangeOptions['before'] = (_, disk) => wipeFronts(cluster, { registry, container: cluster.found.ranges.container, volumes: checkpoints }, disk);
    return editOnly(cluster, wish, checkpoints.length === 0 ? what : `${what}, ${namesOf(checkpoints)} is lost`, subject, edit, { before });
  }
  const edit: Edit = (now) => removeNode(now, { node: number, volumes: 'released', ownersGone: volumes.map(({ uuid }) => uuid) });
  return giveUp(cluster, { volumes: mappedVolumes(registry, number), checkpoints: checkpointsOf(registry, number), owner: node, fence, edit, what: `${leaves}; what is in ${namesOf(volumes)} is lost`, subject }, wish);
}

/** Gives the extents of quarantined volumes back, all or none. @throws InputError with what is refused */
export async function releaseVolumes(cluster: ClusterOnSan, { uuids, fenced }: Extract<NodeTask, { kind: 'release' }>, wish: NodeArguments): Promise<number> {
  const { registry } = cluster.found;
  const edit: Edit = (now) => uuids.reduce<Result<Registry>>((edited, uuid) => (edited.ok ? releaseQuarantined(edited.value, { uuid }) : edited), { ok: true, value: now });
  valueOf(edit(registry));
  const volumes = registry.volumes.filter(({ uuid }) => uuids.includes(uuid));
  const names = volumes.map(({ name }) => name).join(', ');
  // A controller switches the machine that is that node now, which may be another one than the volumes'.
  const fence = { fenced, power: false };
  const what = `what is in ${volumes.map(({ name, uuid }) => `${name} (${uuid})`).join(', ')} is lost, and the room is free`;
  return giveUp(cluster, { volumes, owner: { number: volumes[0]!.node!, name: volumes.length === 1 ? names : 'release' }, fence, edit, what, subject: { volumes: volumes.map(({ name, uuid }) => ({ name, uuid })) } }, wish);
}
