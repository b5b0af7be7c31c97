import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeRequest } from './request-file.ts';

test('the last request stands there alone, whole, and for its owner', () => {
  const folder = mkdtempSync(join(tmpdir(), 'request-'));
  try {
    for (const text of ['a longer one\n', 'b\n']) writeRequest(join(folder, 'replace'), text);
    expect([readdirSync(folder), readFileSync(join(folder, 'replace'), 'utf8'), statSync(join(folder, 'replace')).mode & 0o777]).toEqual([['replace'], 'b\n', 0o600]);
    expect(() => writeRequest(join(folder, 'none', 'replace'), 'c')).toThrow('ENOENT');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
