// What the end of an orderly shutdown has to know of this boot (hand-back.ts). It is fixed when the volumes are mapped, for what is mapped
// stays mapped, whatever a later registry says; and the registry need not be read once more when the node goes down.

import { diskOffset } from '../../daemons/storage/disk-offset.ts';
import type { HandBackPlan, MappedVolume } from '../../daemons/storage/hand-back.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import { found, type BootState } from './boot-state.ts';

/** Its name in the memory that becomes the root at the end of a shutdown. */
export const HAND_BACK_PLAN = 'hand-back.json';

/** The plan for the volumes that this boot mapped. */
export function handBackPlan(state: BootState): HandBackPlan {
  const { store, state: stateVolume, swap } = found(state.volumes, 'the volumes');
  const { clusterUuid, extentBytes, roster } = found(state.registry, 'the registry');
  const node = found(state.node, 'the node').number;
  const { firstSector } = found(state.container, 'the container').container;
  const mapped = (volume: VolumeRecord, ...kinds: readonly string[]): MappedVolume => ({
    name: volume.name, uuid: volume.uuid, offset: diskOffset(volume, extentBytes, firstSector, 0), devices: kinds.map((kind) => `${roster.container}-${kind}${node}`),
  });
  return {
    clusterUuid, node, hardwareId: found(state.hardwareId, 'the hardware id'), bootNonce: state.bootNonce, target: state.parameters.target ?? '', disk: found(state.disk, 'the disk'),
    ...(state.multipath === undefined ? {} : { multipath: state.multipath }),
    volumes: [...(swap === undefined ? [] : [mapped(swap, 'swap')]), mapped(stateVolume, 'state'), mapped(store, 'node', 'store')],
  };
}
