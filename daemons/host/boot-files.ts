// The files that a blade boots from, read into memory once: a node whose SAN hangs still serves the boot network.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as othersTurn } from 'node:timers/promises';
import { InputError, valueOf } from '../core/problem.ts';
import { BOOT_INDEX_OFFSET, decodeBootVolumeHeader, decodeBootVolumeIndex, MAX_BOOT_FILE_BYTES, MAX_BOOT_FILES } from '../storage/boot-volume.ts';

export interface BootFileContent {
  /** The first use of a file out of a boot volume checks its SHA-256, and throws InputError when it is another than the index has. */
  readonly bytes: Uint8Array;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

export type BootFileTable = ReadonlyMap<string, BootFileContent>;

/** Hashed in a millisecond or two. */
const CHECK_PIECE_BYTES = 1024 * 1024;
/** How the files of a boot volume are checked without keeping the process to themselves. */
const CHECKS = new WeakMap<BootFileContent, () => Promise<void>>();

const REMEDY = 'Write the boot volume again with `metamaster upgrade`, or boot the node again.';
const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function problem(where: string, rule: string, seen: string): InputError {
  return new InputError([{ code: 'MM-BOOT-FILES', where, rule, seen, remedy: REMEDY }]);
}

function readExactly(fd: number, offset: number, length: number, where: string): Uint8Array {
  // Not from Node's pool: these stay for the life of the process.
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const got = readSync(fd, bytes, done, length - done, offset + done);
    if (got === 0) throw problem(where, `${length} bytes at offset ${offset}`, `${done} bytes`);
    done += got;
  }
  return bytes;
}

function readVolume(fd: number, where: string): BootFileTable {
  const header = valueOf(decodeBootVolumeHeader(readExactly(fd, 0, BOOT_INDEX_OFFSET, where), where));
  const placements = valueOf(decodeBootVolumeIndex(header, readExactly(fd, BOOT_INDEX_OFFSET, header.indexBytes, where)));
  const files = new Map<string, BootFileContent>();
  for (const { name, offset, bytes: length, sha256 } of placements) {
    const bytes = readExactly(fd, offset, length, `${where}: ${name}`);
    files.set(name, checkedAtFirstUse(bytes, sha256, `${where}: ${name}`));
  }
  return files;
}

/** A node serves half a second earlier when it does not hash what nobody has asked for yet. */
function checkedAtFirstUse(bytes: Uint8Array, sha256: string, where: string): BootFileContent {
  let checked = false;
  const judge = (seen: string): void => {
    if (seen !== sha256) throw problem(where, `SHA-256 ${sha256}`, seen);
    checked = true;
  };
  const file: BootFileContent = {
    sha256,
    get bytes() {
      if (!checked) judge(sha256Of(bytes));
      return bytes;
    },
  };
  CHECKS.set(file, async () => {
    const hash = createHash('sha256');
    for (let at = 0; at < bytes.length; at += CHECK_PIECE_BYTES) {
      hash.update(bytes.subarray(at, at + CHECK_PIECE_BYTES));
      await othersTurn();
    }
    if (!checked) judge(hash.digest('hex'));
  });
  return file;
}

/**
 * Checks every file that is unchecked, a piece at a time, so that whoever else has work in this process gets his turn between two of them.
 * @throws InputError for the first whose SHA-256 is another than the index has
 */
export async function checkBootFiles(files: BootFileTable): Promise<readonly Uint8Array[]> {
  for (const file of files.values()) await CHECKS.get(file)?.();
  return Array.from(files.values(), ({ bytes }) => bytes);
}

/**
 * Reads a boot volume (daemons/storage/boot-volume.ts) from `source`, a path or `fd:N` for a file that is already open.
 * Throws InputError when it is no boot volume, and the system's error when it cannot be read. A file's SHA-256 is checked when the
 * file is first used.
 */
export function readBootVolume(source: string): BootFileTable {
  const inherited = /^fd:([0-9]{1,5})$/.exec(source);
  if (inherited !== null) return readVolume(Number(inherited[1]), source);
  const fd = openSync(source, 'r');
  try {
    return readVolume(fd, source);
  } finally {
    closeSync(fd);
  }
}

/** Reads the plain files of a directory, without its sub-directories; for tests and for trying things out. */
export function readBootDirectory(directory: string): BootFileTable {
  const names = readdirSync(directory).filter((name) => statSync(join(directory, name)).isFile());
  if (names.length > MAX_BOOT_FILES) throw problem(directory, `at most ${MAX_BOOT_FILES} files`, `${names.length}`);
  const files = new Map<string, BootFileContent>();
  for (const name of names.toSorted()) {
    const path = join(directory, name);
    if (statSync(path).size > MAX_BOOT_FILE_BYTES) throw problem(path, `at most ${MAX_BOOT_FILE_BYTES} bytes`, `${statSync(path).size}`);
    const bytes = new Uint8Array(readFileSync(path));
    files.set(name, { bytes, sha256: sha256Of(bytes) });
  }
  return files;
}
