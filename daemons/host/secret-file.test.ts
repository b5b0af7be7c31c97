import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSecretFile } from './secret-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mm-secret-'));
  path = join(folder, 'secret');
  writeFileSync(path, 'the secret\nmore\n', { mode: 0o600 });
});
afterEach(() => rmSync(folder, { recursive: true }));

const seen = (file = path): string => {
  const result = readSecretFile(file, 20);
  return result.ok ? `read: ${result.value}` : result.problems.map(({ code, seen }) => `${code}: ${seen}`).join();
};

test.each([0o600, 0o400])('mode %o: the first line', (mode) => {
  chmodSync(path, mode);
  expect(seen()).toBe('read: the secret');
});

test.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666])('mode %o is refused', (mode) => {
  chmodSync(path, mode);
  expect(seen()).toBe(`MM-SECRET-FILE: mode 0${mode.toString(8)}`);
});

test.each([['empty', '', 'an empty one'], ['with an empty first line', '\nsecret\n', 'an empty one'], ['with a line that is too long', `${'ä'.repeat(11)}\n`, '22 bytes'], ['that is no secret at all', 'x'.repeat(5000), '5000 bytes']])('a file %s is refused, and not shown', (_what, text, said) => {
  writeFileSync(path, text);
  expect(seen()).toBe(`MM-SECRET-FILE: ${said}`);
});

test('what is no file: nothing, a folder, a link, a pipe', () => {
  const at = (name: string): string => join(folder, name);
  mkdirSync(at('folder'), 0o700);
  symlinkSync(path, at('link'));
  spawnSync('mkfifo', ['-m', '600', at('pipe')]);
  expect(['none', 'folder', 'link', 'pipe'].map((name) => seen(at(name)))).toEqual(['MM-SECRET-FILE: no such file', 'MM-SECRET-FILE: something else', 'MM-SECRET-FILE: a symbolic link', 'MM-SECRET-FILE: something else']);
});

test.skipIf(process.getuid?.() !== 0)("somebody else's file is refused", () => {
  chownSync(path, 12345, 0);
  expect(seen()).toBe('MM-SECRET-FILE: a file of user 12345');
});
