import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { findContainer, partitionName } from '../../daemons/storage/container-partitions.ts';
import { freeExtents } from '../../daemons/storage/extents.ts';
import { encodeGpt, type Gpt } from '../../daemons/storage/gpt.ts';
import { decodeRegistry, encodeRegistry } from '../../daemons/storage/registry.ts';
import { registryPartitionBytes } from '../../daemons/storage/registry-layout.ts';
import { sampleUuid } from '../../daemons/storage/sample-san.test-kit.ts';
import { SAMPLE_IMAGE, sampleRequest } from './install.test-kit.ts';
import { EXTENT_BYTES, formatLayout, planLayout, type Layout } from './layout.ts';

const GIB = 2 ** 30;

function laidOut(nodes: number, diskBytes: number, more: readonly string[] = []): Layout {
  const layout = planLayout(sampleRequest(nodes, diskBytes, more));
  if (!layout.ok) throw new Error(layout.problems.map(({ code, where, rule, seen }) => `${code} ${where}: ${rule}; ${seen}`).join('\n'));
  return layout.value;
}

const codesOf = (nodes: number, diskBytes: number, more: readonly string[] = [], existing?: Gpt) => {
  const layout = planLayout({ ...sampleRequest(nodes, diskBytes, more), ...(existing ? { existing } : {}) });
  return layout.ok ? [] : layout.problems.map(({ code, where }) => `${code} ${where}`);
};

/** What must hold of every layout: the parts fit into each other, and whoever reads the registry back agrees. */
function expectSound({ gpt, ranges, superblock, registry }: Layout, nodes: number): void {
  expect(() => encodeGpt(gpt)).not.toThrow();
  expect(decodeRegistry(encodeRegistry(registry))).toEqual({ ok: true, value: registry });
  expect(encodeRegistry(registry).length).toBeLessThanOrEqual(superblock.slotBytes);
  expect(ranges.registry.sectors * SECTOR_BYTES).toBeGreaterThanOrEqual(registryPartitionBytes(superblock));
  expect(registry.extentCount * registry.extentBytes).toBeLessThanOrEqual(ranges.container.sectors * SECTOR_BYTES);
  expect(superblock).toMatchObject({ container: 'debian', clusterUuid: registry.clusterUuid });
  expect(superblock.writers).toBeGreaterThan(nodes);
  for (let node = 1; node <= nodes; node++) {
    for (const kind of ['store', 'state']) expect(registry.volumes.filter((volume) => volume.kind === kind && volume.node === node)).toHaveLength(1);
  }
}

describe('the layout', () => {
  test.each([[1, 4], [3, 4], [64, 60]])('of %i nodes on %i GiB is sound', (nodes, gib) => {
    expectSound(laidOut(nodes, gib * GIB), nodes);
  });

  test('of a thousand nodes is sound, and planned within seconds', () => {
    const started = performance.now();
    const layout = laidOut(1000, 2000 * GIB, ['swap-size: 64']);
    expect(performance.now() - started).toBeLessThan(20_000);
    expectSound(layout, 1000);
    expect(layout.registry.volumes).toHaveLength(2 + 3 * 1000);
  });

  test('whatever is asked for: sound, or a problem; never an exception', () => {
    const request = fc.record({ nodes: fc.integer({ min: 1, max: 6 }), diskMib: fc.integer({ min: 0, max: 6000 }), volume: fc.integer({ min: 256, max: 900 }), swap: fc.nat({ max: 90 }), shared: fc.constantFrom(0, 256, 300), odd: fc.nat({ max: 511 }), full: fc.boolean() });
    fc.assert(fc.property(request, ({ nodes, diskMib, volume, swap, shared, odd, full }) => {
      const base = sampleRequest(nodes, diskMib * MIB + odd, [`volume-size: ${volume}`, `swap-size: ${swap}`, `shared-size: ${shared}`]);
      const { 'store-size': _, ...rest } = base.answers;
      const layout = planLayout({ ...base, answers: full ? rest : base.answers });
      if (layout.ok) expectSound(layout.value, nodes);
      else expect(layout.problems[0]!.code).toMatch(/^MM-(CONTAINER|EXTENTS)-ROOM$/);
    }), { numRuns: 100 });
  });

  test('a store that nobody gave a size cannot fill: it holds every chunk of the origin and the tables', () => {
    const request = sampleRequest(1, 4 * GIB);
    const { 'store-size': _, ...answers } = request.answers;
    const layout = planLayout({ ...request, answers });
    if (!layout.ok) throw new Error('refused');
    const [origin, , store] = layout.value.registry.volumes;
    expect(store!.sizeBytes).toBeGreaterThan(origin!.sizeBytes + MIB);
    expect(store).toMatchObject({ kind: 'store', origin: 'default@1', node: 1 });
  });

  test('a table that is there stays, entry by entry, and the container comes behind it', () => {
    const { gpt } = laidOut(1, 4 * GIB, ['container-name: first', 'container-size: 1024']);
    const request = { ...sampleRequest(1, 8 * GIB, [], 5000), existing: { ...gpt, diskSectors: 8 * GIB / SECTOR_BYTES } };
    const layout = planLayout(request);
    if (!layout.ok) throw new Error('refused');
    expect(layout.value.gpt.partitions.slice(0, 3)).toEqual(gpt.partitions);
    expect(layout.value.gpt.diskGuid).toBe(gpt.diskGuid);
    expect(layout.value.ranges.registry.firstSector).toBeGreaterThan(gpt.partitions.at(-1)!.lastSector);
    expect(findContainer(layout.value.gpt, 'first').ok).toBe(true);
  });
});

