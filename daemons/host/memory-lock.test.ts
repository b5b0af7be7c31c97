import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { fileMappings, type LockRange, lockMemory, type MemoryRange } from './memory-lock.ts';

const MAPS = `00400000-02a70000 r-xp 00000000 fe:01 1234                       /usr/bin/node
02a70000-02a71000 ---p 0266f000 fe:01 1234                       /usr/bin/node
02c00000-02c10000 rw-p 02670000 fe:01 1234                       /usr/bin/node
03000000-04000000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0000001000 r--p 00000000 00:01 99                 /dev/zero
7f0000001000-7f0000002000 rw-s 00000000 00:01 98                 /memfd:x (deleted)
7f0000002000-7f0000003000 r--p 00000000 fe:01 77                 /usr/lib/with a blank.so
7f0000003000-7f0000004000 rw-p 00000000 00:00 0 
7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0                  [vdso]
`;

test('of the mappings those of files that can be read', () => {
  expect(fileMappings(MAPS).map(({ start, lengthBytes }) => [start.toString(16), Number(lengthBytes)])).toEqual([['400000', 0x2670000], ['2c00000', 0x10000], ['7f0000002000', 0x1000]]);
  expect(fileMappings('')).toEqual([]);
});

/** What was logged, by event. */
function locking(buffers: readonly Uint8Array[], lock: LockRange): [string, Record<string, unknown>][] {
  const lines: [string, Record<string, unknown>][] = [];
  const write = (fields: Record<string, unknown>, event: string) => void lines.push([event, fields]);
  lockMemory(buffers, { info: write, warn: write } as never, lock);
  return lines;
}

describe('what is locked', () => {
  test('the boot files but for those in the engine\'s heap, then the mappings', () => {
    const seen: MemoryRange[] = [];
    const lines = locking([new Uint8Array(30), new Uint8Array(10_000)], (range) => {
      seen.push(range);
      return 0;
    });
    expect(seen[0]!.lengthBytes).toBe(10_000n);
    expect(seen.length).toBeGreaterThan(5);
    expect(lines).toEqual([['memory.locked', { ranges: seen.length, bytes: seen.reduce((sum, range) => sum + Number(range.lengthBytes), 0) }]]);
  });
  test('a refusal is one line, and the others are tried all the same', () => {
    let calls = 0;
    const lines = locking([new Uint8Array(10_000)], () => (calls++ % 2 === 0 ? 0 : 12));
    expect(calls).toBeGreaterThan(5);
    expect(lines).toMatchObject([['memory.not-locked', { errno: 12 }]]);
  });
  test('no way to lock at all is one line too', () => {
    expect(locking([], () => {
      throw new Error('no mlock2 here');
    })).toMatchObject([['memory.not-locked', { reason: 'no mlock2 here' }]]);
  });
});

// In a process of its own, so that this one need not carry the lock to its end.
const CHILD = `
import { readFileSync } from 'node:fs';
import { fileMappings, lockMemory } from './memory-lock.ts';
const lockedKib = () => Number(/VmLck:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
const events = [];
const write = (_fields, event) => events.push(event);
const buffers = [new Uint8Array(3 * 2 ** 20), new Uint8Array(2 ** 20), new Uint8Array(100)];
const before = lockedKib();
const mappedKib = fileMappings(readFileSync('/proc/self/maps', 'utf8')).reduce((sum, { lengthBytes }) => sum + Number(lengthBytes) / 1024, 0);
lockMemory(buffers, { info: write, warn: write });
console.log(JSON.stringify({ events, grownKib: lockedKib() - before, mappedKib }));
`;

const mayLock = process.getuid?.() === 0;
if (!mayLock) console.warn('memory-lock: the real lock is skipped, it needs root or a LimitMEMLOCK of 256 MB');

test.skipIf(!mayLock)('the kernel counts what was locked: the mappings and the large buffers', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', CHILD], { cwd: import.meta.dirname, encoding: 'utf8' });
  expect(stderr).toBe('');
  const { events, grownKib, mappedKib } = JSON.parse(stdout) as { events: string[]; grownKib: number; mappedKib: number };
  expect(events).toEqual(['memory.locked']);
  expect(mappedKib).toBeGreaterThan(50 * 1024);
  // The buffers' first and last pages are counted whole; libraries loaded for the lock itself may come on top.
  expect(grownKib).toBeGreaterThanOrEqual(mappedKib + 4 * 1024);
  expect(grownKib).toBeLessThan(mappedKib + 5 * 1024);
});
