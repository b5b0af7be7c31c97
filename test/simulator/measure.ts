// What the membership costs and how soon it notices a death, where nothing else goes wrong: `npm run simulate -- --measure 3,10,100,1000`.

import type { Instant } from '../../daemons/core/machine.ts';
import { Membership } from '../../daemons/membership/membership.ts';
import { decodeBody, encodeBody } from '../../daemons/wire/membership-body.ts';
import { type Claim, SEAL_OVERHEAD_BYTES } from '../../daemons/wire/membership-packet.ts';
import { membership } from './membership-adapter.ts';
import { MEMBERSHIP_INVARIANTS } from './membership-checkers.ts';
import { PROTOCOLS } from './protocols.ts';
import { rackRoster } from './rack-roster.ts';
import { simulate } from './simulation.ts';

/** IPv4 and UDP. */
const LOWER_HEADERS_BYTES = 28;
/** Of each node's time since its start: when all know each other, and before the death. */
const TRAFFIC_FROM_MS = 15_000;
const TRAFFIC_FOR_MS = 10_000;
const DEATH_AT_MS = 30_000;
const UNTIL_MS = 40_000;
/** So many records, and so many cores, at least are held in memory at the same time: what one core takes is hardly more than the collector's own uncertainty. */
const RECORDS_IN_MEMORY = 20_000;
const CORES_IN_MEMORY_MIN = 20;
/** Records in one datagram, with facts as a node has them. */
const RECORDS = 10;
const FACTS = new Map([['load', '0.52'], ['memory', '16384/32768'], ['boot', 'serving']]);

export interface MembershipCost {
  readonly nodes: number;
  /** Of one node, in a second; a broadcast is one. */
  readonly datagrams: number;
  /** With seal and the headers of IPv4 and UDP. */
  readonly bytes: number;
  /** From a node's death until the last of the others suspects it, and until the last has buried it. */
  readonly suspectedMs: number;
  readonly deadMs: number;
  /** What one node's core holds that knows all others. */
  readonly coreBytes: number;
}

function measureRun(nodes: number, seed: number): Omit<MembershipCost, 'nodes' | 'coreBytes'> {
  const sent = { datagrams: 0, bytes: 0 };
  const counting = membership((core) => {
    let startedAt: Instant | undefined;
    return {
      step(now, input) {
        startedAt ??= now;
        const effects = core.step(now, input);
        const sinceMs = now - startedAt;
        if (sinceMs < TRAFFIC_FROM_MS || sinceMs >= TRAFFIC_FROM_MS + TRAFFIC_FOR_MS) return effects;
        for (const effect of effects) {
          if (effect.kind !== 'send' && effect.kind !== 'broadcast') continue;
          sent.datagrams += 1;
          sent.bytes += encodeBody(effect.packet).length + SEAL_OVERHEAD_BYTES + LOWER_HEADERS_BYTES;
        }
        return effects;
      },
      deadline: () => core.deadline(),
    };
  });
  const last = { suspectedMs: 0, deadMs: 0 };
  const [suspecting, sure] = [new Set<number>(), new Set<number>()];
  const { violation } = simulate({
    seed, nodes, off: [], untilMs: UNTIL_MS, protocols: { ...PROTOCOLS, membership: counting, services: [] }, invariants: MEMBERSHIP_INVARIANTS,
    faults: [{ atMs: DEATH_AT_MS, kind: 'crash', nodes: [nodes], amount: 0, forMs: 0 }],
    watch(atMs, seen) {
      if (seen.kind !== 'view' || atMs <= DEATH_AT_MS) return;
      const gone = !seen.alive.includes(nodes);
      if ((gone || seen.suspects.includes(nodes)) && !suspecting.has(seen.node)) {
        suspecting.add(seen.node);
        last.suspectedMs = atMs - DEATH_AT_MS;
      }
      if (!gone || sure.has(seen.node)) return;
      sure.add(seen.node);
      last.deadMs = atMs - DEATH_AT_MS;
    },
  });
  if (violation !== undefined) throw new Error(`${violation.invariant}: ${violation.what}`);
  if (sure.size !== nodes - 1) throw new Error(`${nodes - 1 - sure.size} nodes never noticed the death`);
  const nodeSeconds = (nodes * TRAFFIC_FOR_MS) / 1000;
  return { datagrams: sent.datagrams / nodeSeconds, bytes: sent.bytes / nodeSeconds, ...last };
}

/** A core that was told of every node by datagrams that it has decoded itself. */
function informed(nodes: number, roster: ReturnType<typeof rackRoster>): Membership {
  const start = (number: number): string => number.toString(16).padStart(16, '0');
  const core = new Membership({ roster, generation: 1, self: 1, start: start(1), firstIncarnation: 1, seed: 1 });
  core.step(0 as Instant, { kind: 'tick' });
  const claims: Claim[] = Array.from({ length: nodes }, (_, at) => ({
    node: at + 1, start: start(at + 1), incarnation: 1, status: 'alive', by: [], description: { sequence: 2, serving: true, present: true, rosterGeneration: 1, facts: FACTS },
  }));
  for (let at = 0; at < nodes; at += RECORDS) {
    const from = { node: 2, start: start(2), incarnation: 1, sequence: 2, rosterGeneration: 1 };
    const bytes = encodeBody({ from, body: { kind: 'records', claims: claims.slice(at, at + RECORDS) } });
    core.step(0 as Instant, { kind: 'packet', packet: decodeBody(2, start(2), bytes)! });
  }
  return core;
}

function measureMemory(nodes: number, heapBytes: () => number): number {
  const roster = rackRoster(nodes, new Set());
  informed(nodes, roster);
  const before = heapBytes();
  const cores = Array.from({ length: Math.max(CORES_IN_MEMORY_MIN, Math.ceil(RECORDS_IN_MEMORY / nodes)) }, () => informed(nodes, roster));
  const bytes = (heapBytes() - before) / cores.length;
  if (cores.some((core) => core.rows !== nodes)) throw new Error('a core does not know all nodes');
  return bytes;
}

/** `heapBytes`: what the heap of this process holds at the moment. */
export const measureMembership = (nodes: number, seed: number, heapBytes: () => number): MembershipCost => ({ nodes, ...measureRun(nodes, seed), coreBytes: measureMemory(nodes, heapBytes) });

/** One row of the table. */
export const formatCost = ({ nodes, datagrams, bytes, suspectedMs, deadMs, coreBytes }: MembershipCost): string =>
  `| ${nodes} | ${datagrams.toFixed(1)} | ${Math.round(bytes)} | ${(suspectedMs / 1000).toFixed(2)} s | ${(deadMs / 1000).toFixed(2)} s | ${(coreBytes / 1024).toFixed(1)} KiB |`;

export const COST_HEAD = '| nodes | datagrams a second and node | bytes a second and node | a death is suspected by all | certain for all | memory of a core |\n|---|---|---|---|---|---|';
