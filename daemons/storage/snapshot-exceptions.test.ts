import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MIB, SECTOR_BYTES } from './block.ts';
import { buildStore, chunksInOrder, firstChunks, type StoreWish } from './exception-store.test-kit.ts';
import { MemoryDisk } from './memory-disk.test-kit.ts';
import { examineStore, type StoreState } from './snapshot-exceptions.ts';
import { DATA_OFFSET_BYTES } from './volume-label.ts';
import { storeSizeBytes, wipeStoreSteps } from './snapshot-store.ts';

const CHUNK = 8; // 4 KiB: 256 exceptions an area
const CHUNK_BYTES = CHUNK * SECTOR_BYTES;
const ORIGIN = 8 * MIB;

const look = (wish: Omit<StoreWish, 'chunkSectors'>, chunks = 4096): StoreState => examineStore(buildStore({ chunkSectors: CHUNK, ...wish }).read, chunks * CHUNK_BYTES, ORIGIN);

describe('a store', () => {
  test('that the kernel has just initialised uses its header and the first area', () => {
    expect(look({ exceptions: [] }, 600)).toEqual({
      kind: 'valid', valid: true, problems: [], usage: { chunkSectors: CHUNK, exceptions: 0, usedChunks: 2, totalChunks: 600, freeChunks: 600 - 2 - 2 },
    });
  });

  test.each([[1, 3], [255, 257], [256, 259], [257, 260], [512, 516]])('with %i exceptions uses %i chunks, the areas among them', (count, usedChunks) => {
    expect(look({ exceptions: firstChunks(CHUNK, count) })).toMatchObject({ kind: 'valid', usage: { exceptions: count, usedChunks } });
  });

  test('that was given up says so, and still tells how full it is', () => {
    expect(look({ exceptions: firstChunks(CHUNK, 10), valid: false })).toMatchObject({ kind: 'invalidated', valid: false, usage: { exceptions: 10 } });
  });

  test('without a chunk left is full, given up or not yet', () => {
    const exceptions = firstChunks(CHUNK, 98);
    expect(look({ exceptions }, 100)).toMatchObject({ kind: 'full', valid: true, usage: { usedChunks: 100, totalChunks: 100, freeChunks: 0 } });
    expect(look({ exceptions, valid: false }, 100)).toMatchObject({ kind: 'full', valid: false });
    expect(look({ exceptions }, 101)).toMatchObject({ kind: 'valid', usage: { freeChunks: 1 } });
  });

  test('whose last chunk would have to be an area is full', () => {
    // 256 copies fill the first area; chunk 258 is the second one, and there is no 259.
    expect(look({ exceptions: firstChunks(CHUNK, 256) }, 259)).toMatchObject({ kind: 'full', usage: { freeChunks: 0 } });
    expect(look({ exceptions: firstChunks(CHUNK, 256) }, 258)).toMatchObject({ kind: 'full' });
  });

  test('of the size that the installer gives cannot fill', () => {
    const chunkSectors = 16;
    const dataBytes = storeSizeBytes(ORIGIN, chunkSectors * SECTOR_BYTES) - DATA_OFFSET_BYTES;
    const all = firstChunks(chunkSectors, ORIGIN / (chunkSectors * SECTOR_BYTES));
    expect(examineStore(buildStore({ chunkSectors, exceptions: all }).read, dataBytes, ORIGIN)).toMatchObject({ valid: true, problems: [], usage: { exceptions: all.length } });
  });

  test('that was wiped is empty; one that is something else is none', () => {
    const wiped = buildStore({ chunkSectors: CHUNK, exceptions: firstChunks(CHUNK, 3) });
    wiped.apply(wipeStoreSteps(CHUNK), -DATA_OFFSET_BYTES);
    expect(examineStore(wiped.read, 100 * CHUNK_BYTES, ORIGIN)).toEqual({ kind: 'empty' });
    const other = new MemoryDisk();
    other.write(0, new Uint8Array(512).fill(0x55));
    expect(examineStore(other.read, 100 * CHUNK_BYTES, ORIGIN)).toMatchObject({ kind: 'none', problem: { code: 'MM-SNAPSHOT-HEADER' } });
  });

  test('what stands behind the first free place of an area counts for nothing, as for the kernel', () => {
    expect(look({ exceptions: [[0, 2], [5, 0], [6, 4]] })).toMatchObject({ problems: [], usage: { exceptions: 1, usedChunks: 3 } });
  });
});

