// The beacons of one node: it tells the others that it lives, and hears which of them serve.

import { randomBytes } from 'node:crypto';
import type { NodeConfig } from './agent/node-config.ts';
import { toHex } from './core/bytes.ts';
import { nodeOfNumber } from './core/roster.ts';
import { type BeaconShell, startBeacons } from './host/beacon-socket.ts';
import { type Logger, writeLog } from './host/log.ts';
import { type BeaconInput, BeaconTable } from './membership/beacon-table.ts';
import type { ServingNode } from './wire/serving-record.ts';

/** As the beacons have it. */
const INCARNATION_BYTES = 8;

export interface LiveNodesOptions {
  readonly config: NodeConfig;
  /** Without it the node speaks to no other and acts as if alone. */
  readonly clusterKey: Uint8Array | undefined;
  readonly log: Logger;
  /** The numbers of the nodes that are alive, and those whose boot services answer; this one is among the latter once it has said so. */
  readonly onLive: (alive: readonly number[], serving: readonly ServingNode[]) => void;
}

/** Starts speaking and listening; undefined without a key. The others hear that this node serves when it is told so by `input`. */
export function startLiveNodes({ config, clusterKey: key, log, onLive }: LiveNodesOptions): BeaconShell<BeaconInput> | undefined {
  if (key === undefined) {
    log.warn('cluster-key.missing');
    return undefined;
  }
  const { roster, number: self, rosterGeneration: generation } = config;
  const incarnation = toHex(randomBytes(INCARNATION_BYTES));
  const table = new BeaconTable({ roster, generation, self, key, incarnation });
  return startBeacons<BeaconInput>({
    address: nodeOfNumber(roster, self)!.address,
    machine: table,
    log: (effect) => writeLog(log, effect),
    onNews: (news) => {
      if (news.kind === 'newer-roster') return log.warn({ generation: news.generation, node: news.node }, 'roster.outdated');
      const incarnations = new Map([[self, incarnation], ...table.peers().map((peer) => [peer.node, peer.incarnation] as const)]);
      onLive(news.nodes, news.serving.map((node) => ({ node, incarnation: incarnations.get(node)! })));
      log.info({ alive: news.nodes.join(), serving: news.serving.join() }, 'membership.live');
    },
  });
}
