// What ocfs2-tools (1.8) say of a file system, as text, and what mkfs.ocfs2 is told. Pure; programs are run by scripts/restoration/.

import { parseUuid, type Uuid } from '../core/uuid.ts';

/** The block size that file systems of ours have: the heartbeat of a node is one block, and no disk has larger sectors. */
export const OCFS2_BLOCK_BYTES = 4096;

/** An OCFS2, as its super block and its system files tell. */
export interface Ocfs2Facts {
  readonly label: string;
  readonly uuid: Uuid;
  readonly totalBytes: number;
  readonly usedBytes: number;
  /** The blocks that nodes which have it mounted write to every 2 s, one each; bytes of the volume. */
  readonly heartbeat: { readonly offset: number; readonly bytes: number };
}

/** The questions that debugfs.ocfs2 is asked, for `readOcfs2Facts`. */
export const DEBUGFS_QUESTIONS = { stats: 'stats', heartbeat: 'stat //heartbeat', bitmap: 'stat //global_bitmap' } as const;

const field = (text: string, pattern: RegExp): string | undefined => pattern.exec(text)?.[1];

/** Reads debugfs.ocfs2's answers; undefined when something is missing or is no number: then the file system is damaged, or was never finished. */
export function readOcfs2Facts(answers: Readonly<Record<keyof typeof DEBUGFS_QUESTIONS, string>>): Ocfs2Facts | undefined {
  const { stats, heartbeat, bitmap } = answers;
  const number = (text: string, pattern: RegExp): number => Number(field(text, pattern) ?? Number.NaN);
  const blockBytes = 2 ** number(stats, /Block Size Bits: (\d+)/);
  const clusterBytes = 2 ** number(stats, /Cluster Size Bits: (\d+)/);
  const hex = field(stats, /^\s*UUID: ([0-9A-Fa-f]{32})\s*$/m);
  const uuid = hex === undefined ? undefined : parseUuid(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5').toLowerCase());
  // Of its extents the first: mkfs.ocfs2 makes it of one.
  const [, clusters, block] = /^\s*0\s+0\s+(\d+)\s+(\d+)\s/m.exec(heartbeat) ?? [];
  const place = { offset: Number(block ?? Number.NaN) * blockBytes, bytes: Number(clusters ?? Number.NaN) * clusterBytes };
  const totalBytes = number(bitmap, /Bitmap Total: (\d+)/) * clusterBytes;
  const usedBytes = number(bitmap, /Bitmap Total: \d+\s+Used: (\d+)/) * clusterBytes;
  if (uuid === undefined || ![place.offset, place.bytes, totalBytes, usedBytes].every(Number.isSafeInteger) || place.bytes === 0) return undefined;
  return { label: (field(stats, /^\s*Label: (.*)$/m) ?? '').trimEnd(), uuid, totalBytes, usedBytes, heartbeat: place };
}

/** A file system that is to be made. */
export interface Ocfs2Wish {
  readonly label: string;
  readonly uuid: Uuid;
  /** o2cb's name of the cluster. */
  readonly clusterName: string;
  /** How many nodes can have it mounted at a time; each has a journal. */
  readonly slots: number;
  readonly journalBytes: number;
  readonly blocks: number;
}

/**
 * The command that makes it. `-F`: whether a node has it mounted was found out before, and on a machine without a running o2cb mkfs could
 * not. `-x`: it asks nothing. No discard: what lies behind the file system's end is not its own.
 */
export function mkfsOcfs2(device: string, { label, uuid, clusterName, slots, journalBytes, blocks }: Ocfs2Wish): readonly string[] {
  return [
    'mkfs.ocfs2', '-F', '-x', '--nodiscard', '-b', String(OCFS2_BLOCK_BYTES), '-N', String(slots), '-J', `size=${journalBytes / 2 ** 20}M`, '-L', label,
    '-U', uuid.replaceAll('-', '').toUpperCase(), '--cluster-stack=o2cb', `--cluster-name=${clusterName}`, device, String(blocks),
  ];
}

/** The most characters of o2cb's cluster names, which are letters and digits alone (ocfs2-tools, `Cluster name is invalid`). */
const CLUSTER_NAME_CHARACTERS = 16;

/** The name under which o2cb knows the cluster: the cluster's own without hyphens, and cut where it is too long. */
export const o2cbClusterName = (clusterName: string): string => clusterName.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, CLUSTER_NAME_CHARACTERS);
