// Where sanlock's lockspace and its resources lie in a container's leases partition: all by arithmetic, so that nobody has to keep a list.
// One MiB each: the lockspace at the start, then resource 0 (the registry), then the others by number. The format within is sanlock's.

import type { Result } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { MIB, SECTOR_BYTES } from './block.ts';
import type { SectorRange } from './container-partitions.ts';

/** The size of the lockspace and of each resource: with sectors of 512 bytes there is room for 2000 hosts (sanlock(8), Storage). */
export const LEASE_BYTES = MIB;
/** Given to sanlock in so many words: left to itself, it would ask the device, and a file has none. */
export const LEASE_SECTOR_BYTES = SECTOR_BYTES;
/** Sanlock's host ids are 1 to 2000 with this size; node n has n. */
export const MAX_HOST_ID = 2000;
/** The disc's live system, which is no node: the last id. A cluster with a node of that number has none left for it. */
export const LIVE_HOST_ID = MAX_HOST_ID;
/** The timeout of one of sanlock's reads or writes. A host counts as dead after eight of them and the watchdog's allowance; joining takes three. */
export const LEASE_IO_TIMEOUT_SECONDS = 1;
/** The number of the registry's resource. */
export const REGISTRY_LEASE = 0;
/** What the registry's resource is called within its lockspace. */
export const REGISTRY_LEASE_NAME = 'registry';

/** A leases partition, as sanlock is to reach it. */
export interface LeaseArea {
  /** The SAN's disk (not a partition of it), or an image file. */
  readonly path: string;
  /** Where the partition begins on it, a multiple of 1 MiB. */
  readonly firstByte: number;
  readonly sizeBytes: number;
  /** The lockspace's name. */
  readonly lockspace: string;
}

/** A resource's name and place. */
export interface LeasePlace {
  readonly name: string;
  /** On the disk. */
  readonly offset: number;
}

/** The lockspace's name: 39 of the 48 characters that sanlock allows, and never the same for two installations. */
export function lockspaceName(clusterUuid: Uuid): string {
  return `mm-${clusterUuid}`;
}

/** The area in a partition of a disk. Throws RangeError for one that is not placed in whole MiB: no partition of ours is. */
export function leaseAreaOf(path: string, partition: SectorRange, clusterUuid: Uuid): LeaseArea {
  const firstByte = partition.firstSector * SECTOR_BYTES;
  if (firstByte % LEASE_BYTES !== 0) throw new RangeError(`the leases partition begins at byte ${firstByte}, not at a whole MiB`);
  return { path, firstByte, sizeBytes: partition.sectors * SECTOR_BYTES, lockspace: lockspaceName(clusterUuid) };
}

/** How many resources the area has room for, the registry's among them. */
export function leaseCount({ sizeBytes }: LeaseArea): number {
  return Math.max(0, Math.floor(sizeBytes / LEASE_BYTES) - 1);
}

/** Where resource `number` lies on the disk. Throws RangeError for one that the area has no room for. */
export function leaseOffset(area: LeaseArea, number: number): number {
  if (!Number.isInteger(number) || number < 0 || number >= leaseCount(area)) throw new RangeError(`lease ${number}: the partition has room for ${leaseCount(area)}`);
  return area.firstByte + (1 + number) * LEASE_BYTES;
}

/** The registry's resource. Throws RangeError as `leaseOffset`. */
export function registryLease(area: LeaseArea): LeasePlace {
  return { name: REGISTRY_LEASE_NAME, offset: leaseOffset(area, REGISTRY_LEASE) };
}

/**
 * The host id of a writer in the lockspace.
 * @param who a node's number, or the live system of the disc
 * @param writers how many writers the registry has slots for: node n needs n < writers
 * @returns problem MM-LEASE-HOST: a number out of range, or a cluster so large that the disc has no id
 */
export function hostIdOf(who: number | 'live', writers: number): Result<number> {
  const last = Math.min(writers - 1, MAX_HOST_ID);
  if (who === 'live') {
    if (last < LIVE_HOST_ID) return { ok: true, value: LIVE_HOST_ID };
    return { ok: false, problems: [{ code: 'MM-LEASE-HOST', where: "the live system's host id", rule: `a registry for fewer than ${LIVE_HOST_ID} nodes, which leaves id ${LIVE_HOST_ID} to the disc`, seen: `one for ${last}`, remedy: 'Change the registry from a node.' }] };
  }
  if (Number.isInteger(who) && who >= 1 && who <= last) return { ok: true, value: who };
  return { ok: false, problems: [{ code: 'MM-LEASE-HOST', where: 'host id', rule: `a node's number, 1 to ${last}`, seen: String(who), remedy: 'The registry was made for fewer nodes: install with a larger maximum-nodes.' }] };
}
