import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { withLock } from './rack-lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'rack-lock-'));
const path = join(folder, 'deep/lock');
afterAll(() => rmSync(folder, { recursive: true }));

test('changes that are started together run one after the other', async () => {
  let inside = 0;
  let most = 0;
  await Promise.all(Array.from({ length: 5 }, () => withLock(path, async () => {
    most = Math.max(most, ++inside);
    await new Promise((done) => setTimeout(done, 5));
    inside -= 1;
  })));
  expect(most).toBe(1);
  expect(existsSync(path)).toBe(false);
});

test('a failed change frees the lock', async () => {
  await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await withLock(path, async () => 1)).toBe(1);
});

test('the lock of a process that died is taken over', async () => {
  writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, startTicks: 1, bootId: 'another' }));
  expect(await withLock(path, async () => 2)).toBe(2);
});
