// Who is alive: hears the beacons of the others and sends its own. Silence means dead here, and only here: what must be
// certain (a store, a disk) is never decided by it, only whose turn it is to answer a blade.

import { logEffect } from '../core/log-effect.ts';
import type { LogEffect } from '../core/log-effect.ts';
import { after } from '../core/machine.ts';
import type { Instant, Machine } from '../core/machine.ts';
import type { Roster } from '../core/roster.ts';
import { clusterId, decodeBeacon, encodeBeacon } from '../wire/beacon.ts';
import type { Beacon } from '../wire/beacon.ts';

/** Each node speaks once in this time. */
export const BEACON_INTERVAL_MS = 1000;
/** So many missed beacons make a node dead. */
export const BEACONS_MISSED_MAX = 3;
/** A beacon that is due may be late by this much: the sender's timer and the network. */
export const BEACON_GRACE_MS = 250;
/** Silence after which a node counts as dead. */
export const DEAD_AFTER_MS = BEACONS_MISSED_MAX * BEACON_INTERVAL_MS + BEACON_GRACE_MS;
/** A machine that was not stepped for so long, although it asked to be, was itself stopped: it cannot tell who was silent meanwhile. */
const STALLED_MS = 2 * BEACON_INTERVAL_MS;
/** Former incarnations of a node that are remembered, so that a recorded beacon cannot make it alive again. */
const PAST_INCARNATIONS_MAX = 8;
/** A twin, or a datagram under a wrong key, is logged once in this time. */
const LOG_INTERVAL_MS = 60_000;

export type BeaconInput =
  /** A datagram from BEACON_PORT; this node's own broadcasts may be among them. */
  | { readonly kind: 'datagram'; readonly bytes: Uint8Array }
  /** This node's own boot services answer, or do not. */
  | { readonly kind: 'serving'; readonly serving: boolean }
  | { readonly kind: 'roster'; readonly roster: Roster; readonly generation: number }
  /**
   * This machine is the node that the roster means, or is not any more. Then it says once more, and not serving, that it is there, and is
   * silent: the number may be another machine's by now, and of two that speak under one number the others would hear now this one, now that one.
   */
  | { readonly kind: 'member'; readonly member: boolean }
  /** The deadline has come. */
  | { readonly kind: 'tick' };

export type BeaconEffect =
  /** To be broadcast to BEACON_PORT. */
  | { readonly kind: 'send-beacon'; readonly bytes: Uint8Array }
  /** The set has changed, or one of them was started anew. `nodes`: alive, this node included; `serving`: those of them whose boot services answer. Both ascending. */
  | { readonly kind: 'live'; readonly nodes: readonly number[]; readonly serving: readonly number[] }
  /** A node of the cluster knows a later registry than any before it, and than this node: time to read it again. */
  | { readonly kind: 'newer-roster'; readonly generation: number; readonly node: number }
  | LogEffect;

export interface BeaconTableOptions {
  readonly roster: Roster;
  /** The registry generation that `roster` is from. */
  readonly generation: number;
  /** This node's number. */
  readonly self: number;
  /** The cluster's key. */
  readonly key: Uint8Array;
  /** Sixteen random hexadecimal digits, new at each start. */
  readonly incarnation: string;
}

/** What is known of a peer. */
export interface PeerRow {
  readonly node: number;
  readonly heardAt: Instant;
  readonly alive: boolean;
  readonly serving: boolean;
  readonly incarnation: string;
  readonly rosterGeneration: number;
}

/** Which registry a node follows. */
export interface GenerationRow {
  readonly node: number;
  readonly generation: number;
  /** Since when it has stood at this generation although there is a newer one; undefined: it has the newest that is known. */
  readonly behindSince: Instant | undefined;
}

interface Peer {
  readonly heardAt: Instant;
  readonly last: Beacon;
  readonly past: readonly string[];
}

/**
 * The table of peers as a machine. It has one row for each number of the roster at most. The shell steps it with `tick` once
 * at the start, which sends the first beacon, and then at each deadline.
 */
