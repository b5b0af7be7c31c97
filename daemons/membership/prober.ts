// The asking: a ping to each watched node in turn, after silence a second one and three by way of others (SWIM, section 3.1), and the pings that this node
// makes for others, with word to them when there was no answer (Lifeguard's NACK).

import { after } from '../core/machine.ts';
import type { Instant } from '../core/machine.ts';
import type { LocalHealth } from './local-health.ts';
import { ACK_TIMEOUT_MS, INDIRECT_TIMEOUT_MS, NACK_AFTER_MS, PROBE_INTERVAL_MS, RELAYED_MAX, RELAYS } from './membership-limits.ts';
import { RoundTrip } from './round-trip.ts';
import type { SeededChance } from './seeded-chance.ts';
import { TIMER } from './timer-heap.ts';
import type { TimerHeap } from './timer-heap.ts';

/** What the prober has done. */
export interface ProberHost {
  ping(to: number, probe: number): void;
  askRelay(relay: number, probe: number, target: number): void;
  ack(to: number, probe: number): void;
  nack(to: number, probe: number): void;
  /** Up to `count` others that seem well, not `target`. */
  relays(target: number, count: number): readonly number[];
  /** The node answered none of all the pings. `missedNacks`: relays that said nothing either; undefined: there was none to ask. */
  silent(target: number, missedNacks: number | undefined): void;
}

interface Ping {
  readonly number: number;
  readonly at: Instant;
}

interface Probe {
  phase: 'idle' | 'direct' | 'indirect';
  /** The ping, and the second one; also behind the end of their waiting: an answer that comes too late still tells how long answers take. */
  pings: readonly Ping[];
  /** None of them was answered by the node itself. */
  unmeasured: boolean;
  readonly trip: RoundTrip;
  nextAt: Instant;
  relays: readonly number[];
  nacks: readonly number[];
}

const NOBODY: readonly number[] = [];

export interface ProberParts {
  readonly timers: TimerHeap;
  readonly chance: SeededChance;
  readonly health: LocalHealth;
}

export class Prober {
  readonly #parts: ProberParts;
  readonly #host: ProberHost;
  readonly #probes = new Map<number, Probe>();
  /** Pings for others, by the number of this node's own ping. */
  readonly #relayed = new Map<number, { readonly origin: number; readonly probe: number }>();
  /** Numbers of pings: they begin anywhere, so that an answer to a former start fits none. */
  #number: number;

  constructor(parts: ProberParts, host: ProberHost) {
    this.#parts = parts;
    this.#host = host;
    this.#number = parts.chance.next();
  }

  get watches(): number {
    return this.#probes.size;
  }

