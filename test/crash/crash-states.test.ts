import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { CRASH_DEFAULTS, type CrashOptions } from './crash-choices.ts';
import { journalOfSteps, memoryRun, type JournalEvent } from './crash-journal.ts';
import { crashCases, replayed } from './crash-states.ts';

const SECTORS = 16;
const ZEROS: ReadAt = (_, length) => new Uint8Array(length);
const OPTIONS: CrashOptions = { seed: 1, ...CRASH_DEFAULTS };

/** A write whose sectors all hold `id + 1`. */
const write = (id: number, sector: number, sectors = 1, durable = false): JournalEvent => ({ kind: 'write', id, runs: [memoryRun(sector * 512, new Uint8Array(sectors * 512).fill(id + 1))], durable });
const answered = (id: number, good = true): JournalEvent => ({ kind: 'answered', id, good });
const begin = (id: number, offset = 0, length = Infinity): JournalEvent => ({ kind: 'flush-begin', id, offset, length });
const done = (id: number, good = true): JournalEvent => ({ kind: 'flush-done', id, good });

/** First bytes of the first sectors, of every case. */
function disks(events: readonly JournalEvent[], sectors: number, options = OPTIONS): readonly string[] {
  const seen: string[] = [];
  for (const crash of crashCases(events, options)) {
    const bytes = crash.over(ZEROS)(0, sectors * 512);
    seen.push(Array.from({ length: sectors }, (_, i) => bytes[i * 512]).join(''));
  }
  return seen;
}

const sorted = (seen: readonly string[]): readonly string[] => [...new Set(seen)].sort();

describe('what a power cut may leave', () => {
  test('of writes without a flush: any of them', () => expect(sorted(disks([write(0, 0), answered(0), write(1, 1), answered(1), write(2, 2)], 3))).toEqual(['000', '003', '020', '023', '100', '103', '120', '123']));

  test('a flush keeps what was answered before it began, and nothing that was answered while it ran', () => {
    const events = [write(0, 0), answered(0), write(1, 1), begin(9), answered(1), done(9)];
    expect(sorted(disks(events, 2))).toEqual(['00', '02', '10', '12']);
    expect(disks(events, 2).slice(-2)).toEqual(['10', '12']);
  });

  test('a flush that failed keeps nothing', () => expect(sorted(disks([write(0, 0), answered(0), begin(9), done(9, false)], 1))).toEqual(['0', '1']));

  test('a flush of a range keeps what lies in it', () => expect(disks([write(0, 0), answered(0), write(1, 1), answered(1), begin(9, 512, 512), done(9)], 2).slice(-2)).toEqual(['02', '12']));

  test('a durable write is there once it is answered, and what came before it need not be', () => expect(disks([write(0, 0), answered(0), write(1, 1, 1, true), answered(1)], 2).slice(-2)).toEqual(['02', '12']));

  test('a durable write is not undone by an older one that arrives late', () => expect(disks([write(0, 0), answered(0), write(1, 0, 1, true), answered(1)], 1).slice(-2)).toEqual(['2', '2']));

  test('what failed, or was never answered, may be there for ever', () => {
    expect(disks([write(0, 0), answered(0, false), begin(8), done(8), begin(9), done(9)], 1).slice(-2)).toEqual(['0', '1']);
    expect(disks([write(0, 0), begin(8), done(8)], 1).slice(-2)).toEqual(['0', '1']);
  });

  test('one write torn: first sectors, last sectors, or any', () => {
    const seen = sorted(disks([write(0, 0, 4), answered(0)], 4, { ...OPTIONS, torn: 60 }));
    for (const disk of ['1000', '1100', '1110', '0111', '0011', '0001', '0101']) expect(seen).toContain(disk);
  });

  test('of many writes: none, all, each alone missing, each alone, and some by chance', () => {
    const events = Array.from({ length: 6 }, (_, id) => [write(id, id), answered(id)]).flat();
    const seen = disks(events, 6);
    expect(seen).toHaveLength(2 + 2 * 6 + OPTIONS.byChance + OPTIONS.scattered);
    for (const disk of ['000000', '123456', '023456', '123450', '100000', '000006']) expect(seen).toContain(disk);
  });

  test('two writes to the same sectors under way at once are refused: which of them counts is not known', () => {
    expect(() => disks([write(0, 0, 2), write(1, 1)], 2)).toThrow('writes 0 and 1 to the same sectors');
    expect(() => disks([write(0, 0, 2), answered(0), write(1, 1)], 2)).not.toThrow();
  });
});