export class BeaconTable implements Machine<BeaconInput, BeaconEffect> {
  readonly #options: BeaconTableOptions;
  #generation: number;
  #cluster: string;
  #numbers: ReadonlySet<number>;
  readonly #peers = new Map<number, Peer>();
  readonly #dead = new Set<number>();
  #serving = false;
  #member = true;
  /** The last beacon of who is no member any more is still to be sent. */
  #farewell = false;
  #sequence = 0;
  #nextSendAt: Instant | undefined;
  #steppedAt: Instant | undefined;
  #told = '';
  /** The newest generation that a beacon of the cluster or this node's own registry had. */
  #newest: number;
  /** Of nodes that are behind it: at which generation they stand, and since when. */
  readonly #behind = new Map<number, { readonly generation: number; readonly since: Instant }>();
  readonly #quietUntil = new Map<string, Instant>();

  constructor(options: BeaconTableOptions) {
    this.#options = options;
    this.#generation = options.generation;
    this.#newest = options.generation;
    this.#cluster = clusterId(options.roster.clusterName);
    this.#numbers = new Set(options.roster.nodes.map(({ number }) => number));
  }

  step(now: Instant, input: BeaconInput): readonly BeaconEffect[] {
    if (this.#steppedAt !== undefined && now - this.#steppedAt > STALLED_MS) this.#forgiveSilence(now);
    this.#steppedAt = now;
    const effects = this.#take(now, input);
    this.#noteBehind(now);
    return [...effects, ...this.#expire(now), ...this.#sendOwn(now), ...this.#tellLive()];
  }

  deadline(): Instant | undefined {
    // Before its first step the machine does not know the time; the first step sends at once.
    let next = this.#nextSendAt;
    for (const [node, peer] of this.#peers) {
      const deadAt = after(peer.heardAt, DEAD_AFTER_MS);
      if (!this.#dead.has(node) && next !== undefined && deadAt < next) next = deadAt;
    }
    return next;
  }

  /** The nodes that are alive, ascending; this one always is. */
  live(): readonly number[] {
    return [...new Set([this.#options.self, ...this.#alivePeers()])].sort((a, b) => a - b);
  }

  /** Every peer that was heard since this node's start, for `status`. */
  peers(): readonly PeerRow[] {
    return Array.from(this.#peers, ([node, { heardAt, last }]) => ({ node, heardAt, alive: !this.#dead.has(node), serving: last.serving, incarnation: last.incarnation, rosterGeneration: last.rosterGeneration }));
  }

  /** The generation of every node that is alive, ascending by number; this one is among them. */
  generations(): readonly GenerationRow[] {
    return this.live().map((node) => ({ node, generation: this.#generationOf(node), behindSince: this.#behind.get(node)?.since }));
  }

  #generationOf(node: number): number {
    return node === this.#options.self ? this.#generation : this.#peers.get(node)!.last.rosterGeneration;
  }

  /** A node that advances, though not to the newest, begins to count anew: it follows. */
  #noteBehind(now: Instant): void {
    const alive = this.live();
    for (const node of this.#behind.keys()) if (!alive.includes(node)) this.#behind.delete(node);
    for (const node of alive) {
      const generation = this.#generationOf(node);
      if (generation >= this.#newest) this.#behind.delete(node);
      else if (this.#behind.get(node)?.generation !== generation) this.#behind.set(node, { generation, since: now });
    }
  }

  #serves(): boolean {
    return this.#serving && this.#member;
  }

  #alivePeers(): number[] {
    return [...this.#peers.keys()].filter((node) => !this.#dead.has(node));
  }

  #take(now: Instant, input: BeaconInput): readonly BeaconEffect[] {
    switch (input.kind) {
      case 'tick':
        return [];
      case 'serving':
        // What has changed is said at once, not at the next second.
        if (input.serving !== this.#serving) this.#nextSendAt = now;
        this.#serving = input.serving;
        return [];
      case 'member':
        if (input.member !== this.#member) this.#nextSendAt = now;
        // Who has never spoken need not take leave.
        this.#farewell = this.#member && !input.member && this.#sequence > 0;
        this.#member = input.member;
        return [];
      case 'roster':
        // The others hear of the new generation at once, not at the next second.
        if (input.generation !== this.#generation) this.#nextSendAt = now;
        this.#generation = input.generation;
        this.#newest = Math.max(this.#newest, input.generation);
        this.#cluster = clusterId(input.roster.clusterName);
        this.#numbers = new Set(input.roster.nodes.map(({ number }) => number));
        for (const node of this.#peers.keys()) {
          if (this.#numbers.has(node)) continue;
          this.#peers.delete(node);
          this.#dead.delete(node);
        }
        return [];
      case 'datagram': {
        const beacon = decodeBeacon(this.#options.key, input.bytes);
        if (!beacon) return this.#once(now, logEffect('warn', 'beacon.refused', { bytes: input.bytes.length, meaning: 'no beacon, or made with another key' }));
        return beacon.cluster === this.#cluster ? [...this.#hear(now, beacon), ...this.#hearGeneration(beacon)] : [];
      }
    }
  }

  #hear(now: Instant, beacon: Beacon): readonly BeaconEffect[] {
    const { node, incarnation } = beacon;
    if (node === this.#options.self) {
      return incarnation === this.#options.incarnation ? [] : this.#once(now, logEffect('error', 'beacon.twin', { node, incarnation, meaning: 'another machine speaks under the number of this node, or its last beacons were recorded' }));
    }
    if (!this.#numbers.has(node)) return this.#once(now, logEffect('warn', 'beacon.not-in-roster', { node }));
    const peer = this.#peers.get(node);
    const same = peer?.last.incarnation === incarnation;
    if (peer?.past.includes(incarnation) || (same && beacon.sequence <= peer.last.sequence)) return [];
    const past = peer ? (same ? peer.past : [peer.last.incarnation, ...peer.past].slice(0, PAST_INCARNATIONS_MAX)) : [];
    this.#peers.set(node, { heardAt: now, last: beacon, past });
    this.#dead.delete(node);
    return [];
  }

  /**
   * Whoever has the cluster's key may speak of a newer registry, also a number outside of this node's roster: a node that was added to the
   * roster is the first to know of it. A recorded beacon brings nothing, for the newest never goes down.
   */
  #hearGeneration({ node, rosterGeneration: generation }: Beacon): readonly BeaconEffect[] {
    if (generation <= this.#newest) return [];
    this.#newest = generation;
    return [{ kind: 'newer-roster', generation, node }];
  }

  /** After a stall the peers' beacons still wait in the socket, behind the timer that is handled first. */
  #forgiveSilence(now: Instant): void {
    for (const node of this.#alivePeers()) this.#peers.set(node, { ...this.#peers.get(node)!, heardAt: now });
  }

  #expire(now: Instant): readonly BeaconEffect[] {
    const silent = this.#alivePeers().filter((node) => now >= after(this.#peers.get(node)!.heardAt, DEAD_AFTER_MS));
    for (const node of silent) this.#dead.add(node);
    return silent.map((node) => logEffect('warn', 'beacon.silent', { node, afterMs: DEAD_AFTER_MS }));
  }

  #sendOwn(now: Instant): readonly BeaconEffect[] {
    if (this.#nextSendAt !== undefined && now < this.#nextSendAt) return [];
    // Counted from now, not from the last due time: a node that was stopped for a minute does not owe sixty beacons.
    this.#nextSendAt = after(now, BEACON_INTERVAL_MS);
    if (!this.#member && !this.#farewell) return [];
    this.#farewell = false;
    const { key, self, incarnation } = this.#options;
    const beacon = { cluster: this.#cluster, node: self, incarnation, sequence: ++this.#sequence, rosterGeneration: this.#generation, serving: this.#serves() };
    return [{ kind: 'send-beacon', bytes: encodeBeacon(key, beacon) }];
  }

  #tellLive(): readonly BeaconEffect[] {
    const nodes = this.live();
    const serving = nodes.filter((node) => (node === this.#options.self ? this.#serves() : this.#peers.get(node)!.last.serving));
    const text = `${nodes.map((node) => `${node}/${this.#peers.get(node)?.last.incarnation ?? ''}`).join()};${serving.join()}`;
    if (text === this.#told) return [];
    this.#told = text;
    return [{ kind: 'live', nodes, serving }];
  }

  /** Each event once a minute; there are as many as this file has names for. */
  #once(now: Instant, log: LogEffect): readonly LogEffect[] {
    const quietUntil = this.#quietUntil.get(log.event);
    if (quietUntil !== undefined && now < quietUntil) return [];
    this.#quietUntil.set(log.event, after(now, LOG_INTERVAL_MS));
    return [log];
  }
}
