// The owner records of a node's volumes, renewed as long as they are mapped. What is read before each renewal is held against what the
// SAN acknowledged last: a record that is older proves that the SAN lost writes.

import { problemLine } from '../../daemons/core/problem.ts';
import { BLOCK_BYTES } from '../../daemons/storage/block.ts';
import type { ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import { diskOffset } from '../../daemons/storage/disk-offset.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import { type Acknowledged, judgeRecord } from '../../daemons/storage/target-restart.ts';
import type { BootHost } from '../boot-host.ts';
import type { BootRecord } from './handover.ts';

/** The volumes of a node that have an owner record. */
export function ownVolumes({ registry }: ContainerFound, node: number): readonly VolumeRecord[] {
  return registry.volumes.filter((volume) => volume.node === node && volume.retired === undefined);
}

/** What came of one record. `damaged` shows the problems; `renewed` what the SAN has acknowledged now. */
export type Renewal = { readonly kind: 'renewed'; readonly acknowledged: Acknowledged } | { readonly kind: 'lost' } | { readonly kind: 'foreign' } | { readonly kind: 'damaged'; readonly problems: string };

/**
 * Renews one owner record, unless it is not this boot's. It is not flushed: the claim was, and of a renewal only that others see it counts.
 * So it is the first thing to be missing when the SAN loses its write cache.
 * @throws Error of the machine's while the SAN is away
 */
export function renewRecord(host: BootHost, disk: string, found: ContainerFound, volume: VolumeRecord, record: Pick<BootRecord, 'hardwareId' | 'bootNonce'>, before: Acknowledged | undefined): Renewal {
  const at = diskOffset(volume, found.registry.extentBytes, found.ranges.container.firstSector, OWNER_OFFSET);
  const owner = decodeOwner(host.readDirect(disk, at, BLOCK_BYTES), `${volume.name}, owner record`);
  // A record that does not decode is a torn write of somebody's: it is told, and not written over.
  if (!owner.ok) return { kind: 'damaged', problems: owner.problems.map(problemLine).join('; ') };
  const verdict = judgeRecord(owner.value, record, before);
  if (verdict !== 'own' || owner.value === undefined) return { kind: verdict === 'lost' ? 'lost' : 'foreign' };
  const { epoch, counter } = owner.value;
  host.writeAcknowledged(disk, at, encodeOwner({ ...owner.value, counter: counter + 1, renewedAtUnixMs: host.unixMs() }));
  return { kind: 'renewed', acknowledged: { epoch, counter: counter + 1 } };
}
