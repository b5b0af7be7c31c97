// The owner rule for what is taken from a machine: each of the volumes was given back, or its owner record stands still and the machine is
// proved off, by its power controller or by the operator's word. Never by silence. What may be handed over: daemons/storage/hand-over.ts.

import { InputError, type Problem, valueOf } from '../../daemons/core/problem.ts';
import type { RosterNode } from '../../daemons/core/roster.ts';
import { openControllers, type OpenController, POWER_CONFIG, pursue, readPowerConfig } from '../../daemons/power-controllers.ts';
import { controllerName } from '../../daemons/power/power-config.ts';
import { giveBackSteps, type HandOverRequest, heldVolumes, isGivenBack, ownersOf, planHandOver } from '../../daemons/storage/hand-over.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import { type VolumeFront, sameFront } from '../../daemons/storage/volume-front.ts';
import type { Disk } from '../install/disk.ts';
import type { ClusterOnSan } from './cluster-on-san.ts';
import type { FenceWish } from './node-arguments.ts';

/** How it was made sure that nobody writes to the volumes: they had been given back; the controller's proof; the operator's word; or not at all: those that are held are left to their machine. */
export type FenceKind = 'none' | 'power' | 'word' | 'quarantine';

/** Volumes that may be handed over, as they were judged. */
export interface Judged {
  readonly fence: FenceKind;
  readonly request: HandOverRequest;
  readonly fronts: ReadonlyMap<string, VolumeFront>;
}

/** What the volumes are judged by before anybody is fenced; their fronts are read once. */
export function judgedNow(cluster: ClusterOnSan, volumes: readonly VolumeRecord[]): Judged {
  const fronts = new Map(volumes.map((volume) => [volume.name, cluster.frontOf(volume)]));
  const { registry, ranges } = cluster.found;
  return { fence: 'none', fronts, request: { registry, container: ranges.container, volumes, frontOf: (volume) => fronts.get(volume.name)!, stillMs: new Map(), fenced: false, hardwareId: cluster.machine.hardwareId } };
}

/** Volumes that are to be given up: those that are not nobody's already. @throws InputError MM-NODE-OWN for one that this very boot has mapped */
export function judgedToGiveUp(cluster: ClusterOnSan, volumes: readonly VolumeRecord[]): Judged {
  const judged = judgedNow(cluster, volumes.filter((volume) => !isGivenBack(cluster.frontOf(volume))));
  // The same hardware is granted its volumes, for its former kernel is gone; the present one is not.
  const own = ownersOf(judged.request).find(({ hardwareId, bootNonce }) => hardwareId === cluster.machine.hardwareId && bootNonce === cluster.machine.bootNonce);
  if (own !== undefined) throw new InputError([ownVolumes(own.node)]);
  return judged;
}

/** The refusal of what a node cannot do to itself. */
export function ownVolumes(node: number): Problem {
  return { code: 'MM-NODE-OWN', where: `node ${node}`, rule: 'not the machine that this runs on, which has the volumes mapped', seen: 'this very machine', remedy: 'Run it on another node, or in the live system of the disc.' };
}

/** The power controller that is to prove the node off; undefined where none is configured, or none is to be asked. @throws InputError */
export function controllerOf({ power, powerConfig }: FenceWish, node: number): OpenController | undefined {
  if (!power) return undefined;
  const config = readPowerConfig(powerConfig ?? POWER_CONFIG);
  if (!config.ok) {
    // Without the usual file no controller is configured; a file that was named, or that is wrong, is told of.
    if (powerConfig === undefined && config.problems.every(({ seen }) => seen === 'no such file')) return undefined;
    throw new InputError(config.problems);
  }
  return config.value.has(node) ? valueOf(openControllers(config.value, [node])).get(node) : undefined;
}

/** What would be done to fence the node, for a dry run and for the question. */
export function fenceText(wish: FenceWish, controller: OpenController | undefined, { number, name }: Pick<RosterNode, 'number' | 'name'>): string {
  if (wish.fenced) return `by your word the machine of node ${number} (${name}) is off, or barred from the SAN`;
  return controller === undefined ? 'nothing proves its machine off' : `${controllerName(controller.controller)} takes the power of what it switches, and proves it`;
}

function notProved(node: number, reason: string): Problem {
  return { code: 'MM-NODE-FENCE', where: `node ${node}`, rule: 'its power controller proves it off', seen: reason, remedy: 'Nothing was written. Pull the machine\'s plug or bar it at the target, and give your word with --fenced.' };
}

/**
 * Makes sure of the owners of all volumes; undefined when the question was answered with no.
 * @throws InputError MM-HANDOVER-OWNER for what nobody fences or what still moves, MM-NODE-FENCE, the power controllers' problems, and those of the labels
 */
