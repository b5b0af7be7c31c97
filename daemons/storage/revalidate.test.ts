import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES, MIB, SECTOR_BYTES } from './block.ts';
import { buildStore, firstChunks, type StoreWish } from './exception-store.test-kit.ts';
import { MemoryDisk } from './memory-disk.test-kit.ts';
import { COPIES_UNDER_WAY_MAX, revalidateSteps, type RevalidateRequest } from './revalidate.ts';
import { sampleLabel, sampleRegistry } from './sample-san.test-kit.ts';
import { examineStore } from './snapshot-exceptions.ts';
import { DATA_OFFSET_BYTES } from './volume-label.ts';

const CHUNK = 8;
const ORIGIN = 64 * MIB;
const registry = sampleRegistry();
const label = { ...sampleLabel(registry, registry.volumes.find(({ name }) => name === 'node1')!), state: 'live' as const };

function request(store: MemoryDisk, chunks: number, more: Partial<RevalidateRequest> = {}): RevalidateRequest {
  return { volume: 'node1', label, state: examineStore(store.read, chunks * CHUNK * SECTOR_BYTES, ORIGIN), header: store.read(0, BLOCK_BYTES), ownerDown: true, ...more };
}

const invalid = (more: Partial<StoreWish> = {}): MemoryDisk => buildStore({ chunkSectors: CHUNK, exceptions: firstChunks(CHUNK, 700), valid: false, ...more });

function codes(asked: RevalidateRequest): string[] {
  const result = revalidateSteps(asked);
  return result.ok ? [] : result.problems.map(({ code }) => code);
}

describe('setting a store valid again', () => {
  test('is one write of its header\'s block in which one word changes, and the store is what it was before the error', () => {
    const store = invalid();
    const result = revalidateSteps(request(store, 8000));
    if (!result.ok) throw new Error(result.problems[0]!.rule);
    const [write, flush] = result.value;
    expect([result.value.length, flush]).toEqual([2, { kind: 'flush' }]);
    const before = store.clone();
    store.apply(result.value, -DATA_OFFSET_BYTES);
    expect(write).toMatchObject({ kind: 'write', offset: DATA_OFFSET_BYTES });
    const changed = [...before.sectors].flatMap(([sector, bytes]) => [...bytes].flatMap((byte, i) => (store.sectors.get(sector)![i] === byte ? [] : [sector * SECTOR_BYTES + i])));
    expect(changed).toEqual([4]);
    expect(examineStore(store.read, 8000 * CHUNK * SECTOR_BYTES, ORIGIN)).toEqual(examineStore(invalid({ valid: true }).read, 8000 * CHUNK * SECTOR_BYTES, ORIGIN));
  });

  test('twice is refused the second time: there is nothing to do', () => expect(codes(request(invalid({ valid: true }), 8000))).toEqual(['MM-REVALIDATE-NONE']));

  test('is refused while the owner may run', () => expect(codes(request(invalid(), 8000, { ownerDown: false }))).toEqual(['MM-REVALIDATE-OWNER']));

  test('is refused after an overflow, and after what may have been one: copies under way have their chunks in memory alone', () => {
    const used = 2 + 700 + 2;
    const chunksFor = (free: number): number => used + free + Math.floor((used + free) / 257) - 2;
    const freeOf = (chunks: number) => {
      const { state } = request(invalid(), chunks);
      return state.kind === 'none' || state.kind === 'empty' ? NaN : state.usage.freeChunks;
    };
    let chunks = chunksFor(COPIES_UNDER_WAY_MAX);
    while (freeOf(chunks) > COPIES_UNDER_WAY_MAX) chunks--;
    while (freeOf(chunks + 1) <= COPIES_UNDER_WAY_MAX) chunks++;
    expect([freeOf(chunks), codes(request(invalid(), chunks))]).toEqual([COPIES_UNDER_WAY_MAX, ['MM-REVALIDATE-FULL']]);
    expect([freeOf(chunks + 1), codes(request(invalid(), chunks + 1))]).toEqual([COPIES_UNDER_WAY_MAX + 1, []]);
    expect(codes(request(invalid(), used))).toEqual(['MM-REVALIDATE-FULL']);
  });

  test('is refused for what is no store in use', () => {
    const wiped = new MemoryDisk();
    expect(codes(request(wiped, 8000))).toEqual(['MM-REVALIDATE-NONE']);
    const other = new MemoryDisk();
    other.write(0, new Uint8Array(512).fill(1));
    expect(codes(request(other, 8000))).toEqual(['MM-REVALIDATE-NONE']);
    expect(codes(request(invalid(), 8000, { label: { ...label, state: 'new' } }))).toEqual(['MM-REVALIDATE-NONE']);
    expect(codes(request(invalid(), 8000, { label: { ...label, kind: 'state' } }))).toEqual(['MM-REVALIDATE-NONE']);
  });

  test('is refused when the tables are damaged, and when the header is not the one that was examined', () => {
    expect(codes(request(invalid({ exceptions: [[0, 2], [0, 3]] }), 8000))).toEqual(['MM-STORE-EXCEPTION']);
    for (const header of [invalid({ valid: true }).read(0, BLOCK_BYTES), new Uint8Array(BLOCK_BYTES), new Uint8Array(512), buildStore({ chunkSectors: 16, exceptions: [], valid: false }).read(0, BLOCK_BYTES)]) {
      expect(codes(request(invalid(), 8000, { header }))).toEqual(['MM-REVALIDATE-CHANGED']);
    }
  });

  test('tells every reason at once', () => {
    expect(codes(request(invalid({ exceptions: [[0, 2], [0, 3]] }), 100, { ownerDown: false }))).toEqual(['MM-REVALIDATE-OWNER', 'MM-REVALIDATE-FULL', 'MM-STORE-EXCEPTION']);
  });
});
