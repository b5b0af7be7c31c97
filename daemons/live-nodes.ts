// The beacons of one node: it tells the others that it lives, and hears which of them serve.

import { randomBytes } from 'node:crypto';
import type { NodeConfig } from './agent/node-config.ts';
import { toHex } from './core/bytes.ts';
import { nodeOfNumber } from './core/roster.ts';
import { startBeacons } from './host/beacon-socket.ts';
import { type Logger, writeLog } from './host/log.ts';
import { type BeaconInput, BeaconTable, type GenerationRow } from './membership/beacon-table.ts';
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
  /** A node of the cluster knows a registry of this generation, newer than any that was heard of before. */
  readonly onNewerRoster?: (generation: number) => void;
}

/** The running beacons of this node. */
export interface LiveNodes {
  /** What is to be told to the others, or used from now on. */
  input(input: BeaconInput): void;
  /** Which registry each living node follows. */
  generations(): readonly GenerationRow[];
}

/** Starts speaking and listening; undefined without a key. The others hear that this node serves when it is told so by `input`. */
export function startLiveNodes({ config, clusterKey: key, log, onLive, onNewerRoster }: LiveNodesOptions): LiveNodes | undefined {
  if (key === undefined) {
    log.warn('cluster-key.missing');
    return undefined;
  }
  const { roster, number: self, rosterGeneration: generation } = config;
  const incarnation = toHex(randomBytes(INCARNATION_BYTES));
  const table = new BeaconTable({ roster, generation, self, key, incarnation });
  const beacons = startBeacons<BeaconInput>({
    address: nodeOfNumber(roster, self)!.address,
    machine: table,
    log: (effect) => writeLog(log, effect),
    onNews: (news) => {
      if (news.kind === 'newer-roster') {
        onNewerRoster?.(news.generation);
        return log.info({ generation: news.generation, node: news.node }, 'roster.newer');
      }
      const incarnations = new Map([[self, incarnation], ...table.peers().map((peer) => [peer.node, peer.incarnation] as const)]);
      onLive(news.nodes, news.serving.map((node) => ({ node, incarnation: incarnations.get(node)! })));
      log.info({ alive: news.nodes.join(), serving: news.serving.join() }, 'membership.live');
    },
  });
  return { input: (input) => beacons.input(input), generations: () => table.generations() };
}
