// What `metamaster restore` does to the SAN, as a plan: who may write where is decided here, by the rules of ownership and from what was
// read and watched; the shell writes. DESIGN: Volumes.

import type { Problem, Result } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { isNewerVersion } from './block.ts';
import type { SectorRange } from './container-partitions.ts';
import { allocate, type Extent, type ExtentHolder } from './extents.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET, type OwnerRecord } from './owner-record.ts';
import { decideClaim } from './ownership.ts';
import { labelOf, makerOf, newVolumeSteps, NO_OWNER, originUuidOf } from './new-volume.ts';
import { stateVolumeOf, storeOf, type Registry, type VolumeRecord } from './registry.ts';
import { revalidateSteps } from './revalidate.ts';
import type { StoreState } from './snapshot-exceptions.ts';
import { resetSteps } from './snapshot-store.ts';
import { chooseLabel, decodeLabel, labelSteps, type ChosenLabel } from './volume-label.ts';
import { stepsOnDisk, type VolumeFront } from './volume-front.ts';
import type { WriteStep } from './write-step.ts';

/** What is to be done, and to which nodes. */
export type RestoreAction =
  | { readonly kind: 'rebuild' }
  | { readonly kind: 'reset'; readonly nodes: readonly number[]; readonly withState: boolean }
  /** The store gets new extents. `occupied`: free extents that somebody's owner record still stands in; `newUuid` names each new store. */
  | { readonly kind: 'reallocate'; readonly nodes: readonly number[]; readonly occupied: readonly Extent[]; readonly newUuid: () => Uuid }
  /** `state`: the node's store as it was examined together with its front. */
  | { readonly kind: 'revalidate'; readonly node: number; readonly state: StoreState };

/** What the plan rests on. */
export interface RestoreRequest {
  readonly registry: Registry;
  /** The container's partition. */
  readonly container: SectorRange;
  readonly action: RestoreAction;
  /** The front of a volume, as it was read. */
  readonly frontOf: (volume: VolumeRecord) => VolumeFront;
  /** Since how many milliseconds the owner block of a volume has not changed, by its name; what was not watched is not in it. */
  readonly stillMs: ReadonlyMap<string, number>;
  /** Nodes whose machines are proved off or barred. */
  readonly fenced: ReadonlySet<number>;
  /** Who asks; `node`: which node this machine runs as at this moment, undefined in the live system and elsewhere. */
  readonly claimant: { readonly hardwareId: string; readonly bootNonce: string; readonly nowUnixMs: number; readonly node?: number };
  /** Nodes that are known to run. */
  readonly running: ReadonlySet<number>;
}

/** What is written to one volume. All offsets are the disk's. */
export interface VolumePlan {
  readonly volume: VolumeRecord;
  /** What is lost, for people; undefined: nothing. */
  readonly loses?: string;
  /** The owner record, to be written, flushed and read back before anything else; a new store needs none, for nobody knows it yet. */
  readonly claim?: { readonly offset: number; readonly bytes: Uint8Array };
  readonly steps: readonly WriteStep[];
  /** The program that makes a file system on the volume's data behind these steps; the device is its last argument. */
  readonly make?: readonly string[];
  /** What gives the volume to whoever boots next, once all else has been read back. */
  readonly release: readonly WriteStep[];
}

/** What becomes of one node. Nothing of a refused one is written. */
export type NodePlan =
  | { readonly node: number; readonly kind: 'write'; readonly volumes: readonly VolumePlan[] }
  | { readonly node: number; readonly kind: 'refused'; readonly problems: readonly Problem[] };

/** The plan. A registry that is to be rewritten is written after the nodes' volumes. */
export interface RestorePlan {
  readonly nodes: readonly NodePlan[];
  readonly registry: { readonly kind: 'keep' } | { readonly kind: 'rewrite'; readonly registry: Registry };
  /** Who takes a rewritten registry at once, and who with the next boot. */
  readonly takeAtOnce: readonly number[];
  readonly takeAtBoot: readonly number[];
}

/** Plans a restore. What speaks against a node stands in its plan; what speaks against the whole is a problem: MM-RESTORE-NODE (no such node). */
export function planRestore(request: RestoreRequest): Result<RestorePlan> {
  const { registry, action, running } = request;
  const all = registry.roster.nodes.map(({ number }) => number);
  const wanted = action.kind === 'rebuild' ? [] : action.kind === 'revalidate' ? [action.node] : action.nodes;
  const unknown = wanted.filter((node) => !all.includes(node));
  if (unknown.length > 0) {
    const remedy = 'Look at the roster with `metamaster san show`.';
    return { ok: false, problems: unknown.map((node) => ({ code: 'MM-RESTORE-NODE', where: `node ${node}`, rule: `one of the roster's: ${all.join(', ')}`, seen: String(node), remedy })) };
  }
  const plan = { takeAtOnce: all.filter((node) => running.has(node)), takeAtBoot: all.filter((node) => !running.has(node)) };
  if (action.kind === 'rebuild') return { ok: true, value: { ...plan, nodes: [], registry: { kind: 'rewrite', registry } } };
  if (action.kind === 'reallocate') return { ok: true, value: { ...planReallocation(request, action), takeAtOnce: [], takeAtBoot: action.nodes } };
  const nodes = wanted.map((node): NodePlan => {
    const volumes = planInPlace(request, node, action);
    return volumes.ok ? { node, kind: 'write', volumes: volumes.value } : { node, kind: 'refused', problems: volumes.problems };
  });
  return { ok: true, value: { nodes, registry: { kind: 'keep' }, takeAtOnce: [], takeAtBoot: [] } };
}

