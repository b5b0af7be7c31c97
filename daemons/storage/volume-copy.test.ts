import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES, MIB } from './block.ts';
import { afterPowerLoss, arrivalOf, MemoryDisk } from './memory-disk.test-kit.ts';
import { OWNER_OFFSET } from './owner-record.ts';
import { readFrom } from './read-at.ts';
import { sampleLabel, sampleRegistry } from './sample-san.test-kit.ts';
import { copiedSteps } from './store-copy.ts';
import { comparePieces, copyVolumeSteps, flushedWrites } from './volume-copy.ts';
import { chooseLabel, DATA_OFFSET_BYTES, LABEL_OFFSETS, type VolumeLabel } from './volume-label.ts';

const registry = sampleRegistry();
const LABEL: VolumeLabel = { ...sampleLabel(registry, registry.volumes.find(({ name }) => name === 'state2')!), state: 'down' };
const BYTES = 2 * MIB + BLOCK_BYTES;
const source = new MemoryDisk();
source.write(0, Uint8Array.from({ length: BYTES }, (_, i) => (i >> 9) + 1));
const REQUEST = { from: source.read, bytes: BYTES, label: LABEL };
/** What a former volume, which is down, left in the extents. */
const dirty = new MemoryDisk();
dirty.write(0, new Uint8Array(DATA_OFFSET_BYTES + BYTES).fill(0xa5));
const stateOn = (disk: MemoryDisk): string => {
  const chosen = chooseLabel(disk.read(LABEL_OFFSETS[0], BLOCK_BYTES), disk.read(LABEL_OFFSETS[1], BLOCK_BYTES));
  return chosen.ok ? chosen.value.label.state : 'none';
};
const differing = (target: MemoryDisk): readonly object[] => [...comparePieces(source.read, readFrom(target.read, DATA_OFFSET_BYTES), BYTES)].filter(({ same }) => !same);

describe('a copy of a volume', () => {
  test('has every byte, nobody\'s owner record, and a label that says so at last', () => {
    const target = dirty.clone();
    target.apply([...copyVolumeSteps(REQUEST)]);
    expect([stateOn(target), differing(target)]).toEqual(['new', []]);
    target.apply(copiedSteps(REQUEST));
    expect([stateOn(target), target.read(OWNER_OFFSET, BLOCK_BYTES).every((byte) => byte === 0)]).toEqual(['down', true]);
    target.write(DATA_OFFSET_BYTES + MIB, new Uint8Array(512).fill(0));
    expect(differing(target)).toEqual([{ offset: MIB, length: MIB, same: false }]);
  });

  test('cut off anywhere, it is whole where its label says `down`', () => {
    const steps = [...copyVolumeSteps(REQUEST), ...copiedSteps(REQUEST)];
    const seen = new Set<string>();
    for (let done = 0; done <= steps.length; done++) for (const seed of [0, 1, 7]) {
      const target = afterPowerLoss(dirty, steps, done, arrivalOf(seed));
      seen.add(stateOn(target));
      if (stateOn(target) === 'down') expect(differing(target)).toEqual([]);
    }
    expect([...seen].toSorted()).toEqual(['down', 'new', 'none']);
  });
});

test('a long row of writes is flushed every 64 MiB and at its end', () => {
  const piece = new Uint8Array(MIB);
  const kinds = [...flushedWrites(Array.from({ length: 130 }, (_, i) => ({ kind: 'write' as const, offset: i * MIB, bytes: piece })))].map(({ kind }) => kind);
  expect(kinds.flatMap((kind, at) => (kind === 'flush' ? [at] : []))).toEqual([64, 129, 132]);
});
