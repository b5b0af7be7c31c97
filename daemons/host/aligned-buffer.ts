// Memory for direct reads and writes: a device wants it to begin at a multiple of its block.

import { ffi } from './libc.ts';

/** What every disk is content with: a page, and the block of our formats. */
export const ALIGNMENT_BYTES = 4096;

/** So many bytes, zeroed, that begin at a multiple of ALIGNMENT_BYTES. Throws where node:ffi is missing or forbidden. */
export function alignedBuffer(length: number): Uint8Array {
  const memory = new Uint8Array(length + ALIGNMENT_BYTES);
  const past = Number(ffi().getRawPointer(memory) % BigInt(ALIGNMENT_BYTES));
  const begin = past === 0 ? 0 : ALIGNMENT_BYTES - past;
  return memory.subarray(begin, begin + length);
}
