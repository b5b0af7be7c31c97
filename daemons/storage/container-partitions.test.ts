import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { MIB } from './block.ts';
import type { PartitionRequest } from './container-partitions.ts';
import { PARTITION_TYPES, checkContainerName, findContainer, listContainers, partitionName, planPartitions } from './container-partitions.ts';
import type { Gpt } from './gpt.ts';
import { decodeGpt, encodeGpt } from './gpt.ts';
import { sampleUuid } from './sample-san.test-kit.ts';

const GUIDS = { disk: sampleUuid(1), registry: sampleUuid(2), leases: sampleUuid(3), container: sampleUuid(4) };
const REQUEST: PartitionRequest = { diskSectors: 200 * 2048, container: 'debian', registryBytes: 5 * MIB + 1, leasesBytes: 2 * MIB, containerBytes: 100 * MIB, guids: GUIDS };

const codeOf = (result: ReturnType<typeof planPartitions> | ReturnType<typeof findContainer>): string => (result.ok ? 'fine' : result.problems.map((problem) => problem.code).join());

describe('container names', () => {
  test.each(['a', 'debian', 'debian-13', 'a23456789abcdef0'])('%s is one', (name) => {
    expect(checkContainerName(name)).toEqual({ ok: true, value: name });
  });
  test.each(['', 'Debian', '1a', '-a', 'a_b', 'a23456789abcdef01', 'ä'])('%j is none', (name) => {
    expect(checkContainerName(name).ok).toBe(false);
  });
  test('the longest fits a GPT name with every prefix', () => {
    for (const kind of ['registry', 'leases', 'container'] as const) expect(partitionName(kind, 'a23456789abcdef0').length).toBeLessThanOrEqual(36);
  });
});

describe('planPartitions', () => {
  test('an empty disk: three partitions of whole MiB behind the first', () => {
    const gpt = valueOf(planPartitions(REQUEST));
    expect(gpt.diskGuid).toBe(GUIDS.disk);
    expect(gpt.partitions.map(({ name, firstSector, lastSector }) => [name, firstSector, lastSector])).toEqual([
      ['mm-registry:debian', 2048, 7 * 2048 - 1],
      ['mm-leases:debian', 7 * 2048, 9 * 2048 - 1],
      ['mm-container:debian', 9 * 2048, 109 * 2048 - 1],
    ]);
    expect(valueOf(findContainer(gpt, 'debian'))).toEqual({ registry: { firstSector: 2048, sectors: 6 * 2048 }, leases: { firstSector: 7 * 2048, sectors: 2 * 2048 }, container: { firstSector: 9 * 2048, sectors: 100 * 2048 } });
  });

  test('a second container goes behind the first, which stays as it is; foreign partitions too', () => {
    const first = valueOf(planPartitions(REQUEST));
    const foreign = { typeGuid: sampleUuid(50), guid: sampleUuid(51), firstSector: 120 * 2048, lastSector: 120 * 2048 + 99, name: 'somebody else' };
    const second = valueOf(planPartitions({ ...REQUEST, existing: { ...first, partitions: [...first.partitions, foreign] }, container: 'ubuntu', containerBytes: 'rest' }));
    expect(second.partitions.slice(0, 4)).toEqual([...first.partitions, foreign]);
    expect(second.diskGuid).toBe(first.diskGuid);
    expect(second.partitions[4]!.firstSector).toBe(121 * 2048);
    expect(second.partitions[6]!.lastSector).toBe(199 * 2048 - 1);
    expect(listContainers(second)).toEqual(['debian', 'ubuntu']);
  });

  test.each<[string, Partial<PartitionRequest>, string]>([
    ['a bad name', { container: 'Debian' }, 'MM-CONTAINER-NAME'],
    ['no room', { containerBytes: 192 * MIB }, 'MM-CONTAINER-ROOM'],
    ['no room for the rest', { registryBytes: 197 * MIB, containerBytes: 'rest' }, 'MM-CONTAINER-ROOM'],
    ['hardly a disk', { diskSectors: 10 }, 'MM-CONTAINER-ROOM'],
    ['the name is taken', { existing: valueOf(planPartitions(REQUEST)) }, 'MM-CONTAINER-EXISTS'],
  ])('refused: %s', (_, change, code) => {
    expect(codeOf(planPartitions({ ...REQUEST, ...change }))).toBe(code);
  });

  test('no room: the problem tells wanted and free', () => {
    const result = planPartitions({ ...REQUEST, containerBytes: 192 * MIB });
    expect(!result.ok && [result.problems[0]!.rule, result.problems[0]!.seen]).toEqual([`${200 * MIB} bytes free behind the last partition`, `${198 * MIB} bytes`]);
  });

  test('whatever is asked, a plan is a table that encodes, with the sizes asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 36 }), fc.integer({ min: 1, max: 2 ** 34 }), fc.integer({ min: 1, max: 2 ** 33 }), fc.option(fc.integer({ min: 1, max: 2 ** 45 }), { nil: 'rest' as const }), (diskSectors, registryBytes, leasesBytes, containerBytes) => {
        const plan = planPartitions({ ...REQUEST, diskSectors, registryBytes, leasesBytes, containerBytes });
        if (!plan.ok) return;
        const { primary, backup } = encodeGpt(plan.value);
        expect(valueOf(decodeGpt(primary, diskSectors, backup)).gpt).toEqual(plan.value);
        const places = valueOf(findContainer(plan.value, 'debian'));
        expect(places.registry.sectors * 512).toBeGreaterThanOrEqual(registryBytes);
        expect(places.container.sectors * 512).toBeGreaterThanOrEqual(containerBytes === 'rest' ? MIB : containerBytes);
      }),
    );
  });
});

describe('findContainer', () => {
  const gpt = valueOf(planPartitions(REQUEST));
  const without = (name: string): Gpt => ({ ...gpt, partitions: gpt.partitions.filter((part) => part.name !== name) });

  test('a missing container: the problem lists those that are there', () => {
    const result = findContainer(gpt, 'ubuntu');
    expect(!result.ok && [result.problems[0]!.code, result.problems[0]!.seen]).toEqual(['MM-CONTAINER-NONE', 'debian']);
    const none = findContainer({ ...gpt, partitions: [] }, 'ubuntu');
    expect(!none.ok && none.problems[0]!.seen).toBe('no container at all');
  });

  test.each<[string, Gpt]>([
    ['missing', without('mm-leases:debian')],
    ['there twice', { ...gpt, partitions: [...gpt.partitions, { ...gpt.partitions[1]!, firstSector: 150 * 2048, lastSector: 151 * 2048 }] }],
    ['of a foreign type', { ...gpt, partitions: gpt.partitions.with(1, { ...gpt.partitions[1]!, typeGuid: PARTITION_TYPES.container }) }],
  ])('a partition that is %s', (_, table) => {
    const result = findContainer(table, 'debian');
    expect(!result.ok && result.problems.map((problem) => [problem.code, problem.where])).toEqual([['MM-CONTAINER-PARTITION', 'GPT, mm-leases:debian']]);
  });
});
