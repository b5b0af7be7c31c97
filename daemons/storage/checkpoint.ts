// Who may make a checkpoint of a node's store or bring one back, and what is then copied: pure decisions over what was read of the SAN.
// DESIGN: Volumes; how the copy goes: store-copy.ts; in which order with the registry: docs/formats.md, section 5.

import type { MessageCode, Problem, Result } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { SECTOR_BYTES } from './block.ts';
import { decodeOwner, type OwnerRecord } from './owner-record.ts';
import { type ClaimRequest, decideClaim } from './ownership.ts';
import { originOfVolume, type Registry, storeOf, type VolumeRecord } from './registry.ts';
import type { StoreState } from './snapshot-exceptions.ts';
import { storeBytesFor } from './snapshot-store.ts';
import type { VolumeFront } from './volume-front.ts';
import { chooseLabel, type CheckpointMark, type ChosenLabel, DATA_OFFSET_BYTES, type VolumeLabel } from './volume-label.ts';

/** A store as it was found on the SAN. */
export interface FoundStore {
  readonly volume: VolumeRecord;
  readonly front: VolumeFront;
  readonly state: StoreState;
}

/** Who asks, and what is known of the store's owner. */
export interface Asker {
  /** `node`: the node that runs on this machine. */
  readonly claimant: ClaimRequest['claimant'] & { readonly node?: number };
  /** As for any claim; undefined where nobody watched. */
  readonly fence?: ClaimRequest['fence'];
}

/** A node's store that stands still, and so may be copied or written over. */
export interface StillStore {
  readonly current: ChosenLabel;
  /** The record by which this machine would own it. */
  readonly owner: OwnerRecord;
}

const problemOf = (code: MessageCode, where: string, rule: string, seen: string, remedy: string): Problem => ({ code, where, rule, seen, remedy });
const fail = (problem: Problem): { readonly ok: false; readonly problems: readonly Problem[] } => ({ ok: false, problems: [problem] });

const originUuidOf = (registry: Registry, { origin }: VolumeRecord): Uuid => originOfVolume(registry, origin!)!.uuid;

/**
 * Whether a node's own store may be touched: its owner is down, or another machine that stands still and is fenced (as for a reset).
 * Problems: MM-CHECKPOINT-OWN (it is the root that this very program runs from), the label's, and those of `decideClaim`.
 */
export function stillStore(registry: Registry, { volume, front }: Omit<FoundStore, 'state'>, { claimant, fence }: Asker): Result<StillStore> {
  if (claimant.node === volume.node) {
    return fail(problemOf('MM-CHECKPOINT-OWN', `store ${volume.name}`, 'is not the root of the machine that this runs on', `node ${volume.node}, this very machine`,
      'Held still for the copy, the root would hold this program too: shut the node down and run it on another one, or in the live system of the disc.'));
  }
  const current = chooseLabel(front.labels[0], front.labels[1], volume.name);
  if (!current.ok) return current;
  const owner = decodeOwner(front.owner, `${volume.name}, owner record`);
  const decision = decideClaim({
    label: current.value.label, owner: owner.ok ? owner.value : 'damaged', storeHeader: front.header, purpose: 'repair', claimant, ...(fence === undefined ? {} : { fence }),
    expected: { volumeUuid: volume.uuid, clusterUuid: registry.clusterUuid, node: volume.node!, originUuid: originUuidOf(registry, volume) },
  });
  return decision.kind === 'claim' ? { ok: true, value: { current: current.value, owner: decision.owner } } : fail(decision.problem);
}

/** A checkpoint that may be made. */
export interface CheckpointPlan {
  /** Of the volume that it needs. */
  readonly sizeBytes: number;
  readonly exceptions: number;
  readonly chunkSectors: number;
  /** The label of the whole copy in the volume that the registry gives it; its generation the copy sets. */
  labelFor(volume: VolumeRecord): VolumeLabel;
}

/**
 * Plans a checkpoint of a node's store. Problems: those of `stillStore`; MM-CHECKPOINT-STORE: it holds nothing, the kernel gave it up, its
 * tables are damaged, or its chunk is not the registry's.
 */
export function planCheckpoint(registry: Registry, found: FoundStore, asker: Asker): Result<CheckpointPlan> {
  const still = stillStore(registry, found, asker);
  if (!still.ok) return still;
  const { label } = still.value.current;
  const usage = usableStore(found, label);
  if (!usage.ok) return usage;
  const { exceptions, chunkSectors } = usage.value;
  const mark = { storeUuid: label.volumeUuid, storeGeneration: label.generation, clean: label.state === 'down' };
  const labelFor = ({ name, uuid, madeAtUnixMs }: VolumeRecord): VolumeLabel => (
    { ...label, volumeUuid: uuid, state: 'down', generation: 1, chunkSectors, checkpoint: { ...mark, name, madeAtUnixMs: madeAtUnixMs! } });
  return { ok: true, value: { exceptions, chunkSectors, sizeBytes: storeBytesFor(exceptions, chunkSectors * SECTOR_BYTES), labelFor } };
}

