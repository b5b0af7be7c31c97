// A registry made anew in its own slots, from an exported copy or from a body that is still whole, and held against the labels on the
// SAN before a byte is written. Nothing but slots is ever written: no superblock, no label, no partition table.

import { chapKind } from '../core/chap.ts';
import type { Problem, Result } from '../core/problem.ts';
import { SECTOR_BYTES } from './block.ts';
import { canonicalJson } from './canonical-json.ts';
import type { SectorRange } from './container-partitions.ts';
import { checkContainerRoom, type ContainerRanges, findOnDisk } from './container-on-disk.ts';
import { freeExtents } from './extents.ts';
import { extentsOfRuns, type FoundFront, readFront, scanFronts } from './label-scan.ts';
import type { ReadAt } from './read-at.ts';
import { readFrom } from './read-at.ts';
import type { PublicRegistry, Registry, RegistrySecret, VolumeRecord } from './registry.ts';
import { encodeRegistry, originOfVolume } from './registry.ts';
import type { RegistryCopy } from './registry-copy.ts';
import type { SlotNumber, Superblock } from './registry-layout.ts';
import { compareSlots, planRegistryWrite } from './registry-layout.ts';
import type { SlotFound } from './registry-read.ts';
import { scanRegistry } from './registry-read.ts';
import type { Salvage, SalvagedBody } from './registry-salvage.ts';
import { salvageRegistry } from './registry-salvage.ts';
import type { LabelledKind, VolumeLabel } from './volume-label.ts';
import { LABELLED_KINDS } from './volume-label.ts';
import type { WriteStep } from './write-step.ts';

/** The installer's slots: it is the only writer that has no node. */
const WRITER = 0;

/** What stands in a container's registry partition, whether or not it is a registry. */
export interface RebuildFindings {
  readonly container: string;
  readonly ranges: ContainerRanges;
  readonly superblock: Superblock;
  readonly slots: readonly SlotFound[];
  /** True when there is a registry that a blade would take. */
  readonly valid: boolean;
  /** Why there is none. */
  readonly problems: readonly Problem[];
  readonly salvage: Salvage;
}

/**
 * Looks at a registry partition slot by slot. Problems: those of the partition table and of the superblock, without which nothing can
 * be rebuilt, and MM-BLOCK-VERSION or MM-REGISTRY-VERSION when a newer program wrote any of it. Throws what `read` throws.
 */
export function examineForRebuild(read: ReadAt, diskBytes: number, container: string): Result<RebuildFindings> {
  const place = findOnDisk(read, diskBytes, container);
  if (!place.ok) return place;
  const { ranges } = place.value;
  const { firstSector, sectors: length } = ranges.registry;
  const inRegistry = readFrom(read, firstSector * SECTOR_BYTES);
  const scan = scanRegistry(inRegistry, length * SECTOR_BYTES, true);
  const newer = scan.problems.filter(({ code }) => code === 'MM-BLOCK-VERSION' || code === 'MM-REGISTRY-VERSION');
  if (newer.length > 0) return { ok: false, problems: newer };
  if (scan.superblock === undefined || scan.slots.length === 0) return { ok: false, problems: scan.problems };
  const salvage = salvageRegistry(inRegistry, scan.superblock);
  return { ok: true, value: { container, ranges, superblock: scan.superblock, slots: scan.slots, valid: scan.current !== undefined, problems: scan.problems, salvage } };
}

/** What the registry is to be made from, and what was allowed. */
export interface RebuildRequest {
  readonly findings: RebuildFindings;
  /** Of the whole disk. */
  readonly read: ReadAt;
  readonly copy?: RegistryCopy;
  /** One of the bodies that were found, in place of the newest. */
  readonly slot?: { readonly writer: number; readonly slot: SlotNumber };
  /** For a copy without secrets. */
  readonly freshSecret?: RegistrySecret;
  /** Also over a registry that is valid. */
  readonly force: boolean;
  readonly nowUnixMs?: number;
}

