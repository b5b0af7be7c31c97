import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES, MIB, SECTOR_BYTES } from './block.ts';
import { readContainer } from './container-on-disk.ts';
import { partitionName } from './container-partitions.ts';
import { decodeGpt, encodeGpt } from './gpt.ts';
import { GPT_BACKUP_SECTORS, GPT_LEAST_SECTORS, GPT_PRIMARY_SECTORS } from './gpt-format.ts';
import { MemoryDisk } from './memory-disk.test-kit.ts';
import { slotBodyOffset, slotHeaderOffset } from './registry-layout.ts';
import { SAMPLE_DISK_BYTES, SAMPLE_SUPERBLOCK, sampleRegistry, sampleSan } from './sample-san.test-kit.ts';

const codesOf = (disk: MemoryDisk, container = 'debian', bytes = SAMPLE_DISK_BYTES) => {
  const found = readContainer(disk.read, bytes, container);
  return found.ok ? 'found' : found.problems.map(({ code }) => code);
};

function tableOf(disk: MemoryDisk) {
  const gpt = decodeGpt(disk.read(0, GPT_PRIMARY_SECTORS * SECTOR_BYTES), SAMPLE_DISK_BYTES / SECTOR_BYTES);
  if (!gpt.ok) throw new Error('no table');
  return gpt.value.gpt;
}

describe('readContainer', () => {
  test('finds registry and places of an installed container', () => {
    const { disk, registryAt } = sampleSan();
    const found = readContainer(disk.read, SAMPLE_DISK_BYTES, 'debian');
    if (!found.ok) throw new Error(found.problems[0]!.code);
    expect(found.value.registry).toEqual(sampleRegistry());
    expect(found.value.ranges.registry.firstSector * SECTOR_BYTES).toBe(registryAt);
    expect(found.value.header).toMatchObject({ writer: 0, generation: 1, leaseVersion: 0 });
    expect(found.value.warnings).toEqual([]);
    const { registry, leases, container } = found.value.ranges;
    expect(registry.firstSector + registry.sectors).toBeLessThanOrEqual(leases.firstSector);
    expect(leases.firstSector + leases.sectors).toBeLessThanOrEqual(container.firstSector);
  });

  test('says which containers are there when it is asked for another', () => {
    const { disk } = sampleSan();
    const found = readContainer(disk.read, SAMPLE_DISK_BYTES, 'other');
    expect(found).toMatchObject({ ok: false, problems: [{ code: 'MM-CONTAINER-NONE', seen: 'debian' }] });
  });

  test('a torn primary table costs nothing but a warning', () => {
    const { disk } = sampleSan();
    for (let sector = 0; sector < GPT_PRIMARY_SECTORS; sector++) {
      const torn = disk.clone();
      torn.write(sector * SECTOR_BYTES, new Uint8Array(SECTOR_BYTES).fill(0xa5));
      const found = readContainer(torn.read, SAMPLE_DISK_BYTES, 'debian');
      expect(found.ok, `sector ${sector}`).toBe(true);
      if (found.ok) expect(found.value.warnings.length).toBeGreaterThan(0);
    }
  });

  test('with both tables gone there is none', () => {
    const { disk } = sampleSan();
    disk.write(0, new Uint8Array(GPT_PRIMARY_SECTORS * SECTOR_BYTES));
    disk.write(SAMPLE_DISK_BYTES - GPT_BACKUP_SECTORS * SECTOR_BYTES, new Uint8Array(GPT_BACKUP_SECTORS * SECTOR_BYTES));
    expect(codesOf(disk)).toContain('MM-GPT-NONE');
  });

  test('a partition that is missing is told, and the others are not guessed at', () => {
    const { disk } = sampleSan();
    const gpt = tableOf(disk);
    const { primary } = encodeGpt({ ...gpt, partitions: gpt.partitions.filter(({ name }) => name !== partitionName('leases', 'debian')) });
    disk.write(0, primary);
    expect(codesOf(disk)).toEqual(['MM-CONTAINER-PARTITION']);
  });

  test('an installation that was not finished has no registry', () => {
    const { disk, registryAt } = sampleSan();
    disk.write(registryAt + slotHeaderOffset(SAMPLE_SUPERBLOCK, 0, 0), new Uint8Array(BLOCK_BYTES));
    expect(codesOf(disk)).toEqual(['MM-REGISTRY-NONE']);
    disk.write(registryAt, new Uint8Array(BLOCK_BYTES));
    expect(codesOf(disk), 'the superblock has a copy').toEqual(['MM-REGISTRY-NONE']);
  });

  test('a body that is damaged is no registry', () => {
    const { disk, registryAt } = sampleSan();
    disk.write(registryAt + slotBodyOffset(SAMPLE_SUPERBLOCK, 0, 0), new Uint8Array(SECTOR_BYTES));
    expect(codesOf(disk)).toEqual(['MM-REGISTRY-NONE']);
  });

  test('a disk too small for a table is a problem, not an exception', () => {
    const disk = new MemoryDisk();
    for (const bytes of [0, 100, SECTOR_BYTES, (GPT_LEAST_SECTORS - 1) * SECTOR_BYTES, GPT_LEAST_SECTORS * SECTOR_BYTES, MIB]) {
      expect(codesOf(disk, 'debian', bytes), `${bytes} bytes`).toContain('MM-GPT-NONE');
    }
  });

  test('fuzz: whatever sectors are overwritten, it never throws, and it gives no other registry than the one that was written', () => {
    const { disk, registryAt } = sampleSan();
    const places = [0, 512, 1024, SAMPLE_DISK_BYTES - 512, SAMPLE_DISK_BYTES - 33 * 512, registryAt, registryAt + slotHeaderOffset(SAMPLE_SUPERBLOCK, 0, 0), registryAt + slotBodyOffset(SAMPLE_SUPERBLOCK, 0, 0)];
    const damage = fc.array(fc.record({ place: fc.constantFrom(...places), sector: fc.nat({ max: 8 }), bytes: fc.uint8Array({ minLength: 512, maxLength: 512 }) }), { minLength: 1, maxLength: 4 });
    fc.assert(fc.property(damage, (writes) => {
      const damaged = disk.clone();
      for (const { place, sector, bytes } of writes) {
        const at = place + sector * SECTOR_BYTES;
        if (at < SAMPLE_DISK_BYTES) damaged.write(at, bytes);
      }
      const found = readContainer(damaged.read, SAMPLE_DISK_BYTES, 'debian');
      if (found.ok) expect(found.value.registry).toEqual(sampleRegistry());
      else expect(found.problems.length).toBeGreaterThan(0);
    }), { numRuns: 150 });
  });
});
