// Who may map a volume: a pure decision over what stands on the SAN, what the registry says, and who asks. DESIGN: Volumes.
// A cut-off kernel replays its queue when the link heals, so silence on the network proves nothing: a foreign owner's counter must
// stand still *and* a fence must be proven.

import type { MessageCode, Problem } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import type { OwnerRecord } from './owner-record.ts';
import { decodeSnapshotHeader } from './snapshot-store.ts';
import type { VolumeLabel } from './volume-label.ts';

/** How long a foreign owner's counter must have stood still, in milliseconds. */
export const OWNER_STILL_MS = 30_000;

/** What was read from the SAN, what should be there, and who asks. */
export interface ClaimRequest {
  readonly label: VolumeLabel;
  /** undefined: the block is zero; `damaged`: it does not decode, so it may be anybody's. */
  readonly owner: OwnerRecord | 'damaged' | undefined;
  /** The first 4096 bytes at DATA_OFFSET_BYTES; looked at for stores only. */
  readonly storeHeader: Uint8Array;
  readonly expected: { readonly volumeUuid: Uuid; readonly clusterUuid: Uuid; readonly node: number; readonly originUuid: Uuid };
  readonly claimant: { readonly hardwareId: string; readonly bootNonce: string; readonly nowUnixMs?: number };
  /** `counterStillMs`: since when the owner block did not change. `proven`: power off by BMC, thrown out and barred at the target, or the operator's word. */
  readonly fence?: { readonly counterStillMs: number; readonly proven: boolean };
  /** `map` (the default) wants a store that the kernel can take; `repair` is for programs that mend or reset it, and leaves its header out. */
  readonly purpose?: 'map' | 'repair';
}

/** `initialise`: the volume holds nothing yet and is made ready before it is mapped. */
export type ClaimDecision = { readonly kind: 'claim'; readonly owner: OwnerRecord; readonly initialise: boolean } | { readonly kind: 'refuse'; readonly problem: Problem };

/**
 * Decides a claim. Refusals: MM-CLAIM-VOLUME, -CLUSTER, -NODE, -ORIGIN (the label is not what the registry says), -OWNER-VOLUME (the
 * owner block is another volume's), -FOREIGN (another machine may own it), -EMPTY (dm-snapshot would initialise a store that is in
 * use), -HEADER (no dm-snapshot store), -INVALID (the kernel gave the store up).
 */
export function decideClaim(request: ClaimRequest): ClaimDecision {
  const problem = labelProblem(request) ?? ownerProblem(request) ?? (request.purpose === 'repair' ? undefined : storeProblem(request));
  if (problem) return { kind: 'refuse', problem };
  const { label, owner, claimant } = request;
  const former = owner === 'damaged' ? undefined : owner;
  return {
    kind: 'claim',
    initialise: label.state === 'new',
    owner: {
      hardwareId: claimant.hardwareId,
      bootNonce: claimant.bootNonce,
      epoch: (former?.epoch ?? 0) + 1,
      counter: (former?.counter ?? 0) + 1,
      node: label.node,
      volumeUuid: label.volumeUuid,
      renewedAtUnixMs: claimant.nowUnixMs ?? 0,
    },
  };
}

function refusal(code: MessageCode, { label }: ClaimRequest, rule: string, seen: string, remedy: string): Problem {
  return { code, where: `${label.kind} of node ${label.node} (${label.volumeUuid})`, rule, seen, remedy };
}

/** The label must name the very volume that the registry gives this node. */
function labelProblem(request: ClaimRequest): Problem | undefined {
  const { label, expected } = request;
  const wrong = (code: MessageCode, what: string, wanted: string, seen: string, remedy: string): Problem => refusal(code, request, `the label names ${what} ${wanted}`, seen, remedy);
  const registry = 'The label and the registry disagree: run `metamaster san check`; nothing was mapped.';
  if (label.clusterUuid !== expected.clusterUuid) return wrong('MM-CLAIM-CLUSTER', 'cluster', expected.clusterUuid, label.clusterUuid, registry);
  if (label.volumeUuid !== expected.volumeUuid) return wrong('MM-CLAIM-VOLUME', 'volume', expected.volumeUuid, label.volumeUuid, registry);
  if (label.node !== expected.node) return wrong('MM-CLAIM-NODE', 'node', String(expected.node), String(label.node), registry);
  if (label.originUuid !== expected.originUuid) return wrong('MM-CLAIM-ORIGIN', 'origin', expected.originUuid, label.originUuid, 'A store fits its own origin only: reset it with `metamaster restore`, which loses what it holds.');
  return undefined;
}

/** Same machine, or given back in good order, or new and nobody's: at once. Anything else waits for the fence. */
function ownerProblem(request: ClaimRequest): Problem | undefined {
  const { label, owner, claimant, fence } = request;
  if (owner !== undefined && owner !== 'damaged') {
    if (owner.volumeUuid !== label.volumeUuid) return refusal('MM-CLAIM-OWNER-VOLUME', request, 'the owner record is of this volume', `of volume ${owner.volumeUuid}`, 'These extents belonged to another volume, whose owner may still write to them: power that machine off, then reset this volume with `metamaster restore`.');
    if (owner.hardwareId === claimant.hardwareId) return undefined;
  }
  if (label.state === 'down' || (label.state === 'new' && owner === undefined)) return undefined;
  if (fence !== undefined && fence.proven && fence.counterStillMs >= OWNER_STILL_MS) return undefined;
  const who = owner === undefined ? 'no owner record, yet in use' : owner === 'damaged' ? 'an owner record that cannot be read' : `machine ${owner.hardwareId}, epoch ${owner.epoch}`;
  const still = fence === undefined ? 'not watched, not fenced' : `still for ${fence.counterStillMs} ms, ${fence.proven ? 'fenced' : 'not fenced'}`;
  return refusal('MM-CLAIM-FOREIGN', request, `owned by this machine (${claimant.hardwareId}), or the owner stands still for ${OWNER_STILL_MS} ms and is fenced`, `${who}; ${still}`, 'Power the old machine off (BMC), or bar its session at the target, and say so with `metamaster restore --fenced`.');
}

/** A store that is in use must be one that the kernel takes as it is. */
function storeProblem(request: ClaimRequest): Problem | undefined {
  const { label, storeHeader } = request;
  if (label.kind !== 'store' || label.state === 'new') return undefined;
  const header = decodeSnapshotHeader(storeHeader);
  if (!header.ok) return refusal('MM-CLAIM-HEADER', request, 'a dm-snapshot header of version 1', header.problems[0]!.seen, 'The store is damaged: save its state volume if need be and reset it with `metamaster restore`.');
  if (header.value === undefined) return refusal('MM-CLAIM-EMPTY', request, `a store in state '${label.state}' has a header`, 'zeros', 'Mapped, it would be initialised and its contents lost. Find out who wrote zeros; reset it with `metamaster restore` if nothing is to be saved.');
  if (!header.value.valid) return refusal('MM-CLAIM-INVALID', request, 'a store that is marked valid', 'marked invalid by the kernel after an I/O error or an overflow', 'After an I/O error: `metamaster restore --revalidate`, which checks the file system too. After an overflow only a reset helps.');
  return undefined;
}
