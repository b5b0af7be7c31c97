import { expect, test } from 'vitest';
import { valueOf } from '../../daemons/core/problem.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import { linearTable } from '../../daemons/storage/dm-table.ts';
import { SAMPLE_DISK_BYTES, sampleRegistry, sampleSan } from '../../daemons/storage/sample-san.test-kit.ts';
import { linearPieces, touches } from './shared-users.ts';

test('the linear pieces of all devices; what lies over devices is left out', () => {
  expect(linearPieces([
    'debian-store1: 0 2048 linear 8:0 43008', 'debian-store1: 2048 4096 linear 8:0 61440', 'debian-node1: 0 8192 snapshot 254:0 254:1 P 16', 'san: 0 8192 multipath 2 0 0 0', 'odd: name: 0 8 linear 254:2 0', '',
  ].join('\n'))).toEqual([
    { name: 'debian-store1', under: '8:0', first: 43008, sectors: 2048 }, { name: 'debian-store1', under: '8:0', first: 61440, sectors: 4096 }, { name: 'odd: name', under: '254:2', first: 0, sectors: 8 },
  ]);
  expect(linearPieces('No devices found\n')).toEqual([]);
});

test('a mapping of any other volume does not touch the shared one; one that shares a sector does', () => {
  const registry = sampleRegistry();
  const found = valueOf(readContainer(sampleSan(registry).disk.read, SAMPLE_DISK_BYTES, 'debian'));
  const shared = registry.volumes.find(({ kind }) => kind === 'shared')!;
  const touching = registry.volumes.filter((volume) => linearPieces(linearTable(volume.extents, registry.extentBytes, '8:0', found.ranges.container.firstSector).split('\n').map((line) => `x: ${line}`).join('\n')).some(({ first, sectors }) => touches(found, shared, first, sectors)));
  expect(touching).toEqual([shared]);
  const { first, sectors } = linearPieces(`x: ${linearTable(shared.extents, registry.extentBytes, '8:0', found.ranges.container.firstSector)}`)[0]!;
  expect([[first - 8, 8], [first - 8, 9], [first + sectors - 1, 8], [first + sectors, 8], [0, 2 ** 40]].map(([at, length]) => touches(found, shared, at!, length!))).toEqual([false, true, true, false, true]);
});
