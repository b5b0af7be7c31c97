import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../core/bytes.ts';
import { valueOf } from '../core/problem.ts';
import { MIB, SECTOR_BYTES } from './block.ts';
import type { Extent } from './extents.ts';
import { MemoryDisk } from './memory-disk.test-kit.ts';
import { originView, viewStore } from './snapshot-view.ts';
import { anyModel, buildModel } from './store-model.test-kit.ts';
import { viewTable } from './view-table.ts';
import { stepsOnDisk } from './volume-front.ts';
import { DATA_OFFSET_BYTES } from './volume-label.ts';

const CONTAINER = { firstSector: 2048, sectors: 10 ** 6 };
const EXTENT = 64 * 1024;

/** What the kernel would read through a table. */
function through(table: string, disk: MemoryDisk): Uint8Array {
  let next = 0;
  return concatBytes(...table.split('\n').map((line) => {
    const [, logical, length, device, start] = /^(\d+) (\d+) linear (\S+) (\d+)$/.exec(line)!;
    // Without a gap, as dmsetup wants it.
    expect([Number(logical), device]).toEqual([next, '/dev/sda']);
    next += Number(length);
    return disk.read(Number(start) * SECTOR_BYTES, Number(length) * SECTOR_BYTES);
  }));
}

/** Extents here and there: every second one, the origin's from the front, the store's from behind. */
const scattered = (first: number, bytes: number): Extent[] => Array.from({ length: Math.ceil(bytes / EXTENT) }, (_, i) => ({ start: first + 2 * i - (i % 3 === 2 ? 1 : 0), count: 1 }));

describe('the table of a view', () => {
  test('shows what the root reads as, wherever its extents lie', () => {
    fc.assert(fc.property(anyModel, (wish) => {
      const model = buildModel(wish);
      const origin = { extents: scattered(4, wish.originBytes) };
      const store = { extents: scattered(1000, DATA_OFFSET_BYTES + model.data.bytes) };
      const disk = new MemoryDisk();
      for (const [sector, bytes] of model.origin.sectors) disk.apply(stepsOnDisk([{ kind: 'write', offset: sector * SECTOR_BYTES, bytes }], origin, EXTENT, CONTAINER));
      for (const [sector, bytes] of model.store.sectors) disk.apply(stepsOnDisk([{ kind: 'write', offset: DATA_OFFSET_BYTES + sector * SECTOR_BYTES, bytes }], store, EXTENT, CONTAINER));
      const view = valueOf(viewStore(model.origin.read, wish.originBytes, model.data));
      const table = valueOf(viewTable({ view, origin, store, extentBytes: EXTENT, containerFirstSector: CONTAINER.firstSector, device: '/dev/sda' }));
      expect(Buffer.compare(through(table, disk), model.expected)).toBe(0);
    }), { numRuns: 40 });
  });

  test('of an origin alone is its extents, joined where they touch', () => {
    const origin = { extents: [{ start: 3, count: 2 }, { start: 5, count: 1 }, { start: 9, count: 1 }] };
    expect(viewTable({ view: originView(new MemoryDisk().read, 4 * MIB), origin, extentBytes: MIB, containerFirstSector: 2048, device: '/dev/sda' })).toEqual({ ok: true, value: '0 6144 linear /dev/sda 8192\n6144 2048 linear /dev/sda 20480' });
  });

  test('of a store in too many pieces is refused', () => {
    const chunks = 40_000;
    // Every second chunk: each a run of its own, and the origin's between them.
    const copies = Uint32Array.from({ length: chunks }, (_, i) => (i % 2 === 0 ? 2 + i : 0));
    const view = { ...originView(new MemoryDisk().read, chunks * 4096), copies };
    const result = viewTable({ view, origin: { extents: [{ start: 0, count: 1000 }] }, store: { extents: [{ start: 1000, count: 1000 }] }, extentBytes: MIB, containerFirstSector: 2048, device: '/dev/sda' });
    expect(result.ok ? 'fine' : result.problems[0]!.code).toBe('MM-VIEW-LINES');
  });
});
