import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../core/bytes.ts';
import { valueOf } from '../core/problem.ts';
import { BLOCK_BYTES } from './block.ts';
import { expectFrameProblems, fuzzBlock, reseal } from './block-fuzz.test-kit.ts';
import { afterPowerLoss, arrivalOf, MemoryDisk } from './memory-disk.test-kit.ts';
import { sampleLabel, sampleRegistry, sampleUuid } from './sample-san.test-kit.ts';
import type { ChosenLabel, VolumeLabel } from './volume-label.ts';
import { LABEL_OFFSETS, LABEL_STATES, chooseLabel, decodeLabel, encodeLabel, labelSteps } from './volume-label.ts';

const registry = sampleRegistry();
const LABEL: VolumeLabel = { ...sampleLabel(registry, registry.volumes.find(({ name }) => name === 'node2')!), generation: 5, state: 'live' };
const CHECKPOINT: VolumeLabel = { ...LABEL, state: 'down', checkpoint: { name: 'node2@before-upgrade', madeAtUnixMs: 1_795_000_000_000, storeUuid: sampleUuid(0x34), storeGeneration: 5, clean: true } };
const ZERO = new Uint8Array(BLOCK_BYTES);

describe('label block', () => {
  test('frame', () => expectFrameProblems(encodeLabel(LABEL), decodeLabel));
  test('fuzz', () => fuzzBlock(encodeLabel(LABEL), decodeLabel, encodeLabel));
  test('golden bytes', () => {
    expect(toHex(encodeLabel({ ...LABEL, volumeUuid: sampleUuid(0x12) }).subarray(0, 112))).toBe(
      `${'4d4d564f4c4c424c'}${'01000000'}${'01000000'}${'00000000000040008000000000000012'}${'00000000000040008000000000000001'}${'00000000000040008000000000000064'}${'02000000'}${'02000000'}${'10000000'}${'00000000'}${'0000100000000000'}${'0500000000000000'}${'64656269616e00000000000000000000'}`,
    );
  });
  test('of a checkpoint: fuzz, golden bytes', () => {
    fuzzBlock(encodeLabel(CHECKPOINT), decodeLabel, encodeLabel);
    expect(toHex(encodeLabel(CHECKPOINT).subarray(112, 172))).toBe(`${'00000000000040008000000000000034'}${'0500000000000000'}${'005e56eea1010000'}${'01000000'}${Buffer.from('node2@before-upgrade').toString('hex')}${'00000000'}`);
    expect(decodeLabel(encodeLabel(CHECKPOINT))).toEqual({ ok: true, value: CHECKPOINT });
  });
  test('round trip', () => {
    const labels = fc.record({ state: fc.constantFrom(...LABEL_STATES), node: fc.integer({ min: 1, max: 2000 }), generation: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), volumeUuid: fc.nat().map(sampleUuid), chunkSectors: fc.constantFrom(8, 16, 128, 2048) });
    fc.assert(fc.property(labels, (change) => {
      expect(decodeLabel(encodeLabel({ ...LABEL, ...change }))).toEqual({ ok: true, value: { ...LABEL, ...change } });
    }), { numRuns: 60 });
  });
  test.each<[string, Partial<VolumeLabel>]>([
    ['a store without a chunk', { chunkSectors: 0 }],
    ['a chunk for swap', { kind: 'swap' }],
    ['a chunk of 24 sectors', { chunkSectors: 24 }],
    ['data elsewhere', { dataOffsetBytes: 4096 }],
    ['node 0', { node: 0 }],
    ['a checkpoint of a state volume', { ...CHECKPOINT, kind: 'state', chunkSectors: 0 }],
    ['a checkpoint without a name', { checkpoint: { ...CHECKPOINT.checkpoint!, name: '' } }],
    ['a checkpoint of a store that had no label', { checkpoint: { ...CHECKPOINT.checkpoint!, storeGeneration: 0 } }],
  ])('%s is no label', (_, change) => {
    const result = decodeLabel(encodeLabel({ ...LABEL, ...change }));
    expect(!result.ok && result.problems[0]!.code).toBe('MM-BLOCK-FIELD');
  });
});

describe('chooseLabel', () => {
  const older = encodeLabel({ ...LABEL, generation: 4, state: 'down' });
  const newer = encodeLabel(LABEL);
  test('the higher generation, wherever it stands', () => {
    expect(valueOf(chooseLabel(newer, older))).toEqual({ label: LABEL, copy: 0, warnings: [] });
    expect(valueOf(chooseLabel(older, newer))).toEqual({ label: LABEL, copy: 1, warnings: [] });
    expect(valueOf(chooseLabel(newer, newer))).toEqual({ label: LABEL, copy: 0, warnings: [] });
  });
  test('the whole one, and a warning of the other', () => {
    expect(valueOf(chooseLabel(ZERO, older))).toMatchObject({ copy: 1, warnings: [{ code: 'MM-BLOCK-MAGIC' }] });
    expect(valueOf(chooseLabel(newer, ZERO))).toMatchObject({ copy: 0, warnings: [{ code: 'MM-BLOCK-MAGIC' }] });
  });
  test('refused: none, a newer program\'s, two forms of one generation', () => {
    const future = reseal(Uint8Array.from(older, (byte, i) => (i === 8 ? 2 : byte)));
    const codes = [chooseLabel(ZERO, ZERO), chooseLabel(future, newer), chooseLabel(newer, future), chooseLabel(newer, encodeLabel({ ...LABEL, state: 'down' }))].map((result) => (result.ok ? 'fine' : result.problems.at(-1)!.code));
    expect(codes).toEqual(['MM-BLOCK-MAGIC', 'MM-BLOCK-VERSION', 'MM-BLOCK-VERSION', 'MM-LABEL-COPIES']);
  });
});

describe('loss of power while labels are written', () => {
  const read = (disk: MemoryDisk): ChosenLabel => valueOf(chooseLabel(disk.read(LABEL_OFFSETS[0], BLOCK_BYTES), disk.read(LABEL_OFFSETS[1], BLOCK_BYTES)));
  test('cut off and torn anywhere, time and again, the old or the new label is there', () => {
    const cut = fc.record({ done: fc.integer({ min: 0, max: 4 }), seed: fc.nat(), state: fc.constantFrom(...LABEL_STATES) });
    fc.assert(
      fc.property(fc.array(cut, { minLength: 1, maxLength: 8 }), (cuts) => {
        let disk = new MemoryDisk();
        disk.apply(labelSteps(LABEL, undefined));
        for (const { done, seed, state } of cuts) {
          const { label, copy } = read(disk);
          const next = { ...label, state, generation: label.generation + 1 };
          disk = afterPowerLoss(disk, labelSteps(next, copy), done, arrivalOf(seed));
          const now = read(disk).label;
          expect([label, next]).toContainEqual(now);
          if (done >= 2) expect(now).toEqual(next);
        }
      }),
      { numRuns: 100 },
    );
  });
});
