// The truth of a run, which no node knows: who runs, and since when what is whole. The LAN passes packets by it, the checkers judge by it.

import { rackRoster } from './rack-roster.ts';
import type { Roster } from '../../daemons/core/roster.ts';
import type { HostState } from './observation.ts';

const NEVER = Infinity;

export class Rack {
  /** Nodes have the numbers from 1 to this. */
  readonly size: number;
  readonly #states: HostState[];
  readonly #stateSinceMs: Float64Array;
  /** Since when a process runs undisturbed: NEVER while it is paused. */
  readonly #steadySinceMs: Float64Array;
  /** How many faults are between two hosts, by `from * (size + 1) + to`, and since when there is none. */
  readonly #blocks: Uint16Array;
  readonly #openSinceMs: Float64Array;
  /** Since when no packet of a host, and of nobody (0: the whole LAN), is lost by chance; NEVER while some are. */
  readonly #losslessSinceMs: Float64Array;
  #roster: Roster;
  #generation = 1;
  readonly #drains = new Map<number, number>();
  drainedSinceMs = 0;

  constructor(size: number) {
    this.size = size;
    this.#states = Array.from({ length: size + 1 }, () => 'off');
    this.#stateSinceMs = new Float64Array(size + 1);
    this.#steadySinceMs = new Float64Array(size + 1);
    this.#blocks = new Uint16Array((size + 1) ** 2);
    this.#openSinceMs = new Float64Array((size + 1) ** 2);
    this.#losslessSinceMs = new Float64Array(size + 1);
    this.#roster = rackRoster(size, new Set());
  }

  /** All numbers, ascending. */
  numbers(): readonly number[] {
    return Array.from({ length: this.size }, (_, i) => i + 1);
  }

  running(): readonly number[] {
    return this.numbers().filter((number) => this.#states[number] === 'running');
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
    this.#stateSinceMs[number] = nowMs;
    this.#steadySinceMs[number] = nowMs;
  }

  /** The process does not run before then; undefined: it is disturbed at this moment only. */
  disturb(nowMs: number, number: number, untilMs?: number): void {
    this.#steadySinceMs[number] = Math.max(this.#steadySinceMs[number]!, untilMs ?? nowMs);
  }

  #link(from: number, to: number): number {
    return from * (this.size + 1) + to;
  }

  /** One fault more (1) or less (-1) is between the two. */
  block(nowMs: number, from: number, to: number, change: 1 | -1): void {
    const link = this.#link(from, to);
    this.#blocks[link]! += change;
    this.#openSinceMs[link] = this.#blocks[link] === 0 ? nowMs : NEVER;
  }

  isOpen(from: number, to: number): boolean {
    return this.#blocks[this.#link(from, to)] === 0;
  }

  /** `number`: 0 for the whole LAN. */
  setLossless(nowMs: number, number: number, lossless: boolean): void {
    this.#losslessSinceMs[number] = lossless ? nowMs : NEVER;
  }

  /** Since when everything that one host sends reaches the other, which takes it; Infinity: it may not now. */
  wholeSinceMs(from: number, to: number): number {
    const link = from === to ? 0 : Math.max(this.#openSinceMs[this.#link(from, to)]!, this.#losslessSinceMs[0]!, this.#losslessSinceMs[from]!, this.#losslessSinceMs[to]!);
    return Math.max(link, this.#steadySinceMs[from]!, this.#steadySinceMs[to]!);
  }

  /** Both ways, and both are running nodes. */
  bothWholeSinceMs(one: number, other: number): number {
    return Math.max(this.wholeSinceMs(one, other), this.wholeSinceMs(other, one));
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
}
