// The step `handover`: what the root needs to know of the boot, and what of the initrd lives on beside it. The mounts are moved by the stub
// that is PID 1, at the very end.

import { portalsOf } from '../../daemons/core/roster.ts';
import { distinctPortals, portalText } from '../../daemons/core/san-portal.ts';
import type { HandBackPlan } from '../../daemons/storage/hand-back.ts';
import { mustRun, StepError, type BootHost } from '../boot-host.ts';
import type { BootState } from './boot-state.ts';
import { HAND_BACK_PLAN } from './hand-back-plan.ts';

/** The record of the boot that daemons in the root read: /run/metamaster/boot.json (live.json in the live system). */
export interface BootRecord {
  readonly bootNonce: string;
  readonly hardwareId: string | undefined;
  readonly interfaceName: string | undefined;
  /** The address that the boot used; the node drops it when it is not its own. */
  readonly bootAddress: string;
  readonly node: number | undefined;
  /** The number came from the command line (`mm.node`), and not from the cards: they may be another node's. */
  readonly numberGiven: boolean;
  readonly container: string | undefined;
  readonly target: string | undefined;
  /** Every portal of the target that the boot knew, as `address:port`, the first one first. */
  readonly portals: readonly string[];
  readonly generation: number | undefined;
  readonly disk: string | undefined;
  readonly medium: string | undefined;
  readonly mode: string;
  readonly stages: BootState['stages'];
  /** What the boot warned of and went on with. */
  readonly warnings: readonly string[];
}

/**
 * The keeper's memory: its root in a mount namespace of its own, and the root of everything at the end of a shutdown, where systemd-shutdown
 * looks for it (bootup(7)) and no unit unmounts it. It lies in /run, which no switch of the root empties.
 */
const KEEP = '/run/initramfs';
const KEEPER = 'usr/lib/metamaster/san-keeper';
const KEEPER_REMEDY = 'See dmesg at the debug console (Esc).';
/** Of the initrd only what is needed until the keeper stands on its own feet: the switch of the root empties the initrd under it. */
const START_KEEPER = `cd ${KEEP} && mount -o move /sysroot root && cp root/usr/bin/busybox busybox && exec setsid chroot . /busybox sh /root/${KEEPER} "$@"`;

/**
 * Starts what must not depend on the SAN and goes on for as long as the kernel does: iscsid, which takes the sessions over here and now,
 * while every program that it needs is in memory; what mends the paths of `multipath`; and what feeds the watchdog. A SAN that is away
 * must not look like a kernel that hangs, and everything in the root, systemd as well, may have to wait for the SAN. The same memory holds
 * what gives the volumes back when the node goes down, and `plan` for it.
 * @throws StepError
 */
export function startKeeper(host: BootHost, plan: HandBackPlan): void {
  if (!host.exists(`/sysroot/${KEEPER}`)) throw new StepError('MM-BOOT-KEEPER', `the root holds no /${KEEPER}`, 'The root is not whole: restore the node.');
  host.makeFolder(KEEP);
  // The step is tried again.
  if (host.readText('/proc/mounts')?.includes(` ${KEEP} `) !== true) mustRun(host, 'MM-BOOT-KEEPER', ['mount', '-t', 'ramfs', '-o', 'mode=700', 'ramfs', KEEP], KEEPER_REMEDY);
  host.makeFolder(`${KEEP}/root`);
  host.writeText(`${KEEP}/${HAND_BACK_PLAN}`, `${JSON.stringify(plan)}\n`, 0o600);
  const { multipath } = plan;
  mustRun(host, 'MM-BOOT-KEEPER', ['unshare', '-m', 'sh', '-c', START_KEEPER, 'sh', ...(multipath === undefined ? [] : [multipath])], KEEPER_REMEDY);
}

/** Where the standby listens: `60` restarts the blade in 60 s unless another line comes, `now` at once. Root's alone. */
export const STANDBY_FIFO = '/run/metamaster/restart';

/**
 * The standby, in shell: `$1` its FIFO, `$2` the kernel's trigger, `$3` its protection from the killer of processes. Behind the switch to the
 * root it finds no file any more, so everything is open before, and from then on it needs nothing but its shell's own words. The FIFO is
 * open for writing as well, so it never ends. The shell that was started ends when all is open. A line that is no command is passed over,
 * for a wrong time-out would end the shell; and a read that fails while no time runs ends it without a restart.
 */
export const STANDBY_SCRIPT = `
exec 3>"$2" 4<>"$1" || exit 1
echo -1000 >"$3"
{
  trap '' HUP
  limit=
  while read -r \${limit:+-t $limit} word; do
    case $word in
      now) limit=0; break ;;
      '' | *[!0-9]* | ?????*) ;;
      *) limit=$word ;;
    esac
  done
  case $limit in
    '') ;;
    *) echo b >&3 ;;
  esac
} <&4 >/dev/null 2>&1 &
`;

/**
 * Starts the standby: one small process in the initrd's memory that restarts the blade when the storage agent says so, or falls silent in the
 * middle of a restart because its own program lies on a root that hangs. A boot does without it rather than stop, and says so.
 */
export function startStandby(host: BootHost, state: BootState): void {
  if (host.exists(STANDBY_FIFO)) return;
  host.makeFolder('/run/metamaster');
  const made = host.run(['mknod', '-m', '600', STANDBY_FIFO, 'p']);
  const started = made.code === 0 ? host.run(['sh', '-c', STANDBY_SCRIPT, 'standby', STANDBY_FIFO, '/proc/sysrq-trigger', '/proc/self/oom_score_adj']) : made;
  if (started.code === 0) return;
  const line = `MM-BOOT-STANDBY: the standby for a restart could not be started: exit code ${started.code}: ${started.said.trim()}`;
  host.print(`metamaster: warning: ${line}`);
  state.warnings.push(line);
}

/** Writes the record; /run goes along into the root. */
export function writeBootRecord(host: BootHost, state: BootState): void {
  const { parameters } = state;
  const record: BootRecord = {
    bootNonce: state.bootNonce, hardwareId: state.hardwareId, interfaceName: state.interfaceName, bootAddress: parameters.sifIp,
    node: state.node?.number, numberGiven: parameters.node !== undefined, container: parameters.container, target: parameters.target,
    portals: distinctPortals([{ address: parameters.storageIp, port: parameters.storagePort }, ...parameters.portals, ...(state.registry === undefined ? [] : portalsOf(state.registry.roster.san))]).map(portalText),
    generation: state.generation, disk: state.disk, medium: state.liveMedium, mode: parameters.live ? parameters.mode : 'boot', stages: state.stages, warnings: state.warnings,
  };
  host.makeFolder('/run/metamaster');
  host.writeText(`/run/metamaster/${parameters.live ? 'live' : 'boot'}.json`, `${JSON.stringify(record, undefined, 1)}\n`, 0o644);
}
