// The boot program as it goes into the initrd: bundled, on the payload's own QuickJS. Without a payload (live-dvd/images.ts makes
// it) there is no such QuickJS, and these tests are skipped.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootPlan, formatPlan } from './boot-plan.ts';
import { parseCommandLine } from './command-line.ts';

const ROOT = resolve(import.meta.dirname, '..');
const PAYLOAD = join(ROOT, 'build/images/debian-13/payload');
const LIBRARIES = join(PAYLOAD, 'usr/lib/x86_64-linux-gnu');
const LOADER = join(LIBRARIES, 'ld-linux-x86-64.so.2');
const QJS = join(PAYLOAD, 'usr/bin/qjs');
const GOOD = 'storage_ip=10.0.0.252 sif=eth0 sifip=10.0.0.2 sifnm=255.255.255.0 ivid=iqn.2026-01.example:san root=/dev/evms/defaultdebian';

const here = [LOADER, QJS].every((path) => existsSync(path));
let folder = '';

/** Runs the bundle as the stub does, with the payload's loader and libraries: nothing of this machine is used, and no root is needed. */
function boot(...args: readonly string[]): { code: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(LOADER, ['--library-path', LIBRARIES, QJS, '-m', join(folder, 'boot.js'), ...args], { encoding: 'utf8' });
  return { code: status, said: stdout + stderr };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'boot-'));
  // As build.mjs makes it.
  await build({
    entryPoints: [join(ROOT, 'initrd/boot.ts')], outfile: join(folder, 'boot.js'), bundle: true, format: 'esm', minify: true, target: 'es2023', platform: 'neutral',
    external: ['std', 'os'], legalComments: 'none', logLevel: 'error',
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!here)(`on QuickJS${here ? '' : ` (skipped: there is no ${QJS}; make the images first)`}`, () => {
  test('a dry run prints the very plan that Node computes, and ends with 0', () => {
    const { code, said } = boot('--dry-run', GOOD);
    expect(said).toBe(`${formatPlan(bootPlan(parseCommandLine(GOOD).parameters))}\n`);
    expect(code).toBe(0);
  });

  test('so does one of the live system', () => {
    const { code, said } = boot('--dry-run', 'mm.mode=install');
    expect(code).toBe(0);
    expect(said).toContain('live-identity: write what makes this root the live system');
  });

  test('mistakes on the command line are all told, no plan is shown, and the end is 2', () => {
    const { code, said } = boot('--dry-run', 'sifip=10.0.0.999 root=/dev/sda1');
    expect(code).toBe(2);
    for (const word of ['sifip: must be', 'root: must be', 'MM-CMDLINE-MISSING: ivid']) expect(said).toContain(word);
    expect(said).not.toContain('1. modules');
  });
});
