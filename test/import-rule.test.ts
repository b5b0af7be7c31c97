import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { breachesOf, ROOM_RULES } from './import-rule.ts';

const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>;
const DECLARED: ReadonlySet<string> = new Set([...Object.keys(dependencies!), ...Object.keys(devDependencies!)]);
const breaches = (file: string, text: string): readonly string[] => breachesOf(file, text, DECLARED).map(({ line, rule }) => `${line}: ${rule}`);

describe('the repository', () => {
  const files = globSync('{daemons,initrd,live-dvd,scripts,test}/**/*.ts').sort();

  test('keeps the rule in every file', () => {
    expect(files).toContain('daemons/core/bytes.ts');
    expect(files.flatMap((file) => breachesOf(file, readFileSync(file, 'utf8'), DECLARED)).map(({ file, line, rule }) => `${file}:${line}: ${rule}`)).toEqual([]);
  });

  test('has files for the rules that everything else rests on', () => {
    for (const kind of ['core', 'wire', 'storage', 'host', 'daemon', 'initrd', 'initrd-builder', 'initrd-shell', 'live-dvd', 'scripts', 'crash', 'test']) {
      const rule = ROOM_RULES.find((candidate) => candidate.kind === kind)!;
      expect(files.some((file) => ROOM_RULES.find((candidate) => candidate.files.test(file)) === rule), kind).toBe(true);
    }
  });
});

describe('the checker lets pass', () => {
  test.each([
    ['daemons/core/x.ts', "import { y } from './y.ts'; import type { Z } from './deep/z.ts';"],
    ['daemons/wire/x.ts', "import { y } from '../core/y.ts'; import { z } from './z.ts';"],
    ['daemons/storage/x.ts', "import { y } from '../core/y.ts';"],
    ['daemons/dhcp/x.ts', "import { a } from '../core/a.ts'; import { b } from '../wire/b.ts'; import { c } from '../storage/c.ts'; import { d } from './deep/d.ts';"],
    ['daemons/dhcp/deep/x.ts', "import { a } from '../y.ts'; import { b } from '../../core/b.ts';"],
    ['daemons/dns/x.ts', "import packet from 'dns-packet'; import { z } from 'zod'; import { parse } from 'yaml';"],
    ['daemons/host/x.ts', "import { readFileSync } from 'node:fs'; import pino from 'pino'; import { a } from '../core/a.ts'; Date.now(); Buffer.from('');"],
    ['daemons/metamasterd.ts', "import { a } from './dhcp/a.ts'; import { b } from './tftp/b.ts'; import { c } from './host/c.ts'; import 'node:fs'; setTimeout(f, 1);"],
    ['initrd/x.ts', "import * as std from 'std'; import * as os from 'os'; import { a } from '../daemons/core/a.ts'; import { b } from '../daemons/storage/b.ts'; import { c } from './quickjs-host.ts';"],
    ['initrd/quickjs-host.ts', "import * as os from 'os'; Date.now(); os.setTimeout(f, 1);"],
    ['initrd/boot-image.ts', "import 'node:fs'; import { a } from './module-set.ts'; import { b } from '../live-dvd/b.ts'; Buffer.alloc(1);"],
    ['live-dvd/x.ts', "import 'node:fs'; import { a } from '../initrd/boot-image.ts'; import { b } from '../daemons/host/b.ts';"],
    ['scripts/install/x.ts', "import 'zod'; import { a } from '../../daemons/core/a.ts'; import { b } from '../../live-dvd/b.ts'; import { c } from '../virtual-rack/c.ts';"],
    ['test/crash/crash-x.ts', "import { a } from '../../daemons/core/a.ts'; import { b } from '../../daemons/storage/b.ts'; import { c } from './iscsi-y.ts';"],
    ['test/crash/x.ts', "import 'node:net'; import { a } from './iscsi-y.ts'; import { b } from '../../scripts/b.ts';"],
    ['test/simulator/x.ts', "import { a } from '../../daemons/dhcp/a.ts'; import { b } from './y.ts';"],
    ['test/simulator/simulate.ts', "import 'node:fs'; import { a } from './y.ts';"],
    ['test/simulator/simulate-x.ts', "import 'node:fs'; import { a } from './y.ts';"],
    ['test/x.ts', "import 'vitest'; import { a } from '../scripts/a.ts'; import { b } from '../daemons/dhcp/b.ts';"],
    ['daemons/core/x.test.ts', "import 'node:crypto'; import 'vitest'; import { a } from '../../test/a.ts'; Date.now(); Math.random();"],
    ['daemons/core/x.test-kit.ts', "import 'vitest'; import fc from 'fast-check'; Math.random();"],
    ['daemons/core/x.test.ts', "import { a } from './y.test-kit.ts';"],
    ['daemons/dhcp/x.ts', "const date = new Date(ms); lease.setTimeout(3); const ArrayBuffer2 = ArrayBuffer; const o = { Buffer2: 1 }; // Date.now()\nconst s = 'Math.random';"],
  ])('%s: %s', (file, text) => expect(breaches(file, text)).toEqual([]));
});

