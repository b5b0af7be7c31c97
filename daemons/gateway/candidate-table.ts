// What the beats of the other candidates tell: who they are, what they claim, and when each network last brought a word of them.

import type { Instant } from '../core/machine.ts';
import type { GatewayBeat } from '../wire/gateway-beat.ts';

/** Former incarnations of a node that are remembered, so that a recorded beat cannot bring them back. */
const PAST_INCARNATIONS_MAX = 8;
/** A beat that one network brings so many beats after the other still shows that this network is well; an older one may be a recording. */
const ECHO_BEATS_MAX = 8;

/** What a holder goes by: of two claims exactly one is the stronger. */
export interface Claim {
  readonly epoch: number;
  readonly rank: number;
  readonly node: number;
}

/** True when `a` is the stronger claim: the later epoch, then the place nearer to the primary, then the lower number. */
export function outranks(a: Claim, b: Claim): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch;
  return a.rank !== b.rank ? a.rank < b.rank : a.node < b.node;
}

/** The last beat that one network brought of a candidate. */
interface Arrival {
  readonly sequence: number;
  readonly at: Instant;
  /** By the attended clock. */
  readonly heardMs: number;
}

/** What a beat was worth. */
export interface Heard {
  /** It says something new, on whatever network it came first. */
  readonly isNew: boolean;
  /** That network brings beats of this candidate again, after it was silent. */
  readonly isBack: boolean;
}

const NOTHING: Heard = { isNew: false, isBack: false };

/** One other candidate. */
export interface CandidateRow {
  readonly beat: GatewayBeat;
  /** By the attended clock. */
  readonly heardMs: number;
  readonly past: readonly string[];
  readonly heardOn: ReadonlyMap<string, Arrival>;
}

/** One row for each number that is let in; the caller lets in candidates only, so it is bounded by their list. */
export class CandidateTable {
  readonly #rows = new Map<number, CandidateRow>();

  /**
   * Enters a beat. It is worth nothing when it is older than one that this network has brought, or of an incarnation that has ended.
   * @param attendedMs the time by the attended clock
   * @param silentMs after so long without a beat a network counts as silent
   */
  hear(network: string, beat: GatewayBeat, now: Instant, attendedMs: number, silentMs: number): Heard {
    const row = this.#rows.get(beat.node);
    if (row?.past.includes(beat.incarnation)) return NOTHING;
    const same = row?.beat.incarnation === beat.incarnation;
    const last = same ? row.heardOn.get(network) : undefined;
    const isNew = !same || beat.sequence > row.beat.sequence;
    if (!isNew && ((last !== undefined && beat.sequence <= last.sequence) || beat.sequence <= row.beat.sequence - ECHO_BEATS_MAX)) return NOTHING;
    const before = row?.heardOn.get(network);
    const heardOn = new Map(same ? row.heardOn : []).set(network, { sequence: beat.sequence, at: now, heardMs: attendedMs });
    const past = row === undefined || same ? (row?.past ?? []) : [row.beat.incarnation, ...row.past].slice(0, PAST_INCARNATIONS_MAX);
    this.#rows.set(beat.node, isNew ? { beat, heardMs: attendedMs, past, heardOn } : { ...row!, heardOn });
    return { isNew, isBack: before === undefined || attendedMs - before.heardMs >= silentMs };
  }

  get(node: number): CandidateRow | undefined {
    return this.#rows.get(node);
  }

  rows(): readonly CandidateRow[] {
    return [...this.#rows.values()];
  }

  /** Forgets everybody who is no candidate any more. */
  keep(nodes: readonly number[]): void {
    for (const node of this.#rows.keys()) if (!nodes.includes(node)) this.#rows.delete(node);
  }
}
