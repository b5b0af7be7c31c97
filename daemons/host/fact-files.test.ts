import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FILES_MAX, recordFile } from '../../initrd/record-rotation.ts';
import { readFactLines } from './fact-files.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mm-facts-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('every file that the recorder makes is read, the oldest first; nothing else is', () => {
  for (let age = 0; age < FILES_MAX; age++) writeFileSync(join(folder, recordFile(age)), `a${age}\nb${age}\n`);
  writeFileSync(join(folder, 'boots.jsonl.swp'), 'x\n');
  expect(readFactLines(folder)).toEqual(Array.from({ length: FILES_MAX }, (_, i) => FILES_MAX - 1 - i).flatMap((age) => [`a${age}`, `b${age}`]));
});

test('no folder is no fact; what cannot be read is an error', () => {
  expect(readFactLines(join(folder, 'none'))).toEqual([]);
  mkdirSync(join(folder, 'boots.jsonl'));
  expect(() => readFactLines(folder)).toThrow('EISDIR');
});
