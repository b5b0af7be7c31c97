// Makes an empty registry partition.

import { BLOCK_BYTES } from './block.ts';
import type { Superblock } from './registry-layout.ts';
import { SLOTS_PER_WRITER, encodeSuperblock, registryPartitionBytes } from './registry-layout.ts';
import type { WriteStep } from './write-step.ts';
import { FLUSH } from './write-step.ts';

/**
 * Makes an empty registry partition of `partitionBytes`: whatever was there stops being one before the new slots are empty.
 * Throws RangeError when the partition is smaller than `registryPartitionBytes`.
 */
export function planRegistryFormat(superblock: Superblock, partitionBytes: number): WriteStep[] {
  if (partitionBytes % BLOCK_BYTES !== 0 || partitionBytes < registryPartitionBytes(superblock)) throw new RangeError(`a registry partition of ${partitionBytes} bytes; ${registryPartitionBytes(superblock)} are needed`);
  const block = encodeSuperblock(superblock);
  const last = partitionBytes - BLOCK_BYTES;
  return [
    { kind: 'write', offset: 0, bytes: new Uint8Array(BLOCK_BYTES) },
    { kind: 'write', offset: last, bytes: new Uint8Array(BLOCK_BYTES) },
    FLUSH,
    { kind: 'write', offset: BLOCK_BYTES, bytes: new Uint8Array(SLOTS_PER_WRITER * superblock.writers * BLOCK_BYTES) },
    FLUSH,
    { kind: 'write', offset: 0, bytes: block },
    { kind: 'write', offset: last, bytes: block },
    FLUSH,
  ];
}