export async function fenceNode(cluster: ClusterOnSan, node: Pick<RosterNode, 'number' | 'name'>, judged: Judged, wish: FenceWish): Promise<Judged | undefined> {
  const { request } = judged;
  const held = heldVolumes(request);
  requireWhole(request);
  if (held.length === 0) return judged;
  const controller = wish.fenced ? undefined : controllerOf(wish, node.number);
  if (!wish.fenced && controller === undefined) valueOf(planHandOver(request));
  const what = `${held.map(({ name }) => name).join(', ')} may still be written to: ${fenceText(wish, controller, node)}.`;
  if (!(await cluster.confirmed(wish.fenced ? `${what} Wrongly said, data is lost.` : `${what} What that machine has not written yet is lost.`, wish.fenced ? node.name : 'yes'))) return undefined;
  if (controller !== undefined) {
    const { provedOff, reason } = await pursue(controller, { kind: 'prove-off' }, (text) => cluster.host.error(`  ${text}\n`));
    if (!provedOff) throw new InputError([notProved(node.number, reason)]);
    cluster.host.error(`  proved off: ${reason}\n`);
  }
  const stillMs = await cluster.watch(held);
  const after = judgedNow(cluster, request.volumes);
  const fenced = { ...after.request, stillMs, fenced: true };
  valueOf(planHandOver(fenced));
  return { ...after, fence: wish.fenced ? 'word' : 'power', request: fenced };
}

/** What is wrong besides the owners, which no fence mends. @throws InputError */
export function requireWhole(request: HandOverRequest): void {
  valueOf(planHandOver({ ...request, stillMs: new Map(request.volumes.map(({ name }) => [name, Number.POSITIVE_INFINITY])), fenced: true }));
}

/** Looks at the fronts once more, right before the first write and behind a long one. @throws InputError MM-NODE-CHANGED */
export async function requireUnchanged(cluster: ClusterOnSan, { request, fronts }: Judged): Promise<void> {
  await cluster.drop();
  const changed = request.volumes.find((volume) => !sameFront(fronts.get(volume.name)!, cluster.frontOf(volume)));
  if (changed !== undefined) throw new InputError([{
    code: 'MM-NODE-CHANGED', where: changed.name, rule: 'label, owner record and header that were judged', seen: 'others; neither it nor the registry was written', remedy: 'A machine claims this volume at this moment: find out which, and begin again.',
  }]);
}

/** What was written does not stand there. */
export function notReadBack(where: string, seen: string): InputError {
  return new InputError([{
    code: 'MM-NODE-READ-BACK', where, rule: 'what was written, read back', seen, remedy: 'Another machine writes there, or the SAN does not keep what it acknowledges. Find out which, then begin again.',
  }]);
}

/**
 * Makes the volumes that were judged nobody's, for the registry to give their extents back.
 * @throws InputError MM-NODE-CHANGED, MM-NODE-READ-BACK
 */
export async function giveBack(cluster: ClusterOnSan, judged: Judged, disk: Disk): Promise<void> {
  valueOf(planHandOver(judged.request));
  await requireUnchanged(cluster, judged);
  await wipeFronts(cluster, judged.request, disk);
}

/** Wipes owner records and labels of volumes that nobody may have mapped, and reads them back. @throws InputError MM-NODE-READ-BACK */
export async function wipeFronts(cluster: ClusterOnSan, { registry, container, volumes }: Pick<HandOverRequest, 'registry' | 'container' | 'volumes'>, disk: Disk): Promise<void> {
  for (const volume of volumes) disk.carryOut(giveBackSteps(volume, registry.extentBytes, container), (offset) => offset);
  await cluster.drop();
  const left = volumes.filter((volume) => !isGivenBack(cluster.frontOf(volume)));
  if (left.length > 0) throw notReadBack(left.map(({ name }) => name).join(', '), 'a label or an owner record');
}

/**
 * Writes the hand-over and reads it back. The fronts must be those that were judged.
 * @returns the names of the volumes that were freed
 * @throws InputError MM-NODE-CHANGED, MM-NODE-READ-BACK
 */
export async function handOver(cluster: ClusterOnSan, judged: Judged, disk: Disk): Promise<readonly string[]> {
  const { request } = judged;
  const plan = valueOf(planHandOver(request));
  await requireUnchanged(cluster, judged);
  const freed = plan.filter(({ steps }) => steps.length > 0);
  for (const { steps } of freed) disk.carryOut(steps, (offset) => offset);
  await cluster.drop();
  const still = planHandOver(judgedNow(cluster, request.volumes).request);
  if (!still.ok || still.value.some(({ steps }) => steps.length > 0)) throw notReadBack(freed.map(({ volume }) => volume.name).join(', '), still.ok ? 'other labels' : still.problems.map(({ seen }) => seen).join('; '));
  return freed.map(({ volume }) => volume.name);
}
