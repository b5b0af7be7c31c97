import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { viewOf } from '../../daemons/core/bytes.ts';
import { reseal } from '../../daemons/storage/block-fuzz.test-kit.ts';
import { BLOCK_BYTES, MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { partitionName } from '../../daemons/storage/container-partitions.ts';
import { decodeGpt, encodeGpt, type GptPartition } from '../../daemons/storage/gpt.ts';
import { GPT_BACKUP_SECTORS, GPT_PRIMARY_SECTORS } from '../../daemons/storage/gpt-format.ts';
import { MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import { encodeRegistry, type Registry } from '../../daemons/storage/registry.ts';
import { encodeSlotHeader, planRegistryWrite, registryPartitionBytes, slotBodyOffset, slotHeaderOffset } from '../../daemons/storage/registry-layout.ts';
import { SAMPLE_DISK_BYTES, SAMPLE_SUPERBLOCK, sampleRegistry, sampleSan, sampleUuid } from '../../daemons/storage/sample-san.test-kit.ts';
import { describeContent, examineForInstall, keptTable, lossOf, refusal, type SanContent } from './san-content.ts';

const BACKUP_AT = SAMPLE_DISK_BYTES - GPT_BACKUP_SECTORS * SECTOR_BYTES;
const examine = (disk: MemoryDisk, container = 'debian', bytes = SAMPLE_DISK_BYTES): SanContent => examineForInstall(disk.read, bytes, container);

function tableOf(disk: MemoryDisk) {
  const gpt = decodeGpt(disk.read(0, GPT_PRIMARY_SECTORS * SECTOR_BYTES), SAMPLE_DISK_BYTES / SECTOR_BYTES);
  if (!gpt.ok) throw new Error('no table');
  return gpt.value.gpt;
}

function withPartitions(change: (partitions: readonly GptPartition[]) => readonly GptPartition[]): MemoryDisk {
  const { disk } = sampleSan();
  const gpt = tableOf(disk);
  const { primary, backup } = encodeGpt({ ...gpt, partitions: change(gpt.partitions) });
  disk.write(0, primary);
  disk.write(BACKUP_AT, backup);
  return disk;
}

/** The block as a newer release would have written it. */
function newer(block: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(block);
  viewOf(copy).setUint32(8, 2, true);
  return reseal(copy);
}

describe('a disk without a table', () => {
  test.each([48 * MIB, 48 * MIB + 100, 3 * MIB, 100 * SECTOR_BYTES, 20 * SECTOR_BYTES, 0])('of %i zeros is empty', (bytes) => {
    expect(examine(new MemoryDisk(), 'debian', bytes)).toEqual({ kind: 'empty' });
  });

  test.each([
    ['a boot sector', 0], ['the header of a file system in its first partition', MIB + 1024], ['data in the middle', 24 * MIB], ['what stands in its last sectors', SAMPLE_DISK_BYTES - SECTOR_BYTES], ['entries of a foreign table', BACKUP_AT + SECTOR_BYTES],
  ])('and with %s is unknown, and refused', (_, at) => {
    const disk = new MemoryDisk();
    disk.write(at, new Uint8Array(SECTOR_BYTES).fill(0x42));
    const content = examine(disk);
    expect(content.kind).toBe('unknown');
    expect(refusal(content, '/dev/sda')).toMatchObject({ code: 'MM-INSTALL-UNKNOWN', where: '/dev/sda' });
    expect(refusal(content, '/dev/sda')!.remedy).toContain('--force, which loses everything on this disk');
    expect(keptTable(content, 'debian')).toBeUndefined();
  });

  test('too small for a table but not empty is unknown', () => {
    const disk = new MemoryDisk();
    disk.write(0, new Uint8Array(SECTOR_BYTES).fill(1));
    expect(examine(disk, 'debian', 10 * SECTOR_BYTES).kind).toBe('unknown');
  });
});

describe('a disk with a table', () => {
  test('with a cluster of this name is installed, and refused with what would be lost', () => {
    const content = examine(sampleSan().disk);
    expect(content.kind).toBe('installed');
    const problem = refusal(content, '/dev/sda')!;
    expect(problem.code).toBe('MM-INSTALL-EXISTS');
    expect(problem.seen).toBe('the cluster sample with 2 nodes');
    expect(problem.remedy).toContain('the roots and state volumes of node1, node2, and its origin');
  });

  test('with a cluster of another name is free for this one, and the other stays in the table', () => {
    const { disk } = sampleSan();
    const content = examine(disk, 'foo');
    expect(content).toMatchObject({ kind: 'other', containers: ['debian'] });
    expect(refusal(content, '/dev/sda')).toBeUndefined();
    expect(lossOf(content)).toBeUndefined();
    expect(keptTable(content, 'foo')).toEqual(tableOf(disk));
    expect(describeContent(content)).toBe('3 partitions (mm-registry:debian, mm-leases:debian, mm-container:debian); they stay as they are');
  });

  test('keeps what is not this container\'s, and nothing of this one', () => {
    const foreign = { typeGuid: sampleUuid(70), guid: sampleUuid(71), firstSector: 40, lastSector: 50, name: 'mm-registry:debia' };
    const content = examine(withPartitions((partitions) => [foreign, ...partitions]));
    expect(keptTable(content, 'debian')!.partitions).toEqual([foreign]);
  });
});

describe('a container without a registry that can be read', () => {
  const { registryAt } = sampleSan();
  const partitionBytes = Math.ceil(registryPartitionBytes(SAMPLE_SUPERBLOCK) / MIB) * MIB;
  const last = registryAt + partitionBytes - BLOCK_BYTES;
  const slot = (writer: number, number: 0 | 1) => registryAt + slotHeaderOffset(SAMPLE_SUPERBLOCK, writer, number);
  const body = registryAt + slotBodyOffset(SAMPLE_SUPERBLOCK, 0, 0);
  const zero = new Uint8Array(BLOCK_BYTES);
  const noise = new Uint8Array(SECTOR_BYTES).fill(0x99);

  test.each<[string, (disk: MemoryDisk) => void]>([
    ['no superblock yet', (disk) => { disk.write(registryAt, zero); disk.write(last, zero); }],
    ['half a superblock at one end', (disk) => { disk.write(registryAt + BLOCK_BYTES - SECTOR_BYTES, zero.subarray(0, SECTOR_BYTES)); disk.write(last, zero); }],
    ['nothing but the superblock\'s checksum', (disk) => { disk.write(registryAt, zero.subarray(0, SECTOR_BYTES)); disk.write(last, zero); }],
    ['empty slots', (disk) => disk.write(slot(0, 0), zero)],
    ['a body without its header', (disk) => { disk.write(slot(0, 0), zero); disk.write(body, noise); }],
    ['half of the installer\'s header', (disk) => disk.write(slot(0, 0), zero.subarray(0, SECTOR_BYTES))],
    ['the other half', (disk) => disk.write(slot(0, 0) + BLOCK_BYTES - SECTOR_BYTES, zero.subarray(0, SECTOR_BYTES))],
  ])('%s: it was broken off, and is begun again without a word', (_, spoil) => {
    const { disk } = sampleSan();
    spoil(disk);
    const content = examine(disk);
    expect(content.kind).toBe('unfinished');
    expect(refusal(content, '/dev/sda')).toBeUndefined();
    expect(keptTable(content, 'debian')!.partitions).toEqual([]);
  });

  const writeRegistry = (disk: MemoryDisk, registry: Registry | Uint8Array): void => {
    const request = { superblock: SAMPLE_SUPERBLOCK, headers: [], writer: 0, leaseVersion: 0, generation: 9, body: registry instanceof Uint8Array ? registry : encodeRegistry(registry) };
    const steps = planRegistryWrite(request);
    if (!steps.ok) throw new Error('no plan');
    disk.apply(steps.value, registryAt);
  };

  test.each<[string, string, (disk: MemoryDisk) => void]>([
    ['superblocks of a newer release', 'MM-BLOCK-VERSION', (disk) => [registryAt, last].forEach((at) => disk.write(at, newer(disk.read(at, BLOCK_BYTES))))],
    ['one superblock of a newer release, the other gone', 'MM-BLOCK-VERSION', (disk) => { disk.write(last, zero); disk.write(registryAt, newer(disk.read(registryAt, BLOCK_BYTES))); }],
    ['a slot header of a newer release', 'MM-BLOCK-VERSION', (disk) => disk.write(slot(2, 1), newer(disk.read(slot(0, 0), BLOCK_BYTES)))],
    ['a registry of a newer release', 'MM-REGISTRY-VERSION', (disk) => writeRegistry(disk, { ...sampleRegistry(), version: 2 as 1 })],
    ['a registry that breaks a rule', 'MM-REGISTRY-FORMAT', (disk) => writeRegistry(disk, { ...sampleRegistry(), extentBytes: -1 })],
    ['a registry of another cluster', 'MM-REGISTRY-CLUSTER', (disk) => writeRegistry(disk, { ...sampleRegistry(), clusterUuid: sampleUuid(99) })],
    ['a body that is damaged', 'MM-REGISTRY-NONE', (disk) => disk.write(body, noise)],
    ['a header that is damaged', 'MM-REGISTRY-NONE', (disk) => disk.write(slot(0, 0), noise)],
    ['a node\'s damaged header beside empty slots', 'MM-REGISTRY-NONE', (disk) => { disk.write(slot(0, 0), zero); disk.write(slot(1, 0), noise); }],
    ['a node\'s header beside empty slots', 'MM-REGISTRY-NONE', (disk) => {
      disk.write(slot(0, 0), zero);
      disk.write(slot(1, 0), encodeSlotHeader({ writer: 1, slot: 0, leaseVersion: 3, generation: 4, length: 10, sha256: '00'.repeat(32), writtenAtUnixMs: 0 }));
    }],
    ['superblocks that are damaged', 'MM-BLOCK-MAGIC', (disk) => [registryAt, last].forEach((at) => disk.write(at, noise))],
  ])('%s: it may be a cluster (%s), and is not touched without force', (_, code, spoil) => {
    const { disk } = sampleSan();
    spoil(disk);
    const content = examine(disk);
    expect(content).toMatchObject({ kind: 'damaged', problem: { code } });
    expect(refusal(content, '/dev/sda')).toMatchObject({ code: 'MM-INSTALL-DAMAGED', seen: expect.stringContaining(code) });
    expect(keptTable(content, 'debian')!.partitions).toEqual([]);
  });

  test.each<[string, (partitions: readonly GptPartition[]) => readonly GptPartition[]]>([
    ['one of its partitions is missing', (partitions) => partitions.slice(0, 2)],
    ['one is of a foreign type', (partitions) => partitions.map((part) => (part.name === partitionName('leases', 'debian') ? { ...part, typeGuid: sampleUuid(70) } : part))],
    ['the registry\'s became smaller', (partitions) => partitions.map((part, i) => (i === 0 ? { ...part, lastSector: part.firstSector + 255 } : part))],
  ])('%s: somebody changed the table, and nothing is done without force', (_, change) => {
    expect(examine(withPartitions(change)).kind).toBe('damaged');
  });

  test('fuzz: an installed cluster with noise over any of its sectors is never taken for an empty disk or for one broken off', () => {
    const places = [0, SECTOR_BYTES, 2 * SECTOR_BYTES, BACKUP_AT, SAMPLE_DISK_BYTES - SECTOR_BYTES, registryAt, last, slot(0, 0), slot(1, 0), body];
    const damage = fc.array(fc.record({ place: fc.constantFrom(...places), sector: fc.nat({ max: 7 }), byte: fc.integer({ min: 1, max: 255 }) }), { minLength: 1, maxLength: 6 });
    fc.assert(fc.property(damage, (writes) => {
      const { disk } = sampleSan();
      for (const { place, sector, byte } of writes) {
        const at = place + sector * SECTOR_BYTES;
        if (at < SAMPLE_DISK_BYTES) disk.write(at, new Uint8Array(SECTOR_BYTES).fill(byte));
      }
      const content = examine(disk);
      expect(['unknown', 'damaged', 'installed']).toContain(content.kind);
      expect(refusal(content, '/dev/sda')).toBeDefined();
    }), { numRuns: 200 });
  });
});

test('a disk that cannot be read is an error, not an empty disk', () => {
  const read = () => { throw new Error('Input/output error'); };
  expect(() => examineForInstall(read, SAMPLE_DISK_BYTES, 'debian')).toThrow('Input/output error');
});

test('every kind has its words', () => {
  const gpt = tableOf(sampleSan().disk);
  const contents: SanContent[] = [
    { kind: 'empty' }, { kind: 'unknown', what: 'zeros' }, { kind: 'other', gpt, containers: [] }, { kind: 'unfinished', gpt, containers: [] },
    { kind: 'damaged', gpt, containers: [], problem: { code: 'MM-C', where: 'w', rule: 'r', seen: 's', remedy: 'm' } }, { kind: 'installed', gpt, containers: [], registry: sampleRegistry() },
  ];
  for (const content of contents) expect(describeContent(content).length).toBeGreaterThan(20);
  expect(contents.map((content) => refusal(content, 'd')?.code)).toEqual([undefined, 'MM-INSTALL-UNKNOWN', undefined, undefined, 'MM-INSTALL-DAMAGED', 'MM-INSTALL-EXISTS']);
});
