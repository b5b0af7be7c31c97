// The steps `registry` and `identity`: what the cluster says, and who this blade is in it.

import type { Mac } from '../../daemons/core/mac.ts';
import type { Problem, Result } from '../../daemons/core/problem.ts';
import { problemLine } from '../../daemons/core/problem.ts';
import { barOfMachine, nodeOfMac, nodeOfNumber, type Roster, unbarCommand } from '../../daemons/core/roster.ts';
import { timeText } from '../../daemons/core/unix-time.ts';
import { checkContainerRoom, readContainer, type ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import { originOfVolume, type Registry, stateVolumeOf, storeOf, swapVolumeOf } from '../../daemons/storage/registry.ts';
import { refuse, StepError, type BootHost } from '../boot-host.ts';
import { found, type BootState, type NodeVolumes } from './boot-state.ts';
import { clockWarning, kernelWarning } from './boot-warnings.ts';
import { ownMacs } from './own-macs.ts';
import { diskBytes, disksOfSession, sessionsOf } from './san-login.ts';

/** A disk that cannot be read must not hide the container on the next one. */
function readFrom(host: BootHost, device: string, bytes: number, container: string): Result<ContainerFound> {
  try {
    return readContainer((offset, length) => host.readAt(device, offset, length), bytes, container);
  } catch (error) {
    const seen = error instanceof Error ? error.message : String(error);
    return { ok: false, problems: [{ code: 'MM-SAN-READ', where: device, rule: 'every block can be read', seen, remedy: 'Check the SAN and the link to it; dmesg says more (Esc).' }] };
  }
}

function warn(host: BootHost, state: BootState, warning: Problem | undefined): void {
  if (warning === undefined) return;
  const line = problemLine(warning);
  // The registry is read anew at each try; what was told stays told.
  if (state.warnings.includes(line)) return;
  host.print(`metamaster: warning: ${line}`);
  state.warnings.push(line);
}

/** Looks for the container on every disk of the target and reads its registry. @throws StepError */
export function loadRegistry(host: BootHost, state: BootState, container: string): void {
  const target = found(state.parameters.target, 'the target');
  // Once the paths are joined the disk is read through their device alone: what was cached of a path in use might be of before.
  const disks = state.multipath === undefined ? sessionsOf(host, target).slice(0, 1).flatMap((session) => disksOfSession(host, session)) : [`mapper/${state.multipath}`];
  const refused: Problem[] = [];
  for (const disk of disks) {
    const device = `/dev/${disk}`;
    const bytes = state.multipath === undefined ? diskBytes(host, disk) : found(state.diskBytes, 'the size of the disk');
    const result = readFrom(host, device, bytes, container);
    if (!result.ok) {
      refused.push(...result.problems);
      continue;
    }
    const unfit = checkContainerRoom(result.value.registry, result.value.ranges.container);
    if (unfit !== undefined) {
      refused.push(unfit);
      continue;
    }
    for (const warning of result.value.warnings) warn(host, state, warning);
    warn(host, state, clockWarning(host.unixMs(), result.value.header.writtenAtUnixMs));
    state.disk = device;
    state.diskBytes = bytes;
    state.container = result.value.ranges;
    state.registry = result.value.registry;
    state.generation = result.value.header.generation;
    return;
  }
  if (refused.length === 0) throw new StepError('MM-BOOT-NO-DISK', `the target ${target} has no disk`, 'Give the target a LUN.');
  throw refuse(refused);
}

function volumesOf(registry: Registry, number: number): { volumes: NodeVolumes; kernelRelease: string } {
  const store = found(storeOf(registry, number), `the store of node ${number}`);
  const record = found(originOfVolume(registry, store.origin ?? ''), `the origin of node ${number}`);
  const named = (name: string) => found(registry.volumes.find((volume) => volume.name === name), `the volume ${name}`);
  const volumes = { origin: named(record.volume), boot: named(record.bootVolume), store, state: found(stateVolumeOf(registry, number), `the state volume of node ${number}`), swap: swapVolumeOf(registry, number) };
  return { volumes, kernelRelease: record.kernelRelease };
}

/**
 * Refuses a machine that was replaced, whatever card it boots from and whatever number it is told: its volumes are another machine's by now,
 * or about to be.
 * @throws StepError
 */
function refuseBarred(roster: Roster, macs: readonly Mac[], hardwareId: string | undefined): void {
  const bar = barOfMachine(roster, macs, hardwareId);
  if (bar === undefined) return;
  const who = [...macs, ...(hardwareId === undefined ? [] : [`hardware ${hardwareId}`])].join(', ');
  throw new StepError(
    'MM-BOOT-BARRED', `this machine (${who}) was node ${bar.node} of ${roster.clusterName} until it was replaced, and is barred since ${timeText(bar.sinceUnixMs)}`,
    `Switch it off. To let it in again, run \`${unbarCommand(bar)}\` on a node: the registry is read anew at each try.`,
  );
}

/** @throws StepError for a blade that the roster does not know, or that is barred */
export function findIdentity(host: BootHost, state: BootState, number: number | undefined): void {
  const registry = found(state.registry, 'the registry');
  const { roster } = registry;
  const macs = ownMacs(host);
  refuseBarred(roster, macs, state.hardwareId);
  const node = number === undefined ? macs.map((mac) => nodeOfMac(roster, mac)).find((candidate) => candidate !== undefined) : nodeOfNumber(roster, number);
  if (node === undefined) {
    const who = number === undefined ? `this blade (${macs.join(', ') || 'no MAC address'})` : `node ${number}`;
    const known = roster.nodes.map((each) => `${each.number} ${each.name} ${each.macs.join(' ')}`).join('; ');
    throw new StepError('MM-BOOT-STRANGER', `${who} is not in the roster of ${roster.clusterName}: ${known}`, 'Add the blade to the roster or replace a node by it; with mm.node=N it takes the identity of node N for this boot.');
  }
  state.node = node;
  const { volumes, kernelRelease } = volumesOf(registry, node.number);
  state.volumes = volumes;
  warn(host, state, kernelWarning(host.readText('/proc/sys/kernel/osrelease')?.trim(), kernelRelease, state.parameters.boot));
}
