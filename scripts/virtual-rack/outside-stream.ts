// What the world outside sends slowly: the same bytes for everybody, no two blocks alike, so that a download that lost, repeated or mixed up a
// part of it is seen by its hash.

import { createHash } from 'node:crypto';

export const STREAM_BLOCK_BYTES = 16 * 1024;

/** The block of that number, from 0. */
export function streamBlock(index: number): Buffer {
  return createHash('shake256', { outputLength: STREAM_BLOCK_BYTES }).update(`block ${index}`).digest();
}

/** Of the whole stream, whose length is a multiple of a block's: 64 hexadecimal digits. */
export function streamSha256(bytes: number): string {
  const hash = createHash('sha256');
  for (let index = 0; index * STREAM_BLOCK_BYTES < bytes; index++) hash.update(streamBlock(index));
  return hash.digest('hex');
}
