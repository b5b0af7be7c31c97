import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { BLOCK_BYTES, MIB, SECTOR_BYTES } from './block.ts';
import { buildStore, firstChunks } from './exception-store.test-kit.ts';
import { MemoryDisk } from './memory-disk.test-kit.ts';
import { changedChunks, diffStores, originView, type StoreView, viewStore } from './snapshot-view.ts';
import { anyModel, buildModel, type Model, type ModelWish } from './store-model.test-kit.ts';

const viewOf = ({ origin, data, expected }: Model): StoreView => valueOf(viewStore(origin.read, expected.length, data));

/** Which blocks of 4096 bytes differ, by looking at all of them. */
function differing(a: Uint8Array, b: Uint8Array): number[] {
  const blocks = Array.from({ length: Math.ceil(a.length / BLOCK_BYTES) }, (_, i) => i);
  return blocks.filter((i) => Buffer.compare(a.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES), b.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)) !== 0);
}
const blocksOf = (ranges: Iterable<{ offset: number; length: number }>): number[] => [...ranges].flatMap(({ offset, length }) => Array.from({ length: Math.ceil(length / BLOCK_BYTES) }, (_, i) => offset / BLOCK_BYTES + i));

describe('a view', () => {
  test('reads as the root does, whole and in any part', () => {
    fc.assert(fc.property(anyModel, fc.nat(), fc.nat(), (wish, from, to) => {
      const model = buildModel(wish);
      const view = viewOf(model);
      const sectors = wish.originBytes / SECTOR_BYTES;
      const [start, end] = [from % sectors, 1 + (to % sectors)].toSorted((a, b) => a - b) as [number, number];
      expect(Buffer.compare(view.read(0, wish.originBytes), model.expected)).toBe(0);
      if (start < end) expect(Buffer.compare(view.read(start * SECTOR_BYTES, (end - start) * SECTOR_BYTES), model.expected.subarray(start * SECTOR_BYTES, end * SECTOR_BYTES))).toBe(0);
    }), { numRuns: 60 });
  });

  test('reads through several areas of exceptions', () => {
    const changed = Array.from({ length: 600 }, (_, i) => (i * 7) % 640);
    const model = buildModel({ chunkSectors: 8, originBytes: 640 * 4096, changed, gapBefore: 255 });
    expect(Buffer.compare(viewOf(model).read(0, 640 * 4096), model.expected)).toBe(0);
  });

  test('through a store of zeros is the origin', () => {
    const { origin } = buildModel({ chunkSectors: 8, originBytes: MIB, changed: [] });
    const view = valueOf(viewStore(origin.read, MIB, { read: new MemoryDisk().read, bytes: MIB }));
    expect(Buffer.compare(view.read(0, MIB), origin.read(0, MIB))).toBe(0);
    expect([...changedChunks(view)]).toEqual([]);
  });

  test('through a store that was given up is there, and says so', () => {
    const data = { read: buildStore({ chunkSectors: 8, exceptions: firstChunks(8, 3), valid: false }).read, bytes: MIB };
    expect(valueOf(viewStore(new MemoryDisk().read, MIB, data))).toMatchObject({ valid: false, exceptions: 3 });
  });

  test('does not reach behind the origin', () => {
    expect(() => viewOf(buildModel({ chunkSectors: 8, originBytes: MIB, changed: [1] })).read(MIB - SECTOR_BYTES, 2 * SECTOR_BYTES)).toThrow(RangeError);
  });

  const garbage = new MemoryDisk();
  garbage.write(0, new Uint8Array(BLOCK_BYTES).fill(9));
  test.each([
    ['is no store', garbage.read, MIB, 'MM-SNAPSHOT-HEADER'],
    ['has tables that no kernel writes', buildStore({ chunkSectors: 8, exceptions: [[1, 3], [1, 4]] }).read, MIB, 'MM-STORE-EXCEPTION'],
    ['is over more than can be kept in memory', buildStore({ chunkSectors: 8, exceptions: [] }).read, (2 ** 25 + 1) * 4096, 'MM-VIEW-LIMIT'],
  ])('is refused when what is in front %s', (_, read, originBytes, code) => {
    const result = viewStore(new MemoryDisk().read, originBytes, { read, bytes: MIB });
    expect(result.ok ? 'fine' : result.problems[0]!.code).toBe(code);
  });
});

describe('what differs', () => {
  test('between the origin and a store: exactly the blocks that do, though more were written', () => {
    fc.assert(fc.property(anyModel, (wish) => {
      const model = buildModel(wish);
      const plain = model.origin.read(0, wish.originBytes);
      expect(blocksOf(diffStores(originView(model.origin.read, wish.originBytes), viewOf(model)))).toEqual(differing(plain, model.expected));
      const written = new Set(blocksOf(changedChunks(viewOf(model))));
      expect(differing(plain, model.expected).every((block) => written.has(block))).toBe(true);
    }), { numRuns: 60 });
  });

  test('between two stores over one origin, of whatever chunk', () => {
    fc.assert(fc.property(anyModel, fc.constantFrom(8, 16), fc.nat(60), (wish, chunkSectors, count) => {
      const chunks = Math.ceil(wish.originBytes / (chunkSectors * SECTOR_BYTES));
      const other: ModelWish = { chunkSectors, originBytes: wish.originBytes, changed: Array.from({ length: Math.min(count, chunks) }, (_, i) => i), seed: 99 };
      const [a, b] = [buildModel(wish), buildModel(other)];
      const found = [...diffStores(viewOf(a), viewOf(b))];
      expect(blocksOf(found)).toEqual(differing(a.expected, b.expected));
      // In order, and never two that touch.
      found.forEach(({ offset }, i) => i > 0 && expect(offset).toBeGreaterThan(found[i - 1]!.offset + found[i - 1]!.length));
    }), { numRuns: 60 });
  });

  test('is refused for roots of two sizes', () => {
    const of = (bytes: number) => originView(new MemoryDisk().read, bytes);
    expect(() => [...diffStores(of(4096), of(8192))]).toThrow(RangeError);
  });
});