/** What would be written, and why it may. */
export interface RebuildPlan {
  readonly source: { readonly kind: 'copy' } | { readonly kind: 'slot'; readonly writer: number; readonly slot: SlotNumber };
  readonly registry: Registry;
  readonly leaseVersion: number;
  readonly generation: number;
  readonly bodyBytes: number;
  /** The volumes whose labels bear the registry out. */
  readonly confirmed: readonly string[];
  /** What is not as it should be, and no contradiction. */
  readonly warnings: readonly Problem[];
  /** Within the registry partition: a body, a flush, its header, a flush. */
  readonly steps: readonly WriteStep[];
}

/**
 * Plans the writing. Problems: MM-REBUILD-VALID (a registry is there), -SOURCE (nothing to make one from), -AMBIGUOUS (several bodies,
 * and no header tells which is the last), -SECRETS, -CLUSTER, -NODE, -LABEL (a label contradicts: all of them), -UNCONFIRMED (no label
 * bears it out), -UNKNOWN (a volume that it does not know, and that is not empty); MM-SAN-CONTAINER, MM-REGISTRY-LENGTH. Throws what `read` throws.
 */
export function planRebuild(request: RebuildRequest): Result<RebuildPlan> {
  const { findings, force } = request;
  if (findings.valid && !force) {
    return failed('MM-REBUILD-VALID', `container ${findings.container}`, 'has no valid registry', 'a registry that every blade takes', 'Nothing is to be rebuilt; with --force it is written over all the same.');
  }
  const chosen = chooseSource(request);
  if (!chosen.ok) return chosen;
  const { source, registry } = chosen.value;
  const { problems, warnings, confirmed } = holdAgainstSan(request, registry);
  const { seen } = findings.salvage;
  const newest = seen.toSorted(compareSlots)[0];
  const [leaseVersion, generation] = [newest?.leaseVersion ?? 0, (newest?.generation ?? 0) + 1];
  const body = encodeRegistry(registry);
  const headers = findings.slots.flatMap(({ header }) => (header ? [header] : []));
  const broken = findings.slots.flatMap(({ header, state }) => (header && state === 'body-damaged' ? [header] : []));
  // What was salvaged stays until the new one is whole.
  const keep = source.kind === 'slot' && source.writer === WRITER ? source.slot : findings.salvage.bodies.find(({ writer }) => writer === WRITER)?.slot;
  const write = planRegistryWrite({
    superblock: findings.superblock, headers, broken, writer: WRITER, leaseVersion, generation, body, writtenAtUnixMs: request.nowUnixMs ?? 0, ...(keep === undefined ? {} : { keep }),
  });
  const all = [...problems, ...(write.ok ? [] : write.problems)];
  if (all.length > 0 || !write.ok) return { ok: false, problems: all };
  return { ok: true, value: { source, registry, leaseVersion, generation, bodyBytes: body.length, confirmed, warnings, steps: write.value } };
}

function failed(code: Problem['code'], where: string, rule: string, seen: string, remedy: string): { ok: false; problems: readonly Problem[] } {
  return { ok: false, problems: [{ code, where, rule, seen, remedy }] };
}

const slotName = ({ writer, slot }: Pick<SalvagedBody, 'writer' | 'slot'>): string => `${writer}/${slot}`;

