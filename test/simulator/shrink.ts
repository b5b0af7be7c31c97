// Makes a schedule that breaks something as short as possible (delta debugging: Zeller and Hildebrandt, 2002): parts are left out as long as
// the rest still does it.

import type { Fault } from './fault.ts';

/** So many runs at most; what is left then is as short as it got. */
export const SHRINK_TRIES_MAX = 150;

export interface Shrunk {
  readonly faults: readonly Fault[];
  readonly tries: number;
}

/** `stillFails`: the same invariant breaks with these faults. It does with the given ones. */
export function shrink(faults: readonly Fault[], stillFails: (faults: readonly Fault[]) => boolean, triesMax = SHRINK_TRIES_MAX): Shrunk {
  const tried = { count: 0 };
  const fails = (candidate: readonly Fault[]): boolean => tried.count < triesMax && (tried.count += 1) > 0 && stillFails(candidate);
  if (faults.length > 0 && fails([])) return { faults: [], tries: tried.count };
  let left = faults;
  let parts = 2;
  while (left.length > 1 && tried.count < triesMax) {
    const size = Math.ceil(left.length / parts);
    const without = Array.from({ length: Math.ceil(left.length / size) }, (_, i) => left.filter((_, at) => at < i * size || at >= (i + 1) * size));
    const smaller = without.find(fails);
    if (smaller !== undefined) {
      left = smaller;
      parts = Math.max(2, parts - 1);
    } else if (size === 1) break;
    else parts = Math.min(left.length, parts * 2);
  }
  return { faults: left, tries: tried.count };
}
