// The first sector of a lockspace or a resource in sanlock's own format (leader record; sanlock(8), Disk Format): read to tell with
// nothing but a block device what is there. One field is ever written by us: the version of a resource that was just made anew, for a
// lease whose version began again from 0 would put every later registry behind those that are there.

import { crc32cRegister } from '../core/crc32.ts';
import { decodeLatin1, viewOf } from '../core/bytes.ts';
import type { Problem } from '../core/problem.ts';
import type { ReadAt } from './read-at.ts';
import { LEASE_BYTES, LEASE_SECTOR_BYTES, MAX_HOST_ID, type LeaseArea, type LeasePlace } from './lease-layout.ts';

const LOCKSPACE_MAGIC = 0x12212010;
const RESOURCE_MAGIC = 0x06152010;
const OWNER_AT = 32;
const VERSION_AT = 48;
const LOCKSPACE_NAME_AT = 56;
const RESOURCE_NAME_AT = 104;
const NAME_BYTES = 48;
const TIMESTAMP_AT = 152;
const CHECKSUM_AT = 168;
/** Where sanlock begins its checksum, and it does not invert the result. */
const CHECKSUM_START = 0xfffffffe;

/** What the first sector of a lockspace or a resource says. */
export interface LeaseRecord {
  readonly kind: 'lockspace' | 'resource';
  readonly lockspace: string;
  /** The resource's name; for a lockspace the name of the host that had this id last, or nothing. */
  readonly name: string;
  /** Grows by one with each owner. */
  readonly leaseVersion: number;
  /** The host id of the last owner; 0: there was none. */
  readonly owner: number;
  /** 0: nobody has it. */
  readonly timestamp: number;
}

const checksumOf = (sector: Uint8Array): number => crc32cRegister(sector.subarray(0, CHECKSUM_AT), CHECKSUM_START);

/** Reads a sector of LEASE_SECTOR_BYTES; undefined when no whole record stands there. */
export function decodeLeaseRecord(sector: Uint8Array): LeaseRecord | undefined {
  const view = viewOf(sector);
  const magic = view.getUint32(0, true);
  if ((magic !== LOCKSPACE_MAGIC && magic !== RESOURCE_MAGIC) || view.getUint32(CHECKSUM_AT, true) !== checksumOf(sector)) return undefined;
  const u64 = (at: number): number => view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
  const name = (at: number): string => {
    const raw = sector.subarray(at, at + NAME_BYTES);
    const end = raw.indexOf(0);
    return decodeLatin1(end < 0 ? raw : raw.subarray(0, end));
  };
  return { kind: magic === LOCKSPACE_MAGIC ? 'lockspace' : 'resource', lockspace: name(LOCKSPACE_NAME_AT), name: name(RESOURCE_NAME_AT), leaseVersion: u64(VERSION_AT), owner: u64(OWNER_AT), timestamp: u64(TIMESTAMP_AT) };
}

/** The same record with another version. Throws RangeError for a version that is none. */
export function withLeaseVersion(sector: Uint8Array, leaseVersion: number): Uint8Array {
  if (!Number.isSafeInteger(leaseVersion) || leaseVersion < 0) throw new RangeError(`${leaseVersion} is no lease version`);
  const copy = Uint8Array.from(sector);
  const view = viewOf(copy);
  view.setUint32(VERSION_AT, leaseVersion % 2 ** 32, true);
  view.setUint32(VERSION_AT + 4, Math.floor(leaseVersion / 2 ** 32), true);
  view.setUint32(CHECKSUM_AT, checksumOf(copy), true);
  return copy;
}

/** What stands in a leases partition. */
export interface LeasesFound {
  /** `none`: no lockspace was ever made; `made`: all of it, for this cluster; `damaged`: something else. */
  readonly state: 'none' | 'made' | 'damaged';
  /** The resource's record, where it can be read. */
  readonly registry?: LeaseRecord;
  /** What is wrong: MM-LEASE-NONE or MM-LEASE-FOREIGN. */
  readonly problem?: Problem;
}

/**
 * Looks at lockspace and registry's resource.
 * @param read bytes of the whole disk
 */
export function readLeases(read: ReadAt, area: LeaseArea, place: LeasePlace): LeasesFound {
  const recordAt = (offset: number): LeaseRecord | undefined => decodeLeaseRecord(read(offset, LEASE_SECTOR_BYTES));
  // Both ends, for a lockspace whose making was cut off is no lockspace.
  const [first, last] = [recordAt(area.firstByte), recordAt(area.firstByte + (MAX_HOST_ID - 1) * LEASE_SECTOR_BYTES)];
  const resource = recordAt(place.offset);
  const registry = resource?.kind === 'resource' ? { registry: resource } : {};
  if (first === undefined && last === undefined) return { state: 'none', ...registry, problem: noLeases(area) };
  const whole = [first, last].every((record) => record?.kind === 'lockspace' && record.lockspace === area.lockspace);
  if (whole && resource?.kind === 'resource' && resource.lockspace === area.lockspace && resource.name === place.name) return { state: 'made', ...registry };
  const seen = `lockspace ${first === undefined || last === undefined ? 'not whole' : `'${first.lockspace}'`}, resource ${resource === undefined ? 'not whole' : `'${resource.lockspace}:${resource.name}'`}`;
  return { state: 'damaged', ...registry, problem: foreignLeases(area, place, seen) };
}

/** When each host of the lockspace was last renewed, by its own clock; a host that left has 0, and so has a record that is not whole. */
export function hostTimestamps(read: ReadAt, { firstByte }: LeaseArea): readonly number[] {
  const all = read(firstByte, MAX_HOST_ID * LEASE_SECTOR_BYTES);
  return Array.from({ length: MAX_HOST_ID }, (_, i) => decodeLeaseRecord(all.subarray(i * LEASE_SECTOR_BYTES, (i + 1) * LEASE_SECTOR_BYTES))?.timestamp ?? 0);
}

/** The ids of the hosts that renewed between two looks. */
export function renewedHosts(before: readonly number[], after: readonly number[]): readonly number[] {
  return after.flatMap((timestamp, i) => (timestamp !== 0 && timestamp !== before[i] ? [i + 1] : []));
}

/** MM-LEASE-NONE. */
export function noLeases({ path, firstByte }: LeaseArea): Problem {
  return { code: 'MM-LEASE-NONE', where: `${path}, leases at byte ${firstByte}`, rule: "sanlock's lockspace, which the installation makes", seen: 'none: an older cluster', remedy: `Run \`metamaster san leases ${path} --init\`.` };
}

/** MM-LEASE-FOREIGN. */
export function foreignLeases(area: LeaseArea, place: LeasePlace, seen: string): Problem {
  return {
    code: 'MM-LEASE-FOREIGN', where: `${area.path}, leases at byte ${area.firstByte} (${LEASE_BYTES} bytes each)`, rule: `a lockspace '${area.lockspace}' with a resource '${place.name}'`, seen,
    remedy: `Stop every node but this one, then run \`metamaster san leases ${area.path} --init --force\`.`,
  };
}
