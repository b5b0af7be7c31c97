import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, isZero } from '../core/bytes.ts';
import { valueOf } from '../core/problem.ts';
import { NIL_UUID } from '../core/uuid.ts';
import { BLOCK_BYTES, MIB } from './block.ts';
import { afterPowerLoss, arrivalOf, MemoryDisk } from './memory-disk.test-kit.ts';
import { OWNER_OFFSET, decodeOwner, encodeOwner } from './owner-record.ts';
import { decideClaim } from './ownership.ts';
import { sampleLabel, sampleRegistry, sampleUuid } from './sample-san.test-kit.ts';
import { EXCEPTION_MEMORY_BYTES, EXCEPTION_MEMORY_LIMIT, chunkSectorsFor, decodeSnapshotHeader, resetSteps, storeSizeBytes, wipeStoreSteps } from './snapshot-store.ts';
import type { ChosenLabel } from './volume-label.ts';
import { DATA_OFFSET_BYTES, LABEL_OFFSETS, chooseLabel, labelSteps } from './volume-label.ts';

describe('header', () => {
  // As the kernel wrote it: 'SnAp', valid, version 1, 16 sectors.
  const golden = fromHex('536e4170010000000100000010000000')!;
  test('golden bytes', () => {
    expect(decodeSnapshotHeader(golden)).toEqual({ ok: true, value: { valid: true, version: 1, chunkSectors: 16 } });
    expect(valueOf(decodeSnapshotHeader(golden.with(4, 0)))?.valid).toBe(false);
  });
  test('zeros are no header', () => expect(decodeSnapshotHeader(new Uint8Array(BLOCK_BYTES))).toEqual({ ok: true, value: undefined }));
  test.each([['magic', golden.with(0, 1)], ['version', golden.with(8, 2)], ['chunk of 24 sectors', golden.with(12, 24)], ['chunk of nothing', golden.with(12, 0)], ['length', golden.subarray(0, 15)]])('wrong %s', (_, bytes) => {
    const result = decodeSnapshotHeader(bytes);
    expect(!result.ok && result.problems[0]!.code).toBe('MM-SNAPSHOT-HEADER');
  });
  test('fuzz: never throws, and whatever decodes is what the kernel would take', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 32 }), fc.boolean(), (bytes, magic) => {
        if (magic && bytes.length >= 4) bytes.set(golden.subarray(0, 4));
        const result = decodeSnapshotHeader(bytes);
        if (result.ok && result.value) expect(Math.log2(result.value.chunkSectors) % 1).toBe(0);
      }),
    );
  });
});

/** The last chunk that drivers/md/dm-snap-persistent.c writes while `exceptions` chunks are copied: a model of its allocation. */
function lastChunkWritten(exceptions: number, perArea: number): number {
  let nextFree = 2;
  let last = 1;
  let committed = 0;
  let area = 0;
  for (let i = 0; i < exceptions; i++) {
    last = Math.max(last, nextFree);
    nextFree += 1;
    // skip_metadata(): the chunk behind an area's data is the next area.
    if (nextFree % (perArea + 1) === 1) nextFree += 1;
    committed += 1;
    if (committed === perArea) {
      committed = 0;
      area += 1;
      // zero_disk_area(ps, ps->current_area + 1), as soon as the area is full
      last = Math.max(last, 1 + (perArea + 1) * area);
    }
  }
  return last;
}

describe('storeSizeBytes', () => {
  test('holds exactly what the kernel writes when every chunk of the origin changes', () => {
    for (const chunkBytes of [4096, 8192]) {
      const perArea = chunkBytes / 16;
      for (const exceptions of [1, 2, perArea - 1, perArea, perArea + 1, 2 * perArea - 1, 2 * perArea, 3 * perArea + 5]) {
        expect(storeSizeBytes(exceptions * chunkBytes, chunkBytes)).toBe(DATA_OFFSET_BYTES + (lastChunkWritten(exceptions, perArea) + 1) * chunkBytes);
      }
    }
  });
  test('a part of a chunk counts as one', () => expect(storeSizeBytes(8193, 8192)).toBe(storeSizeBytes(16384, 8192)));
  test('a chunk that dm-snapshot does not take is our own mistake', () => {
    expect(() => storeSizeBytes(MIB, 5000)).toThrow(RangeError);
    expect(() => storeSizeBytes(0, 8192)).toThrow(RangeError);
  });
});

describe('chunkSectorsFor', () => {
  const GIB = 1024 * MIB;
  test.each([[MIB, 16], [3.5 * GIB, 16], [4 * GIB, 32], [5 * GIB, 32], [10 * GIB, 64], [20 * GIB, 128], [1000 * GIB, 128]])('%i bytes: %i sectors', (bytes, sectors) => expect(chunkSectorsFor(bytes)).toBe(sectors));
  test('never more memory than the limit, unless the largest chunk is used', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), (bytes) => {
        const sectors = chunkSectorsFor(bytes);
        expect(sectors === 128 || Math.ceil(bytes / sectors / 512) * EXCEPTION_MEMORY_BYTES <= EXCEPTION_MEMORY_LIMIT).toBe(true);
      }),
    );
  });
});

