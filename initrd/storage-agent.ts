// The storage agent of a node, in its root: gives back the address that a DVD boot borrowed, opens the impatient session to the SAN, renews
// the owner records as long as the volumes are mapped, watches how full the store is, takes portals into use that were missing at the boot,
// follows the registry when it changes, and restarts the blade when the SAN lost writes. It runs on QuickJS: 3 MB, and up before Node is.

import * as std from 'std';
import { readContainer, type ContainerFound } from '../daemons/storage/container-on-disk.ts';
import { BLOCK_BYTES } from '../daemons/storage/block.ts';
import type { Result } from '../daemons/core/problem.ts';
import type { VolumeRecord } from '../daemons/storage/registry.ts';
import { openControlSession, tellDisk, waitForTakeOver } from './steps/control-session.ts';
import type { BootRecord } from './steps/handover.ts';
import { releaseBorrowedAddress } from './steps/borrowed-address.ts';
import { RegistryFollower } from './steps/follow-registry.ts';
import { MissingPaths } from './steps/missing-paths.ts';
import { ownVolumes, renewRecord } from './steps/renew-records.ts';
import { rehearseRestart, restartBlade, whoServes } from './steps/restart-blade.ts';
import { StoreWatch } from './steps/store-watch.ts';
import { diskBytes } from './steps/san-login.ts';
import { TargetGuard } from './steps/target-guard.ts';
import { performWrite, WRITE_IDENTITY } from './steps/write-identity.ts';
import { quickjsHost as host } from './quickjs-host.ts';

/** How often an owner record is renewed. A claimant waits for 30 s without a renewal: several may fail before that. */
const RENEW_MS = 5_000;
const RETRY_MS = 2_000;
/** So often in a row the renewal fails before another portal is asked. */
const FAILURES_BEFORE_NEXT_PORTAL = 3;

const say = (line: string): void => host.print(`storage-agent: ${line}`);

/** This blade was replaced, and nothing more of it may reach the SAN, nor its address anybody. No sync, no shutdown; the next boot is refused. */
function stopAtOnce(code: 'MM-AGENT-OWNER' | 'MM-AGENT-QUARANTINED', volume: VolumeRecord, what: string): never {
  host.writeText('/dev/console', `\nmetamaster: ${code}: ${volume.name} ${what}. This blade stops at once.\nmm-stage stopped ${code}: ${volume.name} ${what}\n`, 0o600);
  host.run(['busybox', 'reboot', '-f', '-n']);
  std.exit(1);
}

interface Round {
  /** Every record was read, and what had to be written was acknowledged. */
  readonly whole: boolean;
  /** Volumes whose records are older than what was acknowledged. */
  readonly lost: readonly string[];
}

/** Renews the owner records once. */
function renewAll(device: string, found: ContainerFound, record: BootRecord, guard: TargetGuard): Round {
  const lost: string[] = [];
  let whole = true;
  for (const volume of ownVolumes(found, record.node ?? 0)) {
    try {
      const renewal = renewRecord(host, device, found, volume, record, guard.acknowledged(volume.name));
      if (renewal.kind === 'foreign') stopAtOnce('MM-AGENT-OWNER', volume, 'belongs to another blade now');
      else if (renewal.kind === 'lost') lost.push(volume.name);
      else if (renewal.kind === 'renewed') guard.renewed(volume.name, renewal.acknowledged);
      else say(renewal.problems);
    } catch (error) {
      whole = false;
      say(`MM-AGENT-RENEW: ${volume.name} was not renewed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { whole, lost };
}

/** The disk as another portal shows it; the same one when no portal lets us in. */
async function otherPortal(record: BootRecord, disk: string): Promise<string> {
  try {
    const next = await openControlSession(host, record);
    if (next !== disk) {
      tellDisk(host, next);
      say(`the impatient session shows the SAN as /dev/${next} now`);
    }
    return next;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return disk;
  }
}

/** The container as the impatient session shows it now. */
function readFrom(disk: string, record: BootRecord): Result<ContainerFound> {
  // Direct reads are of whole blocks: from the block in which a read begins, as many as cover it.
  const read = (offset: number, length: number): Uint8Array => {
    const skip = offset % BLOCK_BYTES;
    return host.readDirect(`/dev/${disk}`, offset - skip, Math.ceil((skip + length) / BLOCK_BYTES) * BLOCK_BYTES).subarray(skip, skip + length);
  };
  return readContainer(read, diskBytes(host, disk), record.container ?? '');
}

async function main(): Promise<void> {
  const text = host.readText('/run/metamaster/boot.json');
  if (text === undefined) return;
  const record = JSON.parse(text) as BootRecord;
  // The console of the boot is nobody's log: what it warned of is worth a line in the journal.
  for (const warning of record.warnings) say(`the boot warned: ${warning}`);
  await waitForTakeOver(host, record.target ?? '');
  let disk = await openControlSession(host, record);
  tellDisk(host, disk);
  await releaseBorrowedAddress(host, record);
  say(`the impatient session shows the SAN as /dev/${disk}`);
  // What is mapped stays mapped: these are the volumes to renew, whatever a later registry says.
  const found = readFrom(disk, record);
  if (!found.ok) throw new Error(found.problems.map((problem) => `${problem.code}: ${problem.where}: ${problem.seen}`).join('; '));
  const { install } = found.value.registry;
  const guardOf = (shown: string) => new TargetGuard(host, { target: record.target ?? '', disk: shown, hardwareId: record.hardwareId ?? '', answer: install['write-cache'] });
  let guard = guardOf(disk);
  const watch = new StoreWatch(host, record, found.value.registry);
  const missing = new MissingPaths(host, record);
  const follower = new RegistryFollower(host, record, program, { mapped: ownVolumes(found.value, record.node ?? 0), stop: (volume) => stopAtOnce('MM-AGENT-QUARANTINED', volume, 'is in quarantine, and another blade has a copy of it') });
  rehearseRestart(host);
  let servedBefore = whoServes(host);
  for (let failures = 0; ; ) {
    watch.look();
    const { whole, lost } = renewAll(`/dev/${disk}`, found.value, record, guard);
    if (!whole) guard.failed();
    if (whole || lost.length > 0) {
      const decision = guard.look(lost);
      if (decision.kind === 'restart') return restartBlade(host, { code: decision.code, why: decision.why, container: record.container ?? '', node: record.node ?? 0, before: servedBefore });
      if (decision.remark !== undefined) say(decision.remark);
      servedBefore = whoServes(host);
    }
    failures = whole ? 0 : failures + 1;
    if (failures >= FAILURES_BEFORE_NEXT_PORTAL && record.portals.length > 1) {
      disk = await otherPortal(record, disk);
      guard = guardOf(disk);
    }
    // While the records cannot be renewed that alone is seen to.
    if (whole) {
      missing.look();
      follower.look(() => readFrom(disk, record));
    }
    await host.sleep(whole ? RENEW_MS : RETRY_MS);
  }
}

/** The program, and what it is started for: itself, or once more to write the files of this node. */
const [program = '', work, ...paths] = (globalThis as { scriptArgs?: readonly string[] }).scriptArgs ?? [];
if (work === WRITE_IDENTITY) performWrite(host, paths[0] ?? '', paths[1] ?? '', paths[2] ?? '');
else main().catch((error: unknown) => {
  say(error instanceof Error ? `${error.message}; it starts again` : `${String(error)}; it starts again`);
  std.exit(1);
});
