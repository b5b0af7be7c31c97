import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeLatin1, equalBytes } from './bytes.ts';
import { cpioArchive, type CpioEntry } from './cpio-archive.ts';
import { parseCpio } from './cpio-parse.test-kit.ts';

const EPOCH = 1_700_000_000;

const SAMPLE: readonly CpioEntry[] = [
  { kind: 'file', path: 'usr/bin/qjs', mode: 0o755, bytes: Buffer.from('#!') },
  { kind: 'link', path: 'bin', target: 'usr/bin' },
  { kind: 'folder', path: 'tmp', mode: 0o1777 },
  { kind: 'file', path: 'tmp/empty', mode: 0o600, bytes: new Uint8Array() },
  { kind: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
];

const name = fc.stringMatching(/^[a-z0-9._-]{1,6}$/).filter((text) => text !== '.' && text !== '..');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const entry: fc.Arbitrary<CpioEntry> = fc.oneof(
  fc.record({ kind: fc.constant('file' as const), path, mode: fc.nat({ max: 0o7777 }), bytes: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant('link' as const), path, target: name }),
  fc.record({ kind: fc.constant('folder' as const), path, mode: fc.nat({ max: 0o7777 }) }),
  fc.record({ kind: fc.constant('device' as const), path, mode: fc.nat({ max: 0o777 }), major: fc.nat({ max: 255 }), minor: fc.nat({ max: 255 }) }),
);

/** Entries that make a tree: nothing twice, nothing below what is no folder. */
const trees = fc.array(entry, { maxLength: 12 }).map((entries) => entries.filter((one, i) =>
  entries.findIndex(({ path: other }) => other === one.path) === i && !entries.some((other) => other.kind !== 'folder' && one.path.startsWith(`${other.path}/`))));

describe('the archive', () => {
  test('parsed back it holds what was put in, and a folder above everything', () => {
    fc.assert(fc.property(trees, (entries) => {
      const parsed = parseCpio(cpioArchive(entries, EPOCH));
      for (const one of entries) {
        const found = parsed.find((other) => other.path === one.path)!;
        expect(found.kind).toBe(one.kind);
        expect(found.mode).toBe(one.kind === 'link' ? 0o777 : one.mode);
        if (one.kind === 'file') expect([...found.bytes]).toEqual([...one.bytes]);
        if (one.kind === 'link') expect(found.bytes.toString()).toBe(one.target);
        if (one.kind === 'device') expect([found.major, found.minor]).toEqual([one.major, one.minor]);
      }
      for (const [i, { path: below }] of parsed.entries()) {
        const parent = below.slice(0, Math.max(below.lastIndexOf('/'), 0));
        expect(parent === '' || parsed.slice(0, i).some((one) => one.path === parent && one.kind === 'folder'), below).toBe(true);
      }
      expect(new Set(parsed.map(({ inode }) => inode)).size).toBe(parsed.length);
      expect(new Set(parsed.map((one) => one.path)).size).toBe(parsed.length);
    }), { numRuns: 200 });
  });

  test('does not depend on the order of what goes in: the same files give the same bytes', () => {
    fc.assert(fc.property(trees.chain((entries) => fc.tuple(fc.constant(entries), fc.shuffledSubarray(entries, { minLength: entries.length }))), ([entries, shuffled]) => {
      expect(equalBytes(cpioArchive(shuffled, EPOCH), cpioArchive(entries, EPOCH))).toBe(true);
    }), { numRuns: 100 });
  });

  test('golden: a link, byte by byte', () => {
    const zero = '00000000';
    const link = ['070701', '00000001', '0000A1FF', zero, zero, '00000001', '6553F100', '00000001', zero, zero, zero, zero, '00000002', zero, 'a\0b\0\0\0'].join('');
    const trailer = ['070701', zero, zero, zero, zero, '00000001', zero, zero, zero, zero, zero, zero, '0000000B', zero, 'TRAILER!!!\0\0\0\0'].join('');
    expect(cpioArchive([{ kind: 'link', path: 'a', target: 'b' }], EPOCH)).toEqual(encodeLatin1(link + trailer));
  });

  test('a folder\'s own mode counts, whether it comes before or after what it holds', () => {
    const [folder, file] = [{ kind: 'folder', path: 'tmp', mode: 0o1777 }, { kind: 'file', path: 'tmp/x', mode: 0o644, bytes: new Uint8Array() }] as const;
    for (const entries of [[folder, file], [file, folder], [folder, file, { kind: 'folder', path: 'tmp' } as const]]) {
      expect(parseCpio(cpioArchive(entries, EPOCH)).find(({ path: at }) => at === 'tmp')!.mode).toBe(0o1777);
    }
  });

  test('what cannot be unpacked is refused', () => {
    const file = (at: string): CpioEntry => ({ kind: 'file', path: at, mode: 0o644, bytes: new Uint8Array() });
    expect(() => cpioArchive([file('a'), file('a')], EPOCH)).toThrow('a is given twice');
    expect(() => cpioArchive([file('a'), { kind: 'folder', path: 'a' }], EPOCH)).toThrow('a is given twice');
    expect(() => cpioArchive([file('a/b'), file('a')], EPOCH)).toThrow('which is a file');
    expect(() => cpioArchive([{ kind: 'link', path: 'lib', target: 'usr/lib' }, file('lib/x')], EPOCH)).toThrow('lib/x stands below lib, which is a link');
  });

  const hasCpio = spawnSync('cpio', ['--version']).status === 0;
  test.skipIf(!hasCpio)('the cpio program reads the same (skipped without cpio)', () => {
    const archive = cpioArchive(SAMPLE, EPOCH);
    const listed = execFileSync('cpio', ['-it', '--quiet'], { input: archive, encoding: 'utf8' }).trim().split('\n');
    expect(listed).toEqual(['bin', 'dev', 'dev/console', 'tmp', 'tmp/empty', 'usr', 'usr/bin', 'usr/bin/qjs']);
    const long = execFileSync('cpio', ['-itv', '--quiet', '--numeric-uid-gid'], { input: archive, encoding: 'utf8', env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' } });
    expect(long).toMatch(/^lrwxrwxrwx +1 0 +0 +7 Nov 14 +2023 bin -> usr\/bin$/m);
    expect(long).toMatch(/^crw------- +1 0 +0 +5, +1 Nov 14 +2023 dev\/console$/m);
    expect(long).toMatch(/^drwxrwxrwt .* tmp$/m);
    expect(long).toMatch(/^-rwxr-xr-x +1 0 +0 +2 .* usr\/bin\/qjs$/m);
  });
});
