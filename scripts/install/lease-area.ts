// Makes sanlock's lockspace and the registry's resource in a leases partition, with sanlock's own program and without its daemon. The
// lockspace comes last: until it is there, nothing was ever made.

import { run } from '../../daemons/host/run.ts';
import { LEASE_SECTOR_BYTES, MAX_HOST_ID, registryLease, type LeaseArea } from '../../daemons/storage/lease-layout.ts';
import { withLeaseVersion } from '../../daemons/storage/lease-record.ts';
import { initLease, initLockspace } from '../../daemons/storage/sanlock-text.ts';
import type { Disk } from './disk.ts';

/**
 * Makes both anew, over whatever is there. Nobody may use them.
 * @param leaseVersion the version that the next owner's must be above: that of the registry that counts, or of the resource that was there
 * @throws CommandError when sanlock cannot be started or fails
 */
export async function makeLeases(disk: Disk, area: LeaseArea, leaseVersion: number): Promise<void> {
  const place = registryLease(area);
  const nothing = new Uint8Array(LEASE_SECTOR_BYTES);
  for (const at of [area.firstByte, area.firstByte + (MAX_HOST_ID - 1) * LEASE_SECTOR_BYTES]) disk.write(at, nothing);
  disk.flush();
  await run(initLease(area, place));
  if (leaseVersion > 0) {
    disk.write(place.offset, withLeaseVersion(disk.read(place.offset, LEASE_SECTOR_BYTES), leaseVersion));
    disk.flush();
  }
  await run(initLockspace(area));
}
