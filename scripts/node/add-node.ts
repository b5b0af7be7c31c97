// `metamaster node add`: one node more. Its volumes are made in free extents, under the lease, and only then the registry speaks of them.

import { randomBytes } from 'node:crypto';
import type { Status } from '../../daemons/agent/status.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { nodeOfMac } from '../../daemons/core/roster.ts';
import { uuidFromRandom } from '../../daemons/core/uuid.ts';
import { type AddRequest, addNode } from '../../daemons/storage/registry-edit-nodes.ts';
import type { Registry, VolumeRecord } from '../../daemons/storage/registry.ts';
import { freshHostKey } from '../install/secrets.ts';
import type { ClusterOnSan } from './cluster-on-san.ts';
import { makeVolumes, requireUnoccupied } from './make-volumes.ts';
import type { NodeArguments, NodeTask } from './node-arguments.ts';
import { strangersNow, waitForStranger } from './strangers.ts';

/** Stands in the place of a key while it is only tried whether the node can be added. */
const NO_KEY: AddRequest['hostKey'] = { privateKey: 'none\n', publicKey: 'none' };

/** Which machine; undefined in a dry run without exactly one that asks. */
async function machineOf(cluster: ClusterOnSan, { macs, waitMs }: Extract<NodeTask, { kind: 'add' }>, dryRun: boolean, status: () => Promise<Status>): Promise<readonly Mac[] | undefined> {
  if (macs !== undefined) return macs;
  const { roster } = cluster.found.registry;
  if (!dryRun) return [await waitForStranger(cluster.host, status, roster, waitMs)];
  const strangers = strangersNow(await status(), roster);
  return strangers.length === 1 ? [strangers[0]!.mac] : undefined;
}

/** Runs the verb; returns the exit code. @throws InputError with what is refused */
export async function addToCluster(cluster: ClusterOnSan, task: Extract<NodeTask, { kind: 'add' }>, { dryRun }: NodeArguments, status: () => Promise<Status>): Promise<number> {
  const { registry, superblock } = cluster.found;
  const macs = await machineOf(cluster, task, dryRun, status);
  if (macs === undefined) {
    cluster.tell('Not one stranger, or several, asked for a boot just now: name the machine with --mac.');
    cluster.result({ result: 'planned', macs: null });
    return 0;
  }
  const { name, address, loader } = task;
  const draw = () => uuidFromRandom(randomBytes(16));
  const wanted: AddRequest = {
    macs, hostKey: NO_KEY, uuids: { store: draw(), state: draw(), swap: draw() }, writers: superblock.writers,
    ...(name === undefined ? {} : { name }), ...(address === undefined ? {} : { address }), ...(loader === undefined ? {} : { loader }),
  };
  const volumesIn = (edited: Registry): readonly VolumeRecord[] => edited.volumes.filter(({ uuid }) => Object.values(wanted.uuids).includes(uuid));
  const tried = valueOf(addNode(registry, wanted));
  const node = nodeOfMac(tried.roster, macs[0]!)!;
  const subject = { node: node.number, name: node.name, macs, address: node.address, loader: node.loader, volumes: volumesIn(tried).map((volume) => ({ name: volume.name, sizeBytes: volume.sizeBytes })) };
  const what = `node ${node.number} (${node.name}), ${macs.join(', ')}, with address ${node.address} and the volumes ${subject.volumes.map((volume) => volume.name).join(', ')}`;
  if (dryRun) {
    cluster.tell(`To be added: ${what}.`);
    cluster.result({ ...subject, result: 'planned' });
    return 0;
  }
  if (!(await cluster.confirmed(`To be added: ${what}.`))) return 1;
  const request = { ...wanted, hostKey: await freshHostKey(node.name) };
  const { found } = await cluster.change((now) => addNode(now, request), {
    before: (edited, disk) => {
      requireUnoccupied(cluster, edited, volumesIn(edited), disk);
      return makeVolumes(cluster, edited, volumesIn(edited), disk);
    },
  });
  const added = nodeOfMac(found.registry.roster, macs[0]!)!;
  cluster.tell(`Node ${added.number} (${added.name}) is ${macs.join(', ')}, with address ${added.address} (registry generation ${found.header.generation}). Switch it on; it boots as this node.`);
  cluster.result({ ...subject, node: added.number, name: added.name, address: added.address, generation: found.header.generation, result: 'done' });
  return 0;
}
