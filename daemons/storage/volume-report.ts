// What is to be known of one volume, and what is wrong with it.

import type { Problem } from '../core/problem.ts';
import { sha256 } from '../core/sha256.ts';
import { toHex } from '../core/bytes.ts';
import type { Uuid } from '../core/uuid.ts';
import { NIL_UUID } from '../core/uuid.ts';
import { BLOCK_BYTES, SECTOR_BYTES, roundUp } from './block.ts';
import type { BootFilePlacement } from './boot-volume.ts';
import { BOOT_INDEX_OFFSET, decodeBootVolumeHeader, decodeBootVolumeIndex } from './boot-volume.ts';
import { wholeCheckpoint } from './checkpoint.ts';
import type { SectorRange } from './container-partitions.ts';
import type { OwnerRecord } from './owner-record.ts';
import { OWNER_OFFSET, decodeOwner } from './owner-record.ts';
import { decideClaim } from './ownership.ts';
import type { ReadAt } from './read-at.ts';
import type { Registry, VolumeRecord } from './registry.ts';
import { originOfVolume } from './registry.ts';
import type { SnapshotHeader } from './snapshot-store.ts';
import { decodeSnapshotHeader } from './snapshot-store.ts';
import type { LabelledKind, VolumeLabel } from './volume-label.ts';
import { DATA_OFFSET_BYTES, LABELLED_KINDS, LABEL_OFFSETS, chooseLabel } from './volume-label.ts';
import { volumeReader } from './volume-reader.ts';

/** One volume as it was found. */
export interface VolumeReport {
  readonly volume: VolumeRecord;
  readonly label?: VolumeLabel;
  readonly owner?: OwnerRecord;
  /** A store's dm-snapshot header, once the kernel wrote one. */
  readonly storeHeader?: SnapshotHeader;
  readonly bootFiles?: readonly BootFilePlacement[];
}

/** What `reportVolume` needs. */
export interface VolumeRequest {
  readonly volume: VolumeRecord;
  readonly registry: Registry;
  /** Of the disk. */
  readonly read: ReadAt;
  readonly container: SectorRange;
  readonly findings: { readonly problems: Problem[]; readonly warnings: Problem[] };
  /** Also the SHA-256 of boot files. */
  readonly thorough: boolean;
}

/** Looks at one volume. Throws what `read` throws, and RangeError for a read behind its last extent. */
export function reportVolume(request: VolumeRequest): VolumeReport {
  const { volume, registry, container } = request;
  const inVolume = volumeReader(request.read, volume, registry.extentBytes, container.firstSector);
  if (volume.kind === 'boot') return reportBootVolume(request, inVolume);
  const labelled = LABELLED_KINDS.some((kind) => kind === volume.kind);
  return labelled ? reportLabelled(request, inVolume) : { volume };
}

function reportLabelled(request: VolumeRequest, read: ReadAt): VolumeReport {
  const { volume, registry } = request;
  // A quarantined store is somebody else's for ever: it is shown, but nothing is demanded of it.
  const { problems, warnings } = volume.retired === 'quarantined' ? { problems: [], warnings: [] } : request.findings;
  const where = `volume ${volume.name}`;
  const chosen = chooseLabel(read(LABEL_OFFSETS[0], BLOCK_BYTES), read(LABEL_OFFSETS[1], BLOCK_BYTES), where);
  const owner = decodeOwner(read(OWNER_OFFSET, BLOCK_BYTES), `${where}, owner record`);
  const storeHeader = read(DATA_OFFSET_BYTES, BLOCK_BYTES);
  const header = volume.kind === 'store' ? decodeSnapshotHeader(storeHeader) : undefined;
  const found = { volume, ...(owner.ok && owner.value ? { owner: owner.value } : {}), ...(header?.ok && header.value ? { storeHeader: header.value } : {}) };
  if (volume.retired === 'checkpoint') {
    // Its extents may hold what a former volume left there until the copy begins.
    const whole = wholeCheckpoint(volume, { labels: [read(LABEL_OFFSETS[0], BLOCK_BYTES), read(LABEL_OFFSETS[1], BLOCK_BYTES)] });
    if (!whole.ok) {
      warnings.push(...whole.problems);
      return { volume };
    }
  }
  if (!owner.ok) problems.push(...owner.problems);
  if (!chosen.ok) {
    problems.push(...chosen.problems);
    return found;
  }
  const { label } = chosen.value;
  warnings.push(...chosen.value.warnings);
  problems.push(...labelMismatches(label, volume, registry, where));
  const expected = { volumeUuid: volume.uuid, clusterUuid: registry.clusterUuid, node: volume.node ?? 0, originUuid: originUuidOf(registry, volume) };
  // As its own owner would: whatever then still refuses is wrong with the volume, not with who asks.
  const claimant = { hardwareId: (owner.ok && owner.value?.hardwareId) || '-', bootNonce: '' };
  if (owner.ok) {
    const decision = decideClaim({ label, owner: owner.value, storeHeader, expected, claimant });
    if (decision.kind === 'refuse') problems.push({ ...decision.problem, where });
  }
  if (header?.ok && header.value && label.state !== 'new' && header.value.chunkSectors !== label.chunkSectors) {
    warnings.push({ code: 'MM-SAN-CHUNK', where, rule: `chunks of ${label.chunkSectors} sectors, as the label says`, seen: `${header.value.chunkSectors} in the store's header`, remedy: 'The kernel uses the header\'s; a reset brings both together.' });
  }
  return { ...found, label };
}