/** Streams whose writes do not race: each is answered before the next. */
const streams = fc.array(fc.oneof(
  { weight: 4, arbitrary: fc.record({ sector: fc.nat({ max: SECTORS - 4 }), sectors: fc.integer({ min: 1, max: 4 }), durable: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant('flush' as const) },
), { maxLength: 14 }).map((list) => list.flatMap((one, id): JournalEvent[] => (one === 'flush' ? [begin(id), done(id)] : [write(id, one.sector, one.sectors, one.durable), answered(id)])));

test('property: a case made again is the same; its patches are its disk; a sector holds what was flushed, or what was sent since', () => {
  fc.assert(fc.property(streams, fc.nat(), (events, seed) => {
    const options = { seed, allUpTo: 2, singlesUpTo: 3, byChance: 2, scattered: 2, torn: 2 };
    const second = crashCases(events, options);
    let number = 0;
    for (const crash of crashCases(events, options)) {
      expect(crash.number).toBe(number++);
      const disk = crash.over(ZEROS)(0, SECTORS * 512);
      const patched = new Uint8Array(SECTORS * 512);
      for (const { offset, bytes } of crash.patches()) patched.set(bytes, offset);
      expect(patched).toEqual(disk);
      expect(second.next().value!.over(ZEROS)(0, SECTORS * 512)).toEqual(disk);
    }
    expect(second.next().done).toBe(true);
    for (const crash of crashCases(events, options)) {
      const flushed = events.flatMap(({ kind }, i) => (kind === 'flush-done' ? [i + 1] : []))[crash.flushes - 1] ?? 0;
      const kept = replayed(events.slice(0, flushed)).over(ZEROS)(0, SECTORS * 512);
      const later = events.slice(flushed).flatMap((event) => (event.kind === 'write' ? [event] : []));
      const disk = crash.over(ZEROS)(0, SECTORS * 512);
      for (let sector = 0; sector < SECTORS; sector++) {
        const sent = later.filter(({ runs }) => runs.some(({ offset, length }) => sector * 512 >= offset && sector * 512 < offset + length));
        expect([kept[sector * 512], ...sent.map(({ id }) => id + 1)]).toContain(disk[sector * 512]);
      }
    }
  }), { numRuns: 60 });
});

test('replayed: what was answered well, in order, and nothing else', () => {
  const events = [write(0, 0), answered(0), write(1, 1), answered(1, false), write(2, 2), write(3, 0), answered(3), begin(9), done(9)];
  expect(replayed(events).over(ZEROS)(0, 1536).filter((_, i) => i % 512 === 0)).toEqual(Uint8Array.of(4, 0, 0));
});

test('a plan of steps: each write may be lost until the next flush', () => {
  const steps = [{ kind: 'write', offset: 0, bytes: new Uint8Array(512).fill(1) }, { kind: 'flush' }, { kind: 'write', offset: 0, bytes: new Uint8Array(512).fill(2) }] as const;
  expect(disks(journalOfSteps(steps, (offset) => offset + 512), 2)).toEqual(['00', '01', '02']);
});

test('a case that was left cannot be read any more', () => {
  const cases = crashCases([write(0, 0), answered(0)], OPTIONS);
  const first = cases.next().value!;
  cases.next();
  expect(() => first.over(ZEROS)(0, 512)).toThrow('was left');
});
