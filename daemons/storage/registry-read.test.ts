import { beforeEach, describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { BLOCK_BYTES } from './block.ts';
import { reseal } from './block-fuzz.test-kit.ts';
import { MemoryDisk } from './memory-disk.test-kit.ts';
import type { Registry } from './registry.ts';
import { encodeRegistry } from './registry.ts';
import { planRegistryFormat } from './registry-format.ts';
import { planRegistryWrite, registryPartitionBytes, slotBodyOffset, slotHeaderOffset } from './registry-layout.ts';
import { readRegistry, scanRegistry } from './registry-read.ts';
import { SAMPLE_SUPERBLOCK as SB, sampleRegistry, sampleUuid } from './sample-san.test-kit.ts';

// Larger than needed, as an aligned partition is.
const PARTITION = registryPartitionBytes(SB) + 5 * BLOCK_BYTES;
let disk: MemoryDisk;

const write = (generation: number, registry: Registry | Uint8Array = sampleRegistry()): void => {
  const { slots } = scanRegistry(disk.read, PARTITION);
  const headers = slots.flatMap(({ header }) => (header ? [header] : []));
  disk.apply(valueOf(planRegistryWrite({ superblock: SB, headers, writer: 1, leaseVersion: 1, generation, body: registry instanceof Uint8Array ? registry : encodeRegistry(registry) })));
};
const codes = (): string => {
  const result = readRegistry(disk.read, PARTITION);
  return result.ok ? `generation ${result.value.header.generation}` : result.problems.map(({ code }) => code).join();
};

beforeEach(() => {
  disk = new MemoryDisk();
  disk.apply(planRegistryFormat(SB, PARTITION));
});

describe('readRegistry', () => {
  test('an empty partition has none', () => expect(codes()).toBe('MM-REGISTRY-NONE'));

  test('a partition that is too small', () => {
    for (const bytes of [0, 512, BLOCK_BYTES]) {
      const result = readRegistry(disk.read, bytes);
      expect(!result.ok && result.problems[0]!.code).toBe('MM-REGISTRY-PARTITION');
    }
    disk.write(0, disk.read(0, BLOCK_BYTES));
    const result = readRegistry(disk.read, registryPartitionBytes(SB) - BLOCK_BYTES);
    expect(!result.ok && result.problems[0]!.code).toBe('MM-REGISTRY-PARTITION');
  });

  test('the newest counts; the state of every slot is told', () => {
    write(1);
    write(2);
    write(3);
    const { slots, header, headers, broken } = valueOf(readRegistry(disk.read, PARTITION));
    expect(header.generation).toBe(3);
    expect(headers).toHaveLength(2);
    expect(broken).toEqual([]);
    expect(slots.map(({ state }) => state)).toEqual(['empty', 'empty', 'current', 'older', 'empty', 'empty']);
  });

  test('a newest body that is not whole: the one before counts, and the broken slot is written next', () => {
    write(1);
    write(2);
    disk.write(slotBodyOffset(SB, 1, 1) + 512, new Uint8Array(512).fill(9));
    const found = valueOf(readRegistry(disk.read, PARTITION));
    expect(found.header.generation).toBe(1);
    expect(found.broken.map(({ generation }) => generation)).toEqual([2]);
    expect(found.warnings.map(({ code }) => code)).toEqual(['MM-REGISTRY-BODY']);
    expect(found.slots[3]!.state).toBe('body-damaged');
  });

  test('an older body is looked at when all are asked for', () => {
    write(1);
    write(2);
    disk.write(slotBodyOffset(SB, 1, 0) + 512, new Uint8Array(512).fill(9));
    expect(scanRegistry(disk.read, PARTITION).slots[2]!.state).toBe('older');
    expect(scanRegistry(disk.read, PARTITION, true).slots[2]!.state).toBe('body-damaged');
  });

  test('a header in another slot\'s place does not count', () => {
    write(1);
    disk.write(slotHeaderOffset(SB, 2, 0), disk.read(slotHeaderOffset(SB, 1, 0), BLOCK_BYTES));
    const found = valueOf(readRegistry(disk.read, PARTITION));
    expect(found.slots.map(({ state }) => state)).toEqual(['empty', 'empty', 'current', 'empty', 'header-damaged', 'empty']);
  });

  test('a newer program\'s header: nothing older is taken in its stead', () => {
    write(1);
    const block = disk.read(slotHeaderOffset(SB, 1, 0), BLOCK_BYTES);
    block[8] = 2;
    disk.write(slotHeaderOffset(SB, 2, 0), reseal(block));
    expect(codes()).toBe('MM-BLOCK-VERSION');
  });

  test('a whole body that cannot be used: nothing older is taken in its stead', () => {
    write(1);
    write(2, new Uint8Array(5));
    expect(codes()).toBe('MM-REGISTRY-TEXT');
  });

  test('a registry of another cluster or container is refused', () => {
    write(1, { ...sampleRegistry(), clusterUuid: sampleUuid(99) });
    expect(codes()).toBe('MM-REGISTRY-CLUSTER');
  });
});
