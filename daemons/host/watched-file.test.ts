import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LOOK_MS, watchFile, type WatchedFile } from './watched-file.ts';

let folder = '';
let texts: string[];
let troubles: string[];
let watched: WatchedFile | undefined;
beforeEach(() => {
  vi.useFakeTimers();
  folder = mkdtempSync(join(tmpdir(), 'watched-'));
  [texts, troubles] = [[], []];
});
afterEach(() => {
  watched?.stop();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

const path = (): string => join(folder, 'run/node.json');
const watch = (): void => void (watched = watchFile(path(), (text) => texts.push(text), (reason) => troubles.push(reason)));
const replace = (text: string): void => {
  writeFileSync(`${path()}.new`, text);
  renameSync(`${path()}.new`, path());
};
const look = (times = 1): void => void vi.advanceTimersByTime(times * LOOK_MS);

test('what is there is handed over at once, and each replacement once', () => {
  mkdirSync(join(folder, 'run'));
  replace('one');
  watch();
  look(3);
  replace('two');
  look(3);
  expect([texts, troubles]).toEqual([['one', 'two'], []]);
});

test('a folder that comes later, and a file that goes and comes back, are no trouble', () => {
  watch();
  look(2);
  mkdirSync(join(folder, 'run'));
  replace('one');
  look();
  rmSync(path());
  look(2);
  replace('one');
  look();
  expect([texts, troubles]).toEqual([['one', 'one'], []]);
});

test('what cannot be read is told once, until it can', () => {
  mkdirSync(path(), { recursive: true });
  watch();
  look(3);
  expect([texts, troubles]).toEqual([[], [expect.stringContaining('EISDIR')]]);
  rmSync(path(), { recursive: true });
  replace('one');
  look();
  expect(texts).toEqual(['one']);
});

test('a fault of whoever takes the text is not taken for the file\'s', () => {
  mkdirSync(join(folder, 'run'));
  replace('one');
  expect(() => watchFile(path(), () => { throw new Error('a fault of ours'); }, (reason) => troubles.push(reason))).toThrow('a fault of ours');
  expect(troubles).toEqual([]);
});
