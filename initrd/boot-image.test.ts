// The initrds as they were built (live-dvd/images.ts), taken apart again: whether everything in them has what it needs. The builder
// itself wants the trees of a release; without images these tests are skipped.

import { existsSync, readFileSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { SAN_MODULES, VOLUME_MODULES } from './boot-plan.ts';
import { parseCpio, type ParsedEntry } from '../daemons/core/cpio-parse.test-kit.ts';
import { elfNeeds } from './elf-needs.ts';
import { moduleName, readModuleDependencies } from './module-set.ts';

const IMAGES = resolve(import.meta.dirname, '../build/images/debian-13');
/** Kernel and initrd of the network boot together. */
const BUDGET_BYTES = 20 * 2 ** 20;

describe.each(['initrd.img', 'initrd-dvd.img'])('%s', (name) => {
  const path = join(IMAGES, name);
  const missing = !existsSync(path);
  const entries = new Map<string, ParsedEntry>();
  beforeAll(() => {
    if (!missing) for (const entry of parseCpio(zstdDecompressSync(readFileSync(path)))) entries.set(entry.path, entry);
  });

  /** Follows links as the kernel does. */
  function lookUp(asked: string, depth = 0): ParsedEntry | undefined {
    const parts = asked.split('/').filter((part) => part !== '');
    for (let i = 1; i <= parts.length; i++) {
      const at = parts.slice(0, i).join('/');
      const entry = entries.get(at);
      if (entry?.kind !== 'link') continue;
      if (depth > 8) return undefined;
      const target = posix.join('/', posix.dirname(at), entry.bytes.toString());
      const absolute = entry.bytes.toString().startsWith('/') ? entry.bytes.toString() : target;
      return lookUp([absolute, ...parts.slice(i)].join('/'), depth + 1);
    }
    return entries.get(parts.join('/'));
  }

  test.skipIf(missing)('has PID 1, the boot program and every program it runs (skipped without images)', () => {
    for (const program of ['init', 'usr/bin/qjs', 'bin/sh', 'sbin/modprobe', ...['ip', 'arping', 'dd', 'mount', 'switch_root', 'chroot', 'setsid', 'cttyhack', 'stty', 'ln', 'mkdir', 'swapon', 'chmod'].map((applet) => `usr/bin/${applet}`), 'usr/sbin/iscsistart', 'usr/sbin/dmsetup', 'usr/sbin/e2fsck']) {
      const entry = lookUp(program);
      expect(entry?.kind, program).toBe('file');
      expect(entry!.mode & 0o111, program).toBe(0o111);
    }
    expect(lookUp('usr/lib/metamaster/boot.js')!.bytes.length).toBeGreaterThan(10_000);
  });

  test.skipIf(missing)('every link leads to a file, and every program finds its libraries and its loader (skipped without images)', () => {
    for (const entry of entries.values()) {
      if (entry.kind === 'link') expect(lookUp(entry.path), `${entry.path} -> ${entry.bytes.toString()}`).toBeDefined();
      if (entry.kind !== 'file') continue;
      const { interpreter, libraries } = entry.path.endsWith('.ko') ? { interpreter: undefined, libraries: [] } : elfNeeds(entry.bytes);
      if (interpreter !== undefined) expect(lookUp(interpreter)?.kind, `${entry.path}: ${interpreter}`).toBe('file');
      for (const library of libraries) expect(['usr/lib/x86_64-linux-gnu', 'usr/lib', 'usr/lib64', 'usr/lib/x86_64-linux-gnu/systemd'].some((folder) => lookUp(`${folder}/${library}`) !== undefined), `${entry.path}: ${library}`).toBe(true);
    }
  });

  test.skipIf(missing)('modules.dep names only modules that are there, and those that the boot asks for are among them (skipped without images)', () => {
    const table = [...entries.keys()].find((entry) => entry.endsWith('/modules.dep'))!;
    const folder = posix.dirname(table);
    const dependencies = readModuleDependencies(entries.get(table)!.bytes.toString());
    for (const [module, needs] of dependencies) for (const one of [module, ...needs]) expect(entries.has(`${folder}/${one}`), one).toBe(true);
    const names = new Set([...dependencies.keys()].map(moduleName));
    expect([...SAN_MODULES, ...VOLUME_MODULES].filter((module) => !names.has(module))).toEqual([]);
  });

  test.skipIf(missing)('all time stamps are one, and nothing in it is a secret\'s place (skipped without images)', () => {
    expect(new Set([...entries.values()].map(({ mtime }) => mtime)).size).toBe(1);
    expect([...entries.keys()].filter((at) => /shadow|ssh|\.key$|initiatorname/.test(at))).toEqual([]);
  });
});

const bootFiles = ['vmlinuz', 'initrd.img'].map((name) => join(IMAGES, name));
test.skipIf(!bootFiles.every((path) => existsSync(path)))('kernel and initrd of the network boot keep within their budget (skipped without images)', () => {
  expect(bootFiles.reduce((sum, path) => sum + readFileSync(path).length, 0)).toBeLessThanOrEqual(BUDGET_BYTES);
});
