// Waits for the living nodes to follow a generation of the registry, as the membership tells.

import type { Status } from '../daemons/agent/status.ts';
import type { ClusterOnSan } from './node/cluster-on-san.ts';

/** Between two looks at who follows. */
const LOOK_MS = 1000;
/** How long the nodes are waited for; one that hears of nothing reads the registry once a minute. */
export const WAIT_SECONDS = 180;
export const WAIT_SECONDS_MAX = 86_400;

/** The living nodes that do not follow this generation yet, ascending. */
export function behind({ alive, generations }: Status, generation: number): readonly number[] {
  const follows = new Set(generations.flatMap((row) => (row.generation >= generation ? [row.node] : [])));
  return alive.filter((node) => !follows.has(node));
}

/** The nodes of the roster that are not heard just now. */
export function absent(cluster: ClusterOnSan, { alive }: Status): readonly number[] {
  return cluster.found.registry.roster.nodes.filter(({ number }) => !alive.includes(number)).map(({ number }) => number);
}

/** Waits, `waitMs` at most, and returns who is alive and has not followed until then: none, when all have. @throws InputError MM-STATUS-NO-DAEMON */
export async function awaitFollowers(cluster: ClusterOnSan, generation: number, waitMs: number, status: () => Promise<Status>): Promise<readonly number[]> {
  const { host } = cluster;
  const until = host.now() + waitMs;
  for (let told = ''; ; ) {
    const missing = behind(await status(), generation);
    const text = missing.join(', ');
    if (missing.length === 0 || host.now() >= until) return missing;
    if (text !== told) cluster.tell(`Waiting for node ${text} to follow generation ${generation} of the registry.`);
    told = text;
    await host.sleep(LOOK_MS);
  }
}
