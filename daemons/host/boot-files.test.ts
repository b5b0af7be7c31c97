import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../core/problem.ts';
import { parseUuid } from '../core/uuid.ts';
import { encodeBootVolume } from '../storage/boot-volume.ts';
import { checkBootFiles, readBootDirectory, readBootVolume } from './boot-files.ts';

const FILES = new Map([['vmlinuz', new Uint8Array(10_000).fill(7)], ['initrd.img', Uint8Array.of(1, 2, 3)], ['empty', new Uint8Array(0)]]);
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const WANTED = new Map(Array.from(FILES, ([name, bytes]) => [name, { bytes, sha256: digest(bytes) }]));

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mm-boot-files-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

/** Writes a boot volume with `change` applied to its bytes; its path. */
function volume(name: string, change: (image: Uint8Array) => void = () => {}): string {
  const list = Array.from(FILES, ([file, bytes]) => ({ name: file, bytes: bytes.length, sha256: digest(bytes) }));
  const { head, placements, totalBytes } = encodeBootVolume(parseUuid('11111111-2222-4333-8444-555555555555')!, list);
  const image = new Uint8Array(totalBytes);
  image.set(head);
  for (const placement of placements) image.set(FILES.get(placement.name)!, placement.offset);
  change(image);
  const path = join(directory, name);
  writeFileSync(path, image);
  return path;
}

describe('a boot volume', () => {
  test('by path and by inherited descriptor', () => {
    const path = volume('good');
    expect(readBootVolume(path)).toEqual(WANTED);
    const fd = openSync(path, 'r');
    expect(readBootVolume(`fd:${fd}`)).toEqual(WANTED);
    closeSync(fd);
  });
  test('a flipped bit in a file is found and named', async () => {
    const path = volume('flipped', (image) => {
      image[image.lastIndexOf(7)]! ^= 1;
    });
    const files = readBootVolume(path);
    const complaint = /MM-BOOT-FILES: .*flipped: vmlinuz: SHA-256/;
    expect(() => files.get('vmlinuz')!.bytes).toThrow(complaint);
    expect(() => files.get('vmlinuz')!.bytes, 'nor is it handed out at the second try').toThrow(complaint);
    expect(files.get('initrd.img')!.bytes).toEqual(FILES.get('initrd.img'));
    await expect(checkBootFiles(files)).rejects.toThrow(complaint);
  });
  test('what is no boot volume, or ends too soon, is refused', () => {
    expect(() => readBootVolume(volume('zeros', (image) => image.fill(0)))).toThrow(InputError);
    const path = volume('short');
    truncateSync(path, 9000);
    expect(() => readBootVolume(path)).toThrow(/MM-BOOT-FILES/);
  });
});

test('a directory: its plain files only', () => {
  const plain = join(directory, 'plain');
  mkdirSync(join(plain, 'sub'), { recursive: true });
  for (const [name, bytes] of FILES) writeFileSync(join(plain, name), bytes);
  expect(readBootDirectory(plain)).toEqual(WANTED);
});
