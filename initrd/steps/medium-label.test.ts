import { describe, expect, test } from 'vitest';
import { concatBytes, encodeLatin1 } from '../../daemons/core/bytes.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { labelOf, mediumDevices } from './medium-label.ts';

class OneMedium extends ModelBlade {
  bytes = new Uint8Array();

  override readAt(device: string, offset: number, length: number): Uint8Array {
    if (offset + length > this.bytes.length) throw new Error(`${device}: ${length} bytes at ${offset} could not be read`);
    return this.bytes.subarray(offset, offset + length);
  }
}

function fat(kind: string, kindAt: number, label: string, labelAt: number, signature = [0x55, 0xaa]): Uint8Array {
  const sector = new Uint8Array(512);
  sector.set(encodeLatin1(kind), kindAt);
  sector.set(encodeLatin1(label.padEnd(11)), labelAt);
  sector.set(signature, 510);
  return sector;
}

function disc(label: string): Uint8Array {
  const block = new Uint8Array(2048);
  block.set(encodeLatin1('\u0001CD001'));
  block.set(encodeLatin1(label.padEnd(32)), 40);
  return concatBytes(new Uint8Array(32_768), block);
}

describe('a label', () => {
  test.each<[string, Uint8Array, unknown]>([
    ['of FAT32', fat('FAT32   ', 82, 'MM-SECRET', 71), { type: 'vfat', label: 'MM-SECRET' }],
    ['of FAT16', fat('FAT16   ', 54, 'MM-SECRET', 43), { type: 'vfat', label: 'MM-SECRET' }],
    ['of FAT12', fat('FAT12   ', 54, 'STICK', 43), { type: 'vfat', label: 'STICK' }],
    ['of a disc', disc('METAMASTER'), { type: 'iso9660', label: 'METAMASTER' }],
    ['of a partition table, which has the same signature', fat('', 0, '', 0), undefined],
    ['of a FAT without its signature', fat('FAT32   ', 82, 'MM-SECRET', 71, [0, 0]), undefined],
    ['of an empty drive', new Uint8Array(), undefined],
    ['of zeros', new Uint8Array(40_000), undefined],
  ])('%s', (_, bytes, wanted) => {
    const blade = new OneMedium(new ModelSan());
    blade.bytes = Uint8Array.from(bytes);
    expect(labelOf(blade, '/dev/sdb')).toEqual(wanted);
  });
});

test('media are disks, drives and their partitions', () => {
  const blade = new ModelBlade(new ModelSan());
  for (const path of ['sda/size', 'sdb/sdb1/start', 'sdb/size', 'sr0/size', 'nvme0n1/nvme0n1p2/start', 'loop0/size', 'dm-0/size', 'sdb/queue/depth']) blade.files.set(`/sys/block/${path}`, '');
  expect(mediumDevices(blade)).toEqual(['/dev/nvme0n1', '/dev/nvme0n1p2', '/dev/sda', '/dev/sdb', '/dev/sdb1', '/dev/sr0']);
});
