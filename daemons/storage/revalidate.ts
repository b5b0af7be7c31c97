// Sets a store valid again that the kernel gave up after an I/O error: one word of its header. What the kernel had acknowledged is
// all there, for it writes an exception before it says so; the file system in it is checked afterwards. DESIGN: Volumes.

import type { Problem, Result } from '../core/problem.ts';
import { viewOf } from '../core/bytes.ts';
import { BLOCK_BYTES } from './block.ts';
import type { StoreState } from './snapshot-exceptions.ts';
import { decodeSnapshotHeader } from './snapshot-store.ts';
import type { VolumeLabel } from './volume-label.ts';
import { DATA_OFFSET_BYTES } from './volume-label.ts';
import type { WriteStep } from './write-step.ts';
import { FLUSH } from './write-step.ts';

/**
 * Copies that the kernel may have had under way when it gave the store up (DEFAULT_COW_THRESHOLD in drivers/md/dm-snap.c). They have
 * their chunks in memory and not on the disk: a store with no more than so many left may have overflowed.
 */
export const COPIES_UNDER_WAY_MAX = 2048;

/** The word of the header that says valid (struct disk_header). */
const VALID_AT = 4;
const VALID = 1;

/** What the decision rests on. */
export interface RevalidateRequest {
  /** The name for messages. */
  readonly volume: string;
  readonly label: VolumeLabel;
  readonly state: StoreState;
  /** The first 4096 bytes of the store's data, as they stand there now. */
  readonly header: Uint8Array;
  /** True when no kernel maps the store: its owner is this very machine, which has just claimed it, or it is fenced and stands still. */
  readonly ownerDown: boolean;
}

/**
 * The write that sets a store valid; offsets are within the volume. The caller owns the store, and runs e2fsck before it is mounted.
 * Problems, all that hold: MM-REVALIDATE-OWNER, -NONE (nothing to revalidate: no store, none in use, or valid), -FULL (after an
 * overflow, or what may have been one), -CHANGED (the header is not the one that was examined), MM-STORE-EXCEPTION.
 */
export function revalidateSteps(request: RevalidateRequest): Result<readonly WriteStep[]> {
  const problems = reasonsAgainst(request);
  if (problems.length > 0) return { ok: false, problems };
  const block = Uint8Array.from(request.header);
  viewOf(block).setUint32(VALID_AT, VALID, true);
  return { ok: true, value: [{ kind: 'write', offset: DATA_OFFSET_BYTES, bytes: block }, FLUSH] };
}

function reasonsAgainst({ volume, label, state, header, ownerDown }: RevalidateRequest): readonly Problem[] {
  const problem = (code: Problem['code'], rule: string, seen: string, remedy: string): Problem => ({ code, where: `store ${volume}`, rule, seen, remedy });
  const reasons: Problem[] = [];
  if (!ownerDown) {
    reasons.push(problem('MM-REVALIDATE-OWNER', 'is mapped by nobody', 'an owner that may still run', 'Power that blade off (BMC), or bar its session at the target, and claim the store first.'));
  }
  if (label.kind !== 'store' || label.state === 'new' || state.kind === 'none' || state.kind === 'empty') {
    const seen = label.kind !== 'store' ? `a ${label.kind} volume` : state.kind === 'none' ? state.problem.seen : state.kind === 'empty' ? 'a header of zeros' : 'a label that says new';
    return [...reasons, problem('MM-REVALIDATE-NONE', 'is an exception store in use', seen, 'There is nothing to set valid: a store without a header is to be reset.')];
  }
  if (state.valid) return [...reasons, problem('MM-REVALIDATE-NONE', 'is marked invalid', 'valid', 'There is nothing to set valid: if the root does not mount, check its file system.')];
  const decoded = decodeSnapshotHeader(header);
  if (header.length !== BLOCK_BYTES || !decoded.ok || decoded.value === undefined || decoded.value.valid || decoded.value.chunkSectors !== state.usage.chunkSectors) {
    reasons.push(problem('MM-REVALIDATE-CHANGED', 'has the header that was examined', 'another one', 'Somebody writes to this store: find out who before anything else is done.'));
  }
  const { freeChunks, totalChunks } = state.usage;
  if (freeChunks <= COPIES_UNDER_WAY_MAX) {
    reasons.push(problem('MM-REVALIDATE-FULL', `more than ${COPIES_UNDER_WAY_MAX} free chunks, as many as may have been under way`, `${freeChunks} of ${totalChunks}`, 'After an overflow writes are missing from the middle of what was written: save what can be read, then reset the store, with more room.'));
  }
  return [...reasons, ...state.problems];
}
