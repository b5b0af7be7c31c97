// Runs a program on the data of a volume, by a mapping that lasts as long as the program: for what makes file systems.

import { run } from '../daemons/host/run.ts';
import type { ContainerFound } from '../daemons/storage/container-on-disk.ts';
import { linearTable } from '../daemons/storage/dm-table.ts';
import type { VolumeRecord } from '../daemons/storage/registry.ts';
import { DATA_OFFSET_BYTES } from '../daemons/storage/volume-label.ts';

/**
 * Maps the volume's data on the disk at `path`, and runs `argv` with the device behind it. The volume is the caller's.
 * @throws CommandError
 */
export async function runOnVolume(path: string, { registry, ranges }: Pick<ContainerFound, 'registry' | 'ranges'>, volume: VolumeRecord, argv: readonly string[]): Promise<void> {
  const name = `metamaster-volume-${volume.name}`;
  const table = linearTable(volume.extents, registry.extentBytes, path, ranges.container.firstSector, { offsetBytes: DATA_OFFSET_BYTES });
  await run(['dmsetup', 'create', name], { input: `${table}\n` });
  try {
    await run([...argv, `/dev/mapper/${name}`]);
  } finally {
    await run(['dmsetup', 'remove', '--retry', name]);
  }
}
