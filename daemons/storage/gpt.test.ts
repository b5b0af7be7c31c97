import { execFileSync } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, ftruncateSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../core/bytes.ts';
import { crc32 } from '../core/crc32.ts';
import { uuidFromRandom } from '../core/uuid.ts';
import { MIB, SECTOR_BYTES } from './block.ts';
import { planPartitions } from './container-partitions.ts';
import type { Gpt } from './gpt.ts';
import { decodeGpt, encodeGpt } from './gpt.ts';
import { GPT_LEAST_SECTORS } from './gpt-format.ts';
import { sampleUuid } from './sample-san.test-kit.ts';

const DISK = 65536;
const TABLE: Gpt = {
  diskGuid: sampleUuid(1),
  diskSectors: DISK,
  partitions: [
    { typeGuid: sampleUuid(2), guid: sampleUuid(3), firstSector: 2048, lastSector: 4095, name: 'mm-registry:debian' },
    { typeGuid: sampleUuid(4), guid: sampleUuid(5), firstSector: 8192, lastSector: DISK - 34, name: 'Größe', attributes: '8000000000000004' },
  ],
};

const guid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(uuidFromRandom);
const tables = fc
  .record({
    diskGuid: guid,
    diskSectors: fc.integer({ min: 200_000, max: 2 ** 45 }),
    cuts: fc.uniqueArray(fc.integer({ min: 34, max: 199_000 }), { maxLength: 20 }),
    names: fc.array(fc.string({ maxLength: 12, unit: 'grapheme' }), { minLength: 10, maxLength: 10 }),
    guids: fc.array(guid, { minLength: 20, maxLength: 20 }),
  })
  .map(({ diskGuid, diskSectors, cuts, names, guids }): Gpt => {
    const sorted = cuts.toSorted((a, b) => a - b);
    const partitions = Array.from({ length: Math.floor(sorted.length / 2) }, (_, i) => ({
      typeGuid: guids[2 * i]!, guid: guids[2 * i + 1]!, firstSector: sorted[2 * i]!, lastSector: sorted[2 * i + 1]!, name: names[i]!.replaceAll('\0', '').slice(0, 36),
    }));
    return { diskGuid, diskSectors, partitions };
  });

function codes(result: ReturnType<typeof decodeGpt>): string[] {
  return (result.ok ? result.value.warnings : result.problems).map((problem) => problem.code);
}

/** Changes bytes of a header and makes its checksum hold again. */
function patchHeader(bytes: Uint8Array, header: number, change: (view: DataView) => void): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const view = new DataView(copy.buffer, header);
  change(view);
  view.setUint32(16, 0, true);
  view.setUint32(16, crc32(copy.subarray(header, header + 92)), true);
  return copy;
}

