// The truth of a run, which no node knows: who runs, and since when what is whole. The LAN passes packets by it, the checkers judge by it.

import { rackRoster } from './rack-roster.ts';
import type { Roster } from '../../daemons/core/roster.ts';
import { START_LISTEN_MS } from '../../daemons/gateway/succession.ts';
import type { Network } from './adapter.ts';
import { Links } from './links.ts';
import type { HostState } from './observation.ts';

const NEVER = Infinity;
/** A process that stands still again so soon after it did has hardly run between. */
const STANDS_AGAIN_MS = 1000;

export class Rack {
  /** Nodes have the numbers from 1 to this. */
  readonly size: number;
  readonly #numbers: readonly number[];
  readonly #states: HostState[];
  /** Undefined: it is not made out yet. */
  #running: readonly number[] | undefined;
  readonly #stateSinceMs: Float64Array;
  /** Since when a process runs undisturbed: NEVER while it is paused. */
  readonly #steadySinceMs: Float64Array;
  /** The last time that a process stood still, or the time that it stands still now. */
  readonly #stoodFromMs: Float64Array;
  readonly #stoodUntilMs: Float64Array;
  readonly links: Readonly<Record<Network, Links>>;
  /** Since when no packet of a host, and of nobody (0: the whole LAN), is lost by chance; NEVER while some are. */
  readonly #losslessSinceMs: Float64Array;
  #roster: Roster;
  #generation = 1;
  readonly #drains = new Map<number, number>();
  drainedSinceMs = 0;
  /** The last epoch of the gateway that the registry knows of. */
  gatewayEpoch = 0;
  /** How many faults keep the way out from a node, and when that last changed. */
  readonly #uplinks = new Map<number, { readonly faults: number; readonly sinceMs: number }>();
  /** By node, since when its gatewayd has listened before it stands: a start, or the end of a standstill in the midst of it. */
  readonly #listensSinceMs: Float64Array;
  /** Of each node's gatewayd by itself: from and until when it stood still last. */
  readonly #frozen = new Map<number, { readonly fromMs: number; readonly untilMs: number }>();
  /** Until when packets were held back on the whole LAN; Infinity: they are. */
  delayedUntilMs = 0;
  /** Until when packets were overtaken by others on the whole LAN; Infinity: they are. */
  reorderedUntilMs = 0;

  constructor(size: number) {
    this.size = size;
    this.#numbers = Array.from({ length: size }, (_, i) => i + 1);
    this.#states = Array.from({ length: size + 1 }, () => 'off');
    this.#stateSinceMs = new Float64Array(size + 1);
    this.#steadySinceMs = new Float64Array(size + 1);
    this.#listensSinceMs = new Float64Array(size + 1);
    this.links = { boot: new Links(size), public: new Links(size) };
    this.#stoodFromMs = new Float64Array(size + 1);
    this.#stoodUntilMs = new Float64Array(size + 1).fill(-STANDS_AGAIN_MS);
    this.#losslessSinceMs = new Float64Array(size + 1);
    this.#roster = rackRoster(size, new Set());
  }

  /** All numbers, ascending. */
  numbers(): readonly number[] {
    return this.#numbers;
  }

  /** Ascending. */
  running(): readonly number[] {
    this.#running ??= this.#numbers.filter((number) => this.#states[number] === 'running');
    return this.#running;
  }

  state(number: number): HostState {
    return this.#states[number]!;
  }

  stateSinceMs(number: number): number {
    return this.#stateSinceMs[number]!;
  }

  steadySinceMs(number: number): number {
    return this.#steadySinceMs[number]!;
  }

  setState(nowMs: number, number: number, state: HostState): void {
    this.#states[number] = state;
    this.#running = undefined;
    this.#stateSinceMs[number] = nowMs;
    this.#steadySinceMs[number] = nowMs;
    this.#stoodUntilMs[number] = -STANDS_AGAIN_MS;
    this.#listensSinceMs[number] = nowMs;
    // Whatever stood still is gone with its process.
    this.#frozen.delete(number);
  }

