// What the verbs of `metamaster san` share: the SAN's disk or an image of it, opened for reading, and where the command prints.

import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import process from 'node:process';
import { run } from '../daemons/host/run.ts';
import { examineSan, type ReadAt } from '../daemons/storage/san-report.ts';

/** Where the command prints; a test looks at what it said. */
export interface SanOutput {
  out(text: string): void;
  error(text: string): void;
}

export const CONSOLE: SanOutput = { out: (text) => void process.stdout.write(text), error: (text) => void process.stderr.write(text) };

/** The command was called wrongly. */
export class UsageError extends Error {}

/** An open disk or image. */
export interface OpenedSan {
  readonly read: ReadAt;
  readonly bytes: number;
  close(): void;
}

/** Opens a device or a file for reading. Throws the system's error. */
export function openSan(path: string, output: SanOutput): OpenedSan {
  const descriptor = openSync(path, 'r');
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile() && !stat.isBlockDevice()) throw new Error(`${path}: neither a block device nor a file`);
    return { read: readerOf(descriptor), bytes: stat.isFile() ? stat.size : prepareDevice(path, output), close: () => closeSync(descriptor) };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** The size of a block device. What this machine's cache still holds of it is dropped first, for other nodes write to the same disk. */
function prepareDevice(path: string, output: SanOutput): number {
  try {
    execFileSync('blockdev', ['--flushbufs', path], { stdio: 'pipe' });
  } catch {
    output.error(`metamaster san: ${path}: the cache could not be dropped (blockdev --flushbufs needs root): what is shown may be old\n`);
  }
  return Number(execFileSync('blockdev', ['--getsize64', path], { encoding: 'utf8', stdio: 'pipe' }));
}

/** Makes the next read of a disk one past the page cache, for other nodes write to the same disk. A file has no such call. */
export async function dropCache(path: string): Promise<void> {
  if (statSync(path).isBlockDevice()) await run(['blockdev', '--flushbufs', path]);
}

function readerOf(descriptor: number): ReadAt {
  return (offset, length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const count = readSync(descriptor, bytes, at, length - at, offset + at);
      if (count === 0) throw new Error(`the device ends at ${offset + at}`);
      at += count;
    }
    return bytes;
  };
}

/** The container that is meant: the one that is named, or the only one. @throws UsageError when there are several and none is named */
export function containerOf(san: OpenedSan, named: string | undefined): string {
  if (named !== undefined) return named;
  const names = examineSan(san.read, san.bytes).containers.map((container) => container.name);
  if (names.length > 1) throw new UsageError(`the SAN has several containers: choose one with --container ${names.join(' | ')}`);
  return names[0] ?? 'default';
}

/** Says what to do about an error of the system. */
export function remedyOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'Check the path; a SAN\'s disk appears after the login: `ls -l /dev/disk/by-path/*iscsi*`.';
  if (error.code === 'EACCES' || error.code === 'EPERM') return 'Run it as root.';
  if (error.code === 'EEXIST') return 'Choose another file: a former export is never written over.';
  return 'Check the path and the session to the SAN.';
}
