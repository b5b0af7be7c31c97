// For tests: answers, an image and boot files, and a disk in memory that remembers every write and flush of an installation.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { BOOT_FILE_NAMES } from '../../daemons/core/boot-file-names.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import { MemoryDisk } from '../../daemons/storage/memory-disk.test-kit.ts';
import type { RegistrySecret } from '../../daemons/storage/registry.ts';
import { sampleUuid } from '../../daemons/storage/sample-san.test-kit.ts';
import { FLUSH, type WriteStep } from '../../daemons/storage/write-step.ts';
import { parseAnswers, type Answers } from './answers.ts';
import { Disk } from './disk.ts';
import { Installation, type DiscPlaces } from './engine.ts';
import { planLayout, type Layout, type LayoutRequest, type OriginImage } from './layout.ts';
import { Progress } from './progress.ts';
import { examineForInstall, keptTable } from './san-content.ts';

/** Answers for so many nodes, with small volumes; `more` are further lines of the file. */
export function sampleAnswers(nodes: number, more: readonly string[] = []): Answers {
  const given = new Set(more.map((line) => line.split(':')[0]));
  const lines = [
    'container-name: debian', 'storage-ip: 10.1.0.252', 'storage-netmask: 255.255.0.0', 'meta-master-ip: 10.1.0.253', 'first-node-IP-netboot-netstorage: 10.1.1.0', 'iscsi-target: iqn.2026-01.example:san',
    'cluster-hostname: node', `number-of-nodes: ${nodes}`, `maximum-nodes: ${Math.max(nodes, 4)}`, 'volume-size: 256', 'store-size: 64', 'state-size: 64',
    'authorized-keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f admin"]',
  ].filter((line) => !given.has(line.split(':')[0]));
  const macs = Array.from({ length: nodes }, (_, i) => `  - mac: "52:54:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}"`);
  return valueOf(parseAnswers([...lines, ...more, 'nodes:', ...macs, ''].join('\n'), 'answers.yaml'));
}

/** Secrets of the size of real ones. */
export function sampleSecret(nodes: number): RegistrySecret {
  const key = { privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${'b3BlbnNzaC1rZXktdjEAAAA'.repeat(16)}\n-----END OPENSSH PRIVATE KEY-----\n`, publicKey: `ssh-ed25519 ${'A'.repeat(68)} node` };
  return { rootPasswordHash: '!', clusterKey: 'ab'.repeat(32), sshHostKeys: Object.fromEntries(Array.from({ length: nodes }, (_, i) => [String(i + 1), key])) };
}

/** Not of whole sectors, and small: every test of a power cut copies the disk many times. */
export const SAMPLE_IMAGE: OriginImage = { imageBytes: 200_001, imageSha256: 'cd'.repeat(32), kernelRelease: '6.12.90+deb13-amd64' };

/** A request for a layout; its UUIDs begin with `firstUuid`. */
export function sampleRequest(nodes: number, diskBytes: number, more: readonly string[] = [], firstUuid = 1000): LayoutRequest {
  let drawn = firstUuid;
  return { answers: sampleAnswers(nodes, more), image: SAMPLE_IMAGE, diskBytes, newUuid: () => sampleUuid(drawn++), secret: sampleSecret(nodes) };
}

/** A disc in a temporary folder: image and boot files (without those for arm64 unless they are named) whose bytes tell what they are. */
export function makeDisc(bootFiles: readonly string[] = BOOT_FILE_NAMES): { places: DiscPlaces; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'install-'));
  const fill = (seed: string, bytes: number): Buffer => Buffer.concat(Array.from({ length: Math.ceil(bytes / 32) }, (_, i) => createHash('sha256').update(`${seed}${i}`).digest())).subarray(0, bytes);
  writeFileSync(join(folder, 'root.ext4'), fill('root', SAMPLE_IMAGE.imageBytes));
  bootFiles.forEach((name, i) => writeFileSync(join(folder, name), fill(name, 5000 + 777 * i)));
  return { places: { rootImage: join(folder, 'root.ext4'), bootFolder: folder }, remove: () => rmSync(folder, { recursive: true }) };
}

/** A disk in memory under the installer. */
export class ModelDisk extends Disk {
  readonly memory: MemoryDisk;
  readonly steps: WriteStep[] = [];
  override readonly read: Disk['read'];

  constructor(bytes: number, memory = new MemoryDisk()) {
    super('/dev/null', bytes);
    this.memory = memory.clone();
    this.read = (offset, length) => {
      if (offset < 0 || offset + length > bytes) throw new Error(`a read of ${length} bytes at ${offset} of ${bytes}`);
      return this.memory.read(offset, length);
    };
  }

  /** A write of part of a sector is a write of the sector, as the page cache has it. */
  override write(offset: number, bytes: Uint8Array): void {
    if (offset < 0 || offset + bytes.length > this.bytes) throw new Error(`a write of ${bytes.length} bytes at ${offset} of ${this.bytes}`);
    const start = Math.floor(offset / SECTOR_BYTES) * SECTOR_BYTES;
    const end = Math.ceil((offset + bytes.length) / SECTOR_BYTES) * SECTOR_BYTES;
    const whole = this.memory.read(start, end - start);
    whole.set(bytes, offset - start);
    this.memory.write(start, whole);
    this.steps.push({ kind: 'write', offset: start, bytes: whole });
  }

  override flush(): void {
    this.steps.push(FLUSH);
  }
}

/** Says nothing. */
export class SilentProgress extends Progress {
  constructor() {
    super(0);
  }

  override begin(): void {}
  override update(): void {}
  override end(): void {}
}

/** The disk of the installations in tests: room for four nodes with the least volumes. */
export const DISK_BYTES = 1024 * MIB;

/** What a test varies of an installation. */
export interface InstallOptions {
  readonly nodes?: number;
  readonly firstUuid?: number;
  /** Further lines of the answers. */
  readonly more?: readonly string[];
}

/** The plan for a disk as it is found, whatever is to be lost. */
export function layoutFor(disk: Pick<Disk, 'read' | 'bytes'>, { nodes = 2, firstUuid = 1000, more = [] }: InstallOptions = {}): Layout {
  const existing = keptTable(examineForInstall(disk.read, disk.bytes, 'debian'), 'debian');
  return valueOf(planLayout({ ...sampleRequest(nodes, disk.bytes, more, firstUuid), ...(existing === undefined ? {} : { existing }) }));
}

/** Installs on a disk that holds `before`; the disk, with all that was written to it, and the plan. */
export async function installOn(places: DiscPlaces, before: MemoryDisk, options: InstallOptions = {}): Promise<{ disk: ModelDisk; layout: Layout }> {
  const disk = new ModelDisk(DISK_BYTES, before);
  const layout = layoutFor(disk, options);
  await new Installation(layout, disk, places, new SilentProgress()).run();
  disk.close();
  return { disk, layout };
}

/** The cluster that a blade would find on the disk, if any. */
export function clusterOf({ read }: Pick<MemoryDisk, 'read'>): string | undefined {
  const found = readContainer(read, DISK_BYTES, 'debian');
  return found.ok ? found.value.registry.clusterUuid : undefined;
}
