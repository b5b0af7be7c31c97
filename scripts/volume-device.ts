// A volume of the container as a device, for as long as a program needs one: what makes and mends file systems works on nothing else.

import { run } from '../daemons/host/run.ts';
import type { ContainerFound } from '../daemons/storage/container-on-disk.ts';
import { linearTable } from '../daemons/storage/dm-table.ts';
import type { VolumeRecord } from '../daemons/storage/registry.ts';

/** The name of that device. */
export const volumeDeviceName = ({ name }: VolumeRecord): string => `metamaster-volume-${name.replace('@', '-')}`;

/**
 * Maps a volume, or what lies behind its first `offsetBytes`, on the disk at `path` for as long as `use` runs. The volume is the caller's; a
 * mapping that a command which was killed has left is taken away first.
 * @throws CommandError, and what `use` throws
 */
export async function withDevice<T>(path: string, { registry, ranges }: Pick<ContainerFound, 'registry' | 'ranges'>, volume: VolumeRecord, offsetBytes: number, use: (device: string) => Promise<T>): Promise<T> {
  const name = volumeDeviceName(volume);
  const table = linearTable(volume.extents, registry.extentBytes, path, ranges.container.firstSector, { offsetBytes });
  await run(['dmsetup', 'remove', '--retry', name], { accept: [0, 1] });
  await run(['dmsetup', 'create', name], { input: `${table}\n` });
  try {
    return await use(`/dev/mapper/${name}`);
  } finally {
    await run(['dmsetup', 'remove', '--retry', name]);
  }
}
