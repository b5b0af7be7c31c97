// Whole installations on a disk in memory, broken off at every write. What needs device-mapper (mkfs, resize2fs) is run in name only.

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { BOOT_FILE_NAMES } from '../../daemons/core/boot-file-names.ts';
import { toHex } from '../../daemons/core/bytes.ts';
import { sha256 } from '../../daemons/core/sha256.ts';
import { BLOCK_BYTES, MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import { planPartitions } from '../../daemons/storage/container-partitions.ts';
import { diskOffset } from '../../daemons/storage/disk-offset.ts';
import { decodeGpt, encodeGpt, type Gpt } from '../../daemons/storage/gpt.ts';
import { GPT_BACKUP_SECTORS, GPT_PRIMARY_SECTORS } from '../../daemons/storage/gpt-format.ts';
import { afterPowerLoss, arrivalOf, MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import { examineSan } from '../../daemons/storage/san-report.ts';
import { sampleUuid } from '../../daemons/storage/sample-san.test-kit.ts';
import type { WriteStep } from '../../daemons/storage/write-step.ts';
import { Disk } from './disk.ts';
import { imageSha256, Installation, writeInstallInfo } from './engine.ts';
import { makeDisc, ModelDisk, SAMPLE_IMAGE, sampleRequest, SilentProgress } from './install.test-kit.ts';
import { planLayout, type Layout } from './layout.ts';
import { examineForInstall, keptTable, refusal } from './san-content.ts';

const ran: string[][] = [];
vi.mock('../../daemons/host/run.ts', () => ({
  run: async (argv: string[]) => {
    ran.push(argv);
    return { code: 0, output: '', errorOutput: '' };
  },
}));

const DISK_BYTES = 1024 * MIB;
const disc = makeDisc();
afterAll(() => disc.remove());
beforeEach(() => void ran.splice(0));

function layoutFor(disk: Pick<Disk, 'read' | 'bytes'>, { nodes = 2, firstUuid = 1000, more = [] as readonly string[] } = {}): Layout {
  const content = examineForInstall(disk.read, disk.bytes, 'debian');
  const existing = keptTable(content, 'debian');
  const layout = planLayout({ ...sampleRequest(nodes, disk.bytes, more, firstUuid), ...(existing === undefined ? {} : { existing }) });
  if (!layout.ok) throw new Error(layout.problems.map(({ code, rule }) => `${code}: ${rule}`).join());
  return layout.value;
}

/** Installs on a disk that holds `before`; the disk, with all that was written to it, and the plan. */
async function install(before: MemoryDisk, options: Parameters<typeof layoutFor>[1] = {}): Promise<{ disk: ModelDisk; layout: Layout }> {
  const disk = new ModelDisk(DISK_BYTES, before);
  const layout = layoutFor(disk, options);
  await new Installation(layout, disk, disc.places, new SilentProgress()).run();
  disk.close();
  return { disk, layout };
}

const kindOf = (disk: MemoryDisk) => examineForInstall(disk.read, DISK_BYTES, 'debian').kind;
const refusedAt = (disk: MemoryDisk) => refusal(examineForInstall(disk.read, DISK_BYTES, 'debian'), '/dev/sda')?.code;
const clusterOf = (disk: MemoryDisk) => {
  const found = readContainer(disk.read, DISK_BYTES, 'debian');
  return found.ok ? found.value.registry.clusterUuid : undefined;
};

/** Calls `check` for every moment at which the power may fail, and several ways in which the last writes may have arrived. */
function atEveryCut(before: MemoryDisk, steps: readonly WriteStep[], check: (after: MemoryDisk, done: number, seed: number) => void): void {
  for (let done = 0; done <= steps.length; done++) for (const seed of [0, 1, 2, 3, 4, 5, 6, 7]) check(afterPowerLoss(before, steps, done, arrivalOf(seed)), done, seed);
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

describe('an installation', () => {
  let done: Awaited<ReturnType<typeof install>>;
  beforeAll(async () => { done = await install(new MemoryDisk()); });

  test('is a whole cluster, without a problem or a warning, in which every volume is new and nobody\'s', () => {
    const report = examineSan(done.disk.read, DISK_BYTES, { thorough: true });
    expect(report.problems).toEqual([]);
    expect(report.warnings).toEqual([]);
    const volumes = report.containers[0]!.volumes.filter(({ volume }) => volume.node !== undefined);
    expect(volumes).toHaveLength(4);
    for (const { label, owner } of volumes) expect([label!.state, owner]).toEqual(['new', undefined]);
    expect(clusterOf(done.disk.memory)).toBe(done.layout.registry.clusterUuid);
  });

  test('holds image and boot files byte by byte', () => {
    const { registry, ranges } = done.layout;
    const bytesOf = (name: string, offset: number, length: number): Uint8Array => {
      const volume = registry.volumes.find((one) => one.name === name)!;
      return done.disk.read(diskOffset(volume, registry.extentBytes, ranges.container.firstSector, offset), Math.ceil(length / SECTOR_BYTES) * SECTOR_BYTES).subarray(0, length);
    };
    const image = readFileSync(disc.places.rootImage);
    for (let at = 0; at < image.length; at += MIB) expect(image.subarray(at, at + MIB).equals(bytesOf('default@1', at, Math.min(MIB, image.length - at)))).toBe(true);
    const files = examineSan(done.disk.read, DISK_BYTES).containers[0]!.volumes.find(({ volume }) => volume.kind === 'boot')!.bootFiles!;
    expect(files.map(({ name }) => name)).toEqual([...BOOT_FILE_NAMES]);
    for (const { name, offset, bytes, sha256: hash } of files) expect(toHex(sha256(bytesOf('boot@1', offset, bytes))), name).toBe(hash);
  });

  test('makes file systems in the data parts alone, and reads the registry back from the SAN, not from memory', async () => {
    await install(new MemoryDisk(), { more: ['swap-size: 64'] });
    const words = ran.map((argv) => argv.join(' '));
    expect(words.filter((line) => /^mk/.test(line))).toEqual([1, 2].flatMap((node) => [
      `mkfs.ext4 -q -F -L state${node} -E lazy_itable_init=1,nodiscard /dev/mapper/metamaster-install-node${node}.state`, `mkswap -L swap${node} /dev/mapper/metamaster-install-node${node}.swap`,
    ]));
    expect(words).toContain('resize2fs /dev/mapper/metamaster-install-default-1');
    expect(words.at(-1)).toMatch(/^blockdev --flushbufs /);
    const created = ran.filter(([program, verb]) => program === 'dmsetup' && verb === 'create').length;
    expect(ran.slice(-2 * created - 100).filter(([program, verb]) => program === 'dmsetup' && verb === 'remove')).toHaveLength(2 * created);
  });

  test('on a file is the same as in memory', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'san-'));
    const path = join(folder, 'san.img');
    try {
      writeFileSync(path, '');
      truncateSync(path, DISK_BYTES);
      const file = new Disk(path, DISK_BYTES);
      await new Installation(layoutFor(file), file, disc.places, new SilentProgress()).run();
      expect(clusterOf({ read: file.read } as MemoryDisk)).toBe(done.layout.registry.clusterUuid);
      // The registry tells when it was written.
      const { registry } = done.layout.ranges;
      for (const [sector, bytes] of done.disk.memory.sectors) {
        if (sector >= registry.firstSector && sector < registry.firstSector + registry.sectors) continue;
        if (Buffer.compare(file.read(sector * SECTOR_BYTES, SECTOR_BYTES), bytes) !== 0) throw new Error(`sector ${sector} differs`);
      }
      file.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('writes outside its own partitions only the table', () => {
    const { ranges } = done.layout;
    const own = Object.values(ranges);
    for (const step of done.disk.steps) {
      if (step.kind === 'flush') continue;
      const [first, end] = [step.offset / SECTOR_BYTES, (step.offset + step.bytes.length) / SECTOR_BYTES];
      const inTable = end <= GPT_PRIMARY_SECTORS || first >= DISK_BYTES / SECTOR_BYTES - GPT_BACKUP_SECTORS;
      expect(inTable || own.some(({ firstSector, sectors }) => first >= firstSector && end <= firstSector + sectors), `sectors ${first} to ${end}`).toBe(true);
    }
  });

  test('an image that is not of the announced size is refused', async () => {
    const disk = new ModelDisk(DISK_BYTES);
    const layout = layoutFor(disk);
    const [origin] = layout.registry.origins;
    const wrong = { ...layout, registry: { ...layout.registry, origins: [{ ...origin!, imageBytes: SAMPLE_IMAGE.imageBytes - 1 }] } };
    await expect(new Installation(wrong, disk, disc.places, new SilentProgress()).run()).rejects.toThrow('the medium is damaged');
  });
});

describe('broken off', () => {
  test('at any write, whole, torn or lost, it can be begun again without force, until the cluster is there', async () => {
    const { disk, layout } = await install(new MemoryDisk());
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
        const attempt = await install(disk, { nodes: planned, firstUuid: (firstUuid += 1000), more: [`maximum-nodes: ${maximum}`] });
        const next = afterPowerLoss(disk, attempt.disk.steps, Math.floor(share * (attempt.disk.steps.length - 1)), arrivalOf(seed));
        disk = next;
      }
      expect(refusedAt(disk)).toBeUndefined();
      const last = await install(disk, { nodes, firstUuid: firstUuid + 1000 });
      expect(examineSan(last.disk.read, DISK_BYTES, { thorough: true })).toMatchObject({ problems: [], warnings: [] });
    }), { numRuns: 12 });
  });

  test('beside other partitions: theirs are in the table and untouched at every moment', async () => {
    const { disk: before, gpt } = sharedDisk();
    const { disk, layout } = await install(before);
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
    const { disk } = await install(before);
    atEveryCut(before, disk.steps, (after, done, seed) => {
      const table = decodeGpt(after.read(0, GPT_PRIMARY_SECTORS * SECTOR_BYTES), DISK_BYTES / SECTOR_BYTES, after.read(DISK_BYTES - GPT_BACKUP_SECTORS * SECTOR_BYTES, GPT_BACKUP_SECTORS * SECTOR_BYTES));
      expect(table.ok && table.value.gpt.partitions.slice(0, 4), `step ${done}, seed ${seed}`).toEqual(gpt.partitions);
    });
  });
});

