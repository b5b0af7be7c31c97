// Watches owner records on the SAN until it is known whether they stand still, and tells a person how far that is. What counts as still:
// daemons/storage/owner-watch.ts.

import type { Instant } from '../daemons/core/machine.ts';
import { OWNER_STILL_MS } from '../daemons/storage/ownership.ts';
import { OwnerWatch, type OwnerBlocks } from '../daemons/storage/owner-watch.ts';
import type { VolumeRecord } from '../daemons/storage/registry.ts';
import type { CommandHost } from './command-host.ts';
import { dropCache } from './san-device.ts';

/** Since when the records have stood still, by the names of their volumes, and what they were at the last look. */
export interface WatchedOwners {
  readonly stillMs: ReadonlyMap<string, number>;
  readonly blocks: OwnerBlocks;
}

/** Watches the owner records of these volumes on the disk at `path`; `ownerOf` reads one. */
export async function watchOwners(host: CommandHost, path: string, volumes: readonly VolumeRecord[], ownerOf: (volume: VolumeRecord) => Uint8Array): Promise<WatchedOwners> {
  const watch = new OwnerWatch();
  host.error(`Watching the owner records of ${volumes.map(({ name }) => name).join(', ')} for ${OWNER_STILL_MS / 1000} s …\n`);
  for (;;) {
    await dropCache(path);
    const blocks = new Map(volumes.map((volume) => [volume.name, ownerOf(volume)]));
    const now = host.now() as Instant;
    for (const effect of watch.step(now, blocks)) {
      if (effect.kind === 'moved') host.error(`  ${effect.volume}: its owner renews it: that machine runs\n`);
      if (effect.kind === 'progress') host.error(`  still for ${Math.floor(effect.stillMs / 1000)} s\n`);
    }
    const deadline = watch.deadline();
    if (deadline === undefined) return { stillMs: watch.stillMs(now), blocks };
    await host.sleep(Math.max(0, deadline - host.now()));
  }
}
