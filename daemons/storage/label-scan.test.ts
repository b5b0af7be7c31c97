import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { MIB, SECTOR_BYTES } from './block.ts';
import { readContainer } from './container-on-disk.ts';
import { allExtents, scanFronts } from './label-scan.ts';
import { encodeOwner, OWNER_OFFSET } from './owner-record.ts';
import { draftOfLabels, NOT_IN_LABELS } from './registry-draft.ts';
import { decodeCopy } from './registry-copy.ts';
import { encodeUtf8 } from '../core/bytes.ts';
import { SAMPLE_DISK_BYTES, SAMPLE_SUPERBLOCK, sampleRegistry, sampleSan } from './sample-san.test-kit.ts';
import { LABEL_OFFSETS } from './volume-label.ts';

const registry = sampleRegistry();
const extentOf = (name: string): number => registry.volumes.find((volume) => volume.name === name)!.extents[0]!.start;

function scanned() {
  const { disk, at } = sampleSan(registry);
  const volume = registry.volumes.find(({ name }) => name === 'node2')!;
  disk.write(at('node2', OWNER_OFFSET), encodeOwner({ hardwareId: '4c4c4544/52:54:00:00:00:02', bootNonce: 'ab'.repeat(16), epoch: 1, counter: 1, node: 2, volumeUuid: volume.uuid, renewedAtUnixMs: 0 }));
  disk.write(at('state1', LABEL_OFFSETS[0]), new Uint8Array(SECTOR_BYTES)); // torn; the other copy counts
  const { container } = valueOf(readContainer(disk.read, SAMPLE_DISK_BYTES, 'debian')).ranges;
  return { container, fronts: scanFronts(disk.read, container, MIB, allExtents(container, MIB)) };
}

describe('without a registry', () => {
  test('every label, owner record and boot volume is found where it stands, and nothing else', () => {
    const { fronts } = scanned();
    expect(fronts.map(({ extent, label, bootOf, owner }) => [extent, label?.kind ?? 'boot', label?.node, bootOf, owner?.hardwareId])).toEqual([
      [extentOf('boot@1'), 'boot', undefined, registry.origins[0]!.uuid, undefined], [extentOf('node1'), 'store', 1, undefined, undefined], [extentOf('state1'), 'state', 1, undefined, undefined],
      [extentOf('node2'), 'store', 2, undefined, '4c4c4544/52:54:00:00:00:02'], [extentOf('state2'), 'state', 2, undefined, undefined], [extentOf('swap1'), 'swap', 1, undefined, undefined],
    ]);
  });

  test('the draft holds what they tell, nothing that was guessed, and is no registry before it is completed', () => {
    const { fronts, container } = scanned();
    const draft = draftOfLabels(SAMPLE_SUPERBLOCK, fronts, MIB, container);
    expect(draft).toMatchObject({ clusterUuid: registry.clusterUuid, extentBytes: MIB, roster: { container: 'debian', nodes: [{ number: 1, macs: [] }, { number: 2, macs: ['52:54:00:00:00:02'] }] }, origins: [{ uuid: registry.origins[0]!.uuid }] });
    const kept = (draft['volumes'] as { kind: string; uuid?: string; extents: unknown }[]).map(({ kind, uuid, extents }) => [kind, uuid, extents]);
    expect(kept).toContainEqual(['store', registry.volumes.find(({ name }) => name === 'node1')!.uuid, [{ start: extentOf('node1') }]]);
    const asCopy = decodeCopy(encodeUtf8(JSON.stringify(draft)), 'draft');
    expect(!asCopy.ok && asCopy.problems.length).toBeGreaterThan(10);
    expect(NOT_IN_LABELS.map(([what]) => what).join()).toContain('secrets');
  });

  test('a checkpoint is told from the store of its node', () => {
    const { fronts, container } = scanned();
    const { label } = fronts.find(({ label }) => label?.kind === 'store' && label.node === 2)!;
    const checkpoint = { name: 'node2@a', madeAtUnixMs: 7, storeUuid: label!.volumeUuid, storeGeneration: 1, clean: true };
    const draft = draftOfLabels(SAMPLE_SUPERBLOCK, [...fronts, { extent: 39, label: { ...label!, checkpoint } }], MIB, container);
    const stores = JSON.parse(JSON.stringify(draft['volumes'])) as { kind: string; node?: number }[];
    expect(stores.filter(({ kind, node }) => kind === 'store' && node === 2)).toMatchObject([{}, { name: 'node2@a', retired: 'checkpoint', madeAtUnixMs: 7, extents: [{ start: 39 }] }]);
    expect(Object.keys(stores[1]!)).not.toContain('retired');
  });

  test('labels of another cluster are none of ours', () => {
    const { fronts, container } = scanned();
    expect(draftOfLabels({ ...SAMPLE_SUPERBLOCK, container: 'other' }, fronts, MIB, container)).toMatchObject({ roster: { nodes: [] } });
  });
});