describe('over an old cluster, with force', () => {
  test.each([['the same places', 4], ['other places', 40]])('in %s: the old one is whole, or it cannot be read; never anything between', async (_, maximum) => {
    const old = await install(new MemoryDisk(), { more: ['maximum-nodes: 4'] });
    const before = old.disk.memory;
    expect(refusedAt(before)).toBe('MM-INSTALL-EXISTS');
    const fresh = await install(before, { firstUuid: 9000, more: [`maximum-nodes: ${maximum}`] });
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

  test('a registry of an earlier life of the disk does not come back with the new table', async () => {
    const old = await install(new MemoryDisk());
    const before = old.disk.memory.clone();
    before.write(0, new Uint8Array(GPT_PRIMARY_SECTORS * SECTOR_BYTES));
    before.write(DISK_BYTES - GPT_BACKUP_SECTORS * SECTOR_BYTES, new Uint8Array(GPT_BACKUP_SECTORS * SECTOR_BYTES));
    expect(kindOf(before)).toBe('unknown');
    const fresh = await install(before, { firstUuid: 9000 });
    atEveryCut(before, fresh.disk.steps, (after) => expect(clusterOf(after)).not.toBe(old.layout.registry.clusterUuid));
    expect(clusterOf(fresh.disk.memory)).toBe(fresh.layout.registry.clusterUuid);
  });
});

test('imageSha256: of so many bytes, whatever follows', () => {
  const bytes = readFileSync(disc.places.rootImage);
  const shares: number[] = [];
  expect(imageSha256(disc.places.rootImage, bytes.length, (share) => shares.push(share))).toBe(toHex(sha256(bytes)));
  expect(shares.at(-1)).toBe(1);
});

test('writeInstallInfo: a line an answer, readable by all', () => {
  const folder = mkdtempSync(join(tmpdir(), 'info-'));
  writeInstallInfo(join(folder, 'INSTALL.info'), { a: 1, b: 'two', c: [3] });
  expect(readFileSync(join(folder, 'INSTALL.info'), 'utf8')).toBe('a: 1\nb: "two"\nc: [3]\n');
  rmSync(folder, { recursive: true });
});
