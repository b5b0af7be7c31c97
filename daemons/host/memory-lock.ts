// Keeps in memory what a node needs to serve while its SAN hangs: the pages of the program and of the libraries, which are read
// from the root on the SAN and which the kernel may drop at any time, and the boot files.
//
// Locked are the file mappings (each page from its first use on, MLOCK_ONFAULT: of the 116 MB of Node some 45 are ever used) and
// the buffers of the boot files. Not locked is what the heap grows by; it has no file behind it, so that only swap could take it,
// and the unit forbids that (MemorySwapMax=0). mlockall(MCL_FUTURE) would take it in, and made Node use 694 MB and abort.

import { readFileSync } from 'node:fs';
import { ffi } from './libc.ts';
import type { Logger } from './log.ts';

/** mlock2(2): pages are locked when they are first used, and those in use already at once. */
const MLOCK_ONFAULT = 1;
/** Smaller buffers lie in the engine's own heap, which moves them. */
const BUFFER_MIN_BYTES = 4096;

/** A run of addresses of this process. */
export interface MemoryRange {
  readonly start: bigint;
  readonly lengthBytes: bigint;
}

/** Locks one range; returns the error number, 0 for none. */
export type LockRange = (range: MemoryRange) => number;

/**
 * The readable file mappings in a text of the form of /proc/self/maps (proc_pid_maps(5)). Left out: what has no inode (heap,
 * stack, vdso) and devices, whose pages are not the page cache's.
 */
export function fileMappings(maps: string): readonly MemoryRange[] {
  const line = /^([0-9a-f]+)-([0-9a-f]+) r[w-][x-][ps] [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ [1-9]\d* +\/(?!dev\/|memfd:)/gm;
  return Array.from(maps.matchAll(line), ([, from, to]) => {
    const start = BigInt(`0x${from}`);
    return { start, lengthBytes: BigInt(`0x${to}`) - start };
  });
}

/** mlock2 of the C library (glibc 2.27). Throws where node:ffi or the function is missing. */
function lockOnFault(): LockRange {
  const { lib, functions } = ffi().dlopen(null, { mlock2: { arguments: ['u64', 'u64', 'u32'], return: 'i32' } });
  const errnoLocation = lib.getFunction('__errno_location', { arguments: [], return: 'pointer' });
  return ({ start, lengthBytes }) => (functions.mlock2(start, lengthBytes, MLOCK_ONFAULT) === 0 ? 0 : ffi().getInt32(errnoLocation(), 0));
}

function bufferRange(bytes: Uint8Array): MemoryRange {
  // The kernel takes the whole pages that a range touches.
  return { start: ffi().getRawPointer(bytes), lengthBytes: BigInt(bytes.length) };
}

/**
 * Locks the boot files, then every file mapping that is there now. What cannot be locked is logged in one line and harms nobody:
 * the process runs on as if it had not asked. The usual reason is errno 12, a LimitMEMLOCK below the sum of the mappings.
 */
export function lockMemory(buffers: readonly Uint8Array[], log: Pick<Logger, 'info' | 'warn'>, lock?: LockRange): void {
  try {
    const lockRange = lock ?? lockOnFault();
    const ranges = [...buffers.filter(({ length }) => length >= BUFFER_MIN_BYTES).map(bufferRange), ...fileMappings(readFileSync('/proc/self/maps', 'utf8'))];
    const results = ranges.map((range) => ({ errno: lockRange(range), bytes: Number(range.lengthBytes) }));
    const bytesOf = (good: boolean): number => results.reduce((sum, { errno, bytes }) => sum + ((errno === 0) === good ? bytes : 0), 0);
    const failed = results.find(({ errno }) => errno !== 0);
    if (failed === undefined) log.info({ ranges: ranges.length, bytes: bytesOf(true) }, 'memory.locked');
    else log.warn({ errno: failed.errno, lockedBytes: bytesOf(true), unlockedBytes: bytesOf(false), meaning: 'this node may stop serving while its SAN hangs' }, 'memory.not-locked');
  } catch (error) {
    log.warn({ reason: error instanceof Error ? error.message : String(error), meaning: 'this node may stop serving while its SAN hangs' }, 'memory.not-locked');
  }
}
