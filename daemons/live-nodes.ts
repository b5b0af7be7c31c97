// This node among the others: it tells them that it lives and what it is busy with, and hears which of them live and serve.

import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyRing } from './agent/key-ring.ts';
import type { NodeConfig } from './agent/node-config.ts';
import { isUrgent, LOAD_INTERVAL_MS, type NodeFacts, nodeFacts } from './agent/node-facts.ts';
import { nodeOfNumber } from './core/roster.ts';
import { type Logger, writeLog } from './host/log.ts';
import { startMembership, startName } from './host/membership-socket.ts';
import { systemLoad } from './host/system-load.ts';
import type { GenerationRow } from './membership/generation-watch.ts';
import type { LiveEffect } from './membership/live-teller.ts';
import type { Member } from './membership/member-table.ts';
import { Membership, type MembershipEffect, type MembershipInput } from './membership/membership.ts';
import type { ServingNode } from './wire/serving-record.ts';

/** The seed of the membership's chance has 32 bits. */
const SEED_DIGITS = 8;

/** A datagram that was sent is with the kernel within a turn of the event loop; the rest is for a socket that is not bound yet. */
const FAREWELL_MS = 20;

/** What is known of the nodes. All ascending by number. */
export interface Live {
  /** Alive, this one among them. */
  readonly alive: readonly number[];
  /** Those of them whose boot services answer; this one once it has said so. */
  readonly serving: readonly ServingNode[];
  /** Those of them that may be dead. */
  readonly suspects: readonly number[];
}

export interface LiveNodesOptions {
  readonly config: NodeConfig;
  /** Without them the node speaks to no other and acts as if alone. */
  readonly keys: KeyRing | undefined;
  readonly log: Logger;
  readonly onLive: (live: Live) => void;
  /** A node of the cluster knows a registry of this generation, newer than any that was heard of before. */
  readonly onNewerRoster?: (generation: number) => void;
}

/** This node's running membership. */
export interface LiveNodes {
  /** This node's boot services answer, or do not. */
  serving(serving: boolean): void;
  /** Follows a newer configuration of this same node; one that stands down is a member no more. */
  follow(config: NodeConfig): void;
  /** Speaks under the first of them from now on. */
  useKeys(keys: KeyRing): void;
  /** Which registry each living node follows. */
  generations(): readonly GenerationRow[];
  /** Every node that was heard of, this one among them; in no particular order. */
  members(): readonly Member[];
  /** Takes leave of the others, who count on this node no longer from this moment on; resolves when that was said. */
  leave(): Promise<void>;
}

/** Starts speaking and listening; undefined without keys. The others hear that this node serves when it is told so. */
export function startLiveNodes({ config: first, keys, log, onLive, onNewerRoster }: LiveNodesOptions): LiveNodes | undefined {
  if (keys === undefined) {
    log.warn('cluster-key.missing');
    return undefined;
  }
  let config = first;
  const { roster, number: self } = config;
  const start = startName();
  const machine = new Membership({
    roster, generation: config.rosterGeneration, self, start,
    // Beyond the former life's without a file: a start is never within the same second, and the others correct a clock that is wrong.
    firstIncarnation: Math.floor(Date.now() / 1000),
    seed: Number.parseInt(start.slice(0, SEED_DIGITS), 16),
  });
  const told = ({ nodes: alive, serving, suspects }: LiveEffect): void => {
    const starts = new Map(machine.members().map((member) => [member.node, member.start]));
    onLive({ alive, serving: serving.map((node) => ({ node, incarnation: starts.get(node)! })), suspects });
    log.info({ alive: alive.join(), serving: serving.join(), suspects: suspects.join() }, 'membership.live');
  };
  const shell = startMembership<MembershipInput, Extract<MembershipEffect, { kind: 'live' | 'newer-roster' }>>({
    address: nodeOfNumber(roster, self)!.address,
    node: self, start, roster, keys, machine,
    log: (effect) => writeLog(log, effect),
    onNews: (news) => {
      if (news.kind === 'live') return told(news);
      onNewerRoster?.(news.generation);
      log.info({ generation: news.generation, node: news.node }, 'roster.newer');
    },
  });

  let member = true;
  const tellMember = (): void => {
    const now = config.standDown === undefined;
    if (now === member) return;
    member = now;
    shell.input({ kind: 'member', member });
  };
  let facts: NodeFacts | undefined;
  const tellFacts = (): void => {
    const now = nodeFacts(config, systemLoad());
    const urgent = isUrgent(facts, now);
    facts = now;
    shell.input({ kind: 'facts', facts: now, urgent });
  };
  // Before everything else: who is no member from its start on never speaks a word.
  tellMember();
  tellFacts();
  setInterval(tellFacts, LOAD_INTERVAL_MS).unref();

  return {
    serving: (serving) => shell.input({ kind: 'serving', serving }),
    follow(next) {
      config = next;
      shell.useRoster(config.roster);
      // Who is a member again is told so at once, and not gathered with what else the roster changes; who is none any more takes leave with the new generation.
      if (config.standDown === undefined) tellMember();
      shell.input({ kind: 'roster', roster: config.roster, generation: config.rosterGeneration });
      tellMember();
      tellFacts();
    },
    useKeys: (next) => shell.useKeys(next),
    generations: () => machine.generations(),
    members: () => machine.members(),
    async leave() {
      shell.input({ kind: 'member', member: false });
      await sleep(FAREWELL_MS);
      shell.stop();
    },
  };
}