function originUuidOf(registry: Registry, volume: VolumeRecord): Uuid {
  return (volume.origin === undefined ? undefined : originOfVolume(registry, volume.origin)?.uuid) ?? NIL_UUID;
}

function labelMismatches(label: VolumeLabel, volume: VolumeRecord, registry: Registry, where: string): Problem[] {
  const pairs: [string, LabelledKind | string | number, string | number][] = [
    ['kind', volume.kind, label.kind],
    ['container', registry.roster.container, label.container],
    ['chunk', volume.chunkSectors ?? 0, label.chunkSectors],
  ];
  return pairs
    .filter(([, wanted, seen]) => wanted !== seen)
    .map(([field, wanted, seen]) => ({ code: 'MM-SAN-LABEL', where, rule: `the label names the ${field} of the registry, ${wanted}`, seen: String(seen), remedy: 'Find out which is right before this node boots; a reset with `metamaster restore` writes the label anew.' }));
}

function reportBootVolume(request: VolumeRequest, read: ReadAt): VolumeReport {
  const { volume, registry, thorough } = request;
  const { problems } = request.findings;
  const where = `volume ${volume.name}`;
  const header = decodeBootVolumeHeader(read(0, BLOCK_BYTES), `${where}, header`);
  if (!header.ok) {
    problems.push(...header.problems);
    return { volume };
  }
  const index = decodeBootVolumeIndex(header.value, read(BOOT_INDEX_OFFSET, roundUp(header.value.indexBytes, BLOCK_BYTES)));
  if (!index.ok) {
    problems.push(...index.problems.map((problem) => ({ ...problem, where: `${where}: ${problem.where}` })));
    return { volume };
  }
  const users = registry.origins.filter((origin) => origin.bootVolume === volume.name);
  const other = users.find((origin) => origin.uuid !== header.value.originUuid);
  if (other) problems.push({ code: 'MM-SAN-BOOT-ORIGIN', where, rule: `the boot volume of ${other.volume}, origin ${other.uuid}`, seen: `of origin ${header.value.originUuid}`, remedy: 'Blades would boot a kernel that does not fit their root: write the boot volume again.' });
  const files = index.value;
  for (const file of files) {
    const end = file.offset + roundUp(file.bytes, BLOCK_BYTES);
    if (end > volume.sizeBytes) problems.push({ code: 'MM-SAN-BOOT-FILE', where: `${where}, ${file.name}`, rule: `within the volume's ${volume.sizeBytes} bytes`, seen: `up to ${end}`, remedy: 'The boot volume is damaged: write it again.' });
    else if (thorough && fileSha256(read, file) !== file.sha256) problems.push({ code: 'MM-SAN-BOOT-FILE', where: `${where}, ${file.name}`, rule: `SHA-256 ${file.sha256}`, seen: 'another one', remedy: 'The file is damaged: write the boot volume again.' });
  }
  return { volume, bootFiles: files };
}

function fileSha256(read: ReadAt, file: BootFilePlacement): string {
  return toHex(sha256(read(file.offset, roundUp(file.bytes, SECTOR_BYTES)).subarray(0, file.bytes)));
}
