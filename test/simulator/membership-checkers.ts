// The invariants of membership. They know its bounds and nothing else of it.

import type { MembershipBounds } from './adapter.ts';
import { type Invariant, type Judged, SAMPLE_MS } from './checker.ts';
import { formatNumbers } from './number-list.ts';
import { sameNumbers, setDifference } from './observation.ts';

const LOOKS_PER_SECOND = 1000 / SAMPLE_MS;

const NOBODY: readonly number[] = [];

const secondsText = (ms: number): string => `${(ms / 1000).toFixed(3)} s`;

/** A node that lives is not absent for longer than the bound from the view of another that is of the same side. */
const buried: Invariant = {
  name: 'no live node is buried',
  check(judged) {
    const { rack, bounds, absences } = judged;
    return {
      sample(atMs) {
        const running = rack.running();
        const boundMs = atMs - bounds.buriedMaxMs;
        if (boundMs < 0) return undefined;
        for (const observer of running) for (const subject of running) {
          if (absences.isPresent(observer, subject) || absences.sinceMs(observer, subject) >= boundMs) continue;
          const ms = atMs - (observer === subject ? rack.steadySinceMs(observer) : Math.max(absences.sinceMs(observer, subject), rack.oneSideSinceMs(atMs, observer, subject, boundMs)));
          if (ms > bounds.buriedMaxMs) return `${subject} lives and is of one side with ${observer}, which has had it buried for ${secondsText(ms)}`;
        }
        return undefined;
      },
    };
  },
};

/** Nobody drops a running node out of its view unless one of the two was off, cut off or lossy, or that one stood still for too long. */
const withoutCause: Invariant = {
  name: 'nobody is buried without a cause',
  check(judged) {
    const { rack, bounds, absences } = judged;
    return {
      observe(atMs, seen) {
        if (seen.kind !== 'view') return undefined;
        for (const subject of absences.gone) {
          if (rack.state(subject) !== 'running') continue;
          const { fromMs, untilMs } = rack.stood(subject);
          const stoodTooLongUntilMs = untilMs - fromMs >= bounds.pauseForgivenMs ? untilMs : 0;
          // Whoever stands still hears of an end, or of a burial for good reason, only afterwards, when the next life has begun.
          const observer = rack.stood(seen.node);
          const toldUntilMs = Math.max(rack.stateSinceMs(subject), stoodTooLongUntilMs) > observer.fromMs - bounds.deadNoticedMs ? observer.untilMs : 0;
          const excusedMs = Math.max(rack.bothCarriedSinceMs(seen.node, subject), rack.stateSinceMs(subject), stoodTooLongUntilMs, toldUntilMs, rack.delayedUntilMs);
          if (atMs - excusedMs > bounds.deadNoticedMs) return `${seen.node} buries ${subject}, which runs; for ${secondsText(atMs - excusedMs)} nothing has happened to either that would excuse it`;
        }
        return undefined;
      },
    };
  },
};

/** By how much longer it takes a side of so few that they look for all the others piece by piece; a fifth of the rack does not. */
function furtherLooksMs(nodes: number, side: number, { watchedAtOnce, nextLookMs }: MembershipBounds): number {
  return Math.max(0, Math.ceil((nodes - side) / (watchedAtOnce * side)) - 1) * nextLookMs;
}

/** A dead node is noticed by everybody within the bound. */
const noticed: Invariant = {
  name: 'the dead are noticed',
  check({ rack, bounds, absences }) {
    return {
      sample(atMs) {
        const dead = rack.numbers().filter((number) => rack.state(number) !== 'running' && atMs - rack.stateSinceMs(number) > bounds.deadNoticedMs);
        if (dead.length === 0) return undefined;
        for (const observer of rack.running()) {
          const ghost = dead.find((number) => absences.isPresent(observer, number));
          if (ghost === undefined) continue;
          const ms = atMs - Math.max(rack.stateSinceMs(ghost), rack.sideSinceMs(atMs, observer));
          if (ms > bounds.deadNoticedMs + furtherLooksMs(rack.size, rack.sideSize(atMs, observer), bounds)) return `${ghost} does not run, and ${observer} has taken it for alive for ${secondsText(ms)}`;
        }
        return undefined;
      },
    };
  },
};