function usableStore({ volume, state }: FoundStore, label: VolumeLabel): Result<{ readonly exceptions: number; readonly chunkSectors: number }> {
  const no = (seen: string, remedy: string): Result<never> => fail(problemOf('MM-CHECKPOINT-STORE', `store ${volume.name}`, 'is in use, valid and whole, in the chunks of the registry', seen, remedy));
  if (state.kind === 'none') return fail(state.problem);
  if (state.kind === 'empty' || label.state === 'new') return no('empty', 'There is nothing to keep: a reset gives the same.');
  if (state.problems.length > 0) return { ok: false, problems: state.problems };
  if (!state.valid) return no('marked invalid by the kernel', 'After an I/O error: `metamaster restore --revalidate` first.');
  if (state.usage.chunkSectors !== volume.chunkSectors) return no(`chunks of ${state.usage.chunkSectors} sectors instead of ${volume.chunkSectors}`, 'A reset brings store and registry together.');
  return { ok: true, value: state.usage };
}

/** What a checkpoint's label says, once the copy is whole. Problem MM-CHECKPOINT-UNFINISHED for anything else in its place. */
export function wholeCheckpoint(volume: VolumeRecord, { labels }: Pick<VolumeFront, 'labels'>): Result<VolumeLabel & { readonly checkpoint: CheckpointMark }> {
  const chosen = chooseLabel(labels[0], labels[1], volume.name);
  const label = chosen.ok ? chosen.value.label : undefined;
  if (label?.checkpoint !== undefined && label.volumeUuid === volume.uuid && label.state === 'down') return { ok: true, value: { ...label, checkpoint: label.checkpoint } };
  const seen = label === undefined ? 'no label' : label.volumeUuid === volume.uuid ? `state ${label.state}` : 'the label of a former volume';
  return fail(problemOf('MM-CHECKPOINT-UNFINISHED', `checkpoint ${volume.name}`, 'its own label, which says that the copy is whole', seen, 'The copy was cut off, or is still being made: if nobody makes it now, drop the checkpoint and make it again.'));
}

/** A rollback that may be done. */
export interface RollbackPlan extends StillStore {
  readonly exceptions: number;
  readonly chunkSectors: number;
  /** The label of the node's store when all is there. */
  readonly label: VolumeLabel;
}

/**
 * Plans to write a node's store anew from a checkpoint. Problems: those of `stillStore` and `wholeCheckpoint`; MM-CHECKPOINT-STORE (the
 * checkpoint's tables); MM-ROLLBACK-FIT: the store is over another origin, in other chunks, or too small.
 */
export function planRollback(registry: Registry, store: Omit<FoundStore, 'state'>, checkpoint: FoundStore, asker: Asker): Result<RollbackPlan> {
  const still = stillStore(registry, store, asker);
  const whole = wholeCheckpoint(checkpoint.volume, checkpoint.front);
  if (!still.ok || !whole.ok) return { ok: false, problems: [...(still.ok ? [] : still.problems), ...(whole.ok ? [] : whole.problems)] };
  const usage = usableStore(checkpoint, whole.value);
  if (!usage.ok) return usage;
  const { exceptions, chunkSectors } = usage.value;
  const { volume } = store;
  const wanted = storeBytesFor(exceptions, chunkSectors * SECTOR_BYTES);
  const room = volume.extents.reduce((sum, { count }) => sum + count, 0) * registry.extentBytes;
  const unfit = (rule: string, seen: string, remedy: string): Result<never> => fail(problemOf('MM-ROLLBACK-FIT', `store ${volume.name}`, rule, seen, remedy));
  if (volume.origin !== checkpoint.volume.origin) return unfit(`lies over ${checkpoint.volume.origin}, as the checkpoint does`, volume.origin!, 'A checkpoint fits its own origin only: point the node to that one first.');
  if (volume.chunkSectors !== chunkSectors) return unfit(`chunks of ${chunkSectors} sectors, as the checkpoint has`, String(volume.chunkSectors), 'The store was made anew with another chunk: this checkpoint can only be read.');
  if (room < wanted) return unfit(`room for ${wanted} bytes`, `${room} bytes`, 'The store is smaller than the one that was copied: give the node a larger one first.');
  const { checkpoint: _, ...former } = still.value.current.label;
  return { ok: true, value: { ...still.value, exceptions, chunkSectors, label: { ...former, state: 'down', chunkSectors, dataOffsetBytes: DATA_OFFSET_BYTES } } };
}

/** The node whose store is to be touched. Problem MM-EDIT-NODE. */
export function storeOfNode(registry: Registry, node: number): Result<VolumeRecord> {
  const store = storeOf(registry, node);
  return store === undefined ? fail(problemOf('MM-EDIT-NODE', 'node', 'the number of a node of the roster', String(node), 'Look at the roster with `metamaster san show`.')) : { ok: true, value: store };
}
