// Everything that is to be known of a SAN, read from nothing but its bytes, and what is wrong with it. Pure: for a file, a block
// device, a test's array. Volume by volume: volume-report.ts; as text: san-report-text.ts.

import type { Problem } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { SECTOR_BYTES } from './block.ts';
import { checkContainerRoom } from './container-on-disk.ts';
import type { SectorRange } from './container-partitions.ts';
import { findContainer, listContainers } from './container-partitions.ts';
import type { Gpt, GptPartition } from './gpt.ts';
import type { ReadAt } from './read-at.ts';
import { readFrom } from './read-at.ts';
import { decodeGpt } from './gpt.ts';
import { GPT_BACKUP_SECTORS, GPT_LEAST_SECTORS, GPT_PRIMARY_SECTORS } from './gpt-format.ts';
import type { PublicRegistry, Registry } from './registry.ts';
import { withoutSecrets } from './registry.ts';
import type { SlotHeader, Superblock } from './registry-layout.ts';
import type { SlotFound } from './registry-read.ts';
import { scanRegistry } from './registry-read.ts';
import type { VolumeReport } from './volume-report.ts';
import { reportVolume } from './volume-report.ts';

export type { ReadAt } from './read-at.ts';
export { formatSanReport } from './san-report-text.ts';

/** All of a SAN, in plain JSON, without secrets. */
export interface SanReport {
  readonly diskBytes: number;
  readonly gpt?: { readonly diskGuid: Uuid; readonly usedBackup: boolean; readonly partitions: readonly GptPartition[] };
  readonly containers: readonly ContainerReport[];
  /** What must be mended. */
  readonly problems: readonly Problem[];
  /** What still works, or mends itself with the next write. */
  readonly warnings: readonly Problem[];
}

/** One container of the SAN. */
export interface ContainerReport {
  readonly name: string;
  readonly partitions?: { readonly registry: SectorRange; readonly leases: SectorRange; readonly container: SectorRange };
  readonly superblock?: Superblock;
  readonly slots: readonly SlotFound[];
  /** The slot that counts. */
  readonly current?: SlotHeader;
  readonly registry?: PublicRegistry;
  readonly freeExtents?: number;
  readonly volumes: readonly VolumeReport[];
}

/** How much is looked at. */
export interface ExamineOptions {
  /** Also the SHA-256 of the registry bodies that do not count and of the files of the boot volumes: reads much more. */
  readonly thorough?: boolean;
}

/** A read that the device refused. */
class ReadFailure extends Error {}