/**
 * The volumes whose owner records have to be watched before this plan can be final: those of fenced nodes that only the standing still
 * of another machine's record could hand over.
 */
export function volumesToWatch(request: RestoreRequest): readonly VolumeRecord[] {
  const { action, fenced, registry } = request;
  if (action.kind !== 'reset' && action.kind !== 'revalidate') return [];
  const nodes = action.kind === 'reset' ? action.nodes : [action.node];
  return nodes.filter((node) => fenced.has(node)).flatMap((node) => volumesOf(registry, node, action)).filter((volume) => {
    const held = judge({ ...request, stillMs: new Map() }, volume, action.kind);
    return !held.ok && held.problems.some(({ code }) => code === 'MM-CLAIM-FOREIGN');
  });
}

type InPlace = Extract<RestoreAction, { kind: 'reset' | 'revalidate' }>;

/** What is written to: swap holds nothing that outlives a boot, and the state volume is kept unless it is asked for. */
function volumesOf(registry: Registry, node: number, action: InPlace): readonly VolumeRecord[] {
  const store = storeOf(registry, node);
  const state = action.kind === 'reset' && action.withState ? stateVolumeOf(registry, node) : undefined;
  return [store, state].filter((volume) => volume !== undefined);
}

/** All volumes of a node are judged before one of them is written: a node that is refused one keeps all. */
function planInPlace(request: RestoreRequest, node: number, action: InPlace): Result<readonly VolumePlan[]> {
  const { claimant, registry } = request;
  if (claimant.node === node) {
    return { ok: false, problems: [{
      code: 'MM-RESTORE-OWN', where: `node ${node}`, rule: 'is not the node that this runs on', seen: 'this very node, which has the store mapped',
      remedy: 'Run it on another node while this one is off, or in the live system of the disc ("Restore"); a reset with -F takes effect at the next boot.' }],
    };
  }
  const problems: Problem[] = [];
  const plans: VolumePlan[] = [];
  for (const volume of volumesOf(registry, node, action)) {
    const plan = planVolume(request, volume, action);
    if (plan.ok) plans.push(plan.value);
    else problems.push(...plan.problems);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: plans };
}

function planVolume(request: RestoreRequest, volume: VolumeRecord, action: InPlace): Result<VolumePlan> {
  const held = judge(request, volume, action.kind);
  if (!held.ok) return held;
  const { current, owner } = held.value;
  const place = (inVolume: readonly WriteStep[]): WriteStep[] => stepsOnDisk(inVolume, volume, request.registry.extentBytes, request.container);
  const [claim] = place([{ kind: 'write', offset: OWNER_OFFSET, bytes: encodeOwner(owner) }]);
  if (claim?.kind !== 'write') throw new RangeError(`an owner block of ${volume.name} that is no one write`);
  const claimed = { volume, claim: { offset: claim.offset, bytes: claim.bytes } };
  if (action.kind === 'revalidate') {
    const steps = revalidation(request, volume, current, action.state);
    return steps.ok ? { ok: true, value: { ...claimed, steps: place(steps.value), release: [] } } : steps;
  }
  const reset = volume.kind === 'store' ? { steps: resetStoreSteps(request.registry, volume, current) } : resetState(volume, current);
  return { ok: true, value: { ...claimed, ...reset, steps: place(reset.steps), loses: lossOf(volume), release: place(NO_OWNER) } };
}

const lossOf = ({ kind }: VolumeRecord): string => (kind === 'store' ? 'all that was changed in the root since the installation' : '/var/lib/metamaster, with what is known of boots');

function resetStoreSteps(registry: Registry, volume: VolumeRecord, current: ChosenLabel): readonly WriteStep[] {
  return resetSteps({ current, originUuid: originUuidOf(registry, volume), ...(volume.chunkSectors === undefined ? {} : { chunkSectors: volume.chunkSectors }), releaseOwner: false });
}

