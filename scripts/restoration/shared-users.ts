// What of this machine has the shared volume in use: a device that somebody mapped over its extents, or a heartbeat of this kernel. Other
// machines are judged by their owner records (daemons/storage/shared-use.ts).

import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { equalBytes } from '../../daemons/core/bytes.ts';
import type { Uuid } from '../../daemons/core/uuid.ts';
import { run } from '../../daemons/host/run.ts';
import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import type { ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import { volumeDeviceName } from '../volume-device.ts';

/** Where o2cb keeps the regions that this kernel's heartbeat writes to, by the UUIDs of their file systems without hyphens. */
const CLUSTERS = '/sys/kernel/config/cluster';
/** The header of the disk's partition table, which names the disk by a GUID: what tells one LUN by whichever path. */
const GPT_HEADER_SECTOR = 1;

/** A piece of a device-mapper device: sectors of another device, `under`, as `major:minor`. */
export interface MappedPiece {
  readonly name: string;
  readonly under: string;
  readonly first: number;
  readonly sectors: number;
}

/** The linear pieces of `dmsetup table`, where each line begins with the device's name. Every other target lies over devices, not over extents. */
export function linearPieces(text: string): readonly MappedPiece[] {
  return text.split('\n').flatMap((line) => {
    const [, name, sectors, under, first] = /^(.+): \d+ (\d+) linear (\d+:\d+) (\d+)$/.exec(line.trimEnd()) ?? [];
    return name === undefined ? [] : [{ name, under: under!, first: Number(first), sectors: Number(sectors) }];
  });
}

/** True when a piece that begins at this sector of the SAN's disk has a sector in common with the volume. */
export function touches({ registry, ranges }: Pick<ContainerFound, 'registry' | 'ranges'>, volume: VolumeRecord, first: number, sectors: number): boolean {
  const unit = registry.extentBytes / SECTOR_BYTES;
  return volume.extents.some(({ start, count }) => {
    const begin = ranges.container.firstSector + start * unit;
    return first < begin + count * unit && begin < first + sectors;
  });
}

/** A block device as sysfs knows it: the whole disk's node, and where on it the device begins. */
function placeOf(device: string): { readonly node: string; readonly firstSector: number } {
  // A link; a partition's folder lies in its disk's.
  const own = realpathSync(`/sys/dev/block/${device}`);
  const nodeOf = (folder: string): string => `/dev/${/^DEVNAME=(.+)$/m.exec(readFileSync(join(folder, 'uevent'), 'utf8'))![1]!}`;
  if (!existsSync(join(own, 'partition'))) return { node: nodeOf(own), firstSector: 0 };
  return { node: nodeOf(dirname(own)), firstSector: Number(readFileSync(join(own, 'start'), 'utf8')) };
}

function readSector(node: string, sector: number): Uint8Array {
  const descriptor = openSync(node, 'r');
  try {
    const bytes = new Uint8Array(SECTOR_BYTES);
    readSync(descriptor, bytes, 0, SECTOR_BYTES, sector * SECTOR_BYTES);
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Says who of this machine has the volume, e.g. `device shared of device-mapper`; nothing: nobody. Device-mapper's own name of a mapping for
 * the time of a command is left out, for no two commands have it at a time.
 * @throws CommandError when device-mapper does not answer, the system's error for a disk that cannot be read
 */
export async function usersHere(read: ReadAt, found: Pick<ContainerFound, 'registry' | 'ranges'>, volume: VolumeRecord, fileSystem: Uuid | undefined): Promise<readonly string[]> {
  const { output } = await run(['dmsetup', 'table']);
  const pieces = linearPieces(output).filter(({ name }) => name !== volumeDeviceName(volume));
  const header = read(GPT_HEADER_SECTOR * SECTOR_BYTES, SECTOR_BYTES);
  const mapped = pieces.filter(({ under, first, sectors }) => {
    const { node, firstSector } = placeOf(under);
    return touches(found, volume, firstSector + first, sectors) && equalBytes(readSector(node, GPT_HEADER_SECTOR), header);
  });
  const region = fileSystem?.replaceAll('-', '').toUpperCase();
  const clusters = region !== undefined && existsSync(CLUSTERS) ? readdirSync(CLUSTERS).filter((cluster) => existsSync(join(CLUSTERS, cluster, 'heartbeat', region))) : [];
  return [...new Set(mapped.map(({ name }) => `device ${name} of device-mapper`)), ...clusters.map((cluster) => `this machine's heartbeat in the cluster ${cluster}`)];
}