  /** Ascending. */
  get watched(): readonly number[] {
    return [...this.#probes.keys()].sort((a, b) => a - b);
  }

  /** Whom to ask from now on. Who is new is asked within an interval. */
  watch(now: Instant, targets: readonly number[]): void {
    for (const target of this.#probes.keys()) {
      if (targets.includes(target)) continue;
      this.#probes.delete(target);
      this.#parts.timers.clear(TIMER.probe, target);
    }
    for (const target of targets) if (!this.#probes.has(target)) this.#rest(target, after(now, this.#parts.chance.below(PROBE_INTERVAL_MS)));
  }

  /** What was asked so far counts for nothing: all are asked anew within an interval. */
  startOver(now: Instant): void {
    for (const target of this.#probes.keys()) this.#rest(target, after(now, this.#parts.chance.below(PROBE_INTERVAL_MS)));
    for (const number of this.#relayed.keys()) this.#parts.timers.clear(TIMER.relay, number);
    this.#relayed.clear();
  }

  #rest(target: number, nextAt: Instant): void {
    const probe = this.#probes.get(target);
    if (probe === undefined) this.#probes.set(target, { phase: 'idle', pings: [], unmeasured: false, trip: new RoundTrip(), nextAt, relays: NOBODY, nacks: NOBODY });
    else {
      probe.phase = 'idle';
      probe.nextAt = nextAt;
      probe.relays = NOBODY;
      probe.nacks = NOBODY;
    }
    this.#parts.timers.set(TIMER.probe, nextAt, target);
  }

  /** True: the timer of this node is one that judges it. */
  judges(target: number): boolean {
    return this.#probes.get(target)?.phase !== 'idle';
  }

  probeTimer(now: Instant, target: number): void {
    const probe = this.#probes.get(target);
    if (!probe) return;
    const { timers, health } = this.#parts;
    if (probe.phase === 'idle') {
      probe.phase = 'direct';
      probe.pings = [{ number: this.#nextNumber(), at: now }];
      probe.unmeasured = true;
      probe.nextAt = after(now, PROBE_INTERVAL_MS);
      timers.set(TIMER.probe, after(now, Math.max(probe.trip.timeoutMs, health.stretch(ACK_TIMEOUT_MS))), target);
      this.#host.ping(target, probe.pings[0]!.number);
    } else if (probe.phase === 'direct') {
      const relays = this.#host.relays(target, RELAYS);
      probe.phase = 'indirect';
      probe.relays = relays;
      timers.set(TIMER.probe, after(now, Math.max(INDIRECT_TIMEOUT_MS * (probe.trip.timeoutMs / ACK_TIMEOUT_MS), health.stretch(INDIRECT_TIMEOUT_MS))), target);
      // A number of its own: whether the first one was lost or is slow makes a difference (Karn's ambiguity, RFC 6298 section 3).
      const [first, second] = [probe.pings[0]!, { number: this.#nextNumber(), at: now }];
      probe.pings = [first, second];
      this.#host.ping(target, second.number);
      for (const relay of relays) this.#host.askRelay(relay, first.number, target);
    } else {
      const missedNacks = probe.relays.length === 0 ? undefined : probe.relays.length - probe.nacks.length;
      this.#rest(target, after(now, Math.max(0, probe.nextAt - now)));
      this.#host.silent(target, missedNacks);
    }
  }

  /** An answer, perhaps passed on by a relay. */
  answered(now: Instant, from: number, number: number): void {
    const relayed = this.#relayed.get(number);
    if (relayed) {
      this.#forget(number);
      this.#host.ack(relayed.origin, relayed.probe);
      return;
    }
    for (const [target, probe] of this.#probes) {
      const ping = probe.pings.find((each) => each.number === number);
      if (ping === undefined || (from !== target && !probe.relays.includes(from))) continue;
      if (from === target && probe.unmeasured) {
        probe.trip.measured(now - ping.at);
        probe.unmeasured = false;
      }
      if (probe.phase === 'idle') return;
      this.#rest(target, after(now, Math.max(0, probe.nextAt - now)));
      this.#parts.health.change(-1);
      return;
    }
  }

  refused(from: number, number: number): void {
    for (const probe of this.#probes.values()) {
      if (probe.phase === 'indirect' && probe.pings[0]!.number === number && probe.relays.includes(from) && !probe.nacks.includes(from)) probe.nacks = [...probe.nacks, from];
    }
  }

  /** Another node asks for a ping of `target`. */
  relay(now: Instant, origin: number, probe: number, target: number): void {
    if (this.#relayed.size >= RELAYED_MAX) return;
    const number = this.#nextNumber();
    this.#relayed.set(number, { origin, probe });
    this.#parts.timers.set(TIMER.relay, after(now, NACK_AFTER_MS), number);
    this.#host.ping(target, number);
  }

  relayTimer(number: number): void {
    const relayed = this.#relayed.get(number);
    if (!relayed) return;
    this.#forget(number);
    this.#host.nack(relayed.origin, relayed.probe);
  }

  #forget(number: number): void {
    this.#relayed.delete(number);
    this.#parts.timers.clear(TIMER.relay, number);
  }

  #nextNumber(): number {
    this.#number = (this.#number + 1) >>> 0;
    return this.#number;
  }
}