function chooseSource(request: RebuildRequest): Result<{ source: RebuildPlan['source']; registry: Registry }> {
  const { findings: { salvage: { bodies }, container }, copy, slot, freshSecret } = request;
  const where = `container ${container}`;
  if (copy !== undefined) {
    // The copy may be years old and the secrets may have changed: a whole body of this very cluster has the right ones.
    const secret = copy.secret ?? bodies[0]?.registry.secret ?? freshSecret;
    if (secret === undefined) {
      return failed('MM-REBUILD-SECRETS', where, 'a copy with its secret part', 'a copy without', 'Use a copy that was exported with --with-secrets. With --new-secrets the cluster key and the SSH host keys are made anew and root has no password: all nodes must then be booted again.');
    }
    const { chap } = copy.registry.roster.san;
    if ((secret.chap && chapKind(secret.chap)) !== chap) {
      return failed('MM-REBUILD-CHAP', where, chap === undefined ? 'no CHAP login, for the copy says nothing of one' : `the SAN's CHAP login (${chap}), as the copy says`, secret.chap === undefined ? 'none' : chapKind(secret.chap), 'Give the file /etc/metamaster/san-login.json of a node, or one like it, with --san-login; or use a copy that was exported with --with-secrets.');
    }
    return { ok: true, value: { source: { kind: 'copy' }, registry: { ...copy.registry, secret } } };
  }
  const wanted = slot === undefined ? bodies : bodies.filter((body) => body.writer === slot.writer && body.slot === slot.slot);
  const [first] = wanted;
  if (first === undefined) {
    return failed('MM-REBUILD-SOURCE', where, slot === undefined ? 'a slot with a whole body, or a copy' : `a whole body in slot ${slotName(slot)}`, bodies.map(slotName).join(', ') || 'none', 'Give an exported copy with --from. Without one the labels tell only part of it: --draft writes what they tell, to be completed by hand.');
  }
  // A body without a header may be the last one or the first.
  const differ = new Set(wanted.map((body) => canonicalJson(body.registry))).size > 1;
  if (differ && wanted.some(({ header }) => header === undefined)) {
    return failed('MM-REBUILD-AMBIGUOUS', where, 'one body, or headers that tell which is the newest', `bodies in slots ${wanted.map(slotName).join(', ')}`, 'Compare them (--slot W/S --dry-run --json), and say with --slot which one it is to be.');
  }
  return { ok: true, value: { source: { kind: 'slot', writer: first.writer, slot: first.slot }, registry: first.registry } };
}

interface Verdict {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly confirmed: readonly string[];
}

/** Holds a registry against everything on the SAN that can contradict it. */
function holdAgainstSan({ findings, read }: RebuildRequest, registry: PublicRegistry): Verdict {
  const { superblock, ranges, container } = findings;
  const problems: Problem[] = [];
  const same = registry.clusterUuid === superblock.clusterUuid && registry.roster.container === superblock.container && superblock.container === container;
  if (!same) {
    problems.push({ code: 'MM-REBUILD-CLUSTER', where: 'registry superblock', rule: `cluster ${superblock.clusterUuid}, container ${superblock.container}, partitions of ${container}`, seen: `cluster ${registry.clusterUuid}, container ${registry.roster.container}`, remedy: 'This is the copy of another installation: find the right one.' });
  }
  for (const { name, number } of registry.roster.nodes) {
    if (number >= superblock.writers) problems.push({ code: 'MM-REBUILD-NODE', where: `roster, ${name}`, rule: `a number below ${superblock.writers}, as the superblock says`, seen: String(number), remedy: 'This is the copy of another installation: find the right one.' });
  }
  const room = checkContainerRoom(registry, ranges.container);
  if (room !== undefined) return { problems: [...problems, room], warnings: [], confirmed: [] };
  const labels = holdAgainstLabels(read, ranges.container, registry);
  const strangers = unknownVolumes(read, ranges.container, registry, new Set(labels.confirmed));
  return { problems: [...problems, ...labels.problems, ...strangers.problems], warnings: [...labels.warnings, ...strangers.warnings], confirmed: labels.confirmed };
}

function holdAgainstLabels(read: ReadAt, container: SectorRange, registry: PublicRegistry): Verdict {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const confirmed: string[] = [];
  // What is quarantined is written by somebody else for ever, and bears nothing out.
  const judged = registry.volumes.filter(({ kind, retired }) => retired !== 'quarantined' && (kind === 'boot' || LABELLED_KINDS.some((one) => one === kind)));
  for (const volume of judged) {
    const front = readFront(read, container, registry.extentBytes, volume.extents[0]!.start);
    const wrong = contradictions(volume, front, registry);
    if (front === undefined) {
      warnings.push({ code: 'MM-REBUILD-LABEL', where: `volume ${volume.name}`, rule: `a label at extent ${volume.extents[0]!.start}`, seen: 'none that can be read', remedy: 'It bears nothing out: `metamaster san check` after the rebuild tells what is wrong with this volume.' });
    } else if (wrong.length === 0) confirmed.push(volume.name);
    for (const [field, wanted, seen] of wrong) {
      problems.push({ code: 'MM-REBUILD-LABEL', where: `volume ${volume.name}, extent ${volume.extents[0]!.start}`, rule: `${field} ${wanted}, as the registry to be written says`, seen: `${field} ${seen}`, remedy: 'The SAN has changed since this copy was made, or it is of another one: use a newer copy.' });
    }
  }
  if (judged.length > 0 && confirmed.length === 0) {
    problems.push({ code: 'MM-REBUILD-UNCONFIRMED', where: 'container', rule: 'at least one label that bears the registry out', seen: `none of ${judged.length} volumes`, remedy: 'This copy does not fit this SAN, or everything in front of the volumes was overwritten: nothing is written on such a ground.' });
  }
  return { problems, warnings, confirmed };
}

