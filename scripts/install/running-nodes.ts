// Whether a node still runs that would write into the new cluster. Two signs, either of which forbids the installation, with --force as
// well: every node that maps its volumes renews their owner records (initrd/storage-agent.ts), so a counter that moves is a kernel that
// runs; and a blade whose own network card answers for its address runs, though it may be cut off from the SAN and renew nothing.

import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import type { Problem } from '../../daemons/core/problem.ts';
import { BLOCK_BYTES } from '../../daemons/storage/block.ts';
import type { ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import { decodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { volumeReader } from '../../daemons/storage/volume-reader.ts';

/** How long the records are watched: three renewals of 5 s, and some more for a busy node. */
export const WATCH_MS = 17_000;

/** The counter of each owned volume, by its name; a record that does not decode counts as none. */
export type OwnerCounters = ReadonlyMap<string, { readonly node: number; readonly counter: number; readonly bootNonce: string }>;

/** Reads every owner record of a container. */
export function readOwnerCounters(read: ReadAt, found: ContainerFound): OwnerCounters {
  const counters = new Map<string, { node: number; counter: number; bootNonce: string }>();
  for (const volume of found.registry.volumes) {
    if (volume.node === undefined) continue;
    const blocks = volumeReader(read, volume, found.registry.extentBytes, found.ranges.container.firstSector);
    const owner = decodeOwner(blocks(OWNER_OFFSET, BLOCK_BYTES));
    if (owner.ok && owner.value !== undefined) counters.set(volume.name, { node: volume.node, counter: owner.value.counter, bootNonce: owner.value.bootNonce });
  }
  return counters;
}

/** The problem that forbids the installation: owner records that changed between two looks; undefined when all stood still. */
export function runningNodes(before: OwnerCounters, after: OwnerCounters, disk: string): Problem | undefined {
  const moved = [...after].filter(([name, { counter, bootNonce }]) => before.get(name)?.counter !== counter || before.get(name)?.bootNonce !== bootNonce);
  if (moved.length === 0) return undefined;
  const nodes = [...new Set(moved.map(([, { node }]) => node))].sort((a, b) => a - b);
  return {
    code: 'MM-INSTALL-RUNNING', where: disk, rule: `no node renews its owner records for ${WATCH_MS / 1000} s`, seen: `node ${nodes.join(', ')} ${nodes.length === 1 ? 'does' : 'do'}`,
    remedy: 'Switch these blades off first: a running node would go on writing into the new cluster.',
  };
}

/** The problem that forbids the installation: a blade of the answers that has its address already. */
export function answeringNode(where: string, address: Ipv4, node: number, mac: Mac): Problem {
  return {
    code: 'MM-INSTALL-RUNNING', where, rule: 'no blade of the cluster runs yet', seen: `node ${node}, whose own network card ${mac} answers for ${address}`,
    remedy: 'Switch this blade off first: it runs as a node of an older installation, and would go on writing to the SAN.',
  };
}
