import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { kernelRelease, treesOf } from './trees.ts';

let tree = '';
beforeEach(() => { tree = mkdtempSync(join(tmpdir(), 'trees-')); });
afterEach(() => rmSync(tree, { recursive: true }));

test('the trees of a build folder', () => {
  expect(treesOf('/build/x')).toEqual({ payload: '/build/x/payload', tools: '/build/x/tools' });
});

test('the kernel of a tree is its only one', () => {
  expect(() => kernelRelease(tree)).toThrow(/one kernel is expected there, found 0/);
  mkdirSync(join(tree, 'usr/lib/modules/6.12.90+deb13-amd64'), { recursive: true });
  expect(kernelRelease(tree)).toBe('6.12.90+deb13-amd64');
  mkdirSync(join(tree, 'usr/lib/modules/6.12.91+deb13-amd64'));
  expect(() => kernelRelease(tree)).toThrow(/found 2; make the tree again/);
});
