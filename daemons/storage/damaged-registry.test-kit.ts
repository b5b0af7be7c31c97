// For tests: a sample SAN whose registry was written twice (slots 0/0 and 0/1), and ways in which its slots break.

import { SECTOR_BYTES } from './block.ts';
import type { MemoryDisk } from './memory-disk.test-kit.ts';
import { encodeRegistry, type Registry } from './registry.ts';
import { planRegistryWrite, slotBodyOffset, slotHeaderOffset, type SlotNumber } from './registry-layout.ts';
import { readRegistry } from './registry-read.ts';
import { readFrom } from './read-at.ts';
import { SAMPLE_SUPERBLOCK, sampleRegistry, sampleSan } from './sample-san.test-kit.ts';

/** How a slot breaks: its header's last sector, its header's first, or its body. */
export type Damage = 'header tail' | 'header' | 'body' | 'both';

/** The SAN, with what a test needs to break it. */
export interface DamagedSan {
  readonly disk: MemoryDisk;
  readonly registry: Registry;
  readonly registryAt: number;
  readonly at: (volume: string, offset: number) => number;
  damage(slot: SlotNumber, what: Damage): void;
}

/** Generation 1 in slot 0/0, generation 2 (another kernel parameter) in slot 0/1. */
export function twiceWrittenSan(first: Registry = sampleRegistry()): DamagedSan {
  const { disk, registryAt, at } = sampleSan(first);
  const registry = { ...first, roster: { ...first.roster, kernelParameters: 'quiet' } };
  const before = readRegistry(readFrom(disk.read, registryAt), 2 ** 20);
  if (!before.ok) throw new Error(before.problems[0]!.rule);
  const write = planRegistryWrite({ superblock: SAMPLE_SUPERBLOCK, headers: before.value.headers, writer: 0, leaseVersion: 0, generation: 2, body: encodeRegistry(registry) });
  if (!write.ok) throw new Error(write.problems[0]!.rule);
  disk.apply(write.value, registryAt);
  const noise = new Uint8Array(SECTOR_BYTES).fill(0xa5);
  return {
    disk, registry, registryAt, at,
    damage(slot, what) {
      const header = registryAt + slotHeaderOffset(SAMPLE_SUPERBLOCK, 0, slot);
      if (what === 'header tail') disk.write(header + 7 * SECTOR_BYTES, noise);
      if (what === 'header' || what === 'both') disk.write(header, noise);
      if (what === 'body' || what === 'both') disk.write(registryAt + slotBodyOffset(SAMPLE_SUPERBLOCK, 0, slot) + 2 * SECTOR_BYTES, noise);
    },
  };
}