/** How long nothing must have been wrong before a death that is held to the bounds of an undisturbed one. */
const UNDISTURBED_BEFORE_MS = 6000;

/** A death among nodes that nothing else happens to: `isSeen` says what each other node must have found after `afterMs`. */
const undisturbedDeath = (name: string, boundOf: (judged: Judged) => number, isSeen: (view: { readonly alive: readonly number[]; readonly suspects: readonly number[] }, dead: number) => boolean): Invariant => ({
  name,
  check(judged) {
    const { rack, harm } = judged;
    const boundMs = boundOf(judged);
    let open: { readonly dead: number; readonly atMs: number; readonly count: number } | undefined;
    /** When each node found out. */
    const foundMs = new Map<number, number>();
    const running = new Set<number>();
    return {
      observe(atMs, seen) {
        if (seen.kind === 'view' && open !== undefined && !foundMs.has(seen.node) && isSeen(seen, open.dead)) foundMs.set(seen.node, atMs);
        if (seen.kind !== 'state') return undefined;
        if (seen.state === 'running') running.add(seen.node);
        else if (running.delete(seen.node) && seen.state === 'off' && atMs - harm.calmBeforeMs > UNDISTURBED_BEFORE_MS) {
          foundMs.clear();
          open = { dead: seen.node, atMs, count: harm.count };
        }
        return undefined;
      },
      sample(atMs) {
        if (open === undefined) return undefined;
        const { dead, atMs: diedMs, count } = open;
        if (harm.count !== count) open = undefined;
        else if (atMs - diedMs > boundMs) {
          open = undefined;
          const late = rack.running().filter((observer) => (foundMs.get(observer) ?? Infinity) - diedMs > boundMs);
          if (late.length > 0) return `${dead} died ${secondsText(atMs - diedMs)} ago and nothing else went wrong, but ${formatNumbers(late)} did not find out within ${secondsText(boundMs)}`;
        }
        return undefined;
      },
    };
  },
});

const suspected = undisturbedDeath('a death is suspected by all', ({ bounds }) => bounds.suspectedByAllMs, ({ alive, suspects }, dead) => suspects.includes(dead) || !alive.includes(dead));
const certain = undisturbedDeath('a death is certain for all', ({ bounds }) => bounds.deadForAllMs, ({ alive }, dead) => !alive.includes(dead));

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
          for (const [said, wanted] of [['alive', running], ['serving', running], ['suspects', NOBODY]] as const) {
            if (view !== undefined && sameNumbers(wanted, view[said])) continue;
            const difference = setDifference(wanted, view?.[said] ?? []);
            if (difference !== '') return `${formatNumbers(running)} run and serve, and nothing has been wrong since ${(calmSinceMs() / 1000).toFixed(3)} s; ${observer} takes for ${said} these ${difference}`;
          }
        }
        return undefined;
      },
    };
  },
};

/** Tables grow with the roster and no further, and no trouble makes a storm of datagrams. */
const bounded: Invariant = {
  name: 'tables and traffic are bounded',
  check({ rack, bounds, sizes, sentBy }) {
    /** By node, what it had sent at each look in the last second; looks are written over in turn. */
    const sent = new Map<number, Uint32Array>();
    let look = 0;
    return {
      sample() {
        look += 1;
        for (const node of rack.running()) {
          const { members, watched } = sizes.get(node)!();
          // Of a rack of which most are suspected the few that are well watch all the others.
          if (members > rack.size || watched >= members) return `${node} has rows of ${members} nodes and watches ${watched}; the roster has ${rack.size}`;
          const counts = sent.get(node) ?? new Uint32Array(LOOKS_PER_SECOND).fill(sentBy(node));
          sent.set(node, counts);
          const inSecond = sentBy(node) - counts[look % LOOKS_PER_SECOND]!;
          counts[look % LOOKS_PER_SECOND] = sentBy(node);
          if (inSecond > bounds.sentPerSecondMax(rack.size)) return `${node} has sent ${inSecond} datagrams in a second`;
        }
        return undefined;
      },
    };
  },
};

export const MEMBERSHIP_INVARIANTS: readonly Invariant[] = [buried, withoutCause, noticed, suspected, certain, converged, bounded];
