// The end of an orderly shutdown: the node's volumes are given back. It runs from memory when systemd is gone, with the former root at
// /oldroot. Whoever starts it sets a limit (live-dvd/overlay/usr/lib/metamaster/hand-back): a SAN that is away may keep it for ever.

import { problemLine, type Problem } from '../../daemons/core/problem.ts';
import { BLOCK_BYTES } from '../../daemons/storage/block.ts';
import { decideHandBack, devicesInTheWay, type HandBackPlan, type MappedVolume } from '../../daemons/storage/hand-back.ts';
import { decodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { chooseLabel, LABEL_OFFSETS } from '../../daemons/storage/volume-label.ts';
import type { BootHost } from '../boot-host.ts';
import { controlDisk } from './control-session.ts';
import { disksOfSession, sessionsOf } from './san-login.ts';

const OLD_ROOT = '/oldroot';
const BLOCK = '/sys/block';
/** A file system is given up a moment after its last user. */
const RELEASE_WAIT_MS = 3_000;
/** What a process that was killed had under way: an owner record, by the impatient session, which fails within seconds. */
const SETTLE_WAIT_MS = 15_000;
const POLL_MS = 200;

/** Devices of device-mapper that can be written; those whose table was made read-only cannot. */
function writableDevices(host: BootHost): readonly string[] {
  const devices = host.list(BLOCK).filter((device) => device.startsWith('dm-') && host.readText(`${BLOCK}/${device}/ro`)?.trim() !== '1');
  return devices.map((device) => host.readText(`${BLOCK}/${device}/dm/name`)?.trim() ?? device);
}

/** Removes the devices of the volumes, which succeeds only when nobody holds them; returns those that can be written and are still there. */
async function removeDevices(host: BootHost, plan: HandBackPlan): Promise<readonly string[]> {
  for (let waited = 0; ; waited += POLL_MS) {
    const there = writableDevices(host);
    for (const name of plan.volumes.flatMap(({ devices }) => devices)) if (there.includes(name)) host.run(['dmsetup', 'remove', name]);
    const left = writableDevices(host);
    if (waited >= RELEASE_WAIT_MS || plan.volumes.every((volume) => devicesInTheWay(plan, volume, left).length === 0)) return left;
    await host.sleep(POLL_MS);
  }
}

/** Waits until no request of this kernel is on its way to the SAN: it could arrive behind the next owner's. Returns the disks that still have some. */
async function waitUntilQuiet(host: BootHost, target: string): Promise<readonly string[]> {
  for (let waited = 0; ; waited += POLL_MS) {
    const disks = sessionsOf(host, target).flatMap((session) => disksOfSession(host, session));
    const busy = disks.filter((disk) => /[1-9]/.test(host.readText(`${BLOCK}/${disk}/inflight`) ?? ''));
    if (busy.length === 0 || waited >= SETTLE_WAIT_MS) return busy;
    await host.sleep(POLL_MS);
  }
}

/** Gives one volume back; returns why not. @throws Error of the machine's while the SAN is away */
function giveBack(host: BootHost, disk: string, plan: HandBackPlan, volume: MappedVolume, left: readonly string[]): Problem | undefined {
  const read = (offset: number): Uint8Array => host.readDirect(disk, volume.offset + offset, BLOCK_BYTES);
  const owner = decodeOwner(read(OWNER_OFFSET), `${volume.name}, owner record`);
  const label = chooseLabel(read(LABEL_OFFSETS[0]), read(LABEL_OFFSETS[1]), volume.name);
  const decision = decideHandBack({ plan, volume, label, owner: owner.ok ? owner.value : 'damaged', left });
  if (decision.kind === 'keep') return decision.problem;
  // writeDirect returns when the bytes are stable: every write is its own flush.
  if (decision.kind === 'give-back') for (const step of decision.steps) if (step.kind === 'write') host.writeDirect(disk, volume.offset + step.offset, step.bytes);
  return undefined;
}

const sanProblem = (volume: MappedVolume, rule: string, seen: string): Problem => ({
  code: 'MM-DOWN-SAN', where: volume.name, rule, seen, remedy: 'The label may still say live: the same blade boots as ever, another one needs a fence.',
});

/** Lets go of the former root, removes the devices and gives back each volume of which that proves that nothing can write to it any more. */
export async function handBack(host: BootHost, plan: HandBackPlan): Promise<void> {
  // Whoever still holds it keeps its device as well, and that is what is looked at.
  host.run(['umount', '-l', OLD_ROOT]);
  const left = await removeDevices(host, plan);
  const busy = await waitUntilQuiet(host, plan.target);
  // By the impatient session an outage is an error within seconds.
  const control = controlDisk(host, plan.target);
  const disk = control === undefined ? plan.disk : `/dev/${control}`;
  const outcome = (volume: MappedVolume): Problem | undefined => {
    if (busy.length > 0) return sanProblem(volume, 'nothing is on its way to the SAN any more', `requests of ${busy.join(', ')}`);
    try {
      return giveBack(host, disk, plan, volume, left);
    } catch (error) {
      return sanProblem(volume, 'owner record and label can be read and written', error instanceof Error ? error.message : String(error));
    }
  };
  const given: string[] = [];
  const kept: string[] = [];
  for (const volume of plan.volumes) {
    const problem = outcome(volume);
    if (problem !== undefined) host.print(`metamaster: ${problemLine(problem)}`);
    (problem === undefined ? given : kept).push(volume.name);
  }
  host.print(`mm-stage down given back: ${given.join(' ') || 'nothing'}${kept.length === 0 ? '' : `; kept: ${kept.join(' ')}`}`);
}
