// What a node says of itself and of the blades it has seen, for `GET /status` and the control socket.

import type { Mac } from '../core/mac.ts';
import type { Instant } from '../core/machine.ts';
import { nodeOfMac } from '../core/roster.ts';
import type { NodeConfig } from './node-config.ts';
import type { BladeStage } from './stage-book.ts';

/** A MAC address that asked for a boot and is nobody's in the roster. */
export interface UnknownMac {
  readonly mac: Mac;
  readonly lastAt: Instant;
  readonly count: number;
  readonly detail: string;
}

/** A MAC address of a barred machine that asked for a boot. */
export interface BarredMac extends UnknownMac {
  /** The number that the machine had. */
  readonly node: number;
  readonly sinceUnixMs: number;
  readonly remedy: string;
}

/** A DHCP server that is no node of the cluster. */
export interface ForeignDhcp {
  readonly address: string;
  readonly mac: Mac | undefined;
  readonly lastAt: Instant;
  readonly count: number;
  readonly detail: string;
}

/** What to do about a foreign DHCP server. */
export const FOREIGN_DHCP_REMEDY = "Switch it off on this network, or tell it to leave the cluster's MAC addresses alone; the switch's address table tells the port of a MAC address.";

/** A node that has been behind for long. */
export interface RosterLag {
  readonly code: 'MM-ROSTER-LAG';
  readonly node: number;
  readonly generation: number;
  readonly behindMs: number;
  readonly remedy: string;
}

/** Which registry a living node follows. */
export interface NodeGeneration {
  readonly node: number;
  readonly generation: number;
  /** Since when it has stood there although there is a newer one; undefined: it has the newest that is known. */
  readonly behindSince: Instant | undefined;
}

/**
 * A node that is behind for so long is told of. Without any hint it reads the registry once a minute, and a SAN that is away for a moment
 * is no news.
 */
export const LAG_TOLD_AFTER_MS = 2 * 60_000;
/** What to do about a node that does not follow. */
export const ROSTER_LAG_REMEDY =
  'On that node see `journalctl -u metamaster-storage`, which reads the registry, and `journalctl -u metamasterd`: one of them says why it does not follow. Booting it again reads everything anew.';

/** What the membership knows of a node. */
export interface KnownMember {
  readonly node: number;
  readonly status: 'alive' | 'suspect' | 'dead';
  readonly since: Instant;
  /** Undefined: it was only heard of, and has not told of itself. */
  readonly description: { readonly present: boolean; readonly facts: ReadonlyMap<string, string> } | undefined;
}

export interface StatusInput {
  readonly config: NodeConfig;
  readonly startedAt: Instant;
  readonly serving: boolean;
  readonly alive: readonly number[];
  readonly live: readonly number[];
  readonly suspects: readonly number[];
  readonly members: readonly KnownMember[];
  readonly generations: readonly NodeGeneration[];
  readonly stages: readonly BladeStage[];
  readonly unknown: readonly UnknownMac[];
  readonly barred: readonly BarredMac[];
  readonly foreign: readonly ForeignDhcp[];
  readonly files: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly sha256: string }>;
}

