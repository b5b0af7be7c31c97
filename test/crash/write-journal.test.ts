import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Heard } from './iscsi-conversation.ts';
import { JournalFile, JournalWriter } from './write-journal.ts';

let folder: string;
beforeEach(() => { folder = join(mkdtempSync(join(tmpdir(), 'journal-')), 'stream'); });
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

function journal(heard: readonly Heard[], writeCache = true): JournalFile {
  const writer = new JournalWriter(folder, writeCache);
  for (const one of heard) writer.take(one);
  writer.close();
  return new JournalFile(folder);
}

const write = (task: number, offset: number, length: number, dataBytes = length): Heard => ({ kind: 'write', task, ranges: [{ offset, length }], dataBytes, durable: false });
const data = (task: number, at: number, length: number, value: number): Heard => ({ kind: 'data', task, at, bytes: new Uint8Array(length).fill(value) });

/** A journal's writes: where they go, and the first byte of each of their sectors. */
const runsOf = (file: JournalFile) => file.events.flatMap((event) => (event.kind === 'write' ? event.runs.map(({ offset, length, read }) => [offset, length, [...read(0, length)].filter((_, i) => i % 512 === 0)]) : []));

test('data of several tasks in pieces of any size, in any order, come back as they were sent', () => {
  const file = journal([write(0, 4096, 1536), write(1, 0, 512), data(0, 700, 836, 2), data(1, 0, 512, 9), data(0, 0, 700, 1), { kind: 'answered', task: 0, good: true }]);
  expect(runsOf(file)).toEqual([[4096, 1536, [1, 1, 2]], [0, 512, [9]]]);
  expect(file.events.at(-1)).toEqual({ kind: 'answered', id: 0, good: true });
  file.close();
});

test('of a write whose data were cut off there are the sectors that came whole', () => {
  const file = journal([write(0, 0, 2560), data(0, 0, 600, 1), data(0, 1000, 1100, 2)]);
  expect(runsOf(file)).toEqual([[0, 512, [1]], [1024, 1024, [2, 2]]]);
  file.close();
});

test('one block repeated, and zeros without data', () => {
  const file = journal([write(0, 512, 2048, 512), data(0, 0, 200, 5), data(0, 200, 312, 5), write(1, 8192, 1024, 0), write(2, 0, 2048, 512), data(2, 0, 100, 6)]);
  expect(runsOf(file)).toEqual([[512, 2048, [5, 5, 5, 5]], [8192, 1024, [0, 0]]]);
  file.close();
});

test('flushes: of everything, of a range, and what came of them; on a disk without a cache every write is durable', () => {
  const file = journal([write(0, 0, 512), { kind: 'flush', task: 1, range: { offset: 0, length: Infinity } }, { kind: 'flush', task: 2, range: { offset: 512, length: 1024 } }, { kind: 'answered', task: 2, good: false }], false);
  expect(file.events).toMatchObject([{ kind: 'write', durable: true }, { kind: 'flush-begin', offset: 0, length: Infinity }, { kind: 'flush-begin', offset: 512, length: 1024 }, { kind: 'flush-done', id: 2, good: false }]);
  file.close();
});

test('a recorder that was killed leaves half a line, which counts for nothing', () => {
  journal([write(0, 0, 512), data(0, 0, 512, 1)]).close();
  appendFileSync(join(folder, 'events.jsonl'), '{"answered":0,"go');
  const file = new JournalFile(folder);
  expect(file.events.map(({ kind }) => kind)).toEqual(['write']);
  file.close();
});

test('a journal is never written over; one of a stream that was not understood, and what is none, are refused', () => {
  const writer = new JournalWriter(folder, true);
  expect(() => new JournalWriter(folder, true)).toThrow('EEXIST');
  writer.refuse('login: HeaderDigest=None');
  writer.close();
  expect(() => new JournalFile(folder)).toThrow('not understood, and is no record of its writes: login: HeaderDigest=None');
  const other = join(folder, '..', 'other');
  new JournalWriter(other, true).close();
  appendFileSync(join(folder, 'events.jsonl'), '');
  rmSync(join(other, 'events.jsonl'));
  appendFileSync(join(other, 'events.jsonl'), '{"write":1}\n');
  expect(() => new JournalFile(other)).toThrow('is no journal of version 1');
});