describe('reset', () => {
  const registry = sampleRegistry();
  const label = { ...sampleLabel(registry, registry.volumes.find(({ name }) => name === 'node1')!), state: 'live' as const, generation: 8 };
  const OWNER = { hardwareId: 'board', bootNonce: '00'.repeat(16), epoch: 1, counter: 1, node: 1, volumeUuid: label.volumeUuid, renewedAtUnixMs: 0 };
  const CHUNK = 16 * 512;
  const read = (disk: MemoryDisk): ChosenLabel => valueOf(chooseLabel(disk.read(LABEL_OFFSETS[0], BLOCK_BYTES), disk.read(LABEL_OFFSETS[1], BLOCK_BYTES)));
  const used = (): MemoryDisk => {
    const disk = new MemoryDisk();
    disk.apply(labelSteps(label, undefined));
    disk.write(OWNER_OFFSET, encodeOwner(OWNER));
    const header = new Uint8Array(CHUNK).fill(0x11);
    header.set(fromHex('536e4170010000000100000010000000')!);
    disk.write(DATA_OFFSET_BYTES, header);
    disk.write(DATA_OFFSET_BYTES + CHUNK, new Uint8Array(CHUNK).fill(0x22));
    return disk;
  };

  test('the order of the design: label, first exception area, flush, header, flush, label; the owner last', () => {
    const steps = resetSteps({ current: read(used()), originUuid: sampleUuid(55), releaseOwner: true });
    expect(steps.map((step) => (step.kind === 'write' ? step.offset : 'flush'))).toEqual([8192, 'flush', 0, 'flush', DATA_OFFSET_BYTES + CHUNK, 'flush', DATA_OFFSET_BYTES, 'flush', 0, 'flush', 8192, 'flush', OWNER_OFFSET, 'flush']);
    const disk = used();
    disk.apply(steps);
    expect(read(disk).label).toEqual({ ...label, state: 'new', originUuid: sampleUuid(55), generation: 10 });
    expect(isZero(disk.read(DATA_OFFSET_BYTES, 2 * CHUNK))).toBe(true);
    expect(valueOf(decodeOwner(disk.read(OWNER_OFFSET, BLOCK_BYTES)))).toBeUndefined();
  });

  test('without release the owner stays; another chunk is wiped and named', () => {
    const disk = used();
    disk.apply(resetSteps({ current: read(disk), chunkSectors: 32, releaseOwner: false }));
    expect(valueOf(decodeOwner(disk.read(OWNER_OFFSET, BLOCK_BYTES)))).toEqual(OWNER);
    expect(read(disk).label.chunkSectors).toBe(32);
    expect(isZero(disk.read(DATA_OFFSET_BYTES, 4 * CHUNK))).toBe(true);
  });

  test('cut off and torn anywhere: the store is as it was, or new; never in use and empty', () => {
    const steps = resetSteps({ current: read(used()), releaseOwner: true });
    for (let done = 0; done <= steps.length; done++) {
      for (let seed = 0; seed < 20; seed++) {
        const disk = afterPowerLoss(used(), steps, done, arrivalOf(seed));
        const now = read(disk).label;
        const owner = decodeOwner(disk.read(OWNER_OFFSET, BLOCK_BYTES));
        const decision = decideClaim({
          label: now, owner: owner.ok ? owner.value : 'damaged', storeHeader: disk.read(DATA_OFFSET_BYTES, BLOCK_BYTES),
          expected: { volumeUuid: label.volumeUuid, clusterUuid: label.clusterUuid, node: 1, originUuid: label.originUuid }, claimant: { hardwareId: 'board', bootNonce: '00'.repeat(16) },
        });
        expect(decision.kind).toBe('claim');
        if (now.state === 'live') expect(disk.read(DATA_OFFSET_BYTES, 2 * CHUNK)).toEqual(used().read(DATA_OFFSET_BYTES, 2 * CHUNK));
        else expect(now.state).toBe('new');
      }
    }
  });

  test('a state volume has nothing to be reset', () => {
    expect(() => resetSteps({ current: { label: { ...label, kind: 'state', originUuid: NIL_UUID, chunkSectors: 0 }, copy: 0, warnings: [] }, releaseOwner: false })).toThrow(RangeError);
  });

  test('wiping: the exception area is gone before the header', () => {
    expect(wipeStoreSteps(128).map((step) => (step.kind === 'write' ? [step.offset - DATA_OFFSET_BYTES, step.bytes.length] : 'flush'))).toEqual([[65536, 65536], 'flush', [0, 65536], 'flush']);
  });
});
