// How the parts of a registry must fit together. Every contradiction is reported with the path of the part that is to be changed.

import { CHAP_MUTUAL_RULE, chapKind, secretsDiffer } from '../core/chap.ts';
import { BLOCK_BYTES } from './block.ts';
import { checkpointName } from './volume-name.ts';
import type { Report } from './json-shape.ts';
import type { Registry, VolumeKind, VolumeRecord } from './registry-model.ts';
import { checkRoster, reportRepeated } from './roster-shape.ts';
import { DATA_OFFSET_BYTES } from './volume-label.ts';

/** Reports every relation that does not hold in a registry whose values are right by themselves. */
export function checkRelations(registry: Registry, report: Report): void {
  checkRoster(registry.roster, report);
  checkChap(registry, report);
  checkClusterKeys(registry, report);
  checkOrigins(registry, report);
  reportRepeated(registry.volumes.map((volume, i) => [volume.name, `volumes[${i}].name`]), 'a volume name of its own', report);
  reportRepeated(registry.volumes.map((volume, i) => [volume.uuid, `volumes[${i}].uuid`]), 'a UUID of its own', report);
  reportRepeated(registry.origins.map((origin, i) => [origin.uuid, `origins[${i}].uuid`]), 'a UUID of its own', report);
  registry.volumes.forEach((volume, i) => checkVolume(registry, volume, `volumes[${i}]`, report));
  checkExtents(registry, report);
  checkNodesVolumes(registry, report);
}

/** What the roster says of CHAP is what the secret part holds; nothing of that is shown. */
function checkChap({ roster: { san }, secret: { chap } }: Registry, report: Report): void {
  const kind = chap && chapKind(chap);
  if (kind !== san.chap) report('roster.san.chap', kind === undefined ? 'nothing, for the secret part holds no CHAP login' : `'${kind}', as the secret part has it`, san.chap);
  if (chap !== undefined && !secretsDiffer(chap)) report('secret.chap.mutual.password', CHAP_MUTUAL_RULE, 'the same');
}

/** The same key twice would be a rotation that changes nothing. */
function checkClusterKeys({ secret: { clusterKey, nextClusterKey, formerClusterKey } }: Registry, report: Report): void {
  if (nextClusterKey !== undefined && [clusterKey, formerClusterKey].includes(nextClusterKey)) report('secret.nextClusterKey', 'a key of its own', 'the same');
  if (formerClusterKey === clusterKey) report('secret.formerClusterKey', 'a key of its own', 'the same');
}

function checkOrigins({ origins, volumes }: Registry, report: Report): void {
  reportRepeated(origins.map((origin, i) => [`${origin.name}@${origin.version}`, `origins[${i}]`]), 'a name and version of its own', report);
  reportRepeated(origins.map((origin, i) => [origin.volume, `origins[${i}].volume`]), 'a volume of its own', report);
  origins.forEach((origin, i) => {
    const find = (field: 'volume' | 'bootVolume', kind: VolumeKind): VolumeRecord | undefined => {
      const found = volumes.find((volume) => volume.name === origin[field]);
      if (found?.kind !== kind) report(`origins[${i}].${field}`, `the name of a volume of kind '${kind}'`, origin[field]);
      return found;
    };
    const volume = find('volume', 'origin');
    find('bootVolume', 'boot');
    if (volume && origin.imageBytes > volume.sizeBytes) report(`origins[${i}].imageBytes`, `at most the size of ${volume.name}, ${volume.sizeBytes}`, origin.imageBytes);
  });
}

const OF_A_NODE: ReadonlySet<VolumeKind> = new Set<VolumeKind>(['store', 'state', 'swap']);

