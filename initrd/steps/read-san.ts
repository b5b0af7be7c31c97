// The steps `registry` and `identity`: what the cluster says, and who this blade is in it.

import type { Problem, Result } from '../../daemons/core/problem.ts';
import { problemLine } from '../../daemons/core/problem.ts';
import { nodeOfMac, nodeOfNumber } from '../../daemons/core/roster.ts';
import { parseMac } from '../../daemons/core/mac.ts';
import { readContainer, type ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import { originOfVolume, type Registry, stateVolumeOf, storeOf } from '../../daemons/storage/registry.ts';
import { StepError, type BootHost } from '../boot-host.ts';
import { found, type BootState, type NodeVolumes } from './boot-state.ts';
import { diskBytes, disksOfSession, sessionsOf } from './san-login.ts';

/** Problems as the error of a step: the first one's remedy stands below all of them. */
export function refuse(problems: readonly Problem[]): StepError {
  return new StepError(problems.map((problem) => `${problem.code}: ${problem.where}: ${problem.rule}; seen ${problem.seen}`).join('\n'), problems[0]!.remedy);
}

/** A disk that cannot be read must not hide the container on the next one. */
function readFrom(host: BootHost, device: string, bytes: number, container: string): Result<ContainerFound> {
  try {
    return readContainer((offset, length) => host.readAt(device, offset, length), bytes, container);
  } catch (error) {
    const seen = error instanceof Error ? error.message : String(error);
    return { ok: false, problems: [{ code: 'MM-SAN-READ', where: device, rule: 'every block can be read', seen, remedy: 'Check the SAN and the link to it; dmesg says more (Esc).' }] };
  }
}

/** Looks for the container on every disk of the target and reads its registry. @throws StepError */
export function loadRegistry(host: BootHost, state: BootState, container: string): void {
  const target = found(state.parameters.target, 'the target');
  const disks = sessionsOf(host, target).slice(0, 1).flatMap((session) => disksOfSession(host, session));
  const refused: Problem[] = [];
  for (const disk of disks) {
    const device = `/dev/${disk}`;
    const bytes = diskBytes(host, disk);
    const result = readFrom(host, device, bytes, container);
    if (!result.ok) {
      refused.push(...result.problems);
      continue;
    }
    for (const warning of result.value.warnings) host.print(`metamaster: warning: ${problemLine(warning)}`);
    state.disk = device;
    state.diskBytes = bytes;
    state.container = result.value.ranges;
    state.registry = result.value.registry;
    state.generation = result.value.header.generation;
    return;
  }
  if (refused.length === 0) throw new StepError(`the target ${target} has no disk`, 'Give the target a LUN.');
  throw refuse(refused);
}

function volumesOf(registry: Registry, number: number): NodeVolumes {
  const store = found(storeOf(registry, number), `the store of node ${number}`);
  const record = found(originOfVolume(registry, store.origin ?? ''), `the origin of node ${number}`);
  const named = (name: string) => found(registry.volumes.find((volume) => volume.name === name), `the volume ${name}`);
  const swap = registry.volumes.find((volume) => volume.kind === 'swap' && volume.node === number);
  return { origin: named(record.volume), boot: named(record.bootVolume), store, state: found(stateVolumeOf(registry, number), `the state volume of node ${number}`), swap };
}

/** Every MAC address of the blade. */
function ownMacs(host: BootHost): string[] {
  return host.list('/sys/class/net').map((name) => host.readText(`/sys/class/net/${name}/address`)?.trim() ?? '').filter((text) => parseMac(text) !== undefined);
}

/** @throws StepError for a blade that the roster does not know */
export function findIdentity(host: BootHost, state: BootState, number: number | undefined): void {
  const registry = found(state.registry, 'the registry');
  const { roster } = registry;
  const macs = ownMacs(host);
  const node = number === undefined ? macs.map((text) => nodeOfMac(roster, parseMac(text)!)).find((candidate) => candidate !== undefined) : nodeOfNumber(roster, number);
  if (node === undefined) {
    const who = number === undefined ? `this blade (${macs.join(', ') || 'no MAC address'})` : `node ${number}`;
    const known = roster.nodes.map((each) => `${each.number} ${each.name} ${each.macs.join(' ')}`).join('; ');
    throw new StepError(`${who} is not in the roster of ${roster.clusterName}: ${known}`, 'Add the blade to the roster or replace a node by it; with mm.node=N it takes the identity of node N for this boot.');
  }
  state.node = node;
  state.volumes = volumesOf(registry, node.number);
}
