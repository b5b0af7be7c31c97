// Who takes a number that was opened to the next unknown blade: the decision, by the rules of docs/formats.md, section 4. Every node that serves
// looks at the same facts and comes to the same answer, and one of them acts on it. What is decided here is carried out by
// `metamaster node replace`, which reads the registry anew under its lease and wants the former machine proved off: a decision by facts that
// are old, or that another node has not heard of, ends there.

import { type LogEffect, logEffect } from '../core/log-effect.ts';
import type { Mac } from '../core/mac.ts';
import { after, type Instant, type Machine } from '../core/machine.ts';
import { rankServers } from '../core/rendezvous.ts';
import { barOfMac, nodeOfMac, type OpenReplacement, type Roster } from '../core/roster.ts';

/**
 * A blade asks in one go as long as two requests lie no further apart. A ROM doubles its pauses up to 32 s (PXE 2.1, section 2.2.3), and
 * firmware that begins anew takes some seconds more: who has been silent for longer asks no more.
 */
export const ASKING_GAP_MS = 60_000;
/** A candidate has asked for so long: a blade that was switched on by mistake, or that goes on from its disk, is gone by then. A ROM asks at 0, 4, 12 and 28 s. */
export const ASKING_MS = 20_000;
/** A node has not been heard of for so long: the longest restart, from its last word to the blade's next DHCP request, is well within it. */
export const SILENT_MS = 5 * 60_000;
/** A line about the same, or about other strangers, is written once in this time. */
const TELL_MS = 60_000;

/** What one node knows at one moment. */
export interface ReplacementFacts {
  /** By its own clock. */
  readonly unixMs: number;
  readonly roster: Roster;
  /** The generation of the registry that the roster is from, and the newest one that any node speaks of. */
  readonly generation: number;
  readonly newestGeneration: number;
  /** Numbers that are heard of: by the membership, or as a blade that boots. */
  readonly heard: readonly number[];
  /** Numbers of those whose turn it is to serve. */
  readonly serving: readonly number[];
  /** Who asked DHCP and is nobody's; `lastAt` on this node's own clock of intervals. */
  readonly strangers: readonly { readonly mac: Mac; readonly lastAt: Instant }[];
}

export type ReplacementEffect =
  /** The blade is to take the number. Once for each opening. */
  | { readonly kind: 'replace'; readonly node: number; readonly mac: Mac }
  /** `replacement.ask`, MM-REPLACE-ASK: an administrator is to choose. */
  | LogEffect;

interface Asking {
  readonly since: Instant;
  readonly lastAt: Instant;
}

/** Why nothing is done by itself, as a clause. */
const WHY = {
  policy: 'the replacement was opened with the policy ask',
  several: 'several unknown blades ask, and only one can be meant',
  alive: 'the node that is to be replaced is still heard of',
} as const;

/** A decided replacement as root reads it from a file (live-dvd/overlay/usr/lib/metamaster/start-replacement). */
export const replacementRequest = (node: number, mac: Mac): string => `${node} ${mac}\n`;

/** The openings that are in force, the one that is meant first in front. */
function openings({ replacement = [] }: Roster, unixMs: number): readonly OpenReplacement[] {
  const rank = ({ policy }: OpenReplacement): number => (policy === 'auto' ? 0 : 1);
  const inForce = replacement.filter(({ sinceUnixMs, untilUnixMs }) => sinceUnixMs <= unixMs && unixMs < untilUnixMs);
  return inForce.toSorted((a, b) => rank(a) - rank(b) || a.sinceUnixMs - b.sinceUnixMs || a.node - b.node);
}

/** The decision as a machine. It is to be stepped every few seconds while a replacement is open. */
export class ReplacementDecider implements Machine<ReplacementFacts, ReplacementEffect> {
  readonly #self: number;
  /** Of the strangers of the last facts. */
  #asking: ReadonlyMap<Mac, Asking> = new Map();
  /** Of the nodes of the roster that are not heard of. */
  #silentSince: ReadonlyMap<number, Instant> = new Map();
  /** Openings that this node has acted on: what came of it is told by who carries it out, and is not tried again from here. */
  readonly #decided = new Set<string>();
  #told = '';
  #quietUntil = Number.NEGATIVE_INFINITY;

  constructor(self: number) {
    this.#self = self;
  }

  deadline(): Instant | undefined {
    return undefined;
  }

  step(now: Instant, facts: ReplacementFacts): readonly ReplacementEffect[] {
    this.#note(now, facts);
    const { roster, generation, newestGeneration, serving, unixMs } = facts;
    const open = openings(roster, unixMs);
    const [meant] = open;
    // Who is behind the registry does not know whether the opening is still there.
    if (meant === undefined || generation < newestGeneration) return [];
    if (!serving.includes(this.#self) || rankServers(`replacement of node ${meant.node}`, serving)[0] !== this.#self) return [];
    const fresh = [...this.#asking].filter(([, { lastAt }]) => now - lastAt <= ASKING_GAP_MS);
    const candidates = fresh.filter(([, { since, lastAt }]) => lastAt - since >= ASKING_MS).map(([mac]) => mac).sort();
    if (candidates.length === 0) return [];
    const ask = (why: keyof typeof WHY, nodes: readonly number[]): readonly ReplacementEffect[] => this.#ask(now, why, nodes, candidates);
    if (meant.policy === 'ask') return ask('policy', open.map(({ node }) => node).sort((a, b) => a - b));
    // Who has only begun to ask is no candidate, and makes it as uncertain who is meant.
    if (fresh.length > 1) return ask('several', [meant.node]);
    const silentSince = this.#silentSince.get(meant.node);
    if (silentSince === undefined) return ask('alive', [meant.node]);
    const opening = `${meant.node}/${meant.sinceUnixMs}`;
    if (now - silentSince < SILENT_MS || this.#decided.has(opening)) return [];
    this.#decided.add(opening);
    return [{ kind: 'replace', node: meant.node, mac: candidates[0]! }];
  }

  #note(now: Instant, { roster, heard, strangers }: ReplacementFacts): void {
    const unknown = strangers.filter(({ mac }) => (nodeOfMac(roster, mac) ?? barOfMac(roster, mac)) === undefined);
    this.#asking = new Map(unknown.map(({ mac, lastAt }) => {
      const before = this.#asking.get(mac);
      return [mac, { since: before !== undefined && lastAt - before.lastAt <= ASKING_GAP_MS ? before.since : lastAt, lastAt }];
    }));
    const silent = roster.nodes.filter(({ number }) => !heard.includes(number));
    this.#silentSince = new Map(silent.map(({ number }) => [number, this.#silentSince.get(number) ?? now]));
    const keys = new Set((roster.replacement ?? []).map(({ node, sinceUnixMs }) => `${node}/${sinceUnixMs}`));
    for (const key of this.#decided) if (!keys.has(key)) this.#decided.delete(key);
  }

  #ask(now: Instant, why: keyof typeof WHY, nodes: readonly number[], macs: readonly Mac[]): readonly ReplacementEffect[] {
    const text = `${why} ${nodes.join()} ${macs.join()}`;
    if (text === this.#told || now < this.#quietUntil) return [];
    this.#told = text;
    this.#quietUntil = after(now, TELL_MS);
    const remedy = 'Choose, and say so on a node: metamaster node replace NODE --mac MAC. Or let it be: nothing is done by itself.';
    return [logEffect('warn', 'replacement.ask', { code: 'MM-REPLACE-ASK', nodes: nodes.join(), macs: macs.join(), why: WHY[why], remedy })];
  }
}
