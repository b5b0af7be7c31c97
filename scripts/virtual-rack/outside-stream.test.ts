import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { STREAM_BLOCK_BYTES, streamBlock, streamSha256 } from './outside-stream.ts';

test('blocks are the same each time, each another one, and the hash is that of all in their order', () => {
  const blocks = [0, 1, 2].map(streamBlock);
  expect(blocks.map((block) => block.length)).toEqual([STREAM_BLOCK_BYTES, STREAM_BLOCK_BYTES, STREAM_BLOCK_BYTES]);
  expect(new Set(blocks.map((block) => block.toString('hex'))).size).toBe(3);
  const sha256 = (parts: readonly Buffer[]): string => createHash('sha256').update(Buffer.concat(parts)).digest('hex');
  expect(streamSha256(3 * STREAM_BLOCK_BYTES)).toBe(sha256([0, 1, 2].map(streamBlock)));
  expect(streamSha256(3 * STREAM_BLOCK_BYTES)).not.toBe(sha256([0, 2, 1].map(streamBlock)));
});
