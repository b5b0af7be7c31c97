// Hands the volumes of a node over to whichever machine boots as that node next: their labels say `down`, so its claim is granted at once.
// Who may be put out like this is the rule of ownership (ownership.ts): a volume that a machine may have mapped is handed over only when its
// owner record has stood still and that machine is proved off. At every moment each volume is its old owner's or free.

import type { Problem, Result } from '../core/problem.ts';
import { BLOCK_BYTES, isNewerVersion } from './block.ts';
import type { SectorRange } from './container-partitions.ts';
import { decodeOwner, OWNER_OFFSET, type OwnerRecord } from './owner-record.ts';
import { decideClaim, OWNER_STILL_MS } from './ownership.ts';
import type { Registry, VolumeRecord } from './registry.ts';
import { chooseLabel, decodeLabel, LABEL_OFFSETS, labelSteps } from './volume-label.ts';
import { stepsOnDisk, type VolumeFront } from './volume-front.ts';
import { FLUSH, type WriteStep } from './write-step.ts';

/** What the plan rests on. */
export interface HandOverRequest {
  readonly registry: Registry;
  /** The container's partition. */
  readonly container: SectorRange;
  /** Of one node, usually all of them: `volumesOfNode`. */
  readonly volumes: readonly VolumeRecord[];
  /** The front of a volume, as it was read. */
  readonly frontOf: (volume: VolumeRecord) => VolumeFront;
  /** Since how many milliseconds the owner block of a volume has not changed, by its name; what was not watched is not in it. */
  readonly stillMs: ReadonlyMap<string, number>;
  /** The machine that owns the volumes is proved off, or barred from the SAN. */
  readonly fenced: boolean;
  /** The machine that this runs on: what it owned itself before it was booted as it is now, its former kernel writes to no more. */
  readonly hardwareId: string;
}

/** One volume. */
export interface HandedVolume {
  readonly volume: VolumeRecord;
  /** Of the record that stands there; undefined: none, or one that cannot be read. */
  readonly owner?: OwnerRecord;
  /** What frees it, at offsets of the disk; none when it is free. */
  readonly steps: readonly WriteStep[];
}

/** The volumes of a node; what is in quarantine is nobody's. */
export function volumesOfNode({ volumes }: Pick<Registry, 'volumes'>, node: number): readonly VolumeRecord[] {
  return volumes.filter((volume) => volume.node === node && volume.retired !== 'quarantined');
}

/** Those of them that a machine maps as that node, or may return to: all but the checkpoints, which are written and read under the registry's lease alone. */
export function mappedVolumes(registry: Pick<Registry, 'volumes'>, node: number): readonly VolumeRecord[] {
  return volumesOfNode(registry, node).filter(({ retired }) => retired !== 'checkpoint');
}

/**
 * Plans the hand-over of volumes. One that may not be handed over keeps all of them where they are.
 * Problems: those of the labels, MM-CLAIM-VOLUME, -CLUSTER, -NODE (the label is not what the registry says), MM-CLAIM-OWNER-VOLUME, and
 * MM-HANDOVER-OWNER (its machine may have it mapped).
 */
export function planHandOver(request: HandOverRequest): Result<readonly HandedVolume[]> {
  const problems: Problem[] = [];
  const handed: HandedVolume[] = [];
  for (const volume of request.volumes) {
    const plan = planVolume(request, volume);
    if (plan.ok) handed.push(plan.value);
    else problems.push(...plan.problems);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: handed };
}

/** The volumes that only a proven fence can hand over: their owner records have to be watched before. */
export function heldVolumes(request: HandOverRequest): readonly VolumeRecord[] {
  return request.volumes.filter((volume) => {
    const plan = planVolume({ ...request, fenced: false }, volume);
    return !plan.ok && plan.problems.some(({ code }) => code === 'MM-HANDOVER-OWNER');
  });
}

