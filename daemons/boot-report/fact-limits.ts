// How much of what the boot network says is taken: blades of the roster alone, each at a bounded rate. A sender can give any address
// and any MAC address, so the limit is on what is written about one blade and not on who seems to write it.

import type { Mac } from '../core/mac.ts';
import type { Instant } from '../core/machine.ts';
import { nodeOfMac, nodeOfNumber, type Roster } from '../core/roster.ts';
import type { BootFact } from './boot-fact.ts';

/** A bucket of facts: so many at once, and so many a second later on. */
interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** A boot has some 25 facts; a failing step adds one for each try. */
export const FACT_RATE: Rate = { burst: 64, perSecond: 4 };
/** An oops has 60 lines, and a kernel that is not quiet sends its whole log of some 800 when netconsole starts. */
export const KERNEL_RATE: Rate = { burst: 1024, perSecond: 20 };
/** Incarnations of one node that are remembered: a recorded one cannot be played again while it is. */
const PAST_MAX = 8;

interface Bucket {
  left: number;
  at: Instant;
}

/** Judges facts; it has two buckets for each MAC address of the roster and one row for each node, and no more. */
export class FactLimits {
  #roster: Roster;
  readonly #buckets = new Map<string, Bucket>();
  readonly #relays = new Map<number, { incarnation: string; sequence: number; past: readonly string[] }>();
  #dropped = 0;

  constructor(roster: Roster) {
    this.#roster = roster;
  }

  /** Another roster from now on; what is kept of blades and nodes that have left it is dropped. */
  useRoster(roster: Roster): void {
    this.#roster = roster;
    for (const key of this.#buckets.keys()) if (nodeOfMac(roster, key.split(' ')[0] as Mac) === undefined) this.#buckets.delete(key);
    for (const node of this.#relays.keys()) if (nodeOfNumber(roster, node) === undefined) this.#relays.delete(node);
  }

  /** Facts that were refused because there were too many. */
  get dropped(): number {
    return this.#dropped;
  }

  /** True when a fact about this blade may be taken now. */
  admit(now: Instant, mac: Mac, kind: BootFact['kind']): boolean {
    if (nodeOfMac(this.#roster, mac) === undefined) return false;
    const rate = kind === 'kernel' ? KERNEL_RATE : FACT_RATE;
    const key = `${mac} ${kind === 'kernel' ? 'kernel' : 'fact'}`;
    const bucket = this.#buckets.get(key) ?? { left: rate.burst, at: now };
    this.#buckets.set(key, bucket);
    bucket.left = Math.min(rate.burst, bucket.left + ((now - bucket.at) / 1000) * rate.perSecond);
    bucket.at = now;
    if (bucket.left < 1) {
      this.#dropped += 1;
      return false;
    }
    bucket.left -= 1;
    return true;
  }

  /** True when a relayed fact is a new one of its sender, a node of the roster; a repeated or recorded one is none. */
  fresh(node: number, incarnation: string, sequence: number): boolean {
    if (!this.#roster.nodes.some(({ number }) => number === node)) return false;
    const row = this.#relays.get(node);
    if (row?.incarnation === incarnation) {
      if (sequence <= row.sequence) return false;
      row.sequence = sequence;
      return true;
    }
    if (row?.past.includes(incarnation) === true) return false;
    this.#relays.set(node, { incarnation, sequence, past: row === undefined ? [] : [...row.past, row.incarnation].slice(-PAST_MAX) });
    return true;
  }
}