describe('tables that no kernel writes', () => {
  test.each<[string, (readonly [number, number])[], RegExp]>([
    ['a copy in the header', [[0, 1]], /a chunk from 2/],
    ['a copy in an area', [[0, 258]], /no area/],
    ['a copy behind the end', [[0, 4096]], /to 4095/],
    ['a copy that no number reaches', [[0, 2 ** 60]], /to 4095/],
    ['one copy for two', [[0, 2], [1, 2]], /of its own/],
    ['two copies of one', [[7, 2], [7, 3]], /no other copy/],
    ['a chunk that the origin has not', [[2048, 2]], /below 2048/],
  ])('%s', (_, exceptions, rule) => {
    const state = look({ exceptions });
    expect(state.kind === 'valid' && state.problems).toMatchObject([{ code: 'MM-STORE-EXCEPTION', rule: expect.stringMatching(rule) }]);
  });

  test('a store full of nonsense ends the look early, with a few of its problems', () => {
    const noise = new MemoryDisk(buildStore({ chunkSectors: CHUNK, exceptions: [] }).sectors);
    for (let at = CHUNK_BYTES; at < 20 * CHUNK_BYTES; at += 512) noise.write(at, new Uint8Array(512).fill(0xff));
    let reads = 0;
    const state = examineStore((offset, length) => (reads++, noise.read(offset, length)), 4096 * CHUNK_BYTES, ORIGIN);
    expect(state.kind !== 'none' && state.kind !== 'empty' && state.problems.length).toBe(8);
    expect(reads).toBe(2);
  });
});

test('round trip: however many exceptions, in whatever order of the origin, the count and the chunks come out, and they add up', () => {
  fc.assert(fc.property(fc.constantFrom(8, 16), fc.integer({ min: 0, max: 1200 }), fc.integer({ min: 1, max: 1 << 20 }), fc.integer({ min: 0, max: 300 }), fc.boolean(), (chunkSectors, count, step, spare, valid) => {
    const copies = chunksInOrder(chunkSectors, count);
    const exceptions = copies.map((copy, i): [number, number] => [(i * (2 * step + 1)) % 2048, copy]);
    const totalChunks = (copies.at(-1) ?? 1) + 1 + spare;
    const state = examineStore(buildStore({ chunkSectors, exceptions, valid }).read, totalChunks * chunkSectors * SECTOR_BYTES, 2048 * chunkSectors * SECTOR_BYTES);
    if (state.kind === 'none' || state.kind === 'empty') throw new Error(state.kind);
    expect(state).toMatchObject({ valid, problems: [], usage: { exceptions: count, totalChunks } });
    // As many copies as are said to be free can be made, and no more.
    const more = chunksInOrder(chunkSectors, count + state.usage.freeChunks + 1);
    expect(more.slice(0, -1).every((chunk) => chunk < totalChunks)).toBe(true);
    expect(more.at(-1)! >= totalChunks).toBe(true);
    expect(state.kind === 'full').toBe(state.usage.freeChunks === 0);
  }), { numRuns: 150 });
});

test('fuzz: foreign bytes behind a good header never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 512, maxLength: 512 }), fc.integer({ min: 1, max: 40 }), (noise, chunks) => {
    const disk = buildStore({ chunkSectors: CHUNK, exceptions: firstChunks(CHUNK, 4) });
    disk.write(CHUNK_BYTES, noise);
    expect(examineStore(disk.read, chunks * CHUNK_BYTES, ORIGIN).kind).not.toBe('none');
  }), { numRuns: 200 });
});