/** The owner records of volumes, as far as they can be read, the store's first. */
export function ownersOf({ volumes, frontOf }: Pick<HandOverRequest, 'volumes' | 'frontOf'>): readonly OwnerRecord[] {
  return volumes.toSorted((a, b) => Number(b.kind === 'store') - Number(a.kind === 'store')).flatMap((volume) => {
    const owner = decodeOwner(frontOf(volume).owner, volume.name);
    return owner.ok && owner.value?.volumeUuid === volume.uuid ? [owner.value] : [];
  });
}

function planVolume(request: HandOverRequest, volume: VolumeRecord): Result<HandedVolume> {
  const { registry, container, frontOf, stillMs, fenced, hardwareId } = request;
  const front = frontOf(volume);
  const chosen = chooseLabel(front.labels[0], front.labels[1], volume.name);
  if (!chosen.ok) return chosen;
  const { label, copy } = chosen.value;
  const read = decodeOwner(front.owner, `${volume.name}, owner record`);
  const owner = read.ok ? read.value : 'damaged';
  const decision = decideClaim({
    label, owner, storeHeader: front.header, purpose: 'repair',
    // Which origin a store has is for the boot to judge.
    expected: { volumeUuid: volume.uuid, clusterUuid: registry.clusterUuid, node: volume.node!, originUuid: label.originUuid },
    claimant: { hardwareId, bootNonce: '' }, fence: { counterStillMs: stillMs.get(volume.name) ?? 0, proven: fenced },
  });
  if (decision.kind === 'refuse') return { ok: false, problems: [decision.problem.code === 'MM-CLAIM-FOREIGN' ? ownedProblem(volume, decision.problem) : decision.problem] };
  const place = (steps: readonly WriteStep[]): WriteStep[] => stepsOnDisk(steps, volume, registry.extentBytes, container);
  const known = owner === undefined || owner === 'damaged' ? {} : { owner };
  if (label.state === 'live') return { ok: true, value: { volume, ...known, steps: place(labelSteps({ ...label, state: 'down', generation: label.generation + 1 }, copy)) } };
  // `down` is free whatever the owner record says; `new` is as long as nobody has begun to fill it.
  const release: WriteStep[] = label.state === 'new' && owner !== undefined ? [{ kind: 'write', offset: OWNER_OFFSET, bytes: new Uint8Array(BLOCK_BYTES) }, FLUSH] : [];
  return { ok: true, value: { volume, ...known, steps: place(release) } };
}

function ownedProblem(volume: VolumeRecord, { seen }: Problem): Problem {
  return {
    code: 'MM-HANDOVER-OWNER', where: volume.name, rule: `given back in good order; or its owner record stands still for ${OWNER_STILL_MS / 1000} s, and its machine is proved off`, seen,
    remedy: 'Switch that machine off by its power controller, or bar it at the target or pull its plug and give your word with --fenced. Silence on the network proves nothing.',
  };
}

/**
 * Makes a volume nobody's, before the registry gives its extents back: the owner record goes first, then the label, copy by copy. A rebuild
 * would else take it for a volume that the registry has forgotten. Whoever calls this has made sure of the owner. Offsets are the disk's.
 */
export function giveBackSteps(volume: VolumeRecord, extentBytes: number, container: SectorRange): readonly WriteStep[] {
  const nothing = new Uint8Array(BLOCK_BYTES);
  return stepsOnDisk([OWNER_OFFSET, ...LABEL_OFFSETS].flatMap((offset): WriteStep[] => [{ kind: 'write', offset, bytes: nothing }, FLUSH]), volume, extentBytes, container);
}

/** True for a volume that was made nobody's, or would have been but for the last torn block: no owner record, which a running machine would stop over, and no label. */
export function isGivenBack({ owner, labels }: VolumeFront): boolean {
  const record = decodeOwner(owner);
  const copies = labels.map((block) => decodeLabel(block));
  return record.ok && record.value === undefined && copies.every((copy) => !copy.ok && !isNewerVersion(copy));
}
