import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { fromHex } from '../core/bytes.ts';
import { BLOCK_BYTES, SECTOR_BYTES } from './block.ts';
import type { MemoryDisk } from './memory-disk.test-kit.ts';
import { encodeOwner } from './owner-record.ts';
import type { Registry } from './registry.ts';
import { slotBodyOffset } from './registry-layout.ts';
import { SAMPLE_DISK_BYTES, SAMPLE_SUPERBLOCK, sampleLabel, sampleRegistry, sampleSan, sampleUuid } from './sample-san.test-kit.ts';
import type { ExamineOptions, SanReport } from './san-report.ts';
import { examineSan, formatSanReport } from './san-report.ts';
import type { VolumeLabel } from './volume-label.ts';
import { DATA_OFFSET_BYTES, labelSteps } from './volume-label.ts';

let disk: MemoryDisk;
let at: (volume: string, offset: number) => number;
let registryAt: number;
const registry: Registry = sampleRegistry();

beforeEach(() => {
  ({ disk, at, registryAt } = sampleSan(registry));
});

const examine = (options: ExamineOptions = {}): SanReport => examineSan(disk.read, SAMPLE_DISK_BYTES, options);
const problems = (options: ExamineOptions = {}): string[] => examine(options).problems.map(({ code, where }) => `${code} ${where}`);
const warnings = (): string[] => examine().warnings.map(({ code, where }) => `${code} ${where}`);
const setLabel = (name: string, change: Partial<VolumeLabel>): void => {
  const volume = registry.volumes.find((one) => one.name === name)!;
  disk.apply(labelSteps({ ...sampleLabel(registry, volume), generation: 2, ...change }, 1), at(name, 0));
};
const setHeader = (name: string, hex: string): void => {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(fromHex(hex)!);
  disk.write(at(name, DATA_OFFSET_BYTES), block);
};
const OWNER = { hardwareId: 'board/52:54:00:00:00:01', bootNonce: '00'.repeat(16), epoch: 1, counter: 4, node: 1, volumeUuid: sampleUuid(102), renewedAtUnixMs: 1_800_000_000_000 };

describe('a fresh installation', () => {
  test('has no faults, also when looked at thoroughly', () => {
    const report = examine({ thorough: true });
    expect([report.problems, report.warnings]).toEqual([[], []]);
    const container = report.containers[0]!;
    expect(container.current?.generation).toBe(1);
    expect(container.registry?.roster.nodes).toHaveLength(2);
    expect(container.volumes.map(({ volume, label }) => [volume.name, label?.state])).toEqual([['default@1', undefined], ['boot@1', undefined], ['node1', 'new'], ['state1', 'new'], ['node2', 'new'], ['state2', 'new'], ['swap1', 'new'], ['shared', undefined]]);
    expect(container.volumes[1]!.bootFiles?.map(({ name }) => name)).toEqual(['kernel', 'initrd']);
    expect(container.freeExtents).toBe(40 - 4 - 1 - 6 - 2 - 6 - 2 - 2 - 2);
  });
  test('is plain JSON without secrets', () => {
    const report = examine();
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(JSON.stringify(report) + formatSanReport(report)).not.toMatch(/PRIVATE|\$y\$|0123456789abcdef0123/);
  });
  test('as text', () => {
    disk.write(at('node1', BLOCK_BYTES), encodeOwner(OWNER));
    const text = formatSanReport(examine());
    for (const part of ['SAN of 48.0 MiB', 'mm-registry:debian', 'Container debian', 'slot 0/0  current', 'node   1  node1', 'node1            store', 'owner board/52:54:00:00:00:01, epoch 1, counter 4, renewed 2027-01-15T08:00:00.000Z', 'file kernel', 'free: 15 of 40 extents of 1.0 MiB', 'No problems.']) expect(text).toContain(part);
  });
});

