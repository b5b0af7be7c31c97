// What may arrive of the writes that a power cut may lose: subsets of them, and parts of one or of all, drawn from a seed.

import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import type { Arrived, SentWrite } from './crash-stream.ts';

/** How many cases are made of what may be lost between two flushes. */
export interface CrashOptions {
  readonly seed: number;
  /** With so many writes that may be lost, or fewer, all subsets of them. */
  readonly allUpTo: number;
  /** With more: none, all, each alone missing, each alone present (of so many writes at most). */
  readonly singlesUpTo: number;
  /** With more: so many subsets by chance. */
  readonly byChance: number;
  /** So many disks with any sectors of any writes. */
  readonly scattered: number;
  /** Ways in which one write is torn, for each write (of `singlesUpTo` at most). */
  readonly torn: number;
}

export const CRASH_DEFAULTS: Omit<CrashOptions, 'seed'> = { allUpTo: 4, singlesUpTo: 12, byChance: 8, scattered: 24, torn: 12 };

/** One way in which it may come. */
export interface Choice {
  readonly what: string;
  readonly arrived: readonly Arrived[];
}

/** Chance that depends on its seeds alone (mulberry32). Numbers from 0 up to, but not, 1. */
function chance(...seeds: readonly number[]): () => number {
  let state = seeds.reduce((mixed, seed) => Math.imul(mixed ^ seed, 0x9e3779b1) ^ (mixed >>> 15), 0x2545f491);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const sectorsOf = (write: SentWrite): number => write.runs.reduce((sum, run) => sum + run.length / SECTOR_BYTES, 0);

/** Which writes arrive whole. */
function subsets(lost: readonly SentWrite[], options: CrashOptions, random: () => number, withNone: boolean): Choice[] {
  const kept = (keep: (at: number) => boolean): readonly Arrived[] => lost.filter((_, at) => keep(at)).map((write) => ({ write }));
  const choices: (readonly [string, (at: number) => boolean])[] = [];
  if (lost.length <= options.allUpTo) {
    for (let mask = 0; mask < 2 ** lost.length; mask++) choices.push([`subset ${mask.toString(2).padStart(lost.length, '0')}`, (at) => ((mask >> at) & 1) === 1]);
    return choices.filter((_, mask) => withNone || mask > 0).map(([what, keep]) => ({ what, arrived: kept(keep) }));
  }
  if (withNone) choices.push(['none', () => false]);
  choices.push(['all', () => true]);
  for (const single of sample(lost.length, options.singlesUpTo, random)) {
    choices.push([`all but write ${lost[single]!.id}`, (at) => at !== single], [`write ${lost[single]!.id} alone`, (at) => at === single]);
  }
  for (let i = 0; i < options.byChance; i++) {
    const drawn = lost.map(() => random() < 0.5);
    choices.push([`subset ${i} by chance`, (at) => drawn[at]!]);
  }
  return choices.map(([what, keep]) => ({ what, arrived: kept(keep) }));
}

/** So many of the numbers below `count`, in order. */
function sample(count: number, most: number, random: () => number): readonly number[] {
  const numbers = Array.from({ length: count }, (_, i) => i);
  while (numbers.length > most) numbers.splice(Math.floor(random() * numbers.length), 1);
  return numbers;
}

/** One write of which some sectors arrive: its first ones, its last ones, or any; in front of it all that was sent before, or nothing. */
function torn(lost: readonly SentWrite[], options: CrashOptions, random: () => number): Choice[] {
  return sample(lost.length, options.singlesUpTo, random).flatMap((which) => {
    const write = lost[which]!;
    const sectors = sectorsOf(write);
    if (sectors < 2) return [];
    return Array.from({ length: options.torn }, (_, i): Choice => {
      const edge = 1 + Math.floor(random() * (sectors - 1));
      const drawn = chance(options.seed, write.order, i);
      const any = Array.from({ length: i % 3 === 2 ? sectors : 0 }, () => drawn() < 0.5);
      const sector = [(at: number) => at < edge, (at: number) => at >= edge, (at: number) => any[at]!][i % 3]!;
      const front = i % 2 === 0 ? lost.slice(0, which) : [];
      const how = [`first ${edge}`, `all but the first ${edge}`, 'some'][i % 3]!;
      const what = `write ${write.id} torn, ${how} of ${sectors} sectors, ${front.length > 0 ? 'what was sent before it there' : 'nothing before it'}`;
      return { what, arrived: [...front.map((one) => ({ write: one })), { write, sector }] };
    });
  });
}

/** Sectors of all writes by chance: what a disk may leave that writes its cache out in an order of its own. */
function scattered(lost: readonly SentWrite[], options: CrashOptions): Choice[] {
  if (lost.length < 2) return [];
  return Array.from({ length: options.scattered }, (_, i): Choice => ({
    what: `sectors of all writes by chance, ${i}`,
    arrived: lost.map((write) => {
      const drawn = chance(options.seed, write.order, i, lost.length);
      const any = Array.from({ length: sectorsOf(write) }, () => drawn() < 0.5);
      return { write, sector: (at) => any[at]! };
    }),
  }));
}

/** Every choice for the writes that may be lost now; `number` is that of the first case that they make, `withNone` whether losing all is a new disk. */
export function choices(lost: readonly SentWrite[], options: CrashOptions, number: number, withNone: boolean): readonly Choice[] {
  const random = chance(options.seed, number, lost.length);
  return [...subsets(lost, options, random, withNone), ...torn(lost, options, random), ...scattered(lost, options)];
}
