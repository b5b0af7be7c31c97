// For tests: the SAN as blades see it, with every write remembered, and a power cut at whichever write a test chooses.

import { SECTOR_BYTES } from '../daemons/storage/block.ts';
import { MemoryDisk } from '../daemons/storage/memory-disk.test-kit.ts';
import type { ChapLogin } from '../daemons/core/chap.ts';
import type { Registry } from '../daemons/storage/registry.ts';
import { SAMPLE_DISK_BYTES, sampleRegistry, sampleSan } from '../daemons/storage/sample-san.test-kit.ts';
import type { Ipv4 } from '../daemons/core/ipv4.ts';
import type { SanPortal } from '../daemons/core/san-portal.ts';

/** Ends a boot on the model: the blade has no power any more. */
export class PowerLoss extends Error {}

/** One write as it reached the SAN. */
export interface SeenWrite {
  /** The boot program's own writes, and those that the kernel makes for it. */
  readonly by: 'program' | 'kernel';
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The sample registry with what a boot needs besides: the SAN in the nodes' network, and every node's SSH host key. */
export function bootRegistry(): Registry {
  const registry = sampleRegistry();
  const sshHostKeys = Object.fromEntries([1, 2].map((node) => [String(node), { privateKey: `PRIVATE-${node}\n`, publicKey: `ssh-ed25519 KEY${node} node${node}` }]));
  return {
    ...registry,
    roster: { ...registry.roster, san: { ...registry.roster.san, address: '10.0.0.252' as Ipv4 } },
    secret: { ...registry.secret, sshHostKeys },
  };
}

/** An installed SAN of two nodes, or one made of a disk that a test prepared. */
export class ModelSan {
  readonly registry: Registry;
  readonly disk: MemoryDisk;
  readonly at: (volume: string, offset: number) => number;
  readonly writes: SeenWrite[] = [];
  /** How many writes there were before each flush that a blade asked for by itself. */
  readonly flushes: number[] = [];
  reachable = true;
  /** What the disk says of itself. */
  wwid = 't10.IET     00010001\n';
  /** Addresses of portals that do not answer. */
  readonly deadPortals = new Set<string>();
  /** Portals that the registry does not name. */
  readonly unlistedPortals: SanPortal[] = [];
  /** What it wants of a login; undefined: nothing. */
  chap: ChapLogin | undefined;
  /** The power fails in the write after this many. */
  writesUntilPowerLoss = Infinity;
  /** Which sectors of that last write arrive. */
  arrives: (sector: number) => boolean = () => false;

  constructor(disk?: MemoryDisk, registry = bootRegistry()) {
    const san = sampleSan(registry);
    this.registry = registry;
    this.disk = disk ?? san.disk;
    this.at = san.at;
  }

  /** What the LUN has now. */
  diskBytes = SAMPLE_DISK_BYTES;

  /** @throws PowerLoss */
  write(by: SeenWrite['by'], offset: number, bytes: Uint8Array): void {
    if (offset % SECTOR_BYTES !== 0 || offset + bytes.length > SAMPLE_DISK_BYTES) throw new Error(`${by}: a write of ${bytes.length} bytes at ${offset}`);
    if (this.writes.length >= this.writesUntilPowerLoss) {
      for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
        if (this.arrives((offset + at) / SECTOR_BYTES)) this.disk.write(offset + at, bytes.slice(at, at + SECTOR_BYTES));
      }
      throw new PowerLoss(`the power fails in write ${this.writes.length + 1}`);
    }
    this.writes.push({ by, offset, bytes: Uint8Array.from(bytes) });
    this.disk.write(offset, bytes);
  }
}

/** The sectors in which two disks differ; a sector that was never written is zero. */
export function differingSectors(a: MemoryDisk, b: MemoryDisk): number[] {
  const zero = new Uint8Array(SECTOR_BYTES);
  const sectors = new Set([...a.sectors.keys(), ...b.sectors.keys()]);
  return [...sectors].filter((sector) => !(a.sectors.get(sector) ?? zero).every((byte, i) => byte === (b.sectors.get(sector) ?? zero)[i])).sort((x, y) => x - y);
}
