import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ALIGNMENT_BYTES } from '../../daemons/host/aligned-buffer.ts';
import { Disk } from './disk.ts';

const BYTES = 8 * ALIGNMENT_BYTES;
const pattern = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + seed) % 251);

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metamaster-disk-'));
  path = join(folder, 'image');
  writeFileSync(path, pattern(BYTES, 1));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each([{ direct: false }, { direct: true }])('a disk, $direct: direct', ({ direct }) => {
  let disk: Disk;
  beforeEach(() => (disk = new Disk(path, BYTES, { direct })));
  afterEach(() => disk.close());

  test.each([[0, 1], [511, 2], [4095, 2], [4096, 4096], [100, 9000], [BYTES - 1, 1], [0, BYTES]])('reads at %i, %i bytes', (offset, length) => {
    expect(Buffer.from(disk.read(offset, length)).equals(readFileSync(path).subarray(offset, offset + length))).toBe(true);
  });

  test('a write is there, and around it all is as it was', () => {
    const before = readFileSync(path);
    disk.write(2 * ALIGNMENT_BYTES, pattern(ALIGNMENT_BYTES, 7));
    disk.flush();
    before.set(pattern(ALIGNMENT_BYTES, 7), 2 * ALIGNMENT_BYTES);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(statSync(path).size).toBe(BYTES);
  });

  test('an end before what was asked for is told', () => {
    truncateSync(path, 4000);
    expect(Buffer.from(disk.read(3990, 10)).length).toBe(10);
    expect(() => disk.read(3990, 11)).toThrow(/ends at byte 4000; 11 bytes at 3990 were asked for/);
  });
});

test('a direct write is of whole blocks, or refused before anything is written', ({ skip }) => {
  const disk = new Disk(path, BYTES, { direct: true });
  const before = readFileSync(path);
  try {
    skip(!disk.direct, 'the file system of the temporary folder takes no direct writes');
    expect(() => disk.write(512, pattern(512, 3))).toThrow(RangeError);
    expect(readFileSync(path).equals(before)).toBe(true);
  } finally {
    disk.close();
  }
});
