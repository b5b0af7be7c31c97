import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MIB } from '../../daemons/storage/block.ts';
import { Disk } from './disk.ts';

const BYTES = 64 * MIB;
let folder = '';
let disk: Disk;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'disk-'));
  writeFileSync(join(folder, 'san'), '');
  truncateSync(join(folder, 'san'), BYTES);
  disk = new Disk(join(folder, 'san'), BYTES);
});
afterEach(() => {
  disk.close();
  rmSync(folder, { recursive: true });
});

/** A file of so many bytes, none of whose pieces is like another. */
function makeFile(bytes: number): { path: string; content: Buffer } {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) content.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  writeFileSync(join(folder, 'image'), content);
  return { path: join(folder, 'image'), content };
}

describe('the disk', () => {
  test('reads what was written, and zeros elsewhere', () => {
    disk.write(12_345, Uint8Array.of(1, 2, 3));
    disk.flush();
    expect([...disk.read(12_344, 5)]).toEqual([0, 1, 2, 3, 0]);
  });

  test('a read beyond its end is an error that says where', () => {
    expect(() => disk.read(BYTES - 10, 20)).toThrow(`ends at byte ${BYTES}; 20 bytes at ${BYTES - 10} were asked for`);
  });

  test('a device that is not there is not made', () => {
    expect(() => new Disk(join(folder, 'nothing'), 1)).toThrow('ENOENT');
  });

  test('carries a plan out in order, at the places that it is told', () => {
    const steps: string[] = [];
    const write = disk.write.bind(disk);
    disk.write = (offset, bytes) => {
      steps.push(`write ${offset}`);
      write(offset, bytes);
    };
    disk.flush = () => void steps.push('flush');
    disk.carryOut([{ kind: 'write', offset: 0, bytes: Uint8Array.of(1) }, { kind: 'flush' }, { kind: 'write', offset: 8, bytes: Uint8Array.of(2) }], (offset) => offset + 4096);
    expect(steps).toEqual(['write 4096', 'flush', 'write 4104']);
    expect([...disk.read(4096, 9)]).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 2]);
  });

  test('copies a file piece by piece to where each piece belongs, and flushes at the end', async () => {
    const { path, content } = makeFile(9 * MIB + 77);
    let flushed = false;
    disk.flush = () => { flushed = true; };
    const done: number[] = [];
    // Pieces of 4 MiB in reverse order, as extents may lie.
    const place = (offset: number): number => 40 * MIB - Math.floor(offset / (4 * MIB)) * 8 * MIB + (offset % (4 * MIB));
    await disk.copyFile(path, content.length, place, (bytes) => done.push(bytes));
    for (let at = 0; at < content.length; at += 4 * MIB) {
      const piece = content.subarray(at, at + 4 * MIB);
      expect(piece.equals(disk.read(place(at), piece.length))).toBe(true);
    }
    expect(done).toEqual([4 * MIB, 8 * MIB, 9 * MIB + 77]);
    expect(flushed).toBe(true);
    expect([...disk.read(0, MIB)].every((byte) => byte === 0)).toBe(true);
  });

  test('a file that is shorter than announced is a damaged medium; one that is longer is copied as far as announced', async () => {
    const { path, content } = makeFile(5 * MIB);
    await expect(disk.copyFile(path, 6 * MIB, (offset) => offset, () => undefined)).rejects.toThrow(`ends at byte ${5 * MIB}; ${6 * MIB} were expected: the medium is damaged`);
    await disk.copyFile(path, MIB, (offset) => 20 * MIB + offset, () => undefined);
    expect(content.subarray(0, MIB).equals(disk.read(20 * MIB, MIB))).toBe(true);
    expect(disk.read(21 * MIB, 4096).every((byte) => byte === 0)).toBe(true);
  });

  test('is written through to the file', () => {
    disk.write(0, Uint8Array.of(9));
    disk.flush();
    expect(readFileSync(join(folder, 'san')).subarray(0, 2)).toEqual(Buffer.from([9, 0]));
  });
});
