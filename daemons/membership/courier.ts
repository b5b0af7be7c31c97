// What leaves a node: datagrams with the news that rides along, and broadcasts of what cannot wait, no more of them than the gate lets pass.

import type { LogEffect } from '../core/log-effect.ts';
import { after } from '../core/machine.ts';
import type { Instant } from '../core/machine.ts';
import { CLAIMS_MAX, CLAIMS_MAX_BYTES, claimBytes } from '../wire/membership-packet.ts';
import type { Claim, MembershipBody, MembershipPacket } from '../wire/membership-packet.ts';
import { BroadcastGate } from './broadcast-gate.ts';
import type { MemberTable } from './member-table.ts';
import { LOG_INTERVAL_MS, PIGGYBACK_BYTES_MAX, PIGGYBACK_CLAIMS_MAX, RUMOUR_REPEATS, SYNC_RECORDS_MAX } from './membership-limits.ts';
import type { OwnRecord } from './own-record.ts';
import { RumourQueue } from './rumour-queue.ts';
import { TIMER } from './timer-heap.ts';
import type { TimerHeap } from './timer-heap.ts';

/** What the shell is to do. */
export type CourierEffect =
  /** To the address that the roster has for this node. */
  | { readonly kind: 'send'; readonly to: number; readonly packet: MembershipPacket }
  /** To all of the boot network. */
  | { readonly kind: 'broadcast'; readonly packet: MembershipPacket }
  | LogEffect;

const NOTHING: readonly never[] = [];

export class Courier {
  readonly #table: MemberTable;
  readonly #own: OwnRecord;
  readonly #timers: TimerHeap;
  readonly #gate = new BroadcastGate();
  readonly #rumours = new RumourQueue();
  /** News that waits for its broadcast, and whether with the description. At most one for each number of the roster. */
  readonly #waiting = new Map<number, boolean>();
  readonly #quietUntil = new Map<string, Instant>();
  #effects: CourierEffect[] = [];
  #repeats = 1;
  /** Nothing is sent: this machine is not the node that the roster means. */
  silent = false;

  constructor(table: MemberTable, own: OwnRecord, timers: TimerHeap) {
    this.#table = table;
    this.#own = own;
    this.#timers = timers;
  }

  /** How many nodes the roster has. */
  sizeFor(nodes: number): void {
    this.#repeats = RUMOUR_REPEATS * Math.ceil(Math.log10(nodes + 1));
  }

  take(): readonly CourierEffect[] {
    if (this.#effects.length === 0) return NOTHING;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  log(effect: LogEffect): void {
    this.#effects.push(effect);
  }

  /** Each event once a minute; there are as many as the code has names for. */
  logOnce(now: Instant, effect: LogEffect): void {
    const quietUntil = this.#quietUntil.get(effect.event);
    if (quietUntil !== undefined && now < quietUntil) return;
    this.#quietUntil.set(effect.event, after(now, LOG_INTERVAL_MS));
    this.log(effect);
  }

  send(to: number, body: MembershipBody): void {
    if (!this.silent) this.#effects.push({ kind: 'send', to, packet: { from: this.#own.sender, body } });
  }

  /**
   * What rides along with a datagram to this node: first what it should refute (Lifeguard's buddy system), then news.
   * `outdated`: it spoke as an earlier life than is known of it.
   */
  ridingTo(to: number, outdated = false): readonly Claim[] {
    const known = this.#table.get(to);
    const first = known && (outdated || known.status !== 'alive') ? this.#table.claim(to, false) : undefined;
    const rumours = this.silent ? NOTHING : this.#rumours.take(PIGGYBACK_CLAIMS_MAX - (first ? 1 : 0));
    if (first === undefined && rumours.length === 0) return NOTHING;
    const claims = first === undefined ? [] : [first];
    let bytes = first === undefined ? 0 : claimBytes(first);
    for (const node of rumours) {
      if (node === to || !this.#table.get(node)) continue;
      const whole = this.#table.claim(node, true);
      const claim = bytes + claimBytes(whole) <= PIGGYBACK_BYTES_MAX ? whole : { ...whole, description: undefined };
      bytes += claimBytes(claim);
      if (bytes > PIGGYBACK_BYTES_MAX) break;
      claims.push(claim);
    }
    return claims;
  }

  /** News of this node rides along from now on. */
  rumour(node: number): void {
    this.#rumours.add(node, this.#repeats);
  }

  /** To be broadcast as soon as the gate lets it pass. */
  announce(node: number, described: boolean): void {
    this.#waiting.set(node, described || this.#waiting.get(node) === true);
  }

  forget(node: number): void {
    this.#rumours.remove(node);
    this.#waiting.delete(node);
  }

  /** Broadcasts what waits, as far as the gate lets it pass. */
  flush(now: Instant): void {
    if (this.silent) this.#waiting.clear();
    while (this.#waiting.size > 0) {
      if (!this.#gate.pass(now)) return this.#timers.set(TIMER.broadcast, this.#gate.nextAt(now));
      const claims = this.#packed([...this.#waiting].map(([node, described]) => this.#table.claim(node, described)));
      for (const { node } of claims) this.#waiting.delete(node);
      this.#effects.push({ kind: 'broadcast', packet: { from: this.#own.sender, body: { kind: 'news', claims } } });
    }
  }

  /** The last word of who falls silent; it does not wait for the gate. */
  farewell(node: number): void {
    const claims = [this.#table.claim(node, true)];
    this.#effects.push({ kind: 'broadcast', packet: { from: this.#own.sender, body: { kind: 'news', claims } } });
  }

  /** Whole records of these nodes, in a few datagrams at most; what is left over comes with a later comparison. */
  records(to: number, nodes: readonly number[]): void {
    let left = nodes.filter((node) => this.#table.get(node)).map((node) => this.#table.claim(node, true));
    for (let sent = 0; sent < SYNC_RECORDS_MAX && left.length > 0; sent++) {
      const claims = this.#packed(left);
      left = left.slice(claims.length);
      this.send(to, { kind: 'records', claims });
    }
  }

  /** As many of them, from the first on, as one datagram holds. */
  #packed(claims: readonly Claim[]): readonly Claim[] {
    let bytes = 0;
    const end = claims.findIndex((claim, index) => {
      bytes += claimBytes(claim);
      return bytes > CLAIMS_MAX_BYTES || index === CLAIMS_MAX;
    });
    return end < 0 ? claims : claims.slice(0, end);
  }
}