describe('what is wrong is found', () => {
  test('an empty disk', () => {
    const report = examineSan((_, length) => new Uint8Array(length), SAMPLE_DISK_BYTES);
    expect(report.problems.map(({ code }) => code)).toEqual(['MM-GPT-NONE', 'MM-GPT-NONE']);
    expect(formatSanReport(report)).toContain('Problems:\n  MM-GPT-NONE: primary GPT');
  });
  test('a disk that is hardly one', () => {
    for (const bytes of [0, 100, 512, 20_000]) expect(examineSan((_, length) => new Uint8Array(length), bytes).problems[0]!.code).toBe('MM-GPT-NONE');
  });
  test('a torn registry body: the installation is not finished', () => {
    disk.write(registryAt + slotBodyOffset(SAMPLE_SUPERBLOCK, 0, 0), new Uint8Array(SECTOR_BYTES));
    expect(problems()).toEqual(['MM-REGISTRY-NONE debian: registry partition']);
    expect(warnings()).toEqual(['MM-REGISTRY-BODY debian: registry slot 0/0']);
  });
  test('a torn superblock copy is a warning', () => {
    disk.write(registryAt, new Uint8Array(SECTOR_BYTES));
    expect(problems()).toEqual([]);
    expect(warnings()).toEqual(['MM-BLOCK-MAGIC debian: registry superblock, first block']);
  });
  test.each<[string, () => void, string]>([
    ['no label', () => disk.write(at('state1', 0), new Uint8Array(3 * BLOCK_BYTES)), 'MM-BLOCK-MAGIC debian: volume state1, label in block 0'],
    ['another volume\'s label', () => setLabel('node1', { volumeUuid: sampleUuid(999) }), 'MM-CLAIM-VOLUME debian: volume node1'],
    ['another origin', () => setLabel('node1', { originUuid: sampleUuid(999) }), 'MM-CLAIM-ORIGIN debian: volume node1'],
    ['another container', () => setLabel('node1', { container: 'ubuntu' }), 'MM-SAN-LABEL debian: volume node1'],
    ['another kind', () => setLabel('state1', { kind: 'swap' }), 'MM-SAN-LABEL debian: volume state1'],
    ['in use without an owner', () => setLabel('state1', { state: 'live' }), 'MM-CLAIM-FOREIGN debian: volume state1'],
    ['given back, but empty', () => setLabel('node1', { state: 'down' }), 'MM-CLAIM-EMPTY debian: volume node1'],
    ['invalid', () => { setLabel('node1', { state: 'down' }); setHeader('node1', '536e4170000000000100000010000000'); }, 'MM-CLAIM-INVALID debian: volume node1'],
    ['another volume\'s owner', () => disk.write(at('node1', BLOCK_BYTES), encodeOwner({ ...OWNER, volumeUuid: sampleUuid(999) })), 'MM-CLAIM-OWNER-VOLUME debian: volume node1'],
    ['a damaged owner record', () => disk.write(at('node1', BLOCK_BYTES), new Uint8Array(BLOCK_BYTES).fill(1)), 'MM-BLOCK-MAGIC debian: volume node1, owner record'],
    ['no boot volume', () => disk.write(at('boot@1', 0), new Uint8Array(BLOCK_BYTES)), 'MM-BLOCK-MAGIC debian: volume boot@1, header'],
    ['a damaged boot index', () => disk.write(at('boot@1', BLOCK_BYTES), new Uint8Array(SECTOR_BYTES)), 'MM-BOOT-INDEX debian: volume boot@1: boot volume index'],
  ])('%s', (_, harm, wanted) => {
    harm();
    expect(problems()[0]).toBe(wanted);
  });
  test('a good store in use with its owner has no fault', () => {
    setLabel('node1', { state: 'live' });
    setHeader('node1', '536e4170010000000100000010000000');
    disk.write(at('node1', BLOCK_BYTES), encodeOwner(OWNER));
    expect([problems(), warnings()]).toEqual([[], []]);
    setHeader('node1', '536e4170010000000100000020000000');
    expect([problems(), warnings()]).toEqual([[], ['MM-SAN-CHUNK debian: volume node1']]);
  });
  test('a damaged boot file, when looked at thoroughly', () => {
    disk.write(at('boot@1', 8192), new Uint8Array(SECTOR_BYTES));
    expect(problems()).toEqual([]);
    expect(problems({ thorough: true })).toEqual(['MM-SAN-BOOT-FILE debian: volume boot@1, kernel']);
  });
  test('what does not fit its partitions', () => {
    ({ disk, at, registryAt } = sampleSan({ ...registry, extentCount: 1000, roster: { ...registry.roster, nodes: registry.roster.nodes.map((node) => (node.number === 2 ? { ...node, number: 7 } : node)) }, volumes: registry.volumes.map((volume) => (volume.node === 2 ? { ...volume, node: 7 } : volume)) }));
    expect(problems()).toEqual(['MM-SAN-CONTAINER debian: container partition', 'MM-SAN-WRITER debian: roster, node2']);
  });
  test('a block that cannot be read ends only its own part', () => {
    const bad = at('node1', 0);
    const report = examineSan((offset, length) => {
      if (offset <= bad && bad < offset + length) throw new Error('EIO');
      return disk.read(offset, length);
    }, SAMPLE_DISK_BYTES);
    expect(report.problems.map(({ code, where, seen }) => [code, where, seen])).toEqual([['MM-SAN-READ', 'debian: volume node1', `bytes ${bad} to ${bad + 4096}: Error: EIO`]]);
    expect(report.containers[0]!.volumes).toHaveLength(8);
  });
  test('a quarantined store is shown, and nothing is demanded of it', () => {
    const lost = { ...registry.volumes[2]!, name: 'lost', uuid: sampleUuid(900), retired: 'quarantined' as const, extents: [{ start: 30, count: 6 }] };
    ({ disk, at, registryAt } = sampleSan({ ...registry, volumes: [...registry.volumes, lost] }));
    disk.write(at('lost', 0), new Uint8Array(3 * BLOCK_BYTES));
    expect([problems(), warnings()]).toEqual([[], []]);
  });
});

test('fuzz: whatever stands in any of its blocks, the examination never throws and its text can be made', () => {
  const sectors = [...disk.sectors.keys()];
  const change = fc.tuple(fc.constantFrom(...sectors), fc.integer({ min: 0, max: 511 }), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      const copy = disk.clone();
      for (const [sector, offset, value] of changes) copy.sectors.set(sector, (copy.sectors.get(sector) ?? new Uint8Array(SECTOR_BYTES)).with(offset, value));
      expect(formatSanReport(examineSan(copy.read, SAMPLE_DISK_BYTES, { thorough: true })).startsWith('SAN of 48.0 MiB\n')).toBe(true);
    }),
    { numRuns: 150 },
  );
});