/** The boot makes no file system: it is made here, and the claim is kept until it stands, so that nobody mounts half of one. */
function resetState(volume: VolumeRecord, { label, copy }: ChosenLabel): Required<Pick<VolumePlan, 'steps' | 'make'>> {
  return { steps: labelSteps({ ...label, state: 'new', generation: label.generation + 1 }, copy), make: makerOf(volume)! };
}

/**
 * The label says `down` first: the node's own next boot would else find another machine's claim. A store that is still marked invalid is
 * mapped by nobody, so it is safe; and cut off anywhere, the same command finishes it.
 */
function revalidation({ frontOf }: RestoreRequest, volume: VolumeRecord, { label, copy }: ChosenLabel, state: StoreState): Result<readonly WriteStep[]> {
  const valid = revalidateSteps({ volume: volume.name, label, state, header: frontOf(volume).header, ownerDown: true });
  return valid.ok ? { ok: true, value: [...labelSteps({ ...label, state: 'down', generation: label.generation + 1 }, copy), ...valid.value] } : valid;
}

/** The label that counts, and the owner record of the claim; or why the volume may not be written. */
function judge(request: RestoreRequest, volume: VolumeRecord, purpose: InPlace['kind']): Result<{ current: ChosenLabel; owner: OwnerRecord }> {
  const { registry, frontOf, stillMs, fenced, claimant } = request;
  const front = frontOf(volume);
  const current = currentLabel(registry, volume, front, purpose);
  if (!current.ok) return current;
  const { label } = current.value;
  const read = decodeOwner(front.owner, `${volume.name}, owner record`);
  // A record of another volume, from a time before these extents were this one's: a reset may write over it when that machine is fenced.
  const foreignVolume = read.ok && read.value !== undefined && read.value.volumeUuid !== volume.uuid;
  const owner = !read.ok || (foreignVolume && purpose === 'reset') ? 'damaged' : read.value;
  const still = stillMs.get(volume.name);
  const decision = decideClaim({
    label, owner, storeHeader: front.header, purpose: 'repair', claimant,
    // A reset gives the store the registry's origin, whichever it had.
    expected: { volumeUuid: volume.uuid, clusterUuid: registry.clusterUuid, node: volume.node!, originUuid: purpose === 'reset' ? label.originUuid : originUuidOf(registry, volume) },
    ...(still === undefined ? {} : { fence: { counterStillMs: still, proven: fenced.has(volume.node!) } }),
  });
  return decision.kind === 'claim' ? { ok: true, value: { current: current.value, owner: decision.owner } } : { ok: false, problems: [decision.problem] };
}

/** The label as it stands; for a reset of a volume whose labels are both lost one in use, as the registry knows it. */
function currentLabel(registry: Registry, volume: VolumeRecord, { labels }: VolumeFront, purpose: InPlace['kind']): Result<ChosenLabel> {
  const chosen = chooseLabel(labels[0], labels[1], volume.name);
  if (chosen.ok || purpose !== 'reset') return chosen;
  const copies = labels.map((block) => decodeLabel(block, volume.name));
  if (copies.some(isNewerVersion)) return chosen;
  // Above every generation that can still be read, so that no older copy is ever taken for the newer one.
  const generation = Math.max(1, ...copies.map((copy) => (copy.ok ? copy.value.generation : 0)));
  return { ok: true, value: { label: { ...labelOf(registry, volume), state: 'live', generation }, copy: 0, warnings: chosen.problems } };
}

/**
 * New stores in free room. Nothing of the old ones is touched, whoever has them mapped, so nobody has to be fenced: they stay in quarantine
 * under another name, and the new one counts from the node's next boot on.
 */
function planReallocation({ registry, container }: RestoreRequest, { nodes, occupied, newUuid }: Extract<RestoreAction, { kind: 'reallocate' }>): Pick<RestorePlan, 'nodes' | 'registry'> {
  let volumes: readonly VolumeRecord[] = registry.volumes;
  const plans = nodes.map((node): NodePlan => {
    const old = storeOf(registry, node)!;
    const taken: readonly ExtentHolder[] = [...volumes, ...occupied.map((extent) => ({ extents: [extent] }))];
    const extents = allocate(registry.extentCount, taken, old.sizeBytes, registry.extentBytes);
    if (!extents.ok) return { node, kind: 'refused', problems: extents.problems };
    const store: VolumeRecord = { ...old, uuid: newUuid(), extents: extents.value };
    volumes = [...volumes.map((volume) => (volume === old ? { ...old, name: `${old.name.slice(0, 50)}.${old.uuid.slice(0, 8)}`, retired: 'quarantined' as const } : volume)), store];
    return { node, kind: 'write', volumes: [{ volume: store, loses: lossOf(store), steps: stepsOnDisk(newVolumeSteps(registry, store), store, registry.extentBytes, container), release: [] }] };
  });
  return { nodes: plans, registry: plans.some(({ kind }) => kind === 'write') ? { kind: 'rewrite', registry: { ...registry, volumes } } : { kind: 'keep' } };
}
