// Edits of the registry that make, retire and give back volumes of nodes.

import type { Problem, Result } from '../core/problem.ts';
import { valueOf } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { allocate, type Extent, type ExtentHolder, freeExtents } from './extents.ts';
import type { Registry, VolumeRecord } from './registry.ts';
import { against, nodeOfRequest, refused, settled } from './registry-edit.ts';

/** A volume that has no extents yet. */
export type WantedVolume = Omit<VolumeRecord, 'extents'>;

/** A name that no volume has: `node3.store`, else `node3.store-2` and so on, for what is quarantined keeps its own. */
export function freeVolumeName(volumes: readonly Pick<VolumeRecord, 'name'>[], wanted: string): string {
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

/** Extents as if a volume held them. */
const holdersOf = (extents: readonly Extent[]): readonly ExtentHolder[] => extents.map((extent) => ({ extents: [extent] }));

/**
 * What speaks against these volumes: MM-EDIT-UUID; MM-EDIT-ROOM, for all of them together, with what is missing. `occupied`: free extents that
 * are not to be used.
 */
export function volumeProblems(registry: Registry, wanted: readonly WantedVolume[], occupied: readonly Extent[] = []): readonly Problem[] {
  const { volumes, extentBytes, extentCount } = registry;
  const count = wanted.reduce((sum, { sizeBytes }) => sum + Math.ceil(sizeBytes / extentBytes), 0);
  const free = freeExtents(extentCount, [...volumes, ...holdersOf(occupied)]).reduce((sum, run) => sum + run.count, 0);
  const uuids = uuidProblems(registry, wanted);
  if (count <= free) return uuids;
  const retired = extentsOf(volumes.filter((volume) => volume.retired !== undefined));
  const seen = `${free} of ${extentCount} extents free (${free * extentBytes} bytes): ${count - free} are missing (${(count - free) * extentBytes} bytes)`;
  const remedy = retired > 0 ? `Retired volumes hold ${retired} extents: give back those that nobody uses any more; or remove a node.` : 'Remove a node with its volumes, or install on a larger LUN.';
  return [...uuids, against('MM-EDIT-ROOM', 'container', `${count} free extents of ${extentBytes} bytes, for ${wanted.map(({ name }) => name).join(', ')}`, seen, remedy)];
}

/** The registry with these volumes as well, in free extents that are not `occupied`. `volumeProblems` must have found none. */
export function withVolumes(registry: Registry, wanted: readonly WantedVolume[], occupied: readonly Extent[] = []): Registry {
  const { extentBytes, extentCount } = registry;
  const volumes = [...registry.volumes];
  for (const volume of wanted) volumes.push({ ...volume, extents: valueOf(allocate(extentCount, [...volumes, ...holdersOf(occupied)], volume.sizeBytes, extentBytes)) });
  return { ...registry, volumes };
}

/** Other volumes in the place of those whose owner cannot be fenced. */
export interface QuarantineRequest {
  readonly node: number;
  /** The volume that goes, and the UUID of the one that takes its place. */
  readonly replacements: readonly { readonly former: Uuid; readonly uuid: Uuid }[];
  /** Free extents that are not to be used: somebody's owner record stands in them. */
  readonly occupied?: readonly Extent[];
}

/**
 * Retires volumes of a node as quarantined and gives it others of the same kind, size, origin and chunk, each for what the former one was
 * for: a store that is kept for a rollback stays one. What is in the former ones the caller copies before, with the new labels.
 * A checkpoint is nobody's to write to, and is refused. Problems: MM-EDIT-NODE, -VOLUME, -UUID, -ROOM, -RESULT.
 */
export function quarantineVolumes(registry: Registry, { node, replacements, occupied = [] }: QuarantineRequest): Result<Registry> {
  const found = nodeOfRequest(registry.roster, node);
  if (!found.ok) return found;
  const gone = new Set<VolumeRecord>();
  const wanted: WantedVolume[] = [];
  for (const { former, uuid } of replacements) {
    const volume = registry.volumes.find((one) => one.uuid === former);
    if (volume === undefined || volume.node !== node || volume.retired === 'quarantined' || volume.retired === 'checkpoint' || gone.has(volume)) {
      const seen = volume === undefined ? `${former}, which no volume has` : `${volume.name} of node ${volume.node ?? 'none'}, ${gone.has(volume) ? 'twice' : (volume.retired ?? 'in use')}`;
      return refused(against('MM-EDIT-VOLUME', 'former', `the UUID of a volume that node ${node} maps or may return to, once`, seen, 'Look at the list of volumes again.'));
    }
    const { extents: _, ...geometry } = volume;
    gone.add(volume);
    wanted.push({ ...geometry, name: freeVolumeName([...registry.volumes, ...wanted], `node${node}.${volume.kind}`), uuid });
  }
  const problems = volumeProblems(registry, wanted, occupied);
  if (problems.length > 0) return refused(...problems);
  const volumes = registry.volumes.map((volume): VolumeRecord => (gone.has(volume) ? { ...volume, retired: 'quarantined' } : volume));
  return settled(withVolumes({ ...registry, volumes }, wanted, occupied));
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