describe('GPT', () => {
  test('round trip: every table decodes to itself from either copy', () => {
    fc.assert(
      fc.property(tables, (gpt) => {
        const { primary, backup } = encodeGpt(gpt);
        expect(decodeGpt(primary, gpt.diskSectors, backup)).toEqual({ ok: true, value: { gpt, usedBackup: false, warnings: [] } });
        const torn = decodeGpt(new Uint8Array(primary.length), gpt.diskSectors, backup);
        expect(torn.ok && torn.value.gpt).toEqual(gpt);
        expect(torn.ok && torn.value.usedBackup).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('golden bytes of header and first entry', () => {
    const { primary, backupSector } = encodeGpt(TABLE);
    expect(backupSector).toBe(DISK - 33);
    expect(toHex(primary.subarray(446, 462))).toBe('00000200eeffffff01000000ffff0000');
    expect(toHex(primary.subarray(512, 528))).toBe('4546492050415254000001005c000000');
    expect(toHex(primary.subarray(536, 568))).toBe('0100000000000000ffff0000000000002200000000000000deff000000000000');
    expect(toHex(primary.subarray(1024, 1024 + 66))).toBe(`${'00000000000000408000000000000002'}${'00000000000000408000000000000003'}${'0008000000000000'}${'ff0f000000000000'}${'0000000000000000'}${'6d006d002d0072006500'}`);
  });

  test('attributes and names beyond ASCII are kept', () => {
    const { primary, backup } = encodeGpt(TABLE);
    const read = decodeGpt(primary, DISK, backup);
    expect(read.ok && read.value.gpt).toEqual(TABLE);
  });

  test('any one sector of either copy may be torn', () => {
    const { primary, backup } = encodeGpt(TABLE);
    for (let sector = 0; sector < 34; sector++) {
      const torn = Uint8Array.from(primary);
      torn.fill(0xa5, sector * 512, (sector + 1) * 512);
      const read = decodeGpt(torn, DISK, backup);
      expect(read.ok && read.value.gpt).toEqual(TABLE);
      expect(read.ok && read.value.usedBackup).toBe(sector > 0);
      expect(codes(read)).toHaveLength(1);
    }
    for (let sector = 0; sector < 33; sector++) {
      const torn = Uint8Array.from(backup);
      torn.fill(0xa5, sector * 512, (sector + 1) * 512);
      const read = decodeGpt(primary, DISK, torn);
      expect(read.ok && !read.value.usedBackup && codes(read).length).toBe(1);
    }
  });

  test.each([
    ['zeros', (): [Uint8Array, number, Uint8Array] => [new Uint8Array(34 * 512), DISK, new Uint8Array(33 * 512)], 'MM-GPT-NONE,MM-GPT-NONE'],
    ['too short', (): [Uint8Array, number] => [new Uint8Array(512), DISK], 'MM-GPT-NONE'],
    ['a disk smaller than the table says', (): [Uint8Array, number, Uint8Array] => [encodeGpt(TABLE).primary, DISK - 2048, new Uint8Array(33 * 512)], 'MM-GPT-DISK-SMALLER,MM-GPT-NONE'],
    ['a primary copied to another place', (): [Uint8Array, number] => [patchHeader(encodeGpt(TABLE).primary, 512, (view) => view.setUint32(24, 7, true)), DISK], 'MM-GPT-BACKUP-PLACE'],
    ['entries elsewhere', (): [Uint8Array, number] => [patchHeader(encodeGpt(TABLE).primary, 512, (view) => view.setUint32(72, 40, true)), DISK], 'MM-GPT-HEADER'],
    ['another revision', (): [Uint8Array, number] => [patchHeader(encodeGpt(TABLE).primary, 512, (view) => view.setUint32(8, 0x20000, true)), DISK], 'MM-GPT-HEADER'],
    ['a partition outside the usable sectors', (): [Uint8Array, number] => [patchHeader(encodeGpt(TABLE).primary, 512, (view) => view.setUint32(40, 3000, true)), DISK], 'MM-GPT-ENTRY'],
  ] as [string, () => [Uint8Array, number, Uint8Array?], string][])('refused: %s', (_, make, wanted) => {
    const read = decodeGpt(...make());
    expect(read.ok).toBe(false);
    expect(codes(read).join()).toBe(wanted);
  });

  test('a grown disk is read, and told of', () => {
    const read = decodeGpt(encodeGpt(TABLE).primary, DISK + 4096, new Uint8Array(33 * 512));
    expect(read.ok && read.value.gpt).toEqual({ ...TABLE, diskSectors: DISK + 4096 });
    expect(codes(read)).toEqual(['MM-GPT-BACKUP-PLACE']);
  });

  test('copies that differ are told of, and the primary counts', () => {
    const read = decodeGpt(encodeGpt(TABLE).primary, DISK, encodeGpt({ ...TABLE, partitions: [] }).backup);
    expect(read.ok && read.value.gpt).toEqual(TABLE);
    expect(codes(read)).toEqual(['MM-GPT-COPIES']);
  });

  test('a table for sectors of 4096 bytes has a message of its own', () => {
    const bytes = new Uint8Array(34 * 512);
    bytes.set(encodeGpt(TABLE).primary.subarray(512, 1024), 4096);
    expect(codes(decodeGpt(bytes, DISK))).toEqual(['MM-GPT-SECTOR-SIZE']);
  });

  test('what cannot be a table is our own mistake', () => {
    const part = TABLE.partitions[0]!;
    expect(() => encodeGpt({ ...TABLE, diskSectors: GPT_LEAST_SECTORS - 1, partitions: [] })).toThrow(RangeError);
    expect(() => encodeGpt({ ...TABLE, partitions: [{ ...part, firstSector: 33 }] })).toThrow(RangeError);
    expect(() => encodeGpt({ ...TABLE, partitions: [{ ...part, lastSector: DISK - 33 }] })).toThrow(RangeError);
    expect(() => encodeGpt({ ...TABLE, partitions: [part, { ...part, guid: sampleUuid(9) }] })).toThrow(RangeError);
    expect(() => encodeGpt({ ...TABLE, partitions: [{ ...part, name: 'x'.repeat(37) }] })).toThrow(RangeError);
  });

  test('fuzz: foreign bytes under right checksums never throw, and what decodes has partitions within the disk that do not overlap', () => {
    const { primary, backup } = encodeGpt(TABLE);
    const change = fc.tuple(fc.integer({ min: 512, max: 1024 + 512 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), fc.boolean(), (changes, both) => {
        const bytes = Uint8Array.from(primary);
        for (const [at, value] of changes) bytes[at] = value;
        const view = new DataView(bytes.buffer, 512);
        view.setUint32(88, crc32(bytes.subarray(1024)), true);
        const read = decodeGpt(patchHeader(bytes, 512, () => {}), DISK, both ? backup : undefined);
        if (!read.ok) return;
        const sorted = read.value.gpt.partitions.toSorted((a, b) => a.firstSector - b.firstSector);
        sorted.forEach((part, i) => expect(part.firstSector > (sorted[i - 1]?.lastSector ?? 0) && part.lastSector < DISK).toBe(true));
      }),
      { numRuns: 500 },
    );
  });
});

const sgdiskIsThere = (() => {
  try {
    execFileSync('sgdisk', ['--version']);
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!sgdiskIsThere)('against sgdisk (skipped where it is not installed)', () => {
  const withDisk = (bytes: number, use: (path: string, descriptor: number) => void): void => {
    const folder = mkdtempSync(join(tmpdir(), 'mm-gpt-'));
    const path = join(folder, 'disk');
    const descriptor = openSync(path, 'w+');
    try {
      ftruncateSync(descriptor, bytes);
      use(path, descriptor);
    } finally {
      closeSync(descriptor);
      rmSync(folder, { recursive: true });
    }
  };
  const readAll = (descriptor: number, diskSectors: number): ReturnType<typeof decodeGpt> => {
    const primary = new Uint8Array(34 * 512);
    const backup = new Uint8Array(33 * 512);
    readSync(descriptor, primary, 0, primary.length, 0);
    readSync(descriptor, backup, 0, backup.length, (diskSectors - 33) * 512);
    return decodeGpt(primary, diskSectors, backup);
  };

  test('it finds no fault in a table of ours, and shows the same partitions', () => {
    const bytes = 3 * 1024 * MIB;
    withDisk(bytes, (path, descriptor) => {
      const plan = planPartitions({ diskSectors: bytes / SECTOR_BYTES, container: 'debian', registryBytes: 20 * MIB, leasesBytes: 128 * MIB, containerBytes: 'rest', guids: { disk: sampleUuid(1), registry: sampleUuid(2), leases: sampleUuid(3), container: sampleUuid(4) } });
      if (!plan.ok) throw new Error(plan.problems[0]!.seen);
      const { primary, backup, backupSector } = encodeGpt(plan.value);
      writeSync(descriptor, primary, 0, primary.length, 0);
      writeSync(descriptor, backup, 0, backup.length, backupSector * SECTOR_BYTES);
      expect(execFileSync('sgdisk', ['-v', path], { encoding: 'utf8' })).toContain('No problems found');
      const listing = execFileSync('sgdisk', ['-p', path], { encoding: 'utf8' });
      expect(listing).toContain('Partitions will be aligned on 2048-sector boundaries');
      for (const part of plan.value.partitions) expect(listing).toMatch(new RegExp(`${part.firstSector}\\s+${part.lastSector}\\s.*${part.name}`));
    });
  });

  test('a table of its own is read', () => {
    withDisk(64 * MIB, (path, descriptor) => {
      execFileSync('sgdisk', ['-n', '1:2048:4095', '-c', '1:first', '-A', '1:set:2', '-n', '3:0:0', '-c', '3:rest', path]);
      const read = readAll(descriptor, (64 * MIB) / SECTOR_BYTES);
      expect(read.ok && read.value.warnings).toEqual([]);
      expect(read.ok && read.value.gpt.partitions.map(({ name, firstSector, attributes }) => [name, firstSector, attributes])).toEqual([['first', 2048, '0000000000000004'], ['rest', 4096, undefined]]);
    });
  });
});
