// New volumes in free extents of the container, made before the registry speaks of them.

import { InputError } from '../../daemons/core/problem.ts';
import { run } from '../../daemons/host/run.ts';
import { extentsOfRuns, scanFronts } from '../../daemons/storage/label-scan.ts';
import { makerOf, newVolumeSteps } from '../../daemons/storage/new-volume.ts';
import type { Registry, VolumeRecord } from '../../daemons/storage/registry.ts';
import { stepsOnDisk } from '../../daemons/storage/volume-front.ts';
import { DATA_OFFSET_BYTES } from '../../daemons/storage/volume-label.ts';
import type { Disk } from '../install/disk.ts';
import { withDevice } from '../volume-device.ts';
import type { ClusterOnSan } from './cluster-on-san.ts';

/** Makes sure that nobody is known who may still write to the extents of volumes that are to be. @throws InputError MM-NODE-OCCUPIED */
export function requireUnoccupied(cluster: ClusterOnSan, registry: Registry, volumes: readonly VolumeRecord[], disk: Disk): void {
  const extents = extentsOfRuns(volumes.flatMap((volume) => volume.extents));
  const occupied = scanFronts(disk.read, cluster.found.ranges.container, registry.extentBytes, extents).find(({ owner }) => owner !== undefined);
  if (occupied !== undefined) throw new InputError([{
    code: 'MM-NODE-OCCUPIED', where: `extent ${occupied.extent} of the container`, rule: 'free room in which nobody\'s owner record stands', seen: `machine ${occupied.owner!.hardwareId}, which was node ${occupied.owner!.node}`,
    remedy: 'A volume was dropped there while its owner may have run. Switch that machine off, then see `metamaster san check`.',
  }]);
}

/** Makes empty volumes, with a label that says `new`. */
export async function makeVolumes(cluster: ClusterOnSan, registry: Registry, volumes: readonly VolumeRecord[], disk: Disk): Promise<void> {
  const { ranges } = cluster.found;
  for (const volume of volumes) {
    const maker = makerOf(volume);
    cluster.host.error(`  ${volume.name}: ${Math.ceil(volume.sizeBytes / 2 ** 20)} MiB\n`);
    if (maker !== undefined) await withDevice(cluster.path, { registry, ranges }, volume, DATA_OFFSET_BYTES, (device) => run([...maker, device]));
    disk.carryOut(stepsOnDisk(newVolumeSteps(registry, volume), volume, registry.extentBytes, ranges.container), (offset) => offset);
  }
}