describe('the checker refuses', () => {
  test.each([
    ['daemons/core/x.ts', "import { a } from '../wire/a.ts';", '1: core may not import wire (daemons/wire/a.ts)'],
    ['daemons/core/x.ts', "import { a } from '../dhcp/a.ts';", '1: core may not import daemon dhcp (daemons/dhcp/a.ts)'],
    ['daemons/core/x.ts', "\n\nimport 'node:fs';", '3: core may not import node:fs'],
    ['daemons/core/x.ts', "import type { X } from 'node:fs';", '1: core may not import node:fs'],
    ['daemons/core/x.ts', "let x: import('node:fs').Stats;", '1: core may not import node:fs'],
    ['daemons/core/x.ts', "import { z } from 'zod';", '1: core may not import the package zod'],
    ['daemons/core/x.ts', 'await import(name)', '1: imports a name that is computed at run time'],
    ['daemons/core/x.ts', "import x from '../../package.json';", '1: imports package.json, which is in no room'],
    ['daemons/core/x.ts', "import { a } from './y.test.ts';", '1: imports the test daemons/core/y.test.ts'],
    ['daemons/core/x.ts', "import { a } from './y.test-kit.ts';", '1: imports the test daemons/core/y.test-kit.ts'],
    ['scripts/x.ts', "import { a } from './y.test-kit.ts';", '1: imports the test scripts/y.test-kit.ts'],
    ['daemons/wire/x.ts', "import { a } from '../storage/a.ts';", '1: wire may not import storage (daemons/storage/a.ts)'],
    ['daemons/wire/x.ts', "import 'yaml';", '1: wire may not import the package yaml'],
    ['daemons/storage/x.ts', "export * from '../wire/a.ts';", '1: storage may not import wire (daemons/wire/a.ts)'],
    ['daemons/dhcp/x.ts', "import { a } from '../tftp/a.ts';", '1: daemon dhcp may not import daemon tftp (daemons/tftp/a.ts)'],
    ['daemons/dhcp/x.ts', "import type { A } from '../tftp/a.ts';", '1: daemon dhcp may not import daemon tftp (daemons/tftp/a.ts)'],
    ['daemons/dhcp/x.ts', "import { a } from '../host/a.ts';", '1: daemon dhcp may not import host (daemons/host/a.ts)'],
    ['daemons/dhcp/x.ts', "import { a } from '../metamasterd.ts';", '1: daemon dhcp may not import root (daemons/metamasterd.ts)'],
    ['daemons/dhcp/x.ts', "import { createSocket } from 'node:dgram';", '1: daemon dhcp may not import node:dgram'],
    ['daemons/dhcp/x.ts', "import fs from 'fs';", '1: daemon dhcp may not import the package fs'],
    ['daemons/dhcp/x.ts', "import pino from 'pino';", '1: daemon dhcp may not import the package pino'],
    ['daemons/dhcp/x.ts', "import { a } from '../../scripts/a.ts';", '1: daemon dhcp may not import scripts (scripts/a.ts)'],
    ['daemons/dhcp/x.ts', "import { a } from '../../test/a.ts';", '1: daemon dhcp may not import test (test/a.ts)'],
    ['daemons/dhcp/x.ts', "import { a } from '../../initrd/a.ts';", '1: daemon dhcp may not import initrd (initrd/a.ts)'],
    ['daemons/host/x.ts', "import { a } from '../dhcp/a.ts';", '1: host may not import daemon dhcp (daemons/dhcp/a.ts)'],
    ['daemons/host/x.ts', "import 'on-exit-leak-free';", '1: host may not import the package on-exit-leak-free'],
    ['daemons/metamasterd.ts', "import { a } from '../scripts/a.ts';", '1: root may not import scripts (scripts/a.ts)'],
    ['test/crash/iscsi-x.ts', "import 'node:net';", '1: crash may not import node:net'],
    ['test/crash/crash-x.ts', "import { a } from './write-y.ts';", '1: crash may not import test (test/crash/write-y.ts)'],
    ['test/crash/crash-x.ts', 'const r = Math.random();', '1: crash may not use Math.random: take seeded randomness as an argument'],
    ['test/simulator/x.ts', "import 'node:fs';", '1: simulator may not import node:fs'],
    ['test/simulator/x.ts', "import { a } from '../../daemons/host/a.ts';", '1: simulator may not import host (daemons/host/a.ts)'],
    ['test/simulator/x.ts', 'const r = Math.random();', '1: simulator may not use Math.random: take seeded randomness as an argument'],
    ['initrd/x.ts', "import 'node:fs';", '1: initrd may not import node:fs'],
    ['initrd/x.ts', "import 'zod';", '1: initrd may not import the package zod'],
    ['initrd/x.ts', "import { a } from './boot-image.ts';", '1: initrd may not import initrd-builder (initrd/boot-image.ts)'],
    ['initrd/x.ts', "import { a } from '../daemons/dhcp/a.ts';", '1: initrd may not import daemon dhcp (daemons/dhcp/a.ts)'],
    ['initrd/x.ts', "import { a } from '../live-dvd/a.ts';", '1: initrd may not import live-dvd (live-dvd/a.ts)'],
    ['initrd/quickjs-host.ts', "import 'node:fs';", '1: initrd-shell may not import node:fs'],
    ['initrd/boot-image.ts', "import { a } from '../scripts/a.ts';", '1: initrd-builder may not import scripts (scripts/a.ts)'],
    ['live-dvd/x.ts', "import { a } from '../scripts/a.ts';", '1: live-dvd may not import scripts (scripts/a.ts)'],
    ['live-dvd/x.ts', "import { a } from '../test/a.ts';", '1: live-dvd may not import test (test/a.ts)'],
    ['scripts/x.ts', "import { a } from '../test/a.ts';", '1: scripts may not import test (test/a.ts)'],
    ['daemons/core/x.test.ts', "import 'postcss';", '1: imports the package postcss, which package.json does not name'],
    ['elsewhere/x.ts', '', '1: stands in no room of the rule'],
  ])('%s: %s', (file, text, expected) => expect(breaches(file, text)).toEqual([expected]));

  test.each(['Date.now()', 'Date . now()', 'new Date()', 'new Date;', 'Math.random()', 'setTimeout(f, 1)', 'setInterval(f, 1)', 'setImmediate(f)', 'Buffer.from(x)', 'let x: Buffer;', 'new TextEncoder()', 'new TextDecoder()', 'performance.now()', 'crypto.randomUUID()', 'process.env.HOME', '`${Date.now()}`'])(
    '%s in pure rooms',
    (code) => {
      for (const file of ['daemons/core/x.ts', 'daemons/wire/x.ts', 'daemons/storage/x.ts', 'daemons/dhcp/x.ts', 'initrd/x.ts']) expect(breaches(file, `\nconst a = 1;\n ${code}`), file).toEqual([expect.stringMatching(/^3: .* may not use /)]);
    },
  );

  test('what QuickJS lacks, in what is bundled for it', () => {
    for (const file of ['daemons/core/x.ts', 'initrd/x.ts', 'initrd/quickjs-host.ts']) expect(breaches(file, 'structuredClone(x)'), file).toHaveLength(1);
    expect(breaches('daemons/dhcp/x.ts', 'structuredClone(x)')).toEqual([]);
    expect(breaches('initrd/quickjs-host.ts', 'Buffer.alloc(1)')).toHaveLength(1);
  });

  test.each(['utils', 'util', 'helpers', 'helper', 'common', 'index', 'misc', 'Utils', 'utils.test'])('a file named %s', (name) => expect(breaches(`daemons/dhcp/${name}.ts`, '')).toHaveLength(1));
});
