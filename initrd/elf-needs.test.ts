import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { elfNeeds, programClosure } from './elf-needs.ts';

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const FILE_AT = 0x1000;
/** Where the made-up file is mapped: an address that is not its offset, so that a mix-up of the two shows. */
const ADDRESS = 0x400000;

/** A made-up ELF file that needs these libraries. */
function makeElf(libraries: readonly string[], interpreter?: string): Buffer {
  const file = Buffer.alloc(0x2000);
  file.write('\x7fELF\x02\x01\x01', 'latin1');
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  const strings = ['', ...libraries].map((name) => `${name}\0`).join('');
  const interpreterAt = FILE_AT + strings.length;
  file.write(`${strings}${interpreter ?? ''}\0`, FILE_AT, 'latin1');
  const dynamicAt = 0x1800;
  const offsets = libraries.map((_, i) => ['', ...libraries].slice(0, i + 1).join('\0').length + 1);
  const dynamic: (readonly [bigint, bigint])[] = [...offsets.map((offset) => [1n, BigInt(offset)] as const), [5n, BigInt(ADDRESS + FILE_AT)], [0n, 0n]];
  dynamic.forEach(([tag, value], i) => {
    file.writeBigInt64LE(tag, dynamicAt + 16 * i);
    file.writeBigUInt64LE(value, dynamicAt + 16 * i + 8);
  });
  const segments = [[PT_LOAD, 0, 0x2000], [PT_DYNAMIC, dynamicAt, 16 * dynamic.length], ...(interpreter === undefined ? [] : [[PT_INTERP, interpreterAt, interpreter.length + 1]])];
  file.writeUInt16LE(segments.length, 56);
  segments.forEach(([type, offset, bytes], i) => {
    const at = 64 + 56 * i;
    file.writeUInt32LE(type!, at);
    file.writeBigUInt64LE(BigInt(offset!), at + 8);
    file.writeBigUInt64LE(BigInt(ADDRESS + offset!), at + 16);
    file.writeBigUInt64LE(BigInt(bytes!), at + 32);
  });
  return file;
}

describe('elfNeeds', () => {
  const shell = existsSync('/bin/sh') ? readFileSync(realpathSync('/bin/sh')) : Buffer.alloc(0);

  test.skipIf(elfNeeds(shell).libraries.length === 0)('/bin/sh of this machine needs libc and a loader (skipped where it is static)', () => {
    const { interpreter, libraries } = elfNeeds(shell);
    expect(libraries).toContain('libc.so.6');
    expect(interpreter).toMatch(/^\/lib.*\/ld-/);
  });

  test('Node itself, with its many libraries, agrees with readelf where there is one', () => {
    const { libraries } = elfNeeds(readFileSync(process.execPath));
    try {
      const shown = execFileSync('readelf', ['-d', process.execPath], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      expect(libraries).toEqual([...shown.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1]));
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
      expect(libraries).toContain('libc.so.6');
    }
  });

  test('names are found by address, not by offset', () => {
    fc.assert(fc.property(fc.array(fc.stringMatching(/^lib[a-z0-9.+]{1,12}$/), { maxLength: 8 }), fc.boolean(), (libraries, dynamic) => {
      expect(elfNeeds(makeElf(libraries, dynamic ? '/lib64/ld-x.so' : undefined))).toEqual({ ...(dynamic ? { interpreter: '/lib64/ld-x.so' } : {}), libraries });
    }), { numRuns: 50 });
  });

  test('a script, an empty file, a 32-bit program need nothing', () => {
    for (const file of [Buffer.from('#!/bin/sh\n'), Buffer.alloc(0), Buffer.concat([Buffer.from('\x7fELF\x01\x01', 'latin1'), Buffer.alloc(100)])]) expect(elfNeeds(file)).toEqual({ libraries: [] });
  });
});

describe('programClosure', () => {
  let tree = '';
  const write = (path: string, bytes: Buffer | string) => {
    mkdirSync(join(tree, path, '..'), { recursive: true });
    writeFileSync(join(tree, path), bytes);
  };
  beforeAll(() => {
    tree = mkdtempSync(join(tmpdir(), 'elf-needs-'));
    write('usr/bin/tool', makeElf(['liba.so.1'], '/lib64/ld.so'));
    write('usr/bin/lonely', makeElf(['libmissing.so']));
    write('usr/lib/liba.so.1.2', makeElf(['libb.so']));
    write('usr/lib/x86_64-linux-gnu/libb.so', makeElf(['liba.so.1']));
    write('usr/lib64/ld.so', makeElf([]));
    symlinkSync('liba.so.1.2', join(tree, 'usr/lib/liba.so.1'));
    symlinkSync('usr/lib64', join(tree, 'lib64'));
    symlinkSync('/bin/sh', join(tree, 'usr/bin/outside'));
  });
  afterAll(() => rmSync(tree, { recursive: true }));

  test('follows libraries of libraries, round in circles too, and keeps the names they are looked up by', () => {
    expect(Object.fromEntries([...programClosure(tree, ['usr/bin/tool'])].map(([real, names]) => [real, [...names]]))).toEqual({
      'usr/bin/tool': ['usr/bin/tool'], 'usr/lib/liba.so.1.2': ['usr/lib/liba.so.1'], 'usr/lib64/ld.so': ['lib64/ld.so'], 'usr/lib/x86_64-linux-gnu/libb.so': ['usr/lib/x86_64-linux-gnu/libb.so'],
    });
  });

  test('what the tree lacks is named', () => {
    expect(() => programClosure(tree, ['usr/bin/nothing'])).toThrow('has no usr/bin/nothing');
    expect(() => programClosure(tree, ['usr/bin/lonely'])).toThrow('has no libmissing.so');
  });

  test('a link that leads out of the tree, to the building machine, is refused', () => {
    expect(() => programClosure(tree, ['usr/bin/outside'])).toThrow('leads out of the tree');
  });
});
