// What an installation makes of a disk, as data: partitions, registry geometry, every volume with its extents. Pure: chance is an argument.

import type { Problem, Result } from '../../daemons/core/problem.ts';
import type { Uuid } from '../../daemons/core/uuid.ts';
import { MIB, roundUp, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { findContainer, planPartitions } from '../../daemons/storage/container-partitions.ts';
import { allocate } from '../../daemons/storage/extents.ts';
import type { Gpt } from '../../daemons/storage/gpt.ts';
import type { ContainerRanges } from '../../daemons/storage/container-on-disk.ts';
import { MAX_SLOT_BYTES, registryPartitionBytes, type Superblock } from '../../daemons/storage/registry-layout.ts';
import { decodeRegistry, encodeRegistry, type Registry, type RegistrySecret, type VolumeRecord } from '../../daemons/storage/registry.ts';
import { chunkSectorsFor, storeSizeBytes } from '../../daemons/storage/snapshot-store.ts';
import { DATA_OFFSET_BYTES } from '../../daemons/storage/volume-label.ts';
import { installRecord, rosterOf, type Answers } from './answers.ts';

/** 4 MiB: small enough to waste little per volume, large enough that a thousand nodes' tables stay short. */
export const EXTENT_BYTES = 4 * MIB;
/** Sanlock's lockspace takes 1 MiB, each resource another: room for a hundred leases. */
const LEASES_BYTES = 128 * MIB;
/** A node takes some 1.5 KiB of the registry; virtual clusters and a second MAC or key want room as well. */
const REGISTRY_BYTES_PER_NODE = 4096;
const LEAST_SLOT_BYTES = 256 * 1024;
/** Kernel, initrd and loaders take 21 MiB; an upgrade's initrd may be larger. */
const BOOT_VOLUME_BYTES = 64 * MIB;

/** What the disc brings. */
export interface OriginImage {
  readonly imageBytes: number;
  readonly imageSha256: string;
  readonly kernelRelease: string;
}

/** The plan of an installation. */
export interface Layout {
  readonly gpt: Gpt;
  readonly ranges: ContainerRanges;
  readonly superblock: Superblock;
  readonly registry: Registry;
}

/** What the plan is made from. */
export interface LayoutRequest {
  readonly answers: Answers;
  readonly image: OriginImage;
  readonly diskBytes: number;
  /** The table that is there and stays; without this container's partitions. */
  readonly existing?: Gpt;
  /** A fresh UUID at each call. */
  readonly newUuid: () => Uuid;
  readonly secret: RegistrySecret;
}

/** Gathers volumes one behind the other; the first that does not fit is told with all that were wanted. */
class VolumePlan {
  readonly volumes: VolumeRecord[] = [];
  readonly problems: Problem[] = [];
  readonly #extentCount: number;
  readonly #newUuid: () => Uuid;

  constructor(extentCount: number, newUuid: () => Uuid) {
    this.#extentCount = extentCount;
    this.#newUuid = newUuid;
  }

  add(name: string, kind: VolumeRecord['kind'], sizeBytes: number, more: Partial<VolumeRecord> = {}): VolumeRecord {
    const extents = allocate(this.#extentCount, this.volumes, sizeBytes, EXTENT_BYTES);
    if (!extents.ok) this.problems.push(...extents.problems.map((problem) => ({ ...problem, where: `volume ${name}` })));
    const volume = { name, kind, uuid: this.#newUuid(), sizeBytes, extents: extents.ok ? extents.value : [], ...more };
    this.volumes.push(volume);
    return volume;
  }
}

function planVolumes(answers: Answers, extentCount: number, newUuid: () => Uuid): Result<VolumeRecord[]> {
  const plan = new VolumePlan(extentCount, newUuid);
  const originBytes = roundUp(answers['volume-size'] * MIB, EXTENT_BYTES);
  const chunkSectors = chunkSectorsFor(originBytes);
  const fullStore = storeSizeBytes(originBytes, chunkSectors * SECTOR_BYTES);
  const storeBytes = roundUp(answers['store-size'] === undefined ? fullStore : answers['store-size'] * MIB, EXTENT_BYTES);
  const origin = plan.add('default@1', 'origin', originBytes);
  plan.add('boot@1', 'boot', BOOT_VOLUME_BYTES);
  answers.nodes.forEach((_, at) => {
    const node = at + 1;
    plan.add(`node${node}.store`, 'store', storeBytes, { node, origin: origin.name, chunkSectors });
    plan.add(`node${node}.state`, 'state', roundUp(DATA_OFFSET_BYTES + answers['state-size'] * MIB, EXTENT_BYTES), { node });
    if (answers['swap-size'] > 0) plan.add(`node${node}.swap`, 'swap', roundUp(DATA_OFFSET_BYTES + answers['swap-size'] * MIB, EXTENT_BYTES), { node });
  });
  if (answers['shared-size'] > 0) plan.add('shared', 'shared', roundUp(answers['shared-size'] * MIB, EXTENT_BYTES));
  return plan.problems.length > 0 ? { ok: false, problems: plan.problems } : { ok: true, value: plan.volumes };
}

/** The registry's geometry for this many nodes. */
function geometry(answers: Answers): { writers: number; slotBytes: number } {
  const writers = answers['maximum-nodes'] + 1;
  const slotBytes = Math.min(MAX_SLOT_BYTES, Math.max(LEAST_SLOT_BYTES, roundUp(answers['maximum-nodes'] * REGISTRY_BYTES_PER_NODE, 4096)));
  return { writers, slotBytes };
}

/** Plans the whole installation. Problems: what does not fit on the disk, with wanted and free bytes. */
export function planLayout(request: LayoutRequest): Result<Layout> {
  const { answers, image, newUuid } = request;
  const container = answers['container-name'];
  const { writers, slotBytes } = geometry(answers);
  const gpt = planPartitions({
    diskSectors: Math.floor(request.diskBytes / SECTOR_BYTES), container, registryBytes: registryPartitionBytes({ writers, slotBytes }), leasesBytes: LEASES_BYTES,
    containerBytes: answers['container-size'] === undefined ? 'rest' : answers['container-size'] * MIB,
    guids: { disk: newUuid(), registry: newUuid(), leases: newUuid(), container: newUuid() },
    ...(request.existing === undefined ? {} : { existing: request.existing }),
  });
  if (!gpt.ok) return gpt;
  const ranges = findContainer(gpt.value, container);
  if (!ranges.ok) return ranges;
  const extentCount = Math.floor((ranges.value.container.sectors * SECTOR_BYTES) / EXTENT_BYTES);
  const volumes = planVolumes(answers, extentCount, newUuid);
  if (!volumes.ok) return volumes;
  const origin = volumes.value[0]!;
  if (image.imageBytes > origin.sizeBytes) {
    const problem: Problem = {
      code: 'MM-INSTALL-ORIGIN-SIZE', where: 'volume-size', rule: `at least ${Math.ceil(image.imageBytes / MIB)} MiB, the size of the disc's root file system`,
      seen: `${answers['volume-size']} MiB`, remedy: 'Give a larger volume-size; twice the least leaves room for what is installed later.',
    };
    return { ok: false, problems: [problem] };
  }
  const clusterUuid = newUuid();
  const registry: Registry = {
    format: 'metamaster-registry', version: 1, clusterUuid, roster: rosterOf(answers),
    origins: [{
      name: 'default', version: 1, uuid: origin.uuid, volume: origin.name, bootVolume: 'boot@1',
      imageBytes: image.imageBytes, imageSha256: image.imageSha256, kernelRelease: image.kernelRelease,
    }],
    extentBytes: EXTENT_BYTES, extentCount, volumes: volumes.value, authorizedKeys: answers['authorized-keys'], install: installRecord(answers), secret: request.secret,
  };
  const problems = registryProblems(registry, slotBytes);
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: { gpt: gpt.value, ranges: ranges.value, superblock: { container, clusterUuid, writers, slotBytes }, registry } };
}

/** The registry is written last: that it cannot be, or could not be read back, must be known before anything is written. */
function registryProblems(registry: Registry, slotBytes: number): readonly Problem[] {
  const body = encodeRegistry(registry);
  const read = decodeRegistry(body);
  if (!read.ok) return read.problems;
  if (body.length <= slotBytes) return [];
  return [{
    code: 'MM-INSTALL-REGISTRY-SIZE', where: 'registry', rule: `at most ${slotBytes} bytes`, seen: `${body.length} bytes`,
    remedy: 'Give fewer or shorter authorized-keys, or a larger maximum-nodes, for which more room is made.',
  }];
}

/** The plan as text: what will lie where. */
export function formatLayout({ registry, ranges, superblock }: Layout): string {
  const mib = (bytes: number) => `${Math.ceil(bytes / MIB)} MiB`;
  const used = registry.volumes.reduce((sum, volume) => sum + volume.extents.reduce((count, extent) => count + extent.count, 0), 0);
  const rows = [
    `container ${superblock.container}: registry ${mib(ranges.registry.sectors * SECTOR_BYTES)}, leases ${mib(ranges.leases.sectors * SECTOR_BYTES)}, volumes ${mib(ranges.container.sectors * SECTOR_BYTES)}`,
    ...registry.volumes.map((volume) => `  ${volume.name.padEnd(16)} ${volume.kind.padEnd(7)} ${mib(volume.sizeBytes).padStart(10)}`),
    `  free             ${mib((registry.extentCount - used) * EXTENT_BYTES).padStart(18)}`,
  ];
  return rows.join('\n');
}