/** Plain data for JSON. Times are ages in milliseconds, for the clocks of two nodes have nothing in common. */
export interface Status {
  readonly cluster: string;
  readonly node: number;
  readonly name: string;
  readonly rosterGeneration: number;
  readonly serving: boolean;
  /** Why this machine is not the node any more that it was booted as, and serves nobody; null while it is. */
  readonly standDown: string | null;
  readonly upMs: number;
  /** The nodes that are heard of, this one among them. */
  readonly alive: readonly number[];
  /** Of these the ones whose boot services answer. */
  readonly live: readonly number[];
  /** Of the living ones those that did not answer lately: within seconds they are heard again, or dead. */
  readonly suspects: readonly number[];
  /** Every node that was heard of since this one's start: how it stands and for how long, and what it says of itself (`roles`, `load`, `memory`). `left`: it took leave. */
  readonly members: readonly { readonly node: number; readonly state: 'alive' | 'suspect' | 'dead' | 'left'; readonly forMs: number; readonly facts: Readonly<Record<string, string>> }[];
  /** The nodes of the roster that are drained: among `live` only where no other node serves. */
  readonly drained: readonly number[];
  /** The registry's generation that each living node follows; `behindMs` is null for one that has the newest that is known. */
  readonly generations: readonly { readonly node: number; readonly generation: number; readonly behindMs: number | null }[];
  /** The nodes that have been behind for long. */
  readonly lagging: readonly RosterLag[];
  readonly blades: readonly { readonly mac: Mac; readonly node: number | null; readonly step: string; readonly detail: string; readonly agoMs: number }[];
  readonly unknown: readonly { readonly mac: Mac; readonly count: number; readonly detail: string; readonly agoMs: number }[];
  /** Barred machines that asked for a boot, and are not among `unknown`. */
  readonly barred: readonly { readonly code: 'MM-DHCP-BARRED'; readonly mac: Mac; readonly formerNode: number; readonly sinceUnixMs: number; readonly count: number; readonly detail: string; readonly agoMs: number; readonly remedy: string }[];
  /** Foreign DHCP servers on the boot network; `mac` is null until it was found out. */
  readonly foreign: readonly { readonly code: 'MM-DHCP-FOREIGN'; readonly address: string; readonly mac: Mac | null; readonly count: number; readonly detail: string; readonly agoMs: number; readonly remedy: string }[];
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
}

const isLagging = (behindMs: number | null): behindMs is number => behindMs !== null && behindMs >= LAG_TOLD_AFTER_MS;

/** The status at `now`. */
export function statusOf(now: Instant, { config, startedAt, serving, alive, live, suspects, members, generations, stages, unknown, barred, foreign, files }: StatusInput): Status {
  const { roster, number } = config;
  const rows = generations.map(({ node, generation, behindSince }) => ({ node, generation, behindMs: behindSince === undefined ? null : Math.round(now - behindSince) }));
  return {
    cluster: roster.clusterName,
    node: number,
    name: roster.nodes.find((node) => node.number === number)?.name ?? '',
    rosterGeneration: config.rosterGeneration,
    serving,
    standDown: config.standDown ?? null,
    upMs: Math.round(now - startedAt),
    alive,
    live,
    suspects,
    members: members.map(({ node, status, since, description }) => ({
      node, state: description?.present === false ? ('left' as const) : status, forMs: Math.round(now - since), facts: Object.fromEntries(description?.facts ?? []),
    })).sort((a, b) => a.node - b.node),
    drained: roster.nodes.flatMap((node) => (node.drained === true ? [node.number] : [])),
    generations: rows,
    lagging: rows.flatMap(({ node, generation, behindMs }) => (isLagging(behindMs) ? [{ code: 'MM-ROSTER-LAG', node, generation, behindMs, remedy: ROSTER_LAG_REMEDY }] : [])),
    blades: stages.map(({ mac, step, detail, at }) => ({ mac, node: nodeOfMac(roster, mac)?.number ?? null, step, detail, agoMs: Math.round(now - at) })),
    unknown: unknown.map(({ mac, count, detail, lastAt }) => ({ mac, count, detail, agoMs: Math.round(now - lastAt) })),
    barred: barred.map(({ mac, node, sinceUnixMs, count, detail, lastAt, remedy }) => ({ code: 'MM-DHCP-BARRED', mac, formerNode: node, sinceUnixMs, count, detail, agoMs: Math.round(now - lastAt), remedy })),
    foreign: foreign.map(({ address, mac, count, detail, lastAt }) => ({ code: 'MM-DHCP-FOREIGN', address, mac: mac ?? null, count, detail, agoMs: Math.round(now - lastAt), remedy: FOREIGN_DHCP_REMEDY })),
    files: Array.from(files, ([name, { bytes, sha256 }]) => ({ name, bytes: bytes.length, sha256 })),
  };
}