/** What nobody could fence outlives its node and its origin: a quarantined volume need not name any that is left. */
function checkVolume(registry: Registry, volume: VolumeRecord, at: string, report: Report): void {
  const { kind, node } = volume;
  if (OF_A_NODE.has(kind)) {
    const known = node !== undefined && (volume.retired === 'quarantined' || registry.roster.nodes.some((one) => one.number === node));
    if (!known) report(`${at}.node`, `a node of the roster, for a ${kind} volume`, node);
    if (volume.sizeBytes <= DATA_OFFSET_BYTES) report(`${at}.sizeBytes`, `more than the ${DATA_OFFSET_BYTES} bytes in front of the data`, volume.sizeBytes);
  } else if (node !== undefined) report(`${at}.node`, `no node, for a volume of kind '${kind}'`, node);
  if (kind === 'store') {
    const known = volume.origin !== undefined && (volume.retired === 'quarantined' || registry.origins.some((origin) => origin.volume === volume.origin));
    if (!known) report(`${at}.origin`, 'the volume of an origin', volume.origin);
    if (volume.chunkSectors === undefined) report(`${at}.chunkSectors`, 'a chunk, for a store', undefined);
    checkCheckpoint(volume, at, report);
  } else {
    for (const field of ['origin', 'chunkSectors', 'madeAtUnixMs'] as const) if (volume[field] !== undefined) report(`${at}.${field}`, 'for stores only', volume[field]);
    checkRetired(volume, at, report);
  }
  if (volume.sizeBytes % BLOCK_BYTES !== 0) report(`${at}.sizeBytes`, `a multiple of ${BLOCK_BYTES}`, volume.sizeBytes);
  const room = volume.extents.reduce((sum, extent) => sum + extent.count, 0) * registry.extentBytes;
  if (room < volume.sizeBytes) report(`${at}.extents`, `room for ${volume.sizeBytes} bytes`, `${room} bytes`);
}

/** A checkpoint is told from other stores by its name alone where nothing but names is shown. */
function checkCheckpoint({ name, node, retired, madeAtUnixMs }: VolumeRecord, at: string, report: Report): void {
  if (retired !== 'checkpoint') {
    if (madeAtUnixMs !== undefined) report(`${at}.madeAtUnixMs`, 'for checkpoints only', madeAtUnixMs);
    return;
  }
  if (madeAtUnixMs === undefined) report(`${at}.madeAtUnixMs`, 'a time, for a checkpoint', undefined);
  if (node !== undefined && checkpointName(name, node) === undefined) report(`${at}.name`, `node${node}@ and a name of its own, for a checkpoint`, name);
}

/** There is a way back to a former store alone; whose owner nobody could fence may be any volume of a node. */
function checkRetired({ kind, retired }: VolumeRecord, at: string, report: Report): void {
  if (retired === undefined || (retired === 'quarantined' && OF_A_NODE.has(kind))) return;
  report(`${at}.retired`, OF_A_NODE.has(kind) ? "'quarantined', for anything but a store" : 'for volumes of a node only', retired);
}

function checkExtents({ volumes, extentBytes, extentCount }: Registry, report: Report): void {
  if (extentBytes % BLOCK_BYTES !== 0) report('extentBytes', `a multiple of ${BLOCK_BYTES}`, extentBytes);
  if (!Number.isSafeInteger(extentBytes * extentCount)) report('extentCount', 'a container of less than 2^53 bytes', extentCount);
  const runs = volumes.flatMap((volume, i) => volume.extents.map((extent, k) => ({ ...extent, name: volume.name, at: `volumes[${i}].extents[${k}]` })));
  for (const run of runs) if (run.start + run.count > extentCount) report(run.at, `within the container's ${extentCount} extents`, { start: run.start, count: run.count });
  // The run that reaches furthest so far is the one to compare with: a long one may cover several short ones.
  let furthest: (typeof runs)[number] | undefined;
  for (const run of runs.toSorted((a, b) => a.start - b.start)) {
    if (furthest && run.start < furthest.start + furthest.count) report(run.at, `no extent of another volume; ${furthest.at} (${furthest.name}) overlaps`, { start: run.start, count: run.count });
    if (!furthest || run.start + run.count > furthest.start + furthest.count) furthest = run;
  }
}

/** Each node has the store it boots from and a state volume, once; what else names it is retired: stores of other origins, or quarantined. */
function checkNodesVolumes({ roster, volumes }: Registry, report: Report): void {
  roster.nodes.forEach((node, i) => {
    const ofNode = volumes.filter((volume) => volume.node === node.number && volume.retired === undefined);
    const count = (kind: VolumeKind): number => ofNode.filter((volume) => volume.kind === kind).length;
    for (const kind of ['store', 'state'] as const) if (count(kind) !== 1) report(`roster.nodes[${i}]`, `exactly one ${kind} volume for node ${node.number}`, count(kind));
    if (count('swap') > 1) report(`roster.nodes[${i}]`, `at most one swap volume for node ${node.number}`, count('swap'));
  });
}
