// Whole installations, on a disk in memory and on a file. Broken off: engine-broken-off.test.ts.

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ARM64_FILE_NAMES, BOOT_FILE_NAMES } from '../../daemons/core/boot-file-names.ts';
import { toHex } from '../../daemons/core/bytes.ts';
import { sha256 } from '../../daemons/core/sha256.ts';
import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { diskOffset } from '../../daemons/storage/disk-offset.ts';
import { GPT_BACKUP_SECTORS, GPT_PRIMARY_SECTORS } from '../../daemons/storage/gpt-format.ts';
import { MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import { examineSan } from '../../daemons/storage/san-report.ts';
import { Disk } from './disk.ts';
import { imageSha256, Installation } from './engine.ts';
import { clusterOf, DISK_BYTES, installOn, layoutFor, makeDisc, ModelDisk, SAMPLE_IMAGE, SilentProgress } from './install.test-kit.ts';

const ran: string[][] = [];
// What needs device-mapper (mkfs, resize2fs) is run in name only.
vi.mock('../../daemons/host/run.ts', () => ({
  run: async (argv: string[]) => {
    ran.push(argv);
    return { code: 0, output: '', errorOutput: '' };
  },
}));

const disc = makeDisc();
afterAll(() => disc.remove());
beforeEach(() => void ran.splice(0));

describe('an installation', () => {
  let done: Awaited<ReturnType<typeof installOn>>;
  beforeAll(async () => { done = await installOn(disc.places, new MemoryDisk()); });

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
    expect(image.equals(bytesOf('default@1', 0, image.length))).toBe(true);
    const files = examineSan(done.disk.read, DISK_BYTES).containers[0]!.volumes.find(({ volume }) => volume.kind === 'boot')!.bootFiles!;
    expect(files.map(({ name }) => name)).toEqual([...BOOT_FILE_NAMES]);
    for (const { name, offset, bytes, sha256: hash } of files) expect(toHex(sha256(bytesOf('boot@1', offset, bytes))), name).toBe(hash);
  });

  test('makes file systems in the data parts alone, and reads the registry back from the SAN, not from memory', async () => {
    await installOn(disc.places, new MemoryDisk(), { more: ['swap-size: 64'] });
    const words = ran.map((argv) => argv.join(' '));
    expect(words.filter((line) => line.startsWith('mk'))).toEqual([1, 2].flatMap((node) => [
      `mkfs.ext4 -q -F -L state${node} -E lazy_itable_init=1,nodiscard /dev/mapper/metamaster-volume-node${node}.state`, `mkswap -L swap${node} /dev/mapper/metamaster-volume-node${node}.swap`,
    ]));
    expect(words).toContain('resize2fs /dev/mapper/metamaster-volume-default-1');
    expect(words.at(-1)).toMatch(/^blockdev --flushbufs /);
    const created = ran.filter(([program, verb]) => program === 'dmsetup' && verb === 'create').length;
    expect(ran.slice(-2 * created - 100).filter(([program, verb]) => program === 'dmsetup' && verb === 'remove')).toHaveLength(2 * created);
  });

  test('makes the leases when all volumes are there, the lockspace last, in its own partition', async () => {
    const { layout } = await installOn(disc.places, new MemoryDisk());
    const made = ran.filter(([program]) => program === 'sanlock');
    const base = layout.ranges.leases.firstSector * SECTOR_BYTES;
    const name = `mm-${layout.registry.clusterUuid}`;
    expect(made).toEqual([
      ['sanlock', 'direct', 'init', '-r', `${name}:registry:/dev/null:${base + 1024 * 1024}`, '-Z', '512', '-A', '1M'],
      ['sanlock', 'direct', 'init', '-s', `${name}:0:/dev/null:${base}`, '-Z', '512', '-A', '1M', '-o', '1'],
    ]);
    expect(ran.slice(ran.indexOf(made[0]!)).map(([program]) => program)).toEqual(['sanlock', 'sanlock', 'blockdev']);
  });

  test('on a file is the same as in memory', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'san-'));
    const path = join(folder, 'san.img');
    try {
      writeFileSync(path, '');
      truncateSync(path, DISK_BYTES);
      const file = new Disk(path, DISK_BYTES);
      await new Installation(layoutFor(file), file, disc.places, new SilentProgress()).run();
      expect(clusterOf(file)).toBe(done.layout.registry.clusterUuid);
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

  test('holds the boot files for arm64 as well, behind the others, where the disc brings them', async () => {
    const names = [...BOOT_FILE_NAMES, ...ARM64_FILE_NAMES];
    const both = makeDisc(names);
    try {
      const { disk } = await installOn(both.places, new MemoryDisk());
      const report = examineSan(disk.read, DISK_BYTES, { thorough: true });
      expect([report.problems, report.warnings]).toEqual([[], []]);
      const files = report.containers[0]!.volumes.find(({ volume }) => volume.kind === 'boot')!.bootFiles!;
      expect(files.map(({ name }) => name)).toEqual(names);
      for (const { name, sha256: hash } of files) expect(toHex(sha256(readFileSync(join(both.places.bootFolder, name)))), name).toBe(hash);
    } finally {
      both.remove();
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

test('imageSha256: of so many bytes, whatever follows', () => {
  const bytes = readFileSync(disc.places.rootImage);
  const shares: number[] = [];
  expect(imageSha256(disc.places.rootImage, bytes.length, (share) => shares.push(share))).toBe(toHex(sha256(bytes)));
  expect(shares.at(-1)).toBe(1);
});
