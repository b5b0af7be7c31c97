// What a disk holds before an installation, and whether it may be written to. A disk that holds something unknown is never touched without force.

import { isZero } from '../../daemons/core/bytes.ts';
import type { MessageCode, Problem } from '../../daemons/core/problem.ts';
import { MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { listContainers, partitionName, PARTITION_KINDS } from '../../daemons/storage/container-partitions.ts';
import { decodeGpt, type Gpt } from '../../daemons/storage/gpt.ts';
import { GPT_BACKUP_SECTORS, GPT_LEAST_SECTORS, GPT_PRIMARY_SECTORS } from '../../daemons/storage/gpt-format.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import type { Registry } from '../../daemons/storage/registry.ts';
import { isBeginningOfTable, isBrokenOff } from './broken-off.ts';

/** How much is looked at on a disk without a table: boot sectors, and the headers of whatever began at 1 MiB, where partitions begin. */
const SAMPLE_BYTES = 2 * MIB;
/** Further samples over the disk, so that data behind an empty beginning is not taken for nothing. */
const SAMPLES = 64;

/** What was found. */
export type SanContent =
  | { readonly kind: 'empty' }
  | { readonly kind: 'unknown'; readonly what: string }
  /** A good table without this container; its partitions stay. */
  | { readonly kind: 'other'; readonly gpt: Gpt; readonly containers: readonly string[] }
  /** This container, without a whole registry: an installation that was broken off. */
  | { readonly kind: 'unfinished'; readonly gpt: Gpt; readonly containers: readonly string[] }
  /** This container with a registry that cannot be read, as no broken-off installation leaves it: perhaps a cluster. */
  | { readonly kind: 'damaged'; readonly gpt: Gpt; readonly containers: readonly string[]; readonly problem: Problem }
  /** This container with a cluster in it. */
  | { readonly kind: 'installed'; readonly gpt: Gpt; readonly containers: readonly string[]; readonly registry: Registry };

function isEmpty(read: ReadAt, sectors: number): boolean {
  const diskBytes = sectors * SECTOR_BYTES;
  if (!isZero(read(0, Math.min(SAMPLE_BYTES, diskBytes)))) return false;
  if (sectors >= GPT_LEAST_SECTORS && !isBeginningOfTable(read((sectors - GPT_BACKUP_SECTORS) * SECTOR_BYTES, GPT_BACKUP_SECTORS * SECTOR_BYTES))) return false;
  const step = Math.max(1, Math.floor(diskBytes / SAMPLES / MIB)) * MIB;
  for (let at = step; at < diskBytes - MIB; at += step) if (!isZero(read(at, 4096))) return false;
  return true;
}

/** Examines a disk for an installation into `container`. */
export function examineForInstall(read: ReadAt, diskBytes: number, container: string): SanContent {
  const sectors = Math.floor(diskBytes / SECTOR_BYTES);
  // A disk without room for a table holds none; that it is too small for a container is the layout's to say.
  if (sectors < GPT_LEAST_SECTORS) return isEmpty(read, sectors) ? { kind: 'empty' } : { kind: 'unknown', what: `a disk of ${diskBytes} bytes` };
  const backup = read((sectors - GPT_BACKUP_SECTORS) * SECTOR_BYTES, GPT_BACKUP_SECTORS * SECTOR_BYTES);
  const table = decodeGpt(read(0, GPT_PRIMARY_SECTORS * SECTOR_BYTES), sectors, backup);
  if (!table.ok) return isEmpty(read, sectors) ? { kind: 'empty' } : { kind: 'unknown', what: table.problems[0]!.seen };
  const { gpt } = table.value;
  const containers = listContainers(gpt);
  const ours = new Set(PARTITION_KINDS.map((kind) => partitionName(kind, container)));
  if (!gpt.partitions.some((partition) => ours.has(partition.name))) return { kind: 'other', gpt, containers };
  const found = readContainer(read, diskBytes, container);
  if (found.ok) return { kind: 'installed', gpt, containers, registry: found.value.registry };
  return isBrokenOff(read, gpt, container) ? { kind: 'unfinished', gpt, containers } : { kind: 'damaged', gpt, containers, problem: found.problems[0]! };
}

/** One line on what the disk holds. */
export function describeContent(content: SanContent): string {
  switch (content.kind) {
    case 'empty': return 'nothing: no whole partition table, and zeros wherever it was sampled';
    case 'unknown': return `something unknown (no valid partition table: ${content.what})`;
    case 'other': return `${content.gpt.partitions.length} partitions (${content.gpt.partitions.map((p) => p.name || 'unnamed').join(', ')}); they stay as they are`;
    case 'unfinished': return 'an installation of this container that was broken off; it is begun again';
    case 'damaged': return `this container with a registry that cannot be read (${content.problem.code}: ${content.problem.where}: ${content.problem.seen})`;
    case 'installed': return `the cluster ${content.registry.roster.clusterName} with ${content.registry.roster.nodes.length} nodes`;
    default: return content satisfies never;
  }
}

/** What will be lost; undefined when nothing is. */
export function lossOf(content: SanContent): string | undefined {
  if (content.kind === 'unknown') return 'everything on this disk, whatever it is';
  if (content.kind === 'damaged') return 'whatever this container still holds, perhaps a whole cluster';
  if (content.kind === 'installed') return `the cluster ${content.registry.roster.clusterName}: the roots and state volumes of ${content.registry.roster.nodes.map((node) => node.name).join(', ')}, and its origin`;
  return undefined;
}

const REFUSED: Partial<Readonly<Record<SanContent['kind'], MessageCode>>> = { unknown: 'MM-INSTALL-UNKNOWN', damaged: 'MM-INSTALL-DAMAGED' };

/** Why the disk may not be written to without `--force`; undefined when it may. */
export function refusal(content: SanContent, disk: string): Problem | undefined {
  const loss = lossOf(content);
  if (loss === undefined) return undefined;
  return {
    code: REFUSED[content.kind] ?? 'MM-INSTALL-EXISTS', where: disk, rule: 'the disk is empty, or holds other containers, or an installation that was broken off',
    seen: describeContent(content), remedy: `Choose another disk or container name; or say --force, which loses ${loss}.`,
  };
}

/** The table that stays: without this container's partitions; none where the disk held no table. */
export function keptTable(content: SanContent, container: string): Gpt | undefined {
  if (content.kind === 'empty' || content.kind === 'unknown') return undefined;
  const ours = new Set(PARTITION_KINDS.map((kind) => partitionName(kind, container)));
  return { ...content.gpt, partitions: content.gpt.partitions.filter((partition) => !ours.has(partition.name)) };
}
