// Edits of the registry that make, retire and give back volumes of nodes.

import type { Problem, Result } from '../core/problem.ts';
import { valueOf } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { roundUp, SECTOR_BYTES } from './block.ts';
import { allocate, freeExtents } from './extents.ts';
import { type Registry, storeOf, type VolumeRecord } from './registry.ts';
import { against, nodeOfRequest, refused, settled } from './registry-edit.ts';
import { DATA_OFFSET_BYTES } from './volume-label.ts';

/** A volume that has no extents yet. */
export type WantedVolume = Omit<VolumeRecord, 'extents'>;

/** Header, first area, one copy: with fewer chunks a store takes no change at all. */
const STORE_CHUNKS_LEAST = 3;

/** A name that no volume has: `node3.store`, else `node3.store-2` and so on, for what is quarantined keeps its own. */
export function freeVolumeName(volumes: readonly VolumeRecord[], wanted: string): string {
  const taken = new Set(volumes.map(({ name }) => name));
  let name = wanted;
  for (let next = 2; taken.has(name); next++) name = `${wanted}-${next}`;
  return name;
}

const extentsOf = (volumes: readonly VolumeRecord[]): number => volumes.reduce((sum, { extents }) => extents.reduce((count, run) => count + run.count, sum), 0);

/** UUIDs that something has already, or that are given twice. */
function uuidProblems({ clusterUuid, origins, volumes }: Registry, wanted: readonly WantedVolume[]): readonly Problem[] {
  const taken = new Set<Uuid>([clusterUuid, ...[...origins, ...volumes].map(({ uuid }) => uuid)]);
  return wanted.flatMap(({ kind, uuid }): readonly Problem[] => {
    const free = !taken.has(uuid);
    taken.add(uuid);
    return free ? [] : [against('MM-EDIT-UUID', `UUID of the ${kind} volume`, 'a UUID that nothing else has', uuid, 'Draw a fresh one and try again.')];
  });
}

/** What speaks against these volumes: MM-EDIT-UUID; MM-EDIT-ROOM, for all of them together, with what is missing. */
export function volumeProblems(registry: Registry, wanted: readonly WantedVolume[]): readonly Problem[] {
  const { volumes, extentBytes, extentCount } = registry;
  const count = wanted.reduce((sum, { sizeBytes }) => sum + Math.ceil(sizeBytes / extentBytes), 0);
  const free = freeExtents(extentCount, volumes).reduce((sum, run) => sum + run.count, 0);
  const uuids = uuidProblems(registry, wanted);
  if (count <= free) return uuids;
  const retired = extentsOf(volumes.filter((volume) => volume.retired !== undefined));
  const seen = `${free} of ${extentCount} extents free (${free * extentBytes} bytes): ${count - free} are missing (${(count - free) * extentBytes} bytes)`;
  const remedy = retired > 0 ? `Retired volumes hold ${retired} extents: give back those that nobody uses any more; or remove a node.` : 'Remove a node with its volumes, or install on a larger LUN.';
  return [...uuids, against('MM-EDIT-ROOM', 'container', `${count} free extents of ${extentBytes} bytes, for ${wanted.map(({ name }) => name).join(', ')}`, seen, remedy)];
}

/** The registry with these volumes as well, in free extents. `volumeProblems` must have found none. */
export function withVolumes(registry: Registry, wanted: readonly WantedVolume[]): Registry {
  const { extentBytes, extentCount } = registry;
  const volumes = [...registry.volumes];
  for (const volume of wanted) volumes.push({ ...volume, extents: valueOf(allocate(extentCount, volumes, volume.sizeBytes, extentBytes)) });
  return { ...registry, volumes };
}

/** A new store in place of one whose owner cannot be fenced. */
export interface QuarantineRequest {
  readonly node: number;
  readonly newStoreUuid: Uuid;
  /** By default the former store's; rounded up to whole extents. */
  readonly sizeBytes?: number;
}

/**
 * Retires the store that a node boots from as quarantined, and gives the node another one of the same origin and chunk. What is in the
 * former one the caller copies, and writes the new label. State and swap of the node are left alone.
 * Problems: MM-EDIT-NODE, -SIZE, -UUID, -ROOM, -RESULT.
 */
export function quarantineStore(registry: Registry, { node: number, newStoreUuid, sizeBytes: wantedBytes }: QuarantineRequest): Result<Registry> {
  const found = nodeOfRequest(registry.roster, number);
  if (!found.ok) return found;
  const store = storeOf(registry, number)!;
  const { extents: _, ...geometry } = store;
  const leastBytes = DATA_OFFSET_BYTES + STORE_CHUNKS_LEAST * store.chunkSectors! * SECTOR_BYTES;
  if (wantedBytes !== undefined && !(Number.isSafeInteger(wantedBytes) && wantedBytes >= leastBytes)) {
    return refused(against('MM-EDIT-SIZE', 'sizeBytes', `a whole number of bytes, ${leastBytes} at least`, String(wantedBytes), 'Leave it out for the size of the former store.'));
  }
  const sizeBytes = wantedBytes === undefined ? store.sizeBytes : roundUp(wantedBytes, registry.extentBytes);
  const wanted = { ...geometry, name: freeVolumeName(registry.volumes, `node${number}.store`), uuid: newStoreUuid, sizeBytes };
  const problems = volumeProblems(registry, [wanted]);
  if (problems.length > 0) return refused(...problems);
  const volumes = registry.volumes.with(registry.volumes.indexOf(store), { ...store, retired: 'quarantined' });
  return settled(withVolumes({ ...registry, volumes }, [wanted]));
}

/**
 * Gives a quarantined volume's extents back. The caller has made sure that its owner is down or fenced now, and has made the volume nobody's
 * under the lease, before the change: by its label a rebuild would take it for one that the registry has forgotten.
 * Problem MM-EDIT-VOLUME: there is none of that UUID, or it is not quarantined.
 */
export function releaseQuarantined(registry: Registry, { uuid }: { readonly uuid: Uuid }): Result<Registry> {
  const volume = registry.volumes.find((one) => one.uuid === uuid);
  if (volume?.retired !== 'quarantined') {
    const seen = volume === undefined ? `${uuid}, which no volume has` : `${volume.name}, ${volume.retired ?? 'in use'}`;
    return refused(against('MM-EDIT-VOLUME', 'uuid', 'the UUID of a quarantined volume', seen, 'Look at the list of volumes again: only what is quarantined is given back like this.'));
  }
  return settled({ ...registry, volumes: registry.volumes.filter((one) => one !== volume) });
}