type Field = readonly [name: string, wanted: string | number, seen: string | number];

function contradictions(volume: VolumeRecord, front: FoundFront | undefined, registry: PublicRegistry): readonly Field[] {
  if (front === undefined) return [];
  const origin = registry.origins.find(({ bootVolume }) => bootVolume === volume.name);
  const pairs: Field[] = volume.kind === 'boot'
    ? [['kind', 'boot', front.label?.kind ?? 'boot'], ['origin', origin?.uuid ?? front.bootOf ?? '', front.bootOf ?? '']]
    : front.label === undefined ? [['kind', volume.kind, 'boot']] : labelPairs(volume, front.label, registry);
  return pairs.filter(([, wanted, seen]) => wanted !== seen);
}

function labelPairs(volume: VolumeRecord, label: VolumeLabel, registry: PublicRegistry): Field[] {
  const origin = volume.origin === undefined ? undefined : originOfVolume(registry, volume.origin)?.uuid;
  return [
    ['cluster', registry.clusterUuid, label.clusterUuid], ['container', registry.roster.container, label.container], ['volume', volume.uuid, label.volumeUuid], ['kind', volume.kind, label.kind],
    ['node', volume.node ?? 0, label.node], ['origin', origin ?? label.originUuid, label.originUuid], ['chunk', volume.chunkSectors ?? 0, label.chunkSectors],
  ];
}

/**
 * Labels of this cluster where the registry has free room: a volume that it does not know would be given away and written over. One that is
 * new and nobody's holds nothing: an addition that was cut off before its registry leaves such labels, and no copy will ever know them.
 * One that nobody ever claimed, beside one of its kind and node that the registry has, is a copy whose registry was not written, and holds what
 * that one holds. Once it was claimed it is what the node has in that one's place: whoever gives a volume up wipes owner record and label before.
 */
function unknownVolumes(read: ReadAt, container: SectorRange, registry: PublicRegistry, confirmed: ReadonlySet<string>): Pick<Verdict, 'problems' | 'warnings'> {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const { extent, label, owner } of scanFronts(read, container, registry.extentBytes, extentsOfRuns(freeExtents(registry.extentCount, registry.volumes)))) {
    if (label === undefined || label.clusterUuid !== registry.clusterUuid) continue;
    const where = `extent ${extent}`;
    const seen = `${label.kind} of node ${label.node} (${label.volumeUuid})`;
    const known = label.checkpoint === undefined ? registry.volumes.find(({ name, kind, node, uuid }) => kind === (label.kind as LabelledKind) && node === label.node && uuid !== label.volumeUuid && confirmed.has(name)) : undefined;
    const claimed = label.state === 'live' || owner?.volumeUuid === label.volumeUuid;
    const problem: Problem = { code: 'MM-REBUILD-UNKNOWN', where, rule: 'free, as the registry to be written says', seen, remedy: 'This volume came after the copy was made: use a newer copy.' };
    const empty = label.state === 'new' && owner === undefined && label.checkpoint === undefined;
    if (known !== undefined && !claimed) warnings.push({ ...problem, remedy: `Most likely the rest of a command that was cut off: nobody ever booted with it, and ${known.name} is there.` });
    else if (known !== undefined) problems.push({ ...problem, seen: `${seen}, in use`, remedy: `It came into the place of ${known.name} after the copy was made, which would bring the former one back: use a newer copy. Where there is none, write it into the copy, and ${known.name} as quarantined; --draft tells where it begins.` });
    else if (empty) warnings.push({ ...problem, seen: `${seen}, empty`, remedy: 'Of an addition that was cut off, or that came after the copy was made: `metamaster node add` makes that node anew.' });
    else problems.push(problem);
  }
  return { problems, warnings };
}
