// The seeds that ever failed (seeds.txt): `seed 5728 nodes 3 minutes 1: why`. They mean the same run as long as schedules are drawn as they
// were; a story that must outlive a change there is kept as a scenario.

import type { Size } from './explore.ts';

/** Fresh seeds are below this, which leaves room to count on from one. */
export const SEED_MAX = 2 ** 31;

export interface KeptSeed extends Size {
  readonly seed: number;
  readonly why: string;
}

/** Throws RangeError with the line that is wrong. */
export function parseSeeds(text: string): readonly KeptSeed[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => {
    const part = /^seed (?<seed>\d+) nodes (?<nodes>\d+) minutes (?<minutes>[\d.]+): (?<why>.+)$/.exec(line)?.groups;
    if (part === undefined) throw new RangeError(`${line}: a kept seed is "seed N nodes N minutes N: WHY"`);
    return { seed: Number(part['seed']), nodes: Number(part['nodes']), untilMs: Math.round(Number(part['minutes']) * 60_000), why: part['why']! };
  });
}
