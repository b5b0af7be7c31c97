// The storage agent of a node, in its root: gives back the address that a DVD boot borrowed, opens the impatient session to the
// SAN, renews the owner records as long as the volumes are mapped, and watches how full the store is. It runs on QuickJS: 3 MB, and up before Node is.

import * as std from 'std';
import { diskOffset } from '../daemons/storage/disk-offset.ts';
import { readContainer, type ContainerFound } from '../daemons/storage/container-on-disk.ts';
import { BLOCK_BYTES } from '../daemons/storage/block.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET } from '../daemons/storage/owner-record.ts';
import type { VolumeRecord } from '../daemons/storage/registry.ts';
import { openControlSession, waitForTakeOver } from './steps/control-session.ts';
import type { BootRecord } from './steps/handover.ts';
import { releaseBorrowedAddress } from './steps/borrowed-address.ts';
import { StoreWatch } from './steps/store-watch.ts';
import { diskBytes } from './steps/san-login.ts';
import { quickjsHost as host } from './quickjs-host.ts';

/** How often an owner record is renewed. A claimant waits for 30 s without a renewal: several may fail before that. */
const RENEW_MS = 5_000;
const RETRY_MS = 2_000;
/** So often in a row the renewal fails before another portal is asked. */
const FAILURES_BEFORE_NEXT_PORTAL = 3;

/** The volumes of this node that have an owner record. */
function ownVolumes(found: ContainerFound, node: number): VolumeRecord[] {
  return found.registry.volumes.filter((volume) => volume.node === node && volume.retired === undefined);
}

/** Renews one owner record. Returns false when it is somebody else's: this kernel must not go on writing. */
function renew(disk: string, found: ContainerFound, volume: VolumeRecord, record: BootRecord): boolean {
  const at = diskOffset(volume, found.registry.extentBytes, found.ranges.container.firstSector, OWNER_OFFSET);
  const owner = decodeOwner(host.readDirect(disk, at, BLOCK_BYTES), `${volume.name}, owner record`);
  // A record that does not decode is a torn write of somebody's: it is told, and not written over.
  if (!owner.ok) {
    host.print(`storage-agent: ${owner.problems.map((problem) => `${problem.code} ${problem.where}: ${problem.seen}`).join('; ')}`);
    return true;
  }
  if (owner.value === undefined || owner.value.hardwareId !== record.hardwareId || owner.value.bootNonce !== record.bootNonce) return false;
  host.writeDirect(disk, at, encodeOwner({ ...owner.value, counter: owner.value.counter + 1, renewedAtUnixMs: host.unixMs() }));
  return true;
}

/** The volume has another owner: this blade was replaced, and nothing more of it may reach the SAN. No sync, no shutdown. */
function stopAtOnce(volume: VolumeRecord): never {
  host.writeText('/dev/console', `\nmetamaster: MM-AGENT-OWNER: ${volume.name} belongs to another blade now. This blade stops at once.\nmm-stage stopped MM-AGENT-OWNER: ${volume.name} has another owner\n`, 0o600);
  host.run(['busybox', 'reboot', '-f', '-n']);
  std.exit(1);
}

/** The disk as another portal shows it; the same one when no portal lets us in. */
async function otherPortal(record: BootRecord, disk: string): Promise<string> {
  try {
    const next = await openControlSession(host, record);
    if (next !== disk) host.print(`storage-agent: the impatient session shows the SAN as /dev/${next} now`);
    return next;
  } catch (error) {
    host.print(`storage-agent: ${error instanceof Error ? error.message : String(error)}`);
    return disk;
  }
}

async function main(): Promise<void> {
  const text = host.readText('/run/metamaster/boot.json');
  if (text === undefined) return;
  const record = JSON.parse(text) as BootRecord;
  // The console of the boot is nobody's log: what it warned of is worth a line in the journal.
  for (const warning of record.warnings) host.print(`storage-agent: the boot warned: ${warning}`);
  await waitForTakeOver(host, record.target ?? '');
  let disk = await openControlSession(host, record);
  await releaseBorrowedAddress(host, record);
  host.print(`storage-agent: the impatient session shows the SAN as /dev/${disk}`);
  const found = readContainer((offset, length) => host.readDirect(`/dev/${disk}`, floor(offset), ceil(offset, length)).subarray(offset % BLOCK_BYTES, (offset % BLOCK_BYTES) + length), diskBytes(host, disk), record.container ?? '');
  if (!found.ok) throw new Error(found.problems.map((problem) => `${problem.code}: ${problem.where}: ${problem.seen}`).join('; '));
  const volumes = ownVolumes(found.value, record.node ?? 0);
  const watch = new StoreWatch(host, record, found.value.registry);
  for (let failures = 0; ; ) {
    watch.look();
    let failed = false;
    for (const volume of volumes) {
      try {
        if (!renew(`/dev/${disk}`, found.value, volume, record)) stopAtOnce(volume);
      } catch (error) {
        failed = true;
        host.print(`storage-agent: MM-AGENT-RENEW: ${volume.name} was not renewed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    failures = failed ? failures + 1 : 0;
    if (failures >= FAILURES_BEFORE_NEXT_PORTAL && record.portals.length > 1) disk = await otherPortal(record, disk);
    await host.sleep(failed ? RETRY_MS : RENEW_MS);
  }
}

/** Direct reads are of whole blocks: the block in which a read begins … */
function floor(offset: number): number {
  return offset - (offset % BLOCK_BYTES);
}

/** … and as many bytes as cover it. */
function ceil(offset: number, length: number): number {
  return Math.ceil(((offset % BLOCK_BYTES) + length) / BLOCK_BYTES) * BLOCK_BYTES;
}

main().catch((error: unknown) => {
  host.print(`storage-agent: ${error instanceof Error ? error.message : String(error)}; it starts again`);
  std.exit(1);
});