describe('what is refused', () => {
  test('a disk that is too small, from nothing up to just below what is needed', () => {
    for (const bytes of [0, 511, 100 * SECTOR_BYTES, MIB, 100 * MIB]) expect(codesOf(1, bytes)).toEqual(["MM-CONTAINER-ROOM container 'debian'"]);
    expect(codesOf(1, 300 * MIB)).toEqual(['MM-EXTENTS-ROOM volume default@1', 'MM-EXTENTS-ROOM volume node1.state']);
  });

  test('a volume that is too large by one extent, and that one alone; one extent less fits exactly', () => {
    const { registry } = laidOut(2, 2 * GIB);
    const free = freeExtents(registry.extentCount, registry.volumes).reduce((sum, run) => sum + run.count, 0);
    const exactly = (free * EXTENT_BYTES) / MIB;
    expect(codesOf(2, 2 * GIB, [`shared-size: ${exactly + EXTENT_BYTES / MIB}`])).toEqual(['MM-EXTENTS-ROOM volume shared']);
    const full = laidOut(2, 2 * GIB, [`shared-size: ${exactly}`]);
    expect(freeExtents(full.registry.extentCount, full.registry.volumes)).toEqual([]);
    expectSound(full, 2);
  });

  test('an origin that the disc\'s image does not fit into', () => {
    const layout = planLayout({ ...sampleRequest(1, 4 * GIB), image: { ...SAMPLE_IMAGE, imageBytes: 257 * MIB } });
    expect(layout).toMatchObject({ ok: false, problems: [{ code: 'MM-INSTALL-ORIGIN-SIZE', where: 'volume-size', seen: '256 MiB' }] });
  });

  test('a container that is there already under that name', () => {
    const { gpt } = laidOut(1, 4 * GIB, ['container-size: 1024']);
    expect(codesOf(1, 4 * GIB, [], gpt)).toEqual(["MM-CONTAINER-EXISTS container 'debian'"]);
  });

  test('a registry that could not be written, or not read back, before anything is written', () => {
    const request = sampleRequest(1, 4 * GIB);
    const keys = Array.from({ length: 4000 }, () => request.answers['authorized-keys'][0]!);
    expect(planLayout({ ...request, answers: { ...request.answers, 'authorized-keys': keys } })).toMatchObject({ ok: false, problems: [{ code: 'MM-INSTALL-REGISTRY-SIZE' }] });
    expect(planLayout({ ...request, secret: { ...request.secret, clusterKey: 'short' } })).toMatchObject({ ok: false, problems: [{ code: 'MM-REGISTRY-FORMAT', where: 'secret.clusterKey' }] });
  });

  test('never shows a secret', () => {
    const request = sampleRequest(1, 4 * GIB);
    const layout = planLayout({ ...request, secret: { ...request.secret, rootPasswordHash: 'not a hash: swordfish' } });
    expect(JSON.stringify(layout)).not.toContain('swordfish');
  });
});

test('two plans of one disk differ in every UUID', () => {
  const uuids = (first: number): string[] => {
    const layout = planLayout(sampleRequest(1, 4 * GIB, [], first));
    return layout.ok ? [layout.value.registry.clusterUuid, ...layout.value.registry.volumes.map(({ uuid }) => uuid), ...layout.value.gpt.partitions.map(({ guid }) => guid)] : [];
  };
  const all = [...uuids(1000), ...uuids(2000)];
  expect(new Set(all).size).toBe(all.length);
  expect(all).toContain(sampleUuid(1000 + 1));
});

test('as text it names every volume and what is left', () => {
  const layout = laidOut(1, 4 * GIB, ['swap-size: 128']);
  const text = formatLayout(layout);
  expect(text).toMatch(/^container debian: registry \d+ MiB, leases 128 MiB, volumes \d+ MiB$/m);
  for (const { name } of layout.registry.volumes) expect(text).toContain(`  ${name} `);
  expect(text).toMatch(/^ {2}node1\.swap +swap +132 MiB$/m);
  const free = Number(/free +(\d+) MiB/.exec(text)![1]);
  const used = layout.registry.volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / MIB;
  expect(free + used).toBe((layout.registry.extentCount * EXTENT_BYTES) / MIB);
  expect(layout.gpt.partitions.map(({ name }) => name)).toEqual(['registry', 'leases', 'container'].map((kind) => partitionName(kind as 'registry', 'debian')));
});