  /** When a candidate has listened for long enough since it was started; while it stands still it hears nothing. */
  listenedMs(number: number): number {
    return this.#listensSinceMs[number]! + START_LISTEN_MS;
  }

  #interruptListening(nowMs: number, number: number, untilMs: number): void {
    if (nowMs < this.listenedMs(number)) this.#listensSinceMs[number] = Math.max(this.#listensSinceMs[number]!, untilMs);
  }

  /** The process does not run before then; undefined: it is disturbed at this moment only. */
  disturb(nowMs: number, number: number, untilMs?: number): void {
    this.#steadySinceMs[number] = Math.max(this.#steadySinceMs[number]!, untilMs ?? nowMs);
    if (untilMs === undefined) return;
    this.#interruptListening(nowMs, number, untilMs);
    if (nowMs > this.#stoodUntilMs[number]! + STANDS_AGAIN_MS) this.#stoodFromMs[number] = nowMs;
    this.#stoodUntilMs[number] = Math.max(this.#stoodUntilMs[number]!, untilMs);
  }

  /** When the process stood still last, or does now, from and until; several times in short order are one. */
  stood(number: number): { readonly fromMs: number; readonly untilMs: number } {
    return { fromMs: this.#stoodFromMs[number]!, untilMs: this.#stoodUntilMs[number]! };
  }

  isOpen(from: number, to: number, network: Network = 'boot'): boolean {
    return this.links[network].isOpen(from, to);
  }

  /** `number`: 0 for the whole LAN. */
  setLossless(nowMs: number, number: number, lossless: boolean): void {
    this.#losslessSinceMs[number] = lossless ? nowMs : NEVER;
  }

  /** Since when every packet from the one host reaches the other; Infinity: it may not now. */
  carriedSinceMs(from: number, to: number, network: Network = 'boot'): number {
    if (from === to) return 0;
    return Math.max(this.links[network].openSinceMs(from, to), this.#losslessSinceMs[0]!, this.#losslessSinceMs[from]!, this.#losslessSinceMs[to]!);
  }

  /** Both ways. */
  bothCarriedSinceMs(one: number, other: number, network: Network = 'boot'): number {
    return Math.max(this.carriedSinceMs(one, other, network), this.carriedSinceMs(other, one, network));
  }

  /** Since when everything that one host sends reaches the other, which takes it; Infinity: it may not now. */
  wholeSinceMs(from: number, to: number): number {
    return Math.max(this.carriedSinceMs(from, to), this.#steadySinceMs[from]!, this.#steadySinceMs[to]!);
  }

  /** Both ways, and both are running nodes. */
  bothWholeSinceMs(one: number, other: number): number {
    return Math.max(this.wholeSinceMs(one, other), this.wholeSinceMs(other, one));
  }

  /** Since when two hosts are either in whole connection or in none at all, and which of these; Infinity: neither is so. */
  #settledSinceMs(nowMs: number, one: number, other: number): { readonly ms: number; readonly met: boolean } {
    for (const number of [one, other]) {
      if (this.#states[number] !== 'running') return { ms: this.#stateSinceMs[number]!, met: false };
      if (this.#stoodUntilMs[number]! > nowMs) return { ms: this.#stoodFromMs[number]!, met: false };
    }
    const [there, back] = [this.isOpen(one, other), this.isOpen(other, one)];
    if (there && back) return { ms: this.bothWholeSinceMs(one, other), met: true };
    return { ms: there || back ? NEVER : this.closedSinceMs(one, other), met: false };
  }

  /** Of two hosts between which nothing passes either way: since when. */
  closedSinceMs(one: number, other: number, network: Network = 'boot'): number {
    const links = this.links[network];
    return Math.max(links.turnedMs(one, other), links.turnedMs(other, one));
  }

  /**
   * Since when two running nodes have been in whole connection with each other, and each further one with both of them or with none: then
   * they are of one side, and nothing on it is in doubt. Infinity: it is not so. What comes out later than `enoughMs` may be too early.
   */
  oneSideSinceMs(nowMs: number, one: number, other: number, enoughMs: number): number {
    const between = this.#settledSinceMs(nowMs, one, other);
    if (!between.met) return NEVER;
    let { ms } = between;
    for (let third = 1; third <= this.size && ms < enoughMs; third++) {
      if (third === one || third === other) continue;
      const [a, b] = [this.#settledSinceMs(nowMs, one, third), this.#settledSinceMs(nowMs, other, third)];
      ms = a.met === b.met ? Math.max(ms, a.ms, b.ms) : NEVER;
    }
    return ms;
  }

  /** Since when a running node has been in whole connection, or in none, with each other one. */
  sideSinceMs(nowMs: number, number: number): number {
    let ms = this.#steadySinceMs[number]!;
    for (let other = 1; other <= this.size && ms < NEVER; other++) if (other !== number) ms = Math.max(ms, this.#settledSinceMs(nowMs, number, other).ms);
    return ms;
  }

  /** How many nodes a running one is in connection with, itself among them. */
  sideSize(nowMs: number, number: number): number {
    return 1 + this.numbers().filter((other) => other !== number && this.#settledSinceMs(nowMs, number, other).met).length;
  }

  get roster(): Roster {
    return this.#roster;
  }

  get generation(): number {
    return this.#generation;
  }

  isDrained(number: number): boolean {
    return (this.#drains.get(number) ?? 0) > 0;
  }

  /** The administrator drains these nodes once more (1) or takes that back (-1). */
  drain(nowMs: number, numbers: readonly number[], change: 1 | -1): void {
    for (const number of numbers) this.#drains.set(number, (this.#drains.get(number) ?? 0) + change);
    this.#roster = rackRoster(this.size, new Set(this.numbers().filter((number) => this.isDrained(number))));
    this.#generation += 1;
    this.drainedSinceMs = nowMs;
  }

  /** One fault more (1) or less (-1) is between a node and the way out. */
  unlink(nowMs: number, number: number, change: 1 | -1): void {
    this.#uplinks.set(number, { faults: (this.#uplinks.get(number)?.faults ?? 0) + change, sinceMs: nowMs });
  }

  uplink(number: number): { readonly usable: boolean; readonly sinceMs: number } {
    const { faults, sinceMs } = this.#uplinks.get(number) ?? { faults: 0, sinceMs: 0 };
    return { usable: faults === 0, sinceMs };
  }

  /** A node's gatewayd stands still until then. */
  freeze(nowMs: number, number: number, untilMs: number): void {
    this.#interruptListening(nowMs, number, untilMs);
    const { fromMs, untilMs: before } = this.#frozen.get(number) ?? { fromMs: nowMs, untilMs: 0 };
    this.#frozen.set(number, { fromMs: before >= nowMs ? fromMs : nowMs, untilMs: Math.max(before, untilMs) });
  }

  /** Whether a node's gatewayd runs, and since when that is so. */
  gatewayRuns(nowMs: number, number: number): { readonly runs: boolean; readonly sinceMs: number } {
    if (this.#states[number] !== 'running') return { runs: false, sinceMs: this.#stateSinceMs[number]! };
    const frozen = this.#frozen.get(number) ?? { fromMs: 0, untilMs: 0 };
    if (frozen.untilMs > nowMs) return { runs: false, sinceMs: frozen.fromMs };
    if (this.#stoodUntilMs[number]! > nowMs) return { runs: false, sinceMs: this.#stoodFromMs[number]! };
    return { runs: true, sinceMs: Math.max(this.#steadySinceMs[number]!, frozen.untilMs) };
  }
}
