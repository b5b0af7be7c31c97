// Whom this candidate takes for the holder, and since when it has heard nothing more of that one. All times are of the attended clock, unless they
// say otherwise.

import type { Instant } from '../core/machine.ts';
import type { BeatTiming } from './beat-timing.ts';
import { type CandidateRow, type Claim, outranks } from './candidate-table.ts';
import type { TakeoverReason } from './takeover-record.ts';

const claimOf = ({ beat: { epoch, rank, node } }: CandidateRow): Claim => ({ epoch, rank, node });

export class HolderBelief {
  readonly #timing: BeatTiming;
  #holder: Claim | undefined;
  #former: number | undefined;
  #quietSinceMs: number;
  #reason: TakeoverReason = 'vacant';
  #successor = 0;
  #suspectedAt: Instant | undefined;

  /** Nobody is known yet; silence counts from `quietSinceMs`. */
  constructor(timing: BeatTiming, quietSinceMs: number) {
    this.#timing = timing;
    this.#quietSinceMs = quietSinceMs;
  }

  /** The strongest claim of another that is believed. */
  get holder(): Claim | undefined {
    return this.#holder;
  }

  /** The holder before, for the record. */
  get former(): number | undefined {
    return this.#former;
  }

  /** Why the addresses are free, if they are. */
  get reason(): TakeoverReason {
    return this.#reason;
  }

  /** Whom the last holder named; 0: nobody. */
  get successor(): number {
    return this.#successor;
  }

  /** True time. */
  get suspectedAt(): Instant | undefined {
    return this.#suspectedAt;
  }

  /** From when on the holder is dead, unless it is heard. */
  get deadAtMs(): number {
    return this.#quietSinceMs + this.#timing.deadAfterMs;
  }

  /** Whether a claim is to be believed: not a weaker one than that of a holder that is heard. */
  admits(claim: Claim, ms: number): boolean {
    const believed = this.#holder;
    return believed === undefined || believed.node === claim.node || ms >= this.deadAtMs || outranks(claim, believed);
  }

  /** Another one says that it has the addresses, and is believed. */
  follow({ epoch, rank, node }: Claim, ms: number): void {
    this.#holder = { epoch, rank, node };
    this.#former = node;
    this.#quietSinceMs = ms;
    this.#reason = 'silence';
    this.#successor = 0;
    this.#suspectedAt = undefined;
  }

  /** The strongest claim is silent, and this holder, with a weaker one, is not: nobody need take over from it. */
  fallBack(row: CandidateRow): void {
    this.#holder = claimOf(row);
    this.#former = row.beat.node;
    this.#quietSinceMs = row.heardMs;
    this.#suspectedAt = undefined;
  }

  /** The holder says itself that it holds no more: nobody need wait for its silence. */
  released(ms: number, successor: number): void {
    this.#holder = undefined;
    this.#free(ms - this.#timing.deadAfterMs, 'released');
    this.#successor = successor;
  }

  /** This node was the holder itself, and has let go: in order, for a successor (0: whoever is first), or (undefined) because it stood still too long. */
  letGo(self: number, ms: number, successor: number | undefined): void {
    this.#former = self;
    this.#suspectedAt = undefined;
    if (successor === undefined) this.#free(ms, 'vacant');
    else this.released(ms, successor);
  }

  /** This node is the holder now. */
  tookOver(): void {
    this.#holder = undefined;
    this.#successor = 0;
    this.#suspectedAt = undefined;
  }

  /** Notes when the holder was suspected first. */
  judge(now: Instant, ms: number): void {
    if (this.#suspectedAt === undefined && this.#holder !== undefined && ms - this.#quietSinceMs >= this.#timing.suspectAfterMs) this.#suspectedAt = now;
  }

  #free(quietSinceMs: number, reason: TakeoverReason): void {
    this.#quietSinceMs = quietSinceMs;
    this.#reason = reason;
  }
}
