import { describe, expect, test } from 'vitest';
import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { findContainer } from '../../daemons/storage/container-partitions.ts';
import { decodeGpt } from '../../daemons/storage/gpt.ts';
import { GPT_BACKUP_SECTORS, GPT_PRIMARY_SECTORS } from '../../daemons/storage/gpt-format.ts';
import { MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import { SAMPLE_DISK_BYTES, sampleSan } from '../../daemons/storage/sample-san.test-kit.ts';
import { tableSteps } from './table-steps.ts';

const SECTORS = SAMPLE_DISK_BYTES / SECTOR_BYTES;
const BACKUP_AT = SAMPLE_DISK_BYTES - GPT_BACKUP_SECTORS * SECTOR_BYTES;

function wanted() {
  const { disk } = sampleSan();
  const gpt = decodeGpt(disk.read(0, GPT_PRIMARY_SECTORS * SECTOR_BYTES), SECTORS);
  if (!gpt.ok) throw new Error('no table');
  const places = findContainer(gpt.value.gpt, 'debian');
  if (!places.ok) throw new Error('no container');
  return { disk, gpt: gpt.value.gpt, registry: places.value.registry };
}

/** The writes as offsets, `|` where a flush stands. */
function shapeOf(disk: MemoryDisk): string[] {
  const { gpt, registry } = wanted();
  return tableSteps(disk.read, SAMPLE_DISK_BYTES, gpt, 'debian', registry).map((step) => (step.kind === 'flush' ? '|' : `${step.offset}+${step.bytes.length}`));
}

describe('the table is written', () => {
  const { registry } = wanted();
  const start = registry.firstSector * SECTOR_BYTES;
  const superblocks = [`${start}+4096`, `${start + registry.sectors * SECTOR_BYTES - 4096}+4096`, '|'];
  const backup = [`${BACKUP_AT}+16384`, '|', `${SAMPLE_DISK_BYTES - 512}+512`, '|'];
  const primary = ['0+17408', '|'];

  test('to an empty disk: no registry where one will be, the backup with its entries first, then the primary', () => {
    expect(shapeOf(new MemoryDisk())).toEqual([...superblocks, ...backup, ...primary]);
  });

  test('over a container of that name: its registry goes first, before anything else', () => {
    expect(shapeOf(wanted().disk)).toEqual([...superblocks, ...superblocks, ...backup, ...primary]);
  });

  test('where only the backup was whole: the primary first', () => {
    const { disk } = wanted();
    disk.write(SECTOR_BYTES, new Uint8Array(SECTOR_BYTES));
    expect(shapeOf(disk)).toEqual([...superblocks, ...superblocks, ...primary, ...backup]);
  });

  test('and reads back, from either copy', () => {
    const { gpt } = wanted();
    const disk = new MemoryDisk();
    disk.apply(tableSteps(disk.read, SAMPLE_DISK_BYTES, gpt, 'debian', registry));
    const read = () => decodeGpt(disk.read(0, GPT_PRIMARY_SECTORS * SECTOR_BYTES), SECTORS, disk.read(BACKUP_AT, GPT_BACKUP_SECTORS * SECTOR_BYTES));
    expect(read()).toMatchObject({ ok: true, value: { gpt, usedBackup: false, warnings: [] } });
    disk.write(0, new Uint8Array(GPT_PRIMARY_SECTORS * SECTOR_BYTES));
    expect(read()).toMatchObject({ ok: true, value: { gpt, usedBackup: true } });
  });

  test('a foreign partition of that name that is too small for a registry is not written beyond', () => {
    const { disk, gpt } = wanted();
    const small = { ...gpt.partitions[0]!, lastSector: gpt.partitions[0]!.firstSector + 7 };
    disk.apply(tableSteps(disk.read, SAMPLE_DISK_BYTES, { ...gpt, partitions: [small, ...gpt.partitions.slice(1)] }, 'debian', registry));
    expect(shapeOf(disk)).toEqual([...superblocks, ...backup, ...primary]);
  });
});
