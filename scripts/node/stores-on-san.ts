// The stores and origins of one container as the commands about a node's root read them: from the SAN's disk, without a device of their own.

import { valueOf } from '../../daemons/core/problem.ts';
import type { FoundStore } from '../../daemons/storage/checkpoint.ts';
import { type ContainerFound, readContainer } from '../../daemons/storage/container-on-disk.ts';
import { readFrom, type ReadAt } from '../../daemons/storage/read-at.ts';
import type { Registry, VolumeRecord } from '../../daemons/storage/registry.ts';
import { examineStore } from '../../daemons/storage/snapshot-exceptions.ts';
import { originView, type StoreData, type StoreView, viewStore } from '../../daemons/storage/snapshot-view.ts';
import { readVolumeFront, type VolumeFront } from '../../daemons/storage/volume-front.ts';
import { DATA_OFFSET_BYTES } from '../../daemons/storage/volume-label.ts';
import { volumeReader } from '../../daemons/storage/volume-reader.ts';
import type { OpenedSan } from '../san-device.ts';

/** A container of an open disk. */
export class StoresOnSan {
  readonly path: string;
  readonly bytes: number;
  readonly ranges: ContainerFound['ranges'];
  /** As it was read, or as a change of it was read back. */
  registry: Registry;
  readonly #read: ReadAt;

  /** @throws InputError when there is no such container, or no registry that can be read */
  constructor(path: string, san: OpenedSan, container: string) {
    const found = valueOf(readContainer(san.read, san.bytes, container));
    this.path = path;
    this.bytes = san.bytes;
    this.ranges = found.ranges;
    this.registry = found.registry;
    this.#read = san.read;
  }

  reader(volume: VolumeRecord): ReadAt {
    return volumeReader(this.#read, volume, this.registry.extentBytes, this.ranges.container.firstSector);
  }

  front(volume: VolumeRecord): VolumeFront {
    return readVolumeFront(this.#read, volume, this.registry.extentBytes, this.ranges.container);
  }

  /** What stands behind a store's head. */
  data(volume: VolumeRecord): StoreData {
    const bytes = volume.extents.reduce((sum, { count }) => sum + count, 0) * this.registry.extentBytes - DATA_OFFSET_BYTES;
    return { read: readFrom(this.reader(volume), DATA_OFFSET_BYTES), bytes };
  }

  /** A store as the decisions want it. */
  found(volume: VolumeRecord): FoundStore {
    const { read, bytes } = this.data(volume);
    return { volume, front: this.front(volume), state: examineStore(read, bytes, this.originOf(volume).sizeBytes) };
  }

  /** The origin's volume of a store; the registry's relations say that it is there. */
  originOf(store: VolumeRecord): VolumeRecord {
    return this.registry.volumes.find(({ name }) => name === store.origin)!;
  }

  /** The root that a store makes of its origin, or the origin as it is. @throws InputError for a store that cannot be read */
  view(volume: VolumeRecord): StoreView {
    if (volume.kind === 'origin') return originView(this.reader(volume), volume.sizeBytes);
    const origin = this.originOf(volume);
    return valueOf(viewStore(this.reader(origin), origin.sizeBytes, this.data(volume)));
  }
}
