// The invariants of membership. They know its bounds and nothing else of it.

import type { Invariant, Judged } from './checker.ts';
import { formatNumbers } from './number-list.ts';
import { setDifference } from './observation.ts';

const beyond = (ms: number, what: string): string => `${what} for ${(ms / 1000).toFixed(3)} s`;

/** Since when a node has been absent from each node's view. */
class Absences {
  readonly #sinceMs: Float64Array;
  readonly #size: number;
  readonly #seen = new Map<number, ReadonlySet<number>>();

  constructor({ rack }: Judged) {
    this.#size = rack.size + 1;
    this.#sinceMs = new Float64Array(this.#size ** 2);
  }

  view(atMs: number, observer: number, alive: readonly number[]): void {
    const now = new Set(alive);
    for (const gone of this.#seen.get(observer) ?? []) if (!now.has(gone)) this.#sinceMs[observer * this.#size + gone] = atMs;
    this.#seen.set(observer, now);
  }

  /** Undefined: it is in the view. */
  sinceMs(observer: number, subject: number): number | undefined {
    return this.#seen.get(observer)?.has(subject) === true ? undefined : this.#sinceMs[observer * this.#size + subject]!;
  }

  /** Whoever is started anew begins with nobody. */
  forget(observer: number): void {
    this.#seen.delete(observer);
  }
}

/** No live, connected node is buried for longer than the bound. */
const buried: Invariant = {
  name: 'no live node is buried',
  check(judged) {
    const { rack, bounds } = judged;
    const absences = new Absences(judged);
    return {
      observe(atMs, seen) {
        if (seen.kind === 'view') absences.view(atMs, seen.node, seen.alive);
        if (seen.kind === 'state') absences.forget(seen.node);
        return undefined;
      },
      sample(atMs) {
        const running = rack.running();
        for (const observer of running) for (const subject of running) {
          const absentSinceMs = absences.sinceMs(observer, subject);
          if (absentSinceMs === undefined) continue;
          const ms = atMs - Math.max(absentSinceMs, rack.wholeSinceMs(subject, observer));
          if (ms > bounds.buriedMaxMs) return beyond(ms, `${subject} is live, everything that it sends reaches ${observer}, and ${observer} has had it buried`);
        }
        return undefined;
      },
    };
  },
};

/** A dead node is noticed by everybody within the bound. */
const noticed: Invariant = {
  name: 'the dead are noticed',
  check({ rack, bounds, views }) {
    return {
      sample(atMs) {
        const dead = rack.numbers().filter((number) => rack.state(number) !== 'running' && atMs - rack.stateSinceMs(number) > bounds.deadNoticedMs);
        if (dead.length === 0) return undefined;
        for (const observer of rack.running()) {
          if (atMs - rack.steadySinceMs(observer) <= bounds.deadNoticedMs) continue;
          const alive = views.get(observer)?.alive ?? [];
          const ghost = dead.find((number) => alive.includes(number));
          if (ghost !== undefined) return beyond(atMs - rack.stateSinceMs(ghost), `${ghost} does not run, and ${observer} has taken it for alive`);
        }
        return undefined;
      },
    };
  },
};

/** Once nothing is wrong any more, all say the same, and it is the truth. */
const converged: Invariant = {
  name: 'all views converge',
  check({ rack, bounds, views, calmSinceMs }) {
    return {
      sample(atMs) {
        if (atMs - calmSinceMs() <= Math.max(bounds.buriedMaxMs, bounds.deadNoticedMs)) return undefined;
        const running = rack.running();
        for (const observer of running) {
          const view = views.get(observer);
          for (const said of ['alive', 'serving'] as const) {
            const difference = setDifference(running, view?.[said] ?? []);
            if (difference !== '') return `${formatNumbers(running)} run and serve, and nothing has been wrong since ${(calmSinceMs() / 1000).toFixed(3)} s; ${observer} takes for ${said} these ${difference}`;
          }
        }
        return undefined;
      },
    };
  },
};

export const MEMBERSHIP_INVARIANTS: readonly Invariant[] = [buried, noticed, converged];
