// Installations that the power ended: at every write, on an empty disk, beside others, and over an old cluster.

import fc from 'fast-check';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { BLOCK_BYTES, MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { planPartitions } from '../../daemons/storage/container-partitions.ts';
import { diskOffset } from '../../daemons/storage/disk-offset.ts';
import { decodeGpt, encodeGpt, type Gpt } from '../../daemons/storage/gpt.ts';
import { GPT_BACKUP_SECTORS, GPT_PRIMARY_SECTORS } from '../../daemons/storage/gpt-format.ts';
import { afterPowerLoss, arrivalOf, MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import { encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { examineSan } from '../../daemons/storage/san-report.ts';
import { sampleUuid } from '../../daemons/storage/sample-san.test-kit.ts';
import { SNAPSHOT_MAGIC } from '../../daemons/storage/snapshot-store.ts';
import { DATA_OFFSET_BYTES } from '../../daemons/storage/volume-label.ts';
import type { WriteStep } from '../../daemons/storage/write-step.ts';
import { clusterOf, DISK_BYTES, installOn, layoutFor, makeDisc } from './install.test-kit.ts';
import { examineForInstall, refusal } from './san-content.ts';

// What needs device-mapper (mkfs, resize2fs) is run in name only.
vi.mock('../../daemons/host/run.ts', () => ({ run: async () => ({ code: 0, output: '', errorOutput: '' }) }));

const disc = makeDisc();
afterAll(() => disc.remove());

const kindOf = (disk: MemoryDisk) => examineForInstall(disk.read, DISK_BYTES, 'debian').kind;
const refusedAt = (disk: MemoryDisk) => refusal(examineForInstall(disk.read, DISK_BYTES, 'debian'), '/dev/sda')?.code;

/** Calls `check` for every moment at which the power may fail, and several ways in which the last writes may have arrived. */
function atEveryCut(before: MemoryDisk, steps: readonly WriteStep[], check: (after: MemoryDisk, done: number, seed: number) => void): void {
  for (let done = 0; done <= steps.length; done++) for (const seed of [0, 1, 2, 3, 4]) check(afterPowerLoss(before, steps, done, arrivalOf(seed)), done, seed);
}

/** A table with a foreign partition in front and a container of another name behind it, with something in each. */
function sharedDisk(): { disk: MemoryDisk; gpt: Gpt } {
  const foreign = { typeGuid: sampleUuid(70), guid: sampleUuid(71), firstSector: 2048, lastSector: 4095, name: 'somebody else' };
  const planned = planPartitions({
    diskSectors: DISK_BYTES / SECTOR_BYTES, existing: { diskGuid: sampleUuid(69), diskSectors: DISK_BYTES / SECTOR_BYTES, partitions: [foreign] }, container: 'other', registryBytes: MIB, leasesBytes: MIB,
    containerBytes: 8 * MIB, guids: { disk: sampleUuid(72), registry: sampleUuid(73), leases: sampleUuid(74), container: sampleUuid(75) },
  });
  if (!planned.ok) throw new Error('no plan');
  const disk = new MemoryDisk();
  const { primary, backup, backupSector } = encodeGpt(planned.value);
  disk.write(0, primary);
  disk.write(backupSector * SECTOR_BYTES, backup);
  for (const { firstSector, lastSector } of planned.value.partitions) for (const sector of [firstSector, lastSector]) disk.write(sector * SECTOR_BYTES, new Uint8Array(SECTOR_BYTES).fill(0x77));
  return { disk, gpt: planned.value };
}

describe('broken off', () => {
  test('at any write, whole, torn or lost, it can be begun again without force, until the cluster is there', async () => {
    const { disk, layout } = await installOn(disc.places, new MemoryDisk());
    const kinds = new Set<string>();
    atEveryCut(new MemoryDisk(), disk.steps, (after, done, seed) => {
      const kind = kindOf(after);
      kinds.add(kind);
      if (kind === 'installed') {
        // Only the last header makes the cluster, and it makes a whole one.
        expect(done).toBeGreaterThanOrEqual(disk.steps.length - 1);
        expect(clusterOf(after)).toBe(layout.registry.clusterUuid);
      } else {
        expect(['empty', 'unfinished'], `step ${done} of ${disk.steps.length}, seed ${seed}`).toContain(kind);
        expect(refusedAt(after)).toBeUndefined();
        expect(() => layoutFor({ read: after.read, bytes: DISK_BYTES }, { firstUuid: 5000 })).not.toThrow();
      }
    });
    expect(kinds).toEqual(new Set(['empty', 'unfinished', 'installed']));
  });

  test('again and again, with other answers each time, and then left alone, it ends in a whole cluster', async () => {
    const cut = fc.record({ share: fc.double({ min: 0, max: 0.999, noNaN: true }), seed: fc.nat({ max: 1000 }), nodes: fc.integer({ min: 1, max: 4 }), maximum: fc.integer({ min: 4, max: 40 }) });
    await fc.assert(fc.asyncProperty(fc.array(cut, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 3 }), async (cuts, nodes) => {
      let disk = new MemoryDisk();
      let firstUuid = 1000;
      for (const { share, seed, nodes: planned, maximum } of cuts) {
        expect(refusedAt(disk)).toBeUndefined();
        const attempt = await installOn(disc.places, disk, { nodes: planned, firstUuid: (firstUuid += 1000), more: [`maximum-nodes: ${maximum}`] });
        const next = afterPowerLoss(disk, attempt.disk.steps, Math.floor(share * (attempt.disk.steps.length - 1)), arrivalOf(seed));
        disk = next;
      }
      expect(refusedAt(disk)).toBeUndefined();
      const last = await installOn(disc.places, disk, { nodes, firstUuid: firstUuid + 1000 });
      expect(examineSan(last.disk.read, DISK_BYTES, { thorough: true })).toMatchObject({ problems: [], warnings: [] });
    }), { numRuns: 12 });
  });

  test('beside other partitions: theirs are in the table and untouched at every moment', async () => {
    const { disk: before, gpt } = sharedDisk();
    const { disk, layout } = await installOn(disc.places, before);
    expect(layout.gpt.partitions.slice(0, 4)).toEqual(gpt.partitions);
    const foreign = (sector: number): boolean => gpt.partitions.some(({ firstSector, lastSector }) => sector >= firstSector && sector <= lastSector);
    for (const step of disk.steps) if (step.kind === 'write') for (let at = 0; at < step.bytes.length; at += SECTOR_BYTES) if (foreign((step.offset + at) / SECTOR_BYTES)) throw new Error(`sector ${(step.offset + at) / SECTOR_BYTES} is somebody else's`);
    atEveryCut(before, disk.steps, (after) => {
      const content = examineForInstall(after.read, DISK_BYTES, 'debian');
      expect(['other', 'unfinished', 'installed']).toContain(content.kind);
      if ('gpt' in content) expect(content.gpt.partitions.slice(0, 4)).toEqual(gpt.partitions);
    });
  });

  test('where only the backup of the table was good, it is not written over before the primary is', async () => {
    const { disk: before, gpt } = sharedDisk();
    before.write(SECTOR_BYTES, new Uint8Array(SECTOR_BYTES).fill(1));
    const { disk } = await installOn(disc.places, before);
    atEveryCut(before, disk.steps, (after, done, seed) => {
      const table = decodeGpt(after.read(0, GPT_PRIMARY_SECTORS * SECTOR_BYTES), DISK_BYTES / SECTOR_BYTES, after.read(DISK_BYTES - GPT_BACKUP_SECTORS * SECTOR_BYTES, GPT_BACKUP_SECTORS * SECTOR_BYTES));
      expect(table.ok && table.value.gpt.partitions.slice(0, 4), `step ${done}, seed ${seed}`).toEqual(gpt.partitions);
    });
  });
});

describe('over an old cluster, with force', () => {
  test.each([['the same places', 4], ['other places', 40]])('in %s: the old one is whole, or it cannot be read; never anything between', async (_, maximum) => {
    const old = await installOn(disc.places, new MemoryDisk(), { more: ['maximum-nodes: 4'] });
    const before = old.disk.memory;
    expect(refusedAt(before)).toBe('MM-INSTALL-EXISTS');
    const fresh = await installOn(disc.places, before, { firstUuid: 9000, more: [`maximum-nodes: ${maximum}`] });
    const { firstSector, sectors } = old.layout.ranges.registry;
    const superblocks = new Set([0, 1, 2, 3, 4, 5, 6, 7].flatMap((i) => [firstSector + i, firstSector + sectors - BLOCK_BYTES / SECTOR_BYTES + i]));
    const seen = new Set<string>();
    atEveryCut(before, fresh.disk.steps, (after, done, seed) => {
      const cluster = clusterOf(after);
      seen.add(cluster === old.layout.registry.clusterUuid ? 'old' : cluster === undefined ? 'none' : 'new');
      if (cluster === old.layout.registry.clusterUuid) {
        const touched = [...after.sectors].filter(([sector, bytes]) => !superblocks.has(sector) && Buffer.compare(bytes, before.sectors.get(sector) ?? new Uint8Array(SECTOR_BYTES)) !== 0);
        expect(touched.map(([sector]) => sector), `step ${done}, seed ${seed}`).toEqual([]);
      } else if (cluster === undefined) expect(refusedAt(after), `step ${done}, seed ${seed}`).toBeUndefined();
    });
    expect(seen).toEqual(new Set(['old', 'none', 'new']));
  });

  test('the new volumes are new and nobody\'s, although the old ones at their places were in use', async () => {
    const old = await installOn(disc.places, new MemoryDisk());
    const { registry, ranges } = old.layout;
    const before = old.disk.memory.clone();
    for (const volume of registry.volumes.filter(({ node }) => node !== undefined)) {
      const at = (offset: number): number => diskOffset(volume, registry.extentBytes, ranges.container.firstSector, offset);
      before.write(at(OWNER_OFFSET), encodeOwner({ hardwareId: 'old/52:54:00:00:00:01', bootNonce: '00'.repeat(16), epoch: 3, counter: 9, node: volume.node!, volumeUuid: volume.uuid, renewedAtUnixMs: 0 }));
      const header = new Uint8Array(SECTOR_BYTES);
      new Uint32Array(header.buffer).set([SNAPSHOT_MAGIC, 1, 1, 16]);
      before.write(at(DATA_OFFSET_BYTES), header);
    }
    const fresh = await installOn(disc.places, before, { firstUuid: 9000 });
    const report = examineSan(fresh.disk.read, DISK_BYTES, { thorough: true });
    expect(report).toMatchObject({ problems: [], warnings: [] });
    for (const { owner, storeHeader } of report.containers[0]!.volumes) expect([owner, storeHeader]).toEqual([undefined, undefined]);
  });

  test('a registry of an earlier life of the disk does not come back with the new table', async () => {
    const old = await installOn(disc.places, new MemoryDisk());
    const before = old.disk.memory.clone();
    before.write(0, new Uint8Array(GPT_PRIMARY_SECTORS * SECTOR_BYTES));
    before.write(DISK_BYTES - GPT_BACKUP_SECTORS * SECTOR_BYTES, new Uint8Array(GPT_BACKUP_SECTORS * SECTOR_BYTES));
    expect(kindOf(before)).toBe('unknown');
    const fresh = await installOn(disc.places, before, { firstUuid: 9000 });
    atEveryCut(before, fresh.disk.steps, (after) => expect(clusterOf(after)).not.toBe(old.layout.registry.clusterUuid));
    expect(clusterOf(fresh.disk.memory)).toBe(fresh.layout.registry.clusterUuid);
  });
});
