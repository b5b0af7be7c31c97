// Ways in which what stands on the SAN is wrong, as the bytes to be written, made by the project's own encoders; how they are put back;
// and how it is shown that nobody else wrote where nobody should.

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { encodeUtf8, viewOf } from '../../daemons/core/bytes.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { valueOf } from '../../daemons/core/problem.ts';
import { BLOCK_BYTES, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import type { ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import { diskOffset } from '../../daemons/storage/disk-offset.ts';
import { decodeOwner, encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import { encodeRegistry, type Registry, stateVolumeOf, storeOf, type VolumeRecord } from '../../daemons/storage/registry.ts';
import { planRegistryWrite, slotBodyOffset, type SlotNumber } from '../../daemons/storage/registry-layout.ts';
import { REGISTRY_VERSION } from '../../daemons/storage/registry-model.ts';
import { DATA_OFFSET_BYTES, LABEL_OFFSETS } from '../../daemons/storage/volume-label.ts';

/** Bytes for a place on the SAN's disk. */
export interface DiskWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const NOISE = new Uint8Array(SECTOR_BYTES).fill(0xa5);
/** A card that no blade has. */
export const NOBODYS_MAC = '02:00:00:00:00:99' as Mac;

/** Where a byte of a volume lies. */
const placeOf = ({ registry, ranges }: ContainerFound, volume: VolumeRecord, at: number): number =>
  diskOffset(volume, registry.extentBytes, ranges.container.firstSector, at);
const registryAt = ({ ranges }: ContainerFound): number => ranges.registry.firstSector * SECTOR_BYTES;

/** Every slot that holds a registry, torn in its body. */
export function allSlotsTorn(found: ContainerFound): DiskWrite[] {
  return found.headers.map(({ writer, slot }) => ({ offset: registryAt(found) + slotBodyOffset(found.superblock, writer, slot), bytes: NOISE }));
}

/**
 * A registry's body `later` generations after the one that was found, in slots that nobody has written to. Two that follow each other
 * go into two slots, so that the former one counts until the later one is whole. `torn`: its body is another than its header says.
 */
export function laterRegistry(found: ContainerFound, body: Uint8Array, later: number, torn = false): DiskWrite[] {
  const { superblock, headers, header } = found;
  // The torn one has a writer of its own: it may not take the slot of the whole one that is to count in its place.
  const writer = superblock.writers - (torn ? 2 : 1);
  if (headers.some((other) => other.writer === writer)) throw new RangeError(`writer ${writer} has written to this registry`);
  const keep = (later % 2) as SlotNumber;
  const steps = valueOf(planRegistryWrite({ superblock, headers, keep, writer, leaseVersion: header.leaseVersion, generation: header.generation + later, body, writtenAtUnixMs: Date.now() }));
  const writes = steps.flatMap((step) => (step.kind === 'write' ? [{ offset: registryAt(found) + step.offset, bytes: step.bytes }] : []));
  return torn ? [{ offset: writes[0]!.offset, bytes: NOISE }, ...writes.slice(1)] : writes;
}

const withNodes = (registry: Registry, change: (node: Registry['roster']['nodes'][number]) => readonly Mac[]): Registry =>
  ({ ...registry, roster: { ...registry.roster, nodes: registry.roster.nodes.map((node) => ({ ...node, macs: change(node) })) } });

/** A registry as a program of the next format version would write it. */
export const newerVersion = (registry: Registry): Uint8Array => encodeUtf8(JSON.stringify({ ...registry, version: REGISTRY_VERSION + 1 }));

/** A registry that lacks a node's store. */
export const withoutStore = (registry: Registry, node: number): Uint8Array =>
  encodeRegistry({ ...registry, volumes: registry.volumes.filter((volume) => volume !== storeOf(registry, node)) });

/** A registry in which a node's state volume has one extent more than the container. */
export const oneExtentTooLarge = (registry: Registry, node: number): Uint8Array => encodeRegistry({
  ...registry,
  volumes: registry.volumes.map((volume) => (volume === stateVolumeOf(registry, node)
    ? { ...volume, sizeBytes: volume.sizeBytes + registry.extentBytes, extents: [...volume.extents, { start: registry.extentCount, count: 1 }] } : volume)),
});

/** A registry in which a second node has the first one's cards. */
export function oneMacTwice(registry: Registry, first: number, second: number): Uint8Array {
  const { macs } = registry.roster.nodes.find(({ number }) => number === first)!;
  return encodeRegistry(withNodes(registry, (node) => (node.number === second ? macs : node.macs)));
}

/** A registry that knows a node by another card. */
export const withoutCard = (registry: Registry, number: number): Uint8Array =>
  encodeRegistry(withNodes(registry, (node) => (node.number === number ? [NOBODYS_MAC] : node.macs)));

/** A registry whose origins were installed with another kernel. */
export const otherKernel = (registry: Registry, kernelRelease: string): Uint8Array =>
  encodeRegistry({ ...registry, origins: registry.origins.map((origin) => ({ ...origin, kernelRelease })) });

/** Another machine as the owner of a node's store. */
export function foreignOwner(found: ContainerFound, read: ReadAt, node: number): DiskWrite[] {
  const offset = placeOf(found, storeOf(found.registry, node)!, OWNER_OFFSET);
  const owner = valueOf(decodeOwner(read(offset, BLOCK_BYTES)));
  if (owner === undefined) throw new RangeError(`nobody owns the store of node ${node}`);
  return [{ offset, bytes: encodeOwner({ ...owner, hardwareId: `no-uuid/${NOBODYS_MAC}`, bootNonce: 'cd'.repeat(16), epoch: owner.epoch + 1 }) }];
}

/** A node's store as the kernel leaves it that gave it up: the second word of its header is zero. */
export function storeGivenUp(found: ContainerFound, read: ReadAt, node: number): DiskWrite[] {
  const offset = placeOf(found, storeOf(found.registry, node)!, DATA_OFFSET_BYTES);
  const header = Uint8Array.from(read(offset, SECTOR_BYTES));
  viewOf(header).setUint32(4, 0, true);
  return [{ offset, bytes: header }];
}

/** A node's state volume without its label. */
export const labelGone = (found: ContainerFound, node: number): DiskWrite[] =>
  LABEL_OFFSETS.map((at) => ({ offset: placeOf(found, stateVolumeOf(found.registry, node)!, at), bytes: new Uint8Array(BLOCK_BYTES) }));

/** Checksums of what a blade that is refused must leave alone, by name. */
export type SanMarks = ReadonlyMap<string, string>;

/**
 * The registry's partition, and of every volume of a node its label, its owner record and the beginning of its data.
 * @param running nodes that run: they renew their owner records and write their data
 */
export function sanMarks(found: ContainerFound, read: ReadAt, running: readonly number[] = []): SanMarks {
  const { registry, ranges } = found;
  const marks = new Map<string, string>();
  const mark = (name: string, ...places: readonly (readonly [offset: number, length: number])[]): void =>
    void marks.set(name, places.map(([offset, length]) => createHash('sha256').update(read(offset, length)).digest('hex')).join(' '));
  mark('registry', [registryAt(found), ranges.registry.sectors * SECTOR_BYTES]);
  for (const volume of registry.volumes) {
    if (volume.node === undefined) continue;
    mark(`label of ${volume.name}`, ...LABEL_OFFSETS.map((at) => [placeOf(found, volume, at), BLOCK_BYTES] as const));
    if (running.includes(volume.node)) continue;
    mark(`owner record of ${volume.name}`, [placeOf(found, volume, OWNER_OFFSET), BLOCK_BYTES]);
    mark(`data of ${volume.name}`, [placeOf(found, volume, DATA_OFFSET_BYTES), BLOCK_BYTES]);
  }
  return marks;
}

/** The names of what differs between two times. */
export const differing = (before: SanMarks, after: SanMarks): string[] => [...before.keys()].filter((name) => before.get(name) !== after.get(name));

function withFile<T>(path: string, use: (fd: number) => T): T {
  const fd = openSync(path, 'r+');
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Takes the last bytes off the SAN's file, which must be off: it looks at the size when it starts. Returns what gives them back. */
export function shrink(path: string, bytes: number): () => void {
  const tail = new Uint8Array(bytes);
  const size = withFile(path, (fd) => {
    const { size } = fstatSync(fd);
    readSync(fd, tail, 0, bytes, size - bytes);
    ftruncateSync(fd, size - bytes);
    return size;
  });
  return () => void withFile(path, (fd) => writeSync(fd, tail, 0, bytes, size - bytes));
}

/** Changes to the SAN's file that can be taken back. The SAN may serve it meanwhile: both go through one page cache. */
export class SanEdits {
  readonly #path: string;
  readonly #former: DiskWrite[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  /** Writes, and remembers what stood there. */
  apply(writes: readonly DiskWrite[]): void {
    withFile(this.#path, (fd) => {
      for (const { offset, bytes } of writes) {
        const former = new Uint8Array(bytes.length);
        readSync(fd, former, 0, former.length, offset);
        this.#former.push({ offset, bytes: former });
        writeSync(fd, bytes, 0, bytes.length, offset);
      }
    });
  }

  /** Puts everything back, the last change first. */
  undo(): void {
    withFile(this.#path, (fd) => {
      for (const { offset, bytes } of this.#former.reverse()) writeSync(fd, bytes, 0, bytes.length, offset);
    });
    this.#former.length = 0;
  }
}
