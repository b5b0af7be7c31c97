// The shared volume: where on it the file system ends and what is kept behind it, what it holds at this moment, and what file system it gets.

import { equalBytes, encodeLatin1, isZero } from '../core/bytes.ts';
import type { Problem, Result } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { type BlockCodec, BLOCK_BYTES, decodeBlock, encodeBlock, MIB } from './block.ts';
import { o2cbClusterName, OCFS2_BLOCK_BYTES, type Ocfs2Facts, type Ocfs2Wish } from './ocfs2-text.ts';
import type { PublicRegistry, VolumeRecord } from './registry-model.ts';

/** Behind the file system's end: room of ours, which the file system does not know of. A whole MiB, for the cluster of an OCFS2 is so large at most. */
export const RESERVED_BYTES = MIB;
/** What is read of a volume's beginning to call it blank: every file system that blkid knows has something in its first MiB, VMFS in its third. */
export const BLANK_FRONT_BYTES = 4 * MIB;

/** What stands behind the file system's end for as long as it is being made, and behind one that was never finished. */
export interface SharedMark {
  readonly volumeUuid: Uuid;
  /** Of the file system that is being made. */
  readonly fileSystemUuid: Uuid;
  /** For people; no decision rests on it. */
  readonly begunAtUnixMs: number;
}

const MARK: BlockCodec<SharedMark> = {
  what: 'mark of a shared volume',
  magic: 'MMSHRFMT',
  version: 1,
  write(fields, mark) {
    fields.uuid(16, mark.volumeUuid);
    fields.uuid(32, mark.fileSystemUuid);
    fields.u64(48, mark.begunAtUnixMs);
  },
  read: (fields) => ({ volumeUuid: fields.uuid(16), fileSystemUuid: fields.uuid(32), begunAtUnixMs: fields.u64(48, 'begunAt') }),
};

/** The mark's block. Throws RangeError for values that do not fit. */
export const encodeSharedMark = (mark: SharedMark): Uint8Array => encodeBlock(MARK, mark);
/** Reads the mark's block, or says what is wrong with it (`decodeBlock`). */
export const decodeSharedMark = (block: Uint8Array): Result<SharedMark> => decodeBlock(MARK, block, 'shared volume, mark');

/** The bytes of the extents of a volume. */
export const volumeBytes = ({ extents }: VolumeRecord, extentBytes: number): number => extents.reduce((sum, { count }) => sum + count, 0) * extentBytes;
/** Where the mark lies in a volume of so many bytes; the rest of the reserved room is zero. */
export const markOffset = (bytes: number): number => bytes - RESERVED_BYTES;

/** What was read of the volume. */
export interface SharedReadings {
  readonly volumeUuid: Uuid;
  /** The first BLANK_FRONT_BYTES; and the reserved room, the mark's block first. */
  readonly front: Uint8Array;
  readonly tail: Uint8Array;
  /** What blkid calls it; undefined when it knows nothing there. */
  readonly signature?: string;
  /** Where that is an OCFS2 which debugfs.ocfs2 can read. */
  readonly ocfs2?: Ocfs2Facts;
  /** And the bytes of its heartbeat area. */
  readonly heartbeat?: Uint8Array;
}

/**
 * What the volume holds. `unfinished`: a file system that was begun here and not ended, which nobody has ever mounted; `unknown`: anything
 * that may be somebody's, and be lost.
 */
export type SharedContent =
  | { readonly kind: 'blank' }
  | { readonly kind: 'unfinished' }
  | { readonly kind: 'ocfs2'; readonly facts: Ocfs2Facts }
  | { readonly kind: 'unknown'; readonly what: string };

/** What blkid calls an OCFS2. */
const OCFS2_SIGNATURE = 'ocfs2';

