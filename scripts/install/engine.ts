// The installation itself: lays a planned cluster out on a disk and fills it. Written so that it may be killed at any point:
// the registry comes last, and until it is there the disk is "an installation that was broken off", which can be begun again.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../daemons/host/run.ts';
import { NIL_UUID } from '../../daemons/core/uuid.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { BLOCK_BYTES, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { encodeBootVolume } from '../../daemons/storage/boot-volume.ts';
import { diskOffset } from '../../daemons/storage/disk-offset.ts';
import { leaseAreaOf } from '../../daemons/storage/lease-layout.ts';
import { OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import { planRegistryFormat } from '../../daemons/storage/registry-format.ts';
import { planRegistryWrite } from '../../daemons/storage/registry-layout.ts';
import { encodeRegistry, type VolumeRecord } from '../../daemons/storage/registry.ts';
import { wipeStoreSteps } from '../../daemons/storage/snapshot-store.ts';
import { DATA_OFFSET_BYTES, labelSteps, type LabelledKind } from '../../daemons/storage/volume-label.ts';
import { withDevice } from '../volume-device.ts';
import type { Disk } from './disk.ts';
import type { Layout } from './layout.ts';
import { makeLeases } from './lease-area.ts';
import { bootFilesOnMedium } from './medium-files.ts';
import type { Progress } from './progress.ts';
import { tableSteps } from './table-steps.ts';

/** The stages of `install`, for the progress line. */
export const INSTALL_STAGES = 8;

/** Where the disc's contents are in the live system. */
export interface DiscPlaces {
  /** The root file system's image. */
  readonly rootImage: string;
  /** The folder with the boot files. */
  readonly bootFolder: string;
}

function sha256File(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** One installation under way. */
export class Installation {
  readonly #layout: Layout;
  readonly #disk: Disk;
  readonly #places: DiscPlaces;
  readonly #progress: Progress;

  constructor(layout: Layout, disk: Disk, places: DiscPlaces, progress: Progress) {
    this.#layout = layout;
    this.#disk = disk;
    this.#places = places;
    this.#progress = progress;
  }

  /** Does everything, in order. @throws Error or CommandError: begin again with the same command */
  async run(): Promise<void> {
    await this.#stage('partition table', () => this.#writeTable());
    await this.#stage('registry area', () => this.#formatRegistry());
    await this.#stage('origin', () => this.#copyOrigin());
    await this.#stage('origin: growing its file system', () => this.#growOrigin());
    await this.#stage('boot volume', () => this.#writeBootVolume());
    await this.#stage("nodes' volumes", () => this.#prepareNodes());
    await this.#stage('leases', () => this.#makeLeases());
    await this.#stage('registry', () => this.#commit());
  }

  async #stage(name: string, work: () => Promise<void> | void): Promise<void> {
    this.#progress.begin(name);
    await work();
    this.#progress.end();
  }

  #volume(name: string): VolumeRecord {
    return this.#layout.registry.volumes.find((volume) => volume.name === name)!;
  }

  #place(volume: VolumeRecord): (offset: number) => number {
    const { registry, ranges } = this.#layout;
    return (offset) => diskOffset(volume, registry.extentBytes, ranges.container.firstSector, offset);
  }

  #registryPlace(offset: number): number {
    return this.#layout.ranges.registry.firstSector * SECTOR_BYTES + offset;
  }

  #writeTable(): void {
    const { gpt, superblock, ranges } = this.#layout;
    this.#disk.carryOut(tableSteps(this.#disk.read, this.#disk.bytes, gpt, superblock.container, ranges.registry), (offset) => offset);
  }

  #formatRegistry(): void {
    const { superblock, ranges } = this.#layout;
    this.#disk.carryOut(planRegistryFormat(superblock, ranges.registry.sectors * SECTOR_BYTES), (offset) => this.#registryPlace(offset));
  }

  async #copyOrigin(): Promise<void> {
    const [record] = this.#layout.registry.origins;
    const bytes = record!.imageBytes;
    if (statSync(this.#places.rootImage).size !== bytes) throw new Error(`${this.#places.rootImage} is not of ${bytes} bytes: the medium is damaged`);
    await this.#disk.copyFile(this.#places.rootImage, bytes, this.#place(this.#volume(record!.volume)), (done) => this.#progress.update(done / bytes));
  }

  async #growOrigin(): Promise<void> {
    await withDevice(this.#disk.path, this.#layout, this.#volume(this.#layout.registry.origins[0]!.volume), 0, async (device) => {
      await run(['e2fsck', '-f', '-p', device], { accept: [0, 1] });
      await run(['resize2fs', device]);
    });
  }

  #writeBootVolume(): void {
    const record = this.#layout.registry.origins[0]!;
    const volume = this.#volume(record.bootVolume);
    const place = this.#place(volume);
    const files = bootFilesOnMedium(this.#places.bootFolder).map((name) => {
      const path = join(this.#places.bootFolder, name);
      return { name, bytes: statSync(path).size, sha256: sha256File(path) };
    });
    const { head, placements } = encodeBootVolume(record.uuid, files);
    for (const { name, offset } of placements) {
      const bytes = readFileSync(join(this.#places.bootFolder, name));
      if (offset + bytes.length > volume.sizeBytes) throw new Error(`the boot files need more than the ${volume.sizeBytes} bytes of ${volume.name}`);
      for (let at = 0; at < bytes.length; at += this.#layout.registry.extentBytes) {
        this.#writeAcross(place, offset + at, bytes.subarray(at, at + this.#layout.registry.extentBytes));
      }
      this.#progress.update(offset / volume.sizeBytes);
    }
    this.#writeAcross(place, 0, head);
    this.#disk.flush();
  }

  /** Writes bytes of a volume that may cross from one extent into another. */
  #writeAcross(place: (offset: number) => number, offset: number, bytes: Uint8Array): void {
    const unit = this.#layout.registry.extentBytes;
    for (let done = 0; done < bytes.length; ) {
      const length = Math.min(bytes.length - done, unit - ((offset + done) % unit));
      this.#disk.write(place(offset + done), bytes.subarray(done, done + length));
      done += length;
    }
  }

  async #prepareNodes(): Promise<void> {
    const own = this.#layout.registry.volumes.filter((volume) => volume.node !== undefined);
    for (const [at, volume] of own.entries()) {
      if (volume.kind === 'state') await this.#makeDevice(volume, ['mkfs.ext4', '-q', '-F', '-L', `state${volume.node}`, '-E', 'lazy_itable_init=1,nodiscard']);
      if (volume.kind === 'swap') await this.#makeDevice(volume, ['mkswap', '-L', `swap${volume.node}`]);
      if (volume.kind === 'store') this.#disk.carryOut(wipeStoreSteps(volume.chunkSectors!), this.#place(volume));
      this.#writeLabel(volume);
      this.#progress.update((at + 1) / own.length);
    }
  }

  async #makeDevice(volume: VolumeRecord, argv: readonly string[]): Promise<void> {
    await withDevice(this.#disk.path, this.#layout, volume, DATA_OFFSET_BYTES, (device) => run([...argv, device]));
  }

  #writeLabel(volume: VolumeRecord): void {
    const { registry } = this.#layout;
    const origin = registry.volumes.find((candidate) => candidate.name === volume.origin);
    const label = {
      kind: volume.kind as LabelledKind, volumeUuid: volume.uuid, clusterUuid: registry.clusterUuid, container: registry.roster.container, node: volume.node!,
      originUuid: origin?.uuid ?? NIL_UUID, state: 'new' as const, chunkSectors: volume.chunkSectors ?? 0, dataOffsetBytes: DATA_OFFSET_BYTES, generation: 1,
    };
    const nobody = { kind: 'write', offset: OWNER_OFFSET, bytes: new Uint8Array(BLOCK_BYTES) } as const;
    this.#disk.carryOut([nobody, { kind: 'flush' }, ...labelSteps(label, undefined)], this.#place(volume));
  }

  /** Version 0, as the registry's first slot has: the installer writes alone, and the first node that takes the lease comes after it. */
  async #makeLeases(): Promise<void> {
    const { ranges, superblock } = this.#layout;
    await makeLeases(this.#disk, leaseAreaOf(this.#disk.path, ranges.leases, superblock.clusterUuid), 0);
  }

  /** The registry makes the cluster: before it there was an unfinished installation. It is read back as a blade would read it. */
  async #commit(): Promise<void> {
    const { superblock, registry } = this.#layout;
    const steps = valueOf(planRegistryWrite({ superblock, headers: [], writer: 0, leaseVersion: 0, generation: 1, body: encodeRegistry(registry), writtenAtUnixMs: Date.now() }));
    this.#disk.carryOut(steps, (offset) => this.#registryPlace(offset));
    // Else the page cache would answer instead of the SAN. A disk that is a file has no such call (code 1).
    await run(['blockdev', '--flushbufs', this.#disk.path], { accept: [0, 1] });
    const back = valueOf(readContainer(this.#disk.read, this.#disk.bytes, registry.roster.container));
    if (back.registry.clusterUuid !== registry.clusterUuid) throw new Error('the registry does not read back as it was written: the SAN does not keep what it acknowledges');
  }
}

/** SHA-256 of an image file, read in pieces. Used before an installation: a damaged medium is refused before anything is written. */
export function imageSha256(path: string, bytes: number, onProgress: (share: number) => void): string {
  const hash = createHash('sha256');
  const fd = openSync(path, 'r');
  const buffer = new Uint8Array(4 * 1024 * 1024);
  try {
    for (let at = 0; at < bytes; ) {
      const got = readSync(fd, buffer, 0, Math.min(buffer.length, bytes - at), at);
      if (got === 0) break;
      hash.update(buffer.subarray(0, got));
      at += got;
      onProgress(at / bytes);
    }
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}
