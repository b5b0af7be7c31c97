import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeServing } from '../wire/serving-record.ts';
import { ServingFile } from './serving-file.ts';

let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'serving-')); });
afterEach(() => rmSync(folder, { recursive: true }));

const record = (...nodes: number[]) => ({ node: 1, newestGeneration: 7, serving: nodes.map((node) => ({ node, incarnation: '0123456789abcdef' })) });

test('the last record stands in it, and nothing beside it', () => {
  const file = new ServingFile(join(folder, 'serving.json'), () => expect.unreachable());
  for (const nodes of [[], [1], [1, 2, 3]]) {
    file.write(record(...nodes));
    expect(decodeServing(readFileSync(join(folder, 'serving.json'), 'utf8'))).toEqual(record(...nodes));
  }
  expect(readdirSync(folder)).toEqual(['serving.json']);
});

test('what is in the way is told once for each reason, and again when it comes back', () => {
  const told: string[] = [];
  const file = new ServingFile(join(folder, 'run', 'serving.json'), (reason) => told.push(reason));
  for (let i = 0; i < 3; i++) file.write(record(1));
  expect(told).toEqual([expect.stringContaining('ENOENT')]);
  mkdirSync(join(folder, 'run'));
  file.write(record(1));
  rmSync(join(folder, 'run'), { recursive: true });
  file.write(record(1));
  expect(told).toHaveLength(2);
});
