import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../core/bytes.ts';
import { valueOf } from '../core/problem.ts';
import { BLOCK_BYTES, MIB, SECTOR_BYTES } from './block.ts';
import { MemoryDisk } from './memory-disk.test-kit.ts';
import { OWNER_OFFSET } from './owner-record.ts';
import { readFrom } from './read-at.ts';
import { sampleLabel, sampleRegistry, sampleUuid } from './sample-san.test-kit.ts';
import { examineStore } from './snapshot-exceptions.ts';
import { storeBytesFor } from './snapshot-store.ts';
import { diffStores, type StoreData, viewStore } from './snapshot-view.ts';
import { copiedSteps, copyStoreSteps } from './store-copy.ts';
import { anyModel, buildModel, type ModelWish } from './store-model.test-kit.ts';
import { chooseLabel, DATA_OFFSET_BYTES, LABEL_OFFSETS, labelSteps, type VolumeLabel } from './volume-label.ts';

const registry = sampleRegistry();
const LABEL: VolumeLabel = { ...sampleLabel(registry, registry.volumes.find(({ name }) => name === 'node2')!), state: 'down' };
const labelOn = (disk: MemoryDisk) => chooseLabel(disk.read(LABEL_OFFSETS[0], BLOCK_BYTES), disk.read(LABEL_OFFSETS[1], BLOCK_BYTES));

/** A volume into which the store of a model was copied, of just the size that it needs. */
function copied(wish: ModelWish, from: StoreData, target = new MemoryDisk()): { disk: MemoryDisk; data: StoreData } {
  const chunkBytes = wish.chunkSectors * SECTOR_BYTES;
  const bytes = storeBytesFor(wish.changed.length, chunkBytes);
  const request = { from, chunkSectors: wish.chunkSectors, label: { ...LABEL, chunkSectors: wish.chunkSectors } };
  for (const step of copyStoreSteps(request)) {
    if (step.kind !== 'write') continue;
    expect(step.offset + step.bytes.length).toBeLessThanOrEqual(bytes);
    expect(step.bytes.length).toBeLessThanOrEqual(MIB);
    expect([step.offset % BLOCK_BYTES, step.bytes.length % BLOCK_BYTES]).toEqual([0, 0]);
    target.write(step.offset, step.bytes);
  }
  expect(labelOn(target)).toMatchObject({ ok: true, value: { label: { state: 'new', generation: 1 } } });
  target.apply(copiedSteps(request));
  expect(labelOn(target)).toMatchObject({ ok: true, value: { label: { state: 'down', generation: 2 } } });
  return { disk: target, data: { read: readFrom(target.read, DATA_OFFSET_BYTES), bytes: bytes - DATA_OFFSET_BYTES } };
}

describe('a copy of a store', () => {
  test('reads as the store did, without its gaps, and so does a copy of the copy', () => {
    fc.assert(fc.property(anyModel, (wish) => {
      const model = buildModel(wish);
      const [once, twice] = [copied(wish, model.data), copied(wish, copied(wish, model.data).data)];
      for (const { data } of [once, twice]) {
        const view = valueOf(viewStore(model.origin.read, wish.originBytes, data));
        expect(Buffer.compare(view.read(0, wish.originBytes), model.expected)).toBe(0);
        expect([...diffStores(view, valueOf(viewStore(model.origin.read, wish.originBytes, model.data)))]).toEqual([]);
      }
      // Once without gaps it does not change any more.
      expect([...twice.disk.sectors].every(([sector, bytes]) => toHex(bytes) === toHex(once.disk.sectors.get(sector)!))).toBe(true);
    }), { numRuns: 40 });
  });

  test.each([0, 1, 255, 256, 257, 511, 512])('of %i exceptions, in areas of 256, is one that the kernel takes', (count) => {
    const wish = { chunkSectors: 8, originBytes: 600 * 4096, changed: Array.from({ length: count }, (_, i) => 599 - i) };
    const { disk, data } = copied(wish, buildModel(wish).data, dirty());
    expect(examineStore(data.read, data.bytes, wish.originBytes)).toMatchObject({ valid: true, problems: [], usage: { exceptions: count } });
    // What stood there before is no owner's record.
    expect(disk.read(OWNER_OFFSET, BLOCK_BYTES).every((byte) => byte === 0)).toBe(true);
  });

  test('into a store that is in use leaves its owner record alone, and goes on from its generation', () => {
    const target = new MemoryDisk();
    const current = { label: { ...LABEL, state: 'live' as const, generation: 41 }, copy: 0 as const };
    target.apply(labelSteps(current.label, undefined));
    const record = new Uint8Array(BLOCK_BYTES).fill(5);
    target.write(OWNER_OFFSET, record);
    const wish = { chunkSectors: 16, originBytes: MIB, changed: [3, 1] };
    const request = { from: buildModel(wish).data, chunkSectors: 16, label: { ...LABEL, volumeUuid: sampleUuid(9) }, current };
    target.apply([...copyStoreSteps(request), ...copiedSteps(request)]);
    expect(labelOn(target)).toMatchObject({ value: { label: { generation: 43, state: 'down', volumeUuid: sampleUuid(9) } } });
    expect(target.read(OWNER_OFFSET, BLOCK_BYTES)).toEqual(record);
  });
});

/** A volume's extents as a former volume may have left them. */
function dirty(): MemoryDisk {
  const disk = new MemoryDisk();
  disk.write(0, new Uint8Array(storeBytesFor(600, 4096)).fill(0xa5));
  return disk;
}