/** Gathers what is wrong, under the name of a container. */
export interface Findings {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** Reports a SAN of `diskBytes` that `read` shows. It never throws for what is on the disk, nor for a read that fails (MM-SAN-READ). */
export function examineSan(read: ReadAt, diskBytes: number, options: ExamineOptions = {}): SanReport {
  const findings: Findings = { problems: [], warnings: [] };
  const guarded = guard(read, diskBytes);
  const found = attempt('GPT', findings, () => examineGpt(guarded, diskBytes, findings));
  const containers = found === undefined ? [] : listContainers(found.gpt).map((name) => reportContainer(name, found.gpt, guarded, findings, options));
  return {
    diskBytes,
    ...(found ? { gpt: { diskGuid: found.gpt.diskGuid, usedBackup: found.usedBackup, partitions: found.gpt.partitions } } : {}),
    containers,
    problems: findings.problems,
    warnings: findings.warnings,
  };
}

function guard(read: ReadAt, diskBytes: number): ReadAt {
  return (offset, length) => {
    if (offset < 0 || offset + length > diskBytes) throw new ReadFailure(`bytes ${offset} to ${offset + length} of a disk of ${diskBytes}`);
    try {
      return read(offset, length);
    } catch (error) {
      throw new ReadFailure(`bytes ${offset} to ${offset + length}: ${String(error)}`);
    }
  };
}

/** Runs one part of the examination; a read that fails ends that part only. */
function attempt<T>(where: string, findings: Findings, part: () => T): T | undefined {
  try {
    return part();
  } catch (error) {
    if (!(error instanceof ReadFailure) && !(error instanceof RangeError)) throw error;
    findings.problems.push({ code: 'MM-SAN-READ', where, rule: 'every block can be read', seen: error.message, remedy: 'Check the session to the SAN (`iscsiadm -m session -P 3`), the kernel\'s log and the device\'s size.' });
    return undefined;
  }
}

function examineGpt(read: ReadAt, diskBytes: number, findings: Findings): { gpt: Gpt; usedBackup: boolean } | undefined {
  const diskSectors = Math.floor(diskBytes / SECTOR_BYTES);
  const primary = read(0, Math.min(diskSectors, GPT_PRIMARY_SECTORS) * SECTOR_BYTES);
  const backup = diskSectors < GPT_LEAST_SECTORS ? undefined : read((diskSectors - GPT_BACKUP_SECTORS) * SECTOR_BYTES, GPT_BACKUP_SECTORS * SECTOR_BYTES);
  const result = decodeGpt(primary, diskSectors, backup);
  if (!result.ok) {
    findings.problems.push(...result.problems);
    return undefined;
  }
  findings.warnings.push(...result.value.warnings);
  if (listContainers(result.value.gpt).length === 0) findings.problems.push({ code: 'MM-CONTAINER-NONE', where: 'GPT', rule: 'at least one container', seen: `${result.value.gpt.partitions.length} partitions, none of them ours`, remedy: 'Is this the SAN\'s disk? If so, install first.' });
  return result.value;
}

function reportContainer(name: string, gpt: Gpt, read: ReadAt, all: Findings, options: ExamineOptions): ContainerReport {
  const findings: Findings = { problems: [], warnings: [] };
  const report = attempt('container', findings, () => examineContainer(name, gpt, read, findings, options)) ?? { name, slots: [], volumes: [] };
  const named = (problem: Problem): Problem => ({ ...problem, where: `${name}: ${problem.where}` });
  all.problems.push(...findings.problems.map(named));
  all.warnings.push(...findings.warnings.map(named));
  return report;
}

function examineContainer(name: string, gpt: Gpt, read: ReadAt, findings: Findings, options: ExamineOptions): ContainerReport {
  const places = findContainer(gpt, name);
  if (!places.ok) {
    findings.problems.push(...places.problems);
    return { name, slots: [], volumes: [] };
  }
  const partitions = places.value;
  const { registry: range, container } = partitions;
  const scan = attempt('registry partition', findings, () => scanRegistry(readFrom(read, range.firstSector * SECTOR_BYTES), range.sectors * SECTOR_BYTES, options.thorough ?? false));
  if (!scan) return { name, partitions, slots: [], volumes: [] };
  findings.problems.push(...scan.problems);
  findings.warnings.push(...scan.warnings);
  const base: ContainerReport = { name, partitions, slots: scan.slots, volumes: [], ...(scan.superblock ? { superblock: scan.superblock } : {}) };
  if (!scan.current || !scan.superblock) return base;
  const { registry, header } = scan.current;
  checkFit(name, registry, scan.superblock, container, findings);
  const volumes = registry.volumes.map((volume) => attempt(`volume ${volume.name}`, findings, () => reportVolume({ volume, registry, read, container, findings, thorough: options.thorough ?? false })) ?? { volume });
  const used = registry.volumes.reduce((sum, volume) => sum + volume.extents.reduce((part, extent) => part + extent.count, 0), 0);
  return { ...base, current: header, registry: withoutSecrets(registry), freeExtents: registry.extentCount - used, volumes };
}

/** What the registry says against what the partitions and the superblock have room for. */
function checkFit(name: string, registry: Registry, superblock: Superblock, container: SectorRange, findings: Findings): void {
  if (superblock.container !== name) findings.problems.push({ code: 'MM-SAN-NAME', where: 'registry superblock', rule: `container '${name}', as the partitions are named`, seen: `'${superblock.container}'`, remedy: 'The partitions were copied or renamed: give them back their names.' });
  const room = checkContainerRoom(registry, container);
  if (room) findings.problems.push(room);
  for (const { name: node, number } of registry.roster.nodes) {
    if (number >= superblock.writers) findings.problems.push({ code: 'MM-SAN-WRITER', where: `roster, ${node}`, rule: `a number below ${superblock.writers}, the count of writers with slots`, seen: String(number), remedy: 'This node can boot but never write the registry: give it a smaller number, or install with more writers.' });
  }
}
