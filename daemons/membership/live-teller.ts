// Tells the shell who is alive and who serves, whenever that has changed, and not more often than is of use to anybody.

import { after } from '../core/machine.ts';
import type { Instant } from '../core/machine.ts';
import type { ClusterView } from './cluster-view.ts';
import { LIVE_COALESCE_MS } from './membership-limits.ts';
import { TIMER } from './timer-heap.ts';
import type { TimerHeap } from './timer-heap.ts';

/**
 * The set has changed, or one of them was started anew. `nodes`: alive or suspected, this node included; `serving`: those of them whose boot
 * services answer; `suspects`: those of them that may be dead. All ascending.
 */
export interface LiveEffect {
  readonly kind: 'live';
  readonly nodes: readonly number[];
  readonly serving: readonly number[];
  readonly suspects: readonly number[];
}

const NOTHING: readonly LiveEffect[] = [];

function isSame<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

export class LiveTeller {
  readonly #view: ClusterView;
  readonly #timers: TimerHeap;
  #dirty = true;
  #notBefore: Instant | undefined;
  #told: readonly (readonly (number | string)[])[] = [[], [], [], []];

  constructor(view: ClusterView, timers: TimerHeap) {
    this.#view = view;
    this.#timers = timers;
  }

  changed(): void {
    this.#dirty = true;
  }

  /** At the end of a step. */
  tell(now: Instant): readonly LiveEffect[] {
    if (!this.#dirty) return NOTHING;
    if (this.#notBefore !== undefined && now < this.#notBefore) {
      this.#timers.set(TIMER.live, this.#notBefore);
      return NOTHING;
    }
    this.#dirty = false;
    const members = this.#view.live();
    const nodes = members.map(({ node }) => node);
    const serving = members.filter(({ description }) => description?.serving && description.present).map(({ node }) => node);
    const suspects = members.filter(({ status }) => status === 'suspect').map(({ node }) => node);
    this.#notBefore = after(now, LIVE_COALESCE_MS);
    const told = [nodes, serving, suspects, members.map(({ start }) => start)];
    if (told.every((list, i) => isSame(list, this.#told[i]!))) return NOTHING;
    this.#told = told;
    return [{ kind: 'live', nodes, serving, suspects }];
  }
}
