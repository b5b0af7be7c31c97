// For tests: a small registry of two nodes, and a whole SAN with it.

import { encodeUtf8, toHex } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import { sha256 } from '../core/sha256.ts';
import type { Uuid } from '../core/uuid.ts';
import { NIL_UUID } from '../core/uuid.ts';
import { MIB, SECTOR_BYTES } from './block.ts';
import { encodeBootVolume } from './boot-volume.ts';
import { findContainer, planPartitions } from './container-partitions.ts';
import { diskOffset } from './disk-offset.ts';
import { allocate } from './extents.ts';
import { encodeGpt } from './gpt.ts';
import { MemoryDisk } from './memory-disk.test-kit.ts';
import type { Registry, VolumeRecord } from './registry.ts';
import { encodeRegistry } from './registry.ts';
import { planRegistryFormat } from './registry-format.ts';
import type { Superblock } from './registry-layout.ts';
import { planRegistryWrite, registryPartitionBytes } from './registry-layout.ts';
import { storeSizeBytes } from './snapshot-store.ts';
import type { LabelledKind, VolumeLabel } from './volume-label.ts';
import { DATA_OFFSET_BYTES, LABELLED_KINDS, labelSteps } from './volume-label.ts';

/** The nth of many different UUIDs. */
export const sampleUuid = (n: number): Uuid => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}` as Uuid;

export const SAMPLE_SUPERBLOCK: Superblock = { container: 'debian', clusterUuid: sampleUuid(1), writers: 3, slotBytes: 65536 };

/** The disk of the sample SAN. */
export const SAMPLE_DISK_BYTES = 48 * MIB;
const EXTENT_COUNT = 40;

/** Boot files of the sample SAN. */
export const SAMPLE_BOOT_FILES = ['kernel', 'initrd'].map((name) => ({ name, content: encodeUtf8(`the ${name} `.repeat(1000)) }));

function sampleVolumes(): VolumeRecord[] {
  const volumes: VolumeRecord[] = [];
  const add = (volume: Omit<VolumeRecord, 'uuid' | 'extents'>): void => {
    const extents = allocate(EXTENT_COUNT, volumes, volume.sizeBytes, MIB);
    if (!extents.ok) throw new RangeError(extents.problems[0]!.seen);
    volumes.push({ ...volume, uuid: sampleUuid(100 + volumes.length), extents: extents.value });
  };
  add({ name: 'default@1', kind: 'origin', sizeBytes: 4 * MIB });
  add({ name: 'boot@1', kind: 'boot', sizeBytes: MIB });
  for (const node of [1, 2]) {
    add({ name: `node${node}`, kind: 'store', sizeBytes: storeSizeBytes(4 * MIB, 8192), node, origin: 'default@1', chunkSectors: 16 });
    add({ name: `state${node}`, kind: 'state', sizeBytes: 2 * MIB, node });
  }
  add({ name: 'swap1', kind: 'swap', sizeBytes: 2 * MIB, node: 1 });
  add({ name: 'shared', kind: 'shared', sizeBytes: 2 * MIB });
  return volumes;
}

/** A registry without a fault. */
export function sampleRegistry(): Registry {
  const volumes = sampleVolumes();
  return {
    format: 'metamaster-registry',
    version: 1,
    clusterUuid: SAMPLE_SUPERBLOCK.clusterUuid,
    roster: {
      clusterName: 'sample',
      container: 'debian',
      domain: 'cluster.example',
      netmask: '255.255.255.0' as Ipv4,
      metaMasterAddress: '10.0.0.253' as Ipv4,
      san: { address: '10.0.1.1' as Ipv4, port: 3260, target: 'iqn.2026-01.example:san' },
      kernelParameters: 'console=ttyS0,115200',
      nodes: [1, 2].map((number) => ({ number, name: `node${number}`, macs: [`52:54:00:00:00:0${number}` as Mac], address: `10.0.0.${number}` as Ipv4, loader: 'rom' as const })),
    },
    origins: [{ name: 'default', version: 1, uuid: volumes[0]!.uuid, volume: 'default@1', bootVolume: 'boot@1', imageBytes: 4 * MIB, imageSha256: 'ab'.repeat(32), kernelRelease: '6.12.48+deb13-amd64' }],
    extentBytes: MIB,
    extentCount: EXTENT_COUNT,
    volumes,
    authorizedKeys: ['ssh-ed25519 AAAAC3Nza administrator'],
    install: { 'volume-size': 4, domain: 'cluster.example', stonith: false, 'name-servers': ['10.0.0.9'] },
    secret: { rootPasswordHash: '$y$j9T$salt$hash', clusterKey: '0123456789abcdef'.repeat(4), sshHostKeys: { node1: { privateKey: 'PRIVATE-1\n', publicKey: 'PUBLIC-1' } } },
  };
}

/** The label of a volume of the sample registry. */
export function sampleLabel(registry: Registry, volume: VolumeRecord): VolumeLabel {
  return {
    kind: volume.kind as LabelledKind,
    volumeUuid: volume.uuid,
    clusterUuid: registry.clusterUuid,
    container: registry.roster.container,
    node: volume.node!,
    originUuid: volume.kind === 'store' ? registry.origins[0]!.uuid : NIL_UUID,
    state: 'new',
    chunkSectors: volume.chunkSectors ?? 0,
    dataOffsetBytes: DATA_OFFSET_BYTES,
    generation: 1,
  };
}

/** A freshly installed SAN; `at` tells where a byte of a volume lies on its disk, `registryAt` where the registry's partition begins. */
export function sampleSan(registry: Registry = sampleRegistry(), leasesBytes = MIB, diskBytes = SAMPLE_DISK_BYTES): { disk: MemoryDisk; registryAt: number; at: (volume: string, offset: number) => number } {
  const gpt = planPartitions({
    diskSectors: diskBytes / SECTOR_BYTES,
    container: 'debian',
    registryBytes: registryPartitionBytes(SAMPLE_SUPERBLOCK),
    leasesBytes,
    containerBytes: 'rest',
    guids: { disk: sampleUuid(2), registry: sampleUuid(3), leases: sampleUuid(4), container: sampleUuid(5) },
  });
  if (!gpt.ok) throw new RangeError(gpt.problems[0]!.seen);
  const disk = new MemoryDisk();
  const { primary, backup, backupSector } = encodeGpt(gpt.value);
  disk.write(0, primary);
  disk.write(backupSector * SECTOR_BYTES, backup);
  const ranges = findContainer(gpt.value, 'debian');
  if (!ranges.ok) throw new RangeError(ranges.problems[0]!.seen);
  const registryAt = ranges.value.registry.firstSector * SECTOR_BYTES;
  disk.apply(planRegistryFormat(SAMPLE_SUPERBLOCK, ranges.value.registry.sectors * SECTOR_BYTES), registryAt);
  const write = planRegistryWrite({ superblock: SAMPLE_SUPERBLOCK, headers: [], writer: 0, leaseVersion: 0, generation: 1, body: encodeRegistry(registry) });
  if (!write.ok) throw new RangeError(write.problems[0]!.seen);
  disk.apply(write.value, registryAt);
  const at = (name: string, offset: number): number => diskOffset(registry.volumes.find((volume) => volume.name === name)!, registry.extentBytes, ranges.value.container.firstSector, offset);
  for (const volume of registry.volumes) {
    if (LABELLED_KINDS.some((kind) => kind === volume.kind)) disk.apply(labelSteps(sampleLabel(registry, volume), undefined), at(volume.name, 0));
  }
  const files = SAMPLE_BOOT_FILES.map(({ name, content }) => ({ name, bytes: content.length, sha256: toHex(sha256(content)) }));
  const { head, placements } = encodeBootVolume(registry.origins[0]!.uuid, files);
  disk.write(at('boot@1', 0), head);
  placements.forEach((file, i) => {
    const padded = new Uint8Array(Math.ceil(file.bytes / SECTOR_BYTES) * SECTOR_BYTES);
    padded.set(SAMPLE_BOOT_FILES[i]!.content);
    disk.write(at('boot@1', file.offset), padded);
  });
  return { disk, registryAt, at };
}
