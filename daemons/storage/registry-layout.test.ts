import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../core/bytes.ts';
import { valueOf } from '../core/problem.ts';
import { sha256 } from '../core/sha256.ts';
import { BLOCK_BYTES } from './block.ts';
import { expectFrameProblems, fuzzBlock, reseal } from './block-fuzz.test-kit.ts';
import { afterPowerLoss, arrivalOf, MemoryDisk } from './memory-disk.test-kit.ts';
import { encodeRegistry } from './registry.ts';
import { planRegistryFormat } from './registry-format.ts';
import type { RegistryWriteRequest, SlotHeader, SlotNumber, Superblock, WriteStep } from './registry-layout.ts';
import { chooseSlot, chooseSuperblock, decodeSlotHeader, decodeSuperblock, encodeSlotHeader, encodeSuperblock, planRegistryWrite, registryPartitionBytes, slotBodyOffset, slotHeaderOffset } from './registry-layout.ts';
import { readRegistry } from './registry-read.ts';
import { SAMPLE_SUPERBLOCK, sampleRegistry, sampleUuid } from './sample-san.test-kit.ts';

const HEADER: SlotHeader = { writer: 2, slot: 1, leaseVersion: 7, generation: 258, length: 1000, sha256: 'cd'.repeat(32), writtenAtUnixMs: 1_800_000_000_000 };
const PARTITION = registryPartitionBytes(SAMPLE_SUPERBLOCK);

const header = (writer: number, slot: SlotNumber, leaseVersion: number, generation: number): SlotHeader => ({ ...HEADER, writer, slot, leaseVersion, generation });
const codesOf = (result: ReturnType<typeof planRegistryWrite>): string => (result.ok ? 'fine' : result.problems.map((problem) => problem.code).join());

describe('superblock', () => {
  test('frame', () => expectFrameProblems(encodeSuperblock(SAMPLE_SUPERBLOCK), decodeSuperblock));
  test('fuzz', () => fuzzBlock(encodeSuperblock(SAMPLE_SUPERBLOCK), decodeSuperblock, encodeSuperblock));
  test('golden bytes', () => {
    expect(toHex(encodeSuperblock(SAMPLE_SUPERBLOCK).subarray(0, 56))).toBe(`${'4d4d524547535550'}${'01000000'}${'03000000'}${'00000100'}${'00000000'}${'00000000000040008000000000000001'}${'64656269616e00000000000000000000'}`);
  });
  test('round trip', () => {
    const superblocks = fc.record({ container: fc.stringMatching(/^[a-z][a-z0-9-]{0,15}$/), clusterUuid: fc.nat().map(sampleUuid), writers: fc.integer({ min: 1, max: 2001 }), slotBytes: fc.integer({ min: 1, max: 4096 }).map((blocks) => blocks * BLOCK_BYTES) });
    fc.assert(fc.property(superblocks, (sb) => {
      expect(decodeSuperblock(encodeSuperblock(sb))).toEqual({ ok: true, value: sb });
    }), { numRuns: 50 });
  });
  test('either copy is enough; a newer one is never passed over', () => {
    const block = encodeSuperblock(SAMPLE_SUPERBLOCK);
    const zero = new Uint8Array(BLOCK_BYTES);
    const newer = reseal(Uint8Array.from(block, (byte, i) => (i === 8 ? 2 : byte)));
    expect(valueOf(chooseSuperblock(block, block)).warnings).toEqual([]);
    expect(valueOf(chooseSuperblock(zero, block)).superblock).toEqual(SAMPLE_SUPERBLOCK);
    expect(valueOf(chooseSuperblock(block, zero)).warnings).toHaveLength(1);
    expect(chooseSuperblock(zero, zero).ok).toBe(false);
    for (const pair of [[newer, block], [block, newer]] as const) {
      const result = chooseSuperblock(...pair);
      expect(!result.ok && result.problems[0]!.code).toBe('MM-BLOCK-VERSION');
    }
  });
});

describe('slot header', () => {
  test('frame', () => expectFrameProblems(encodeSlotHeader(HEADER), decodeSlotHeader));
  test('fuzz', () => fuzzBlock(encodeSlotHeader(HEADER), decodeSlotHeader, encodeSlotHeader));
  test('golden bytes', () => {
    expect(toHex(encodeSlotHeader(HEADER).subarray(0, 80))).toBe(`${'4d4d524547534c54'}${'01000000'}${'02000000'}${'01000000'}${'e8030000'}${'0700000000000000'}${'0201000000000000'}${'00505c18a3010000'}${'cd'.repeat(32)}`);
  });
  test('round trip', () => {
    const big = fc.oneof(fc.nat(), fc.integer({ min: 2 ** 32, max: Number.MAX_SAFE_INTEGER }));
    const headers = fc.record({ writer: fc.nat(2000), slot: fc.constantFrom<SlotNumber>(0, 1), leaseVersion: big, generation: big.map((n) => Math.max(n, 1)), length: fc.integer({ min: 1, max: 2 ** 24 }), sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => toHex(bytes)), writtenAtUnixMs: big });
    fc.assert(fc.property(headers, (value) => {
      expect(decodeSlotHeader(encodeSlotHeader(value))).toEqual({ ok: true, value });
    }), { numRuns: 50 });
  });
});

