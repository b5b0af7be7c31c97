import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { MIB } from './block.ts';
import { addCheckpoint, checkpointsOf } from './registry-edit-checkpoints.ts';
import { type Registry, stateVolumeOf, storeOf, swapVolumeOf, type VolumeRecord } from './registry.ts';
import { quarantineVolumes, releaseQuarantined } from './registry-edit-volumes.ts';
import { frozen, NOW, refusalOf, roomyRegistry } from './registry-edit.test-kit.ts';
import { sampleUuid } from './sample-san.test-kit.ts';

const REGISTRY = roomyRegistry();
const volumesOf = (registry: Registry, number: number): readonly VolumeRecord[] => [storeOf(registry, number), stateVolumeOf(registry, number), swapVolumeOf(registry, number)].filter((volume) => volume !== undefined);
/** A request that puts others in the place of these volumes, with UUIDs from `fresh` on. */
const instead = (volumes: readonly VolumeRecord[], node = 1, fresh = 700) => ({ node, replacements: volumes.map(({ uuid }, i) => ({ former: uuid, uuid: sampleUuid(fresh + i) })) });

const former = volumesOf(REGISTRY, 1);
const edited = frozen(valueOf(quarantineVolumes(REGISTRY, instead(former))));
const FRESH = sampleUuid(700);

describe('quarantineVolumes', () => {
  test('the former volumes keep their extents and are nobody\'s; the node has others of the same geometry elsewhere', () => {
    for (const volume of former) expect(edited.volumes.find(({ uuid }) => uuid === volume.uuid)).toEqual({ ...volume, retired: 'quarantined' });
    const now = volumesOf(edited, 1);
    expect(now).toEqual(former.map((volume, i) => ({ ...volume, name: `node1.${volume.kind}`, uuid: sampleUuid(700 + i), extents: now[i]!.extents })));
    for (const { extents, sizeBytes } of now) expect(extents.reduce((sum, { count }) => sum + count, 0)).toBe(Math.ceil(sizeBytes / MIB));
    expect({ ...edited, volumes: [] }).toEqual({ ...REGISTRY, volumes: [] });
    expect(volumesOf(edited, 2)).toEqual(volumesOf(REGISTRY, 2));
  });
  test('some of them only, and no extent in which somebody\'s owner record stands', () => {
    const state = stateVolumeOf(REGISTRY, 1)!;
    const { start } = stateVolumeOf(valueOf(quarantineVolumes(REGISTRY, instead([state]))), 1)!.extents[0]!;
    const beside = valueOf(quarantineVolumes(REGISTRY, { ...instead([state]), occupied: [{ start: start + 1, count: 1 }] }));
    expect([storeOf(beside, 1), stateVolumeOf(beside, 1)!.extents]).toEqual([storeOf(REGISTRY, 1), [{ start: start + 2, count: 2 }]]);
  });
  test('a store that is kept for a rollback: another one is kept for it', () => {
    const store = storeOf(REGISTRY, 2)!;
    const kept = { ...store, name: 'old', uuid: sampleUuid(600), retired: 'rollback' as const, extents: [{ start: 80, count: store.extents[0]!.count }] };
    const { volumes } = valueOf(quarantineVolumes({ ...REGISTRY, volumes: [...REGISTRY.volumes, kept] }, instead([kept], 2)));
    expect(volumes.filter(({ origin, retired }) => origin !== undefined && retired !== undefined).map(({ uuid, retired }) => [uuid, retired])).toEqual([[kept.uuid, 'quarantined'], [FRESH, 'rollback']]);
  });
  const checkpoint = valueOf(addCheckpoint(REGISTRY, { node: 1, name: 'a', sizeBytes: 2 * MIB, uuid: sampleUuid(900), atUnixMs: NOW }));
  const held = REGISTRY.volumes.flatMap(({ extents }) => extents).reduce((sum, { count }) => sum + count, 0);
  const wanted = former.flatMap(({ extents }) => extents).reduce((sum, { count }) => sum + count, 0);
  test.each([
    ['a node that is not there', REGISTRY, { ...instead(former), node: 3 }, 'MM-EDIT-NODE at node'],
    ['a UUID that is taken', REGISTRY, instead(former, 1, 101), 'MM-EDIT-UUID at UUID of the store volume, MM-EDIT-UUID at UUID of the state volume, MM-EDIT-UUID at UUID of the swap volume'],
    ['a volume twice', REGISTRY, instead([former[0]!, former[0]!]), 'MM-EDIT-VOLUME at former'],
    ['another node\'s volume', REGISTRY, instead([storeOf(REGISTRY, 2)!]), 'MM-EDIT-VOLUME at former'],
    ['nobody\'s volume', REGISTRY, { node: 1, replacements: [{ former: sampleUuid(999), uuid: FRESH }] }, 'MM-EDIT-VOLUME at former'],
    ['one that is in quarantine already', edited, instead(former.slice(0, 1), 1, 800), 'MM-EDIT-VOLUME at former'],
    ['a checkpoint, which nobody maps', checkpoint, instead(checkpointsOf(checkpoint, 1)), 'MM-EDIT-VOLUME at former'],
    ['one extent too few', roomyRegistry(held + wanted - 1), instead(former), 'MM-EDIT-ROOM at container'],
    ['just enough', roomyRegistry(held + wanted), instead(former), 'fine'],
    ['one of them occupied', roomyRegistry(held + wanted), { ...instead(former), occupied: [{ start: held, count: 1 }] }, 'MM-EDIT-ROOM at container'],
  ])('%s', (_, registry, request, verdict) => expect(refusalOf(quarantineVolumes(registry, request))).toBe(verdict));
});

describe('releaseQuarantined', () => {
  const { uuid, extents } = former[0]!;
  test('the volume is gone, and its extents are there for the next', () => {
    const released = valueOf(releaseQuarantined(edited, { uuid }));
    expect(released.volumes.some((volume) => volume.uuid === uuid)).toBe(false);
    expect(storeOf(valueOf(quarantineVolumes(released, instead([storeOf(released, 1)!], 1, 800))), 1)!.extents).toEqual(extents);
  });
  test.each([['no volume\'s', sampleUuid(999)], ['that of a store in use', FRESH], ['that of the origin', REGISTRY.origins[0]!.uuid]])('refused: a UUID that is %s', (_, wrong) => {
    expect(refusalOf(releaseQuarantined(edited, { uuid: wrong }))).toBe('MM-EDIT-VOLUME at uuid');
  });
  test('refused: a store that is kept for a rollback', () => {
    const kept = { ...edited, volumes: [...edited.volumes.filter((volume) => volume.uuid !== uuid), { ...former[0]!, retired: 'rollback' as const }] };
    expect(refusalOf(releaseQuarantined(kept, { uuid }))).toBe('MM-EDIT-VOLUME at uuid');
  });
});
