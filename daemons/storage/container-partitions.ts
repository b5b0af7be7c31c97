// A container's three partitions on the SAN's disk. The name of a partition is all that a blade needs to find its registry.

import type { MessageCode, Problem, Result } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { MIB, SECTOR_BYTES, roundUp } from './block.ts';
import type { Gpt, GptPartition } from './gpt-format.ts';
import { GPT_ENTRY_COUNT, GPT_LEAST_SECTORS, firstUsableSector, lastUsableSector } from './gpt-format.ts';

/** What a partition of ours is for. */
export type PartitionKind = 'registry' | 'leases' | 'container';

/** The order in which they are laid down. */
export const PARTITION_KINDS: readonly PartitionKind[] = ['registry', 'leases', 'container'];

/** The partition type GUIDs, drawn at random once for this project. */
export const PARTITION_TYPES: Readonly<Record<PartitionKind, Uuid>> = {
  registry: '4a880b22-e30e-4dc4-82d9-7ec1b2b7b305' as Uuid,
  leases: '3a5ed3bc-b4cf-4229-8a9a-d07926730318' as Uuid,
  container: '4ec88d6d-44bc-4f86-9942-0ac91119766b' as Uuid,
};

/** A run of sectors of the disk. */
export interface SectorRange {
  readonly firstSector: number;
  readonly sectors: number;
}

/** The form of a container's name: with the longest prefix it fits the 36 characters of a GPT name, and it suits a device name. */
export const CONTAINER_NAME = /^[a-z][a-z0-9-]{0,15}$/;

/** A container's name, checked: a lower-case letter, then at most 15 letters, digits, hyphens. Problem: MM-CONTAINER-NAME. */
export function checkContainerName(name: string, where = 'container'): Result<string> {
  if (CONTAINER_NAME.test(name)) return { ok: true, value: name };
  return { ok: false, problems: [{ code: 'MM-CONTAINER-NAME', where, rule: 'a lower-case letter, then at most 15 lower-case letters, digits and hyphens', seen: `'${name}'`, remedy: 'Choose another name, e.g. debian.' }] };
}

/** The GPT name of a container's partition, e.g. `mm-registry:debian`. */
export function partitionName(kind: PartitionKind, container: string): string {
  return `mm-${kind}:${container}`;
}

/** The names of the containers of which any partition is there, sorted. */
export function listContainers(gpt: Gpt): string[] {
  const names = new Set<string>();
  for (const part of gpt.partitions) {
    const kind = PARTITION_KINDS.find((kind) => PARTITION_TYPES[kind] === part.typeGuid);
    const name = kind === undefined ? undefined : part.name.slice(partitionName(kind, '').length);
    if (kind !== undefined && name !== undefined && part.name === partitionName(kind, name) && CONTAINER_NAME.test(name)) names.add(name);
  }
  return [...names].sort();
}

/**
 * The places of a container's partitions, by name and type. Problems: MM-CONTAINER-NONE (it lists the containers that are there),
 * MM-CONTAINER-PARTITION for one that is missing, of a foreign type, or there twice.
 */
export function findContainer(gpt: Gpt, container: string): Result<Readonly<Record<PartitionKind, SectorRange>>> {
  const there = listContainers(gpt);
  if (!there.includes(container)) {
    const seen = there.length === 0 ? 'no container at all' : there.join(', ');
    return { ok: false, problems: [{ code: 'MM-CONTAINER-NONE', where: 'GPT', rule: `a container '${container}'`, seen, remedy: 'Name one that is there, or install first.' }] };
  }
  const problems: Problem[] = [];
  const place = (kind: PartitionKind): SectorRange => {
    const name = partitionName(kind, container);
    const named = gpt.partitions.filter((part) => part.name === name);
    const good = named.filter((part) => part.typeGuid === PARTITION_TYPES[kind]);
    if (good.length === 1 && named.length === 1) return rangeOf(good[0]!);
    const seen = named.length === 0 ? 'none' : `${named.length}, of type ${named.map((part) => part.typeGuid).join(', ')}`;
    problems.push({ code: 'MM-CONTAINER-PARTITION', where: `GPT, ${name}`, rule: `exactly one partition of that name, of type ${PARTITION_TYPES[kind]}`, seen, remedy: 'Mend the partition table; do not install over it before you know what happened.' });
    return { firstSector: 0, sectors: 0 };
  };
  const ranges = { registry: place('registry'), leases: place('leases'), container: place('container') };
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: ranges };
}