describe('places', () => {
  test('nothing overlaps, and all of it is inside the partition', () => {
    const sb: Superblock = { ...SAMPLE_SUPERBLOCK, writers: 4, slotBytes: 8192 };
    const bytes = registryPartitionBytes(sb);
    const runs = [[0, BLOCK_BYTES], [bytes - BLOCK_BYTES, BLOCK_BYTES]];
    for (let writer = 0; writer < 4; writer++) for (const slot of [0, 1] as const) runs.push([slotHeaderOffset(sb, writer, slot), BLOCK_BYTES], [slotBodyOffset(sb, writer, slot), sb.slotBytes]);
    const sorted = runs.toSorted((a, b) => a[0]! - b[0]!);
    let end = 0;
    for (const [start, length] of sorted) {
      expect(start).toBe(end);
      end = start! + length!;
    }
    expect(end).toBe(bytes);
    expect(() => slotHeaderOffset(sb, 4, 0)).toThrow(RangeError);
  });
});

describe('chooseSlot', () => {
  test('the lease version comes before the generation: a late write of a dead node does not count', () => {
    const late = header(1, 0, 3, 900);
    const { candidates, problems } = chooseSlot([late, header(2, 0, 4, 12), header(2, 1, 4, 13), header(0, 0, 0, 1)]);
    expect(candidates.map(({ writer, slot }) => [writer, slot])).toEqual([[2, 1], [2, 0], [1, 0], [0, 0]]);
    expect(problems).toEqual([]);
  });
  test('a tie is broken alike everywhere, and told of', () => {
    const tied = [header(2, 0, 4, 9), header(1, 1, 4, 9), header(0, 0, 4, 9)];
    for (const order of [tied, tied.toReversed()]) {
      const { candidates, problems } = chooseSlot(order);
      expect(candidates[0]).toEqual(header(0, 0, 4, 9));
      expect(problems.map(({ code }) => code)).toEqual(['MM-REGISTRY-TIE']);
    }
  });
  test('no slots at all', () => expect(chooseSlot([])).toEqual({ candidates: [], problems: [] }));
});

describe('planRegistryWrite', () => {
  const base: RegistryWriteRequest = { superblock: SAMPLE_SUPERBLOCK, headers: [header(0, 0, 0, 1)], writer: 1, leaseVersion: 1, generation: 2, body: new Uint8Array(10).fill(1) };

  test('body, flush, header, flush, in whole blocks', () => {
    const steps = valueOf(planRegistryWrite(base));
    expect(steps.map((step) => (step.kind === 'write' ? [step.offset, step.bytes.length] : 'flush'))).toEqual([[slotBodyOffset(SAMPLE_SUPERBLOCK, 1, 0), BLOCK_BYTES], 'flush', [slotHeaderOffset(SAMPLE_SUPERBLOCK, 1, 0), BLOCK_BYTES], 'flush']);
    const written = steps[2] as Extract<WriteStep, { kind: 'write' }>;
    expect(valueOf(decodeSlotHeader(written.bytes))).toEqual({ writer: 1, slot: 0, leaseVersion: 1, generation: 2, length: 10, sha256: toHex(sha256(base.body)), writtenAtUnixMs: 0 });
  });

  const slotOf = (change: Partial<RegistryWriteRequest>): number => {
    const step = valueOf(planRegistryWrite({ ...base, ...change }))[2] as Extract<WriteStep, { kind: 'write' }>;
    return valueOf(decodeSlotHeader(step.bytes)).slot;
  };
  test.each<[string, Partial<RegistryWriteRequest>, number]>([
    ['the first of a writer without any', {}, 0],
    ['the other one when one is used', { headers: [header(1, 0, 0, 1)] }, 1],
    ['the older of two', { headers: [header(1, 0, 1, 5), header(1, 1, 2, 3)], leaseVersion: 2, generation: 6 }, 0],
    ['the older of two, the other way', { headers: [header(1, 0, 2, 3), header(1, 1, 1, 5)], leaseVersion: 2, generation: 6 }, 1],
    ['the broken newer one, never the whole one that counts', { headers: [header(1, 0, 1, 5), header(1, 1, 1, 4)], broken: [header(1, 0, 1, 5)], generation: 6 }, 0],
    ['whatever others have', { headers: [header(2, 0, 1, 1), header(2, 1, 0, 9)] }, 0],
  ])('slot: %s', (_, change, wanted) => expect(slotOf(change)).toBe(wanted));

  test.each<[string, Partial<RegistryWriteRequest>, string]>([
    ['too long', { body: new Uint8Array(SAMPLE_SUPERBLOCK.slotBytes + 1) }, 'MM-REGISTRY-LENGTH'],
    ['just fits', { body: new Uint8Array(SAMPLE_SUPERBLOCK.slotBytes) }, 'fine'],
    ['empty', { body: new Uint8Array(0) }, 'MM-REGISTRY-LENGTH'],
    ['a writer without slots', { writer: 3 }, 'MM-REGISTRY-WRITER'],
    ['an older lease', { headers: [header(2, 0, 2, 1)], generation: 100 }, 'MM-REGISTRY-STALE'],
    ['the same generation', { headers: [header(2, 0, 1, 2)] }, 'MM-REGISTRY-STALE'],
    ['all at once', { writer: -1, body: new Uint8Array(0), headers: [header(2, 0, 2, 1)] }, 'MM-REGISTRY-WRITER,MM-REGISTRY-LENGTH,MM-REGISTRY-STALE'],
  ])('%s', (_, change, wanted) => expect(codesOf(planRegistryWrite({ ...base, ...change }))).toBe(wanted));
});

