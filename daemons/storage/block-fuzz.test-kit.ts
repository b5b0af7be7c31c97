// For tests: what every block codec must stand.

import fc from 'fast-check';
import { expect } from 'vitest';
import { viewOf } from '../core/bytes.ts';
import { crc32c } from '../core/crc32.ts';
import type { Result } from '../core/problem.ts';
import { BLOCK_BYTES } from './block.ts';

/** Short enough for every test run, long enough to meet every field. */
export const FUZZ_RUNS = 300;

/** The block with a checksum that holds, so that a fuzzer gets past it. */
export function reseal(block: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(block);
  const view = viewOf(copy);
  view.setUint32(BLOCK_BYTES - 4, 0, true);
  view.setUint32(BLOCK_BYTES - 4, crc32c(copy), true);
  return copy;
}

/** Invariant: foreign bytes never throw, and whatever decodes encodes to the very same block. Bytes in the first 256 are changed. */
export function fuzzBlock<T>(sample: Uint8Array, decode: (block: Uint8Array) => Result<T>, encode: (value: T) => Uint8Array): void {
  const change = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 6 }), (changes) => {
      const block = Uint8Array.from(sample);
      for (const [at, value] of changes) block[at] = value;
      const sealed = reseal(block);
      const decoded = decode(sealed);
      if (decoded.ok && decoded.value !== undefined) expect(encode(decoded.value)).toEqual(sealed);
    }),
    { numRuns: FUZZ_RUNS },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    expect(decode(bytes).ok).toBe(false);
  }), { numRuns: 50 });
}

/** Each way in which a block can be wrong has a code of its own. */
export function expectFrameProblems(sample: Uint8Array, decode: (block: Uint8Array) => Result<unknown>): void {
  const codeOf = (block: Uint8Array): string => {
    const result = decode(block);
    return result.ok ? 'decoded' : result.problems.map((problem) => problem.code).join();
  };
  const changed = (at: number, value: number): Uint8Array => Uint8Array.from(sample, (byte, i) => (i === at ? value : byte));
  expect(codeOf(sample)).toBe('decoded');
  expect(codeOf(sample.subarray(1))).toBe('MM-BLOCK-LENGTH');
  expect(codeOf(reseal(changed(0, 0x58)))).toBe('MM-BLOCK-MAGIC');
  expect(codeOf(reseal(changed(8, 2)))).toBe('MM-BLOCK-VERSION');
  expect(codeOf(reseal(changed(8, 0)))).toBe('MM-BLOCK-FIELD');
  expect(codeOf(changed(8, 2))).toBe('MM-BLOCK-CHECKSUM');
  expect(codeOf(changed(16, sample[16]! ^ 1))).toBe('MM-BLOCK-CHECKSUM');
  expect(codeOf(reseal(changed(4000, 1)))).toBe('MM-BLOCK-FIELD');
}