function rangeOf(part: GptPartition): SectorRange {
  return { firstSector: part.firstSector, sectors: part.lastSector - part.firstSector + 1 };
}

/** The GUIDs for a plan: chance is the caller's. */
export interface PlanGuids extends Readonly<Record<PartitionKind, Uuid>> {
  /** For a disk without a table. */
  readonly disk: Uuid;
}

/** What is wanted of the disk. */
export interface PartitionRequest {
  readonly diskSectors: number;
  /** The table that is there; its partitions stay as they are. */
  readonly existing?: Gpt;
  readonly container: string;
  readonly registryBytes: number;
  readonly leasesBytes: number;
  /** `rest`: all that is left behind the last partition. */
  readonly containerBytes: number | 'rest';
  readonly guids: PlanGuids;
}

/**
 * The table with the container's three partitions behind those that are there, each begun at and sized in whole MiB.
 * Problems: MM-CONTAINER-NAME, MM-CONTAINER-EXISTS, MM-CONTAINER-ROOM (wanted and free bytes), MM-CONTAINER-ENTRIES.
 */
export function planPartitions(request: PartitionRequest): Result<Gpt> {
  const { container, diskSectors, existing, guids } = request;
  const name = checkContainerName(container);
  if (!name.ok) return name;
  const fail = (code: MessageCode, rule: string, seen: string, remedy: string): Result<Gpt> => ({ ok: false, problems: [{ code, where: `container '${container}'`, rule, seen, remedy }] });
  const kept = existing?.partitions ?? [];
  const clash = kept.find((part) => PARTITION_KINDS.some((kind) => part.name === partitionName(kind, container)));
  if (clash) return fail('MM-CONTAINER-EXISTS', 'a name that no container on this disk has', clash.name, 'Choose another container name, or remove the old container first.');
  if (kept.length + PARTITION_KINDS.length > GPT_ENTRY_COUNT) return fail('MM-CONTAINER-ENTRIES', `at most ${GPT_ENTRY_COUNT} partitions on the disk`, `${kept.length} are there`, 'Use another LUN.');
  const unit = MIB / SECTOR_BYTES;
  const first = roundUp(kept.reduce((end, part) => Math.max(end, part.lastSector + 1), firstUsableSector), unit);
  // The end is cut down to a whole MiB too, so that a container's extents never end in a part of one.
  const end = diskSectors < GPT_LEAST_SECTORS ? 0 : Math.floor((lastUsableSector(diskSectors) + 1) / unit) * unit;
  const toSectors = (bytes: number): number => roundUp(Math.max(bytes, 1), MIB) / SECTOR_BYTES;
  const registry = toSectors(request.registryBytes);
  const leases = toSectors(request.leasesBytes);
  const left = end - first - registry - leases;
  const body = request.containerBytes === 'rest' ? Math.max(left, unit) : toSectors(request.containerBytes);
  if (body > left) {
    const free = Math.max(end - first, 0) * SECTOR_BYTES;
    return fail('MM-CONTAINER-ROOM', `${(registry + leases + body) * SECTOR_BYTES} bytes free behind the last partition`, `${free} bytes`, 'Use a larger LUN, or ask for a smaller container.');
  }
  const starts = [first, first + registry, first + registry + leases];
  const sizes = [registry, leases, body];
  const added = PARTITION_KINDS.map((kind, i): GptPartition => ({ typeGuid: PARTITION_TYPES[kind], guid: guids[kind], firstSector: starts[i]!, lastSector: starts[i]! + sizes[i]! - 1, name: partitionName(kind, container) }));
  return { ok: true, value: { diskGuid: existing?.diskGuid ?? guids.disk, diskSectors, partitions: [...kept, ...added] } };
}
