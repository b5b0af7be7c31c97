import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { MIB, SECTOR_BYTES } from './block.ts';
import { storeOf } from './registry.ts';
import { quarantineStore, releaseQuarantined } from './registry-edit-volumes.ts';
import { frozen, refusalOf, roomyRegistry } from './registry-edit.test-kit.ts';
import { sampleUuid } from './sample-san.test-kit.ts';
import { DATA_OFFSET_BYTES } from './volume-label.ts';

const REGISTRY = roomyRegistry();
const FRESH = sampleUuid(700);
const former = storeOf(REGISTRY, 2)!;
const edited = frozen(valueOf(quarantineStore(REGISTRY, { node: 2, newStoreUuid: FRESH })));

describe('quarantineStore', () => {
  test('the former store keeps its extents and is nobody\'s; the node boots from one of the same geometry elsewhere', () => {
    expect(edited.volumes.find(({ uuid }) => uuid === former.uuid)).toEqual({ ...former, retired: 'quarantined' });
    const { extents, ...geometry } = storeOf(edited, 2)!;
    expect(geometry).toEqual({ name: 'node2.store', kind: 'store', uuid: FRESH, sizeBytes: former.sizeBytes, node: 2, origin: former.origin, chunkSectors: former.chunkSectors });
    expect(extents.reduce((sum, { count }) => sum + count, 0)).toBe(Math.ceil(former.sizeBytes / MIB));
    expect({ ...edited, volumes: [] }).toEqual({ ...REGISTRY, volumes: [] });
  });
  test('another size is rounded up to whole extents', () => {
    expect(storeOf(valueOf(quarantineStore(REGISTRY, { node: 2, newStoreUuid: FRESH, sizeBytes: 9 * MIB + 1 })), 2)!.sizeBytes).toBe(10 * MIB);
  });
  const least = DATA_OFFSET_BYTES + 3 * 16 * SECTOR_BYTES;
  test.each([
    ['a node that is not there', { node: 3 }, 'MM-EDIT-NODE at node'],
    ['a UUID that is taken', { newStoreUuid: former.uuid }, 'MM-EDIT-UUID at UUID of the store volume'],
    ['room for no change', { sizeBytes: least - 1 }, 'MM-EDIT-SIZE at sizeBytes'],
    ['room for one', { sizeBytes: least }, 'fine'],
    ['half a byte', { sizeBytes: least + 0.5 }, 'MM-EDIT-SIZE at sizeBytes'],
    ['no number', { sizeBytes: Number.NaN }, 'MM-EDIT-SIZE at sizeBytes'],
    ['more than there is', { sizeBytes: 2 ** 40 }, 'MM-EDIT-ROOM at container'],
  ])('%s', (_, more, wanted) => expect(refusalOf(quarantineStore(REGISTRY, { node: 2, newStoreUuid: FRESH, ...more }))).toBe(wanted));
});

describe('releaseQuarantined', () => {
  test('the volume is gone, and its extents are there for the next', () => {
    const released = valueOf(releaseQuarantined(edited, { uuid: former.uuid }));
    expect(released.volumes.some(({ uuid }) => uuid === former.uuid)).toBe(false);
    expect(storeOf(valueOf(quarantineStore(released, { node: 2, newStoreUuid: sampleUuid(701) })), 2)!.extents).toEqual(former.extents);
  });
  test.each([['no volume\'s', sampleUuid(999)], ['that of a store in use', FRESH], ['that of the origin', REGISTRY.origins[0]!.uuid]])('refused: a UUID that is %s', (_, uuid) => {
    expect(refusalOf(releaseQuarantined(edited, { uuid }))).toBe('MM-EDIT-VOLUME at uuid');
  });
  test('refused: a store that is kept for a rollback', () => {
    const kept = { ...edited, volumes: [...edited.volumes.filter(({ uuid }) => uuid !== former.uuid), { ...former, retired: 'rollback' as const }] };
    expect(refusalOf(releaseQuarantined(kept, { uuid: former.uuid }))).toBe('MM-EDIT-VOLUME at uuid');
  });
});
