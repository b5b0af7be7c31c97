// The simulated LAN: every packet gets its own fate by chance. Who is powered off hears nothing; what was under way to one that is switched
// on meanwhile arrives, as on a real one.

import type { Datagram } from './adapter.ts';
import { DUPLICATE_SPREAD_MS, LAN_BASE_MS, LAN_JITTER_MS, REORDER_MAX_MS } from './limits.ts';
import type { Rack } from './rack.ts';
import type { Random } from './random.ts';

/** What became of packets; a broadcast counts once for each host that could hear it. */
export interface PacketCounts {
  sent: number;
  arrived: number;
  lost: number;
  blocked: number;
  duplicated: number;
  overflown: number;
}

/** Shares from 0 to 1, and milliseconds. */
type Condition = 'lose' | 'duplicate' | 'reorder' | 'delay';

export class Lan {
  readonly counts: PacketCounts = { sent: 0, arrived: 0, lost: 0, blocked: 0, duplicated: 0, overflown: 0 };
  readonly #rack: Rack;
  readonly #random: Random;
  readonly #deliver: (afterMs: number, to: number, datagram: Datagram) => void;
  /** What holds now, by condition: the worst of those that were set. */
  readonly #conditions: Record<Condition, number[]> = { lose: [], duplicate: [], reorder: [], delay: [] };
  readonly #worst: Record<Condition, number> = { lose: 0, duplicate: 0, reorder: 0, delay: 0 };
  /** Loss of one host's cable. */
  readonly #cables = new Map<number, number[]>();

  constructor(rack: Rack, random: Random, deliver: (afterMs: number, to: number, datagram: Datagram) => void) {
    this.#rack = rack;
    this.#random = random;
    this.#deliver = deliver;
  }

  /** Sets a condition of the whole LAN; what is returned ends it. */
  begin(nowMs: number, condition: Condition, amount: number): (nowMs: number) => void {
    const list = this.#conditions[condition];
    list.push(amount);
    const settle = (atMs: number): void => {
      this.#worst[condition] = Math.max(0, ...list);
      if (condition === 'lose') this.#rack.setLossless(atMs, 0, list.length === 0);
      if (condition === 'reorder') this.#rack.reorderedUntilMs = list.length === 0 ? atMs : Infinity;
      if (condition === 'delay') this.#rack.delayedUntilMs = list.length === 0 ? atMs : Infinity;
    };
    settle(nowMs);
    return (atMs) => {
      list.splice(list.indexOf(amount), 1);
      settle(atMs);
    };
  }

  /** A cable that loses a share of what passes; what is returned ends it. */
  beginCableLoss(nowMs: number, number: number, share: number): (nowMs: number) => void {
    const list = this.#cables.get(number) ?? [];
    this.#cables.set(number, list);
    list.push(share);
    this.#rack.setLossless(nowMs, number, false);
    return (atMs) => {
      list.splice(list.indexOf(share), 1);
      if (list.length > 0) return;
      this.#cables.delete(number);
      this.#rack.setLossless(atMs, number, true);
    };
  }

  /** Whether a frame that no protocol repeats arrives. */
  reaches(from: number, to: number): boolean {
    return from === to || (this.#rack.isOpen(from, to) && !this.#loses(from, to));
  }

  #loses(from: number, to: number): boolean {
    const random = this.#random;
    return random.chance(this.#worst.lose) || (this.#cables.size > 0 && (random.chance(this.#cableLoss(from)) || random.chance(this.#cableLoss(to))));
  }

  /** Without `to`: to everybody, the sender included, whose own host gives it back at once. */
  send(datagram: Datagram, to: number | undefined): void {
    if (to !== undefined) return this.#pass(datagram, to);
    for (let number = 1; number <= this.#rack.size; number++) this.#pass(datagram, number);
  }

  #pass(datagram: Datagram, to: number): void {
    const { from } = datagram;
    if (this.#rack.state(to) === 'off') return;
    this.counts.sent += 1;
    if (from === to) return this.#deliver(LAN_BASE_MS, to, datagram);
    const random = this.#random;
    const worst = this.#worst;
    if (!this.#rack.isOpen(from, to, datagram.network)) this.counts.blocked += 1;
    else if (this.#loses(from, to)) this.counts.lost += 1;
    else {
      const onTheWayMs = this.#onTheWayMs();
      this.#deliver(onTheWayMs, to, datagram);
      if (!random.chance(worst.duplicate)) return;
      this.counts.duplicated += 1;
      this.#deliver(onTheWayMs + random.fraction() * DUPLICATE_SPREAD_MS, to, datagram);
    }
  }

  #cableLoss(number: number): number {
    return Math.max(0, ...(this.#cables.get(number) ?? []));
  }

  /** Most packets are quick, a few are slow: a cube for the LAN itself, a square for what a fault adds. */
  #onTheWayMs(): number {
    const random = this.#random;
    const usual = LAN_BASE_MS + random.fraction() ** 3 * LAN_JITTER_MS;
    const delay = this.#worst.delay > 0 ? random.fraction() ** 2 * this.#worst.delay : 0;
    return usual + delay + (random.chance(this.#worst.reorder) ? random.fraction() * REORDER_MAX_MS : 0);
  }
}