/** Says what the volume holds. A node that has mounted an OCFS2 by o2cb's own heartbeat leaves its block there written for good: an area of zeros was never used. */
export function sharedContent({ volumeUuid, front, tail, signature, ocfs2, heartbeat }: SharedReadings): SharedContent {
  const block = tail.subarray(0, BLOCK_BYTES);
  const mark = decodeSharedMark(block);
  const marked = mark.ok && mark.value.volumeUuid === volumeUuid ? mark.value : undefined;
  const unused = heartbeat !== undefined && isZero(heartbeat);
  if (signature === OCFS2_SIGNATURE) {
    if (ocfs2 === undefined) return marked === undefined ? { kind: 'unknown', what: 'an OCFS2 that debugfs.ocfs2 cannot read' } : { kind: 'unfinished' };
    return marked?.fileSystemUuid === ocfs2.uuid && unused ? { kind: 'unfinished' } : { kind: 'ocfs2', facts: ocfs2 };
  }
  if (signature !== undefined) return { kind: 'unknown', what: signature };
  if (marked !== undefined) return { kind: 'unfinished' };
  if (!isZero(front)) return { kind: 'unknown', what: 'bytes that are no file system known here' };
  return isZero(tail.subarray(BLOCK_BYTES)) && isTornMark(block) ? { kind: 'blank' } : { kind: 'unknown', what: 'bytes at its end' };
}

/** No mark that counts, and nothing else: zeros, or what a power cut left of writing one or of wiping it. Nothing is made before it is acknowledged. */
function isTornMark(block: Uint8Array): boolean {
  return isZero(block.subarray(0, BLOCK_BYTES - 4)) || equalBytes(block.subarray(0, MARK.magic.length), encodeLatin1(MARK.magic));
}

/** OCFS2's own limit; o2cb's numbers of nodes end there, too. */
const MAX_SLOTS = 255;
/** mkfs.ocfs2 makes none smaller, and none larger is of use to a node's few open transactions. */
const JOURNAL_BYTES = { least: 4 * MIB, most: 64 * MIB } as const;
/** The journals take an eighth of the volume where that is enough for the least, half of it at most. */
const JOURNAL_SHARE = { wanted: 8, most: 2 } as const;
/** What the report calls the file system where the answers do not say it. */
const DEFAULT_LABEL = 'sharedfs';

/**
 * The file system that a volume of so many bytes gets: slots for every node of the roster and for half as many more, two at least, as far as the
 * registry has numbers (`writers` less the installer's) and the volume has room. Problem MM-SHARED-SIZE: it has none for the roster.
 */
export function planSharedFileSystem({ roster, install }: Pick<PublicRegistry, 'roster' | 'install'>, writers: number, volume: VolumeRecord, bytes: number, uuid: Uuid): Result<Ocfs2Wish> {
  const nodes = Math.min(roster.nodes.length, MAX_SLOTS);
  const room = Math.floor(bytes / JOURNAL_SHARE.most / JOURNAL_BYTES.least);
  if (room < nodes) return { ok: false, problems: [{
    code: 'MM-SHARED-SIZE', where: volume.name, rule: `${(nodes * JOURNAL_BYTES.least * JOURNAL_SHARE.most) / MIB} MiB at least, for the journals of ${nodes} nodes`, seen: `${bytes / MIB} MiB`,
    remedy: 'The answer shared-size of the installation says how large it is. Nothing was written.',
  }] };
  const slots = Math.min(MAX_SLOTS, Math.max(2, Math.min(nodes + Math.max(2, Math.ceil(nodes / 2)), writers - 1)), Math.max(2, room));
  const share = Math.floor(bytes / JOURNAL_SHARE.wanted / slots / MIB) * MIB;
  const label = install['shared-fs-id'];
  return { ok: true, value: {
    label: typeof label === 'string' ? label : DEFAULT_LABEL, uuid, clusterName: o2cbClusterName(roster.clusterName), slots,
    journalBytes: Math.min(JOURNAL_BYTES.most, Math.max(JOURNAL_BYTES.least, share)), blocks: Math.floor(markOffset(bytes) / OCFS2_BLOCK_BYTES),
  } };
}

/** The registry's shared volume. Problem MM-SHARED-NONE: the cluster has none. */
export function sharedVolume({ volumes }: Pick<PublicRegistry, 'volumes'>): Result<VolumeRecord> {
  const volume = volumes.find(({ kind }) => kind === 'shared');
  if (volume !== undefined) return { ok: true, value: volume };
  const problem: Problem = { code: 'MM-SHARED-NONE', where: '-s', rule: 'a cluster with a shared volume', seen: 'none: the answer shared-size was 0', remedy: 'Leave out -s. A shared volume is made by the installation.' };
  return { ok: false, problems: [problem] };
}
