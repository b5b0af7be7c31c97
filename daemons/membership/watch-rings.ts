// Who watches whom, the same for all who know the same roster, without a word between them: the numbers stand in OBSERVERS rings, each in another
// pseudo-random order, and a node is watched by its next one in each ring (Rapid's expander graph, by rendezvous hash: Thaler and Ravishankar, 1998).
// Each then watches about as many as watch it, which choosing the highest hashes for each node would not give.

import { mix32 } from '../core/rendezvous.ts';
import type { RosterNode } from '../core/roster.ts';
import { OBSERVERS } from './membership-limits.ts';

/** One above the highest number of a node. */
const NUMBERS = 2 ** 16;

/** One order of all nodes. */
interface Ring {
  /** Numbers of nodes. */
  readonly order: Uint16Array;
  /** By a node's index among the numbers: where it stands in the order. */
  readonly place: Uint16Array;
}

function ringOf(indices: ReadonlyMap<number, number>, ring: number): Ring {
  // Hash and number in one sortable double: 32 + 16 bits.
  const keys = new Float64Array(indices.size);
  const salt = mix32(ring + 1);
  for (const [number, index] of indices) keys[index] = mix32(salt ^ number) * NUMBERS + number;
  keys.sort();
  const order = new Uint16Array(keys.length);
  const place = new Uint16Array(keys.length);
  for (let at = 0; at < keys.length; at++) {
    order[at] = keys[at]! % NUMBERS;
    place[indices.get(order[at]!)!] = at;
  }
  return { order, place };
}

const made = new WeakMap<readonly RosterNode[], WatchRings>();

/** The rings of a roster's nodes; made once for each roster, however many nodes of a simulation follow it. */
export function ringsOf(nodes: readonly RosterNode[]): WatchRings {
  const rings = made.get(nodes) ?? new WatchRings(nodes.map(({ number }) => number));
  made.set(nodes, rings);
  return rings;
}

/** Whether a node is fit for it, in the eyes of who asks. */
export type Fit = (node: number) => boolean;

export class WatchRings {
  readonly #indices: ReadonlyMap<number, number>;
  readonly #rings: readonly Ring[];

  /** `numbers`: the roster's. */
  constructor(numbers: Iterable<number>) {
    this.#indices = new Map(Array.from(numbers, (number, index) => [number, index]));
    this.#rings = Array.from({ length: OBSERVERS }, (_, ring) => ringOf(this.#indices, ring));
  }

  /** Who watches `node`: OBSERVERS different ones, or all that are `fit` where there are fewer. Not `node` itself. */
  observersOf(node: number, fit: Fit): readonly number[] {
    const observers: number[] = [];
    const index = this.#indices.get(node);
    if (index === undefined) return [];
    for (const { order, place } of this.#rings) {
      const from = place[index]!;
      for (let step = 1; step < order.length; step++) {
        const candidate = order[(from + step) % order.length]!;
        if (observers.includes(candidate) || !fit(candidate)) continue;
        observers.push(candidate);
        break;
      }
    }
    return observers;
  }

  /** Whom `self` watches among the `watched`: exactly those that have it among their observers. Ascending. */
  watchedBy(self: number, fit: Fit, watched: Fit): readonly number[] {
    const candidates = new Set<number>();
    const index = this.#indices.get(self);
    if (index === undefined) return [];
    for (const { order, place } of this.#rings) {
      const from = place[index]!;
      // An earlier ring's observers are passed over: so many may stand between a node and its observer in a later one.
      for (let step = 1, between = 0; step < order.length && between < OBSERVERS; step++) {
        const candidate = order[(from - step + order.length) % order.length]!;
        if (watched(candidate)) candidates.add(candidate);
        if (fit(candidate)) between += 1;
      }
    }
    return [...candidates].filter((node) => this.observersOf(node, (other) => other === self || fit(other)).includes(self)).sort((a, b) => a - b);
  }
}