describe('loss of power', () => {
  const registryNamed = (clusterName: string): Uint8Array => {
    const registry = sampleRegistry();
    // Long enough for several blocks, and different in all of them.
    return encodeRegistry({ ...registry, roster: { ...registry.roster, clusterName }, authorizedKeys: Array.from({ length: 40 }, (_, i) => `ssh-ed25519 ${clusterName}${'x'.repeat(200)} ${i}`) });
  };
  const nameIn = (disk: MemoryDisk): string => valueOf(readRegistry(disk.read, PARTITION)).registry.roster.clusterName;
  const write = (disk: MemoryDisk, writer: number, leaseVersion: number, generation: number, name: string): WriteStep[] => {
    const found = readRegistry(disk.read, PARTITION);
    const { headers, broken } = found.ok ? found.value : { headers: [], broken: [] };
    return valueOf(planRegistryWrite({ superblock: SAMPLE_SUPERBLOCK, headers, broken, writer, leaseVersion, generation, body: registryNamed(name) }));
  };

  test('cut off and torn anywhere, the old or the new registry is there; and so again at the next write', () => {
    const cut = fc.record({ writer: fc.integer({ min: 0, max: 2 }), done: fc.integer({ min: 0, max: 4 }), seed: fc.nat(), lease: fc.boolean() });
    fc.assert(
      fc.property(fc.array(cut, { minLength: 1, maxLength: 6 }), (cuts) => {
        let disk = new MemoryDisk();
        disk.apply(planRegistryFormat(SAMPLE_SUPERBLOCK, PARTITION));
        disk.apply(write(disk, 0, 0, 1, 'first'));
        let leaseVersion = 0;
        let expected = 'first';
        for (const [i, { writer, done, seed, lease }] of cuts.entries()) {
          const name = `write-${i}`;
          // A loss of power ends a lease: a later write by the same hand comes with a new one or in the same, never with an older one.
          if (lease) leaseVersion += 1;
          const steps = write(disk, writer, leaseVersion, i + 2, name);
          disk = afterPowerLoss(disk, steps, done, arrivalOf(seed));
          const now = nameIn(disk);
          expect([expected, name]).toContain(now);
          if (done === 4) expect(now).toBe(name);
          expected = now;
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a write of a dead node that arrives late changes nothing', () => {
    const disk = new MemoryDisk();
    disk.apply(planRegistryFormat(SAMPLE_SUPERBLOCK, PARTITION));
    disk.apply(write(disk, 0, 0, 1, 'first'));
    const stuck = write(disk, 1, 1, 2, 'late');
    disk.apply(write(disk, 2, 2, 2, 'taken over'));
    disk.apply(stuck);
    expect(nameIn(disk)).toBe('taken over');
  });

  test('formatting: cut off anywhere, no registry of before and no half of one is found', () => {
    const old = new MemoryDisk();
    old.apply(planRegistryFormat(SAMPLE_SUPERBLOCK, PARTITION));
    old.apply(write(old, 1, 9, 9, 'of before'));
    const steps = planRegistryFormat({ ...SAMPLE_SUPERBLOCK, clusterUuid: sampleUuid(77) }, PARTITION);
    for (let done = 0; done <= steps.length; done++) {
      for (const seed of [0, 1, 2, 3, 4, 5]) {
        const read = readRegistry(afterPowerLoss(old, steps, done, arrivalOf(seed)).read, PARTITION);
        // While nothing is flushed the old one may still be whole; from then on it is gone.
        if (read.ok) expect(read.value.registry.roster.clusterName).toBe('of before');
        if (done > 2) expect(read.ok).toBe(false);
      }
    }
  });
});
