// For tests: a sparse disk in memory, plans carried out on it, and every way in which a loss of power can cut a plan off.

import { concatBytes } from '../core/bytes.ts';
import { SECTOR_BYTES } from './block.ts';
import type { ReadAt } from './read-at.ts';
import type { WriteStep } from './write-step.ts';

/** A disk of zeros until it is written; sectors of 512 bytes. */
export class MemoryDisk {
  readonly sectors: Map<number, Uint8Array>;

  constructor(sectors: ReadonlyMap<number, Uint8Array> = new Map()) {
    this.sectors = new Map(sectors);
  }

  readonly read: ReadAt = (offset, length) => {
    if (offset % SECTOR_BYTES !== 0 || length % SECTOR_BYTES !== 0 || offset < 0) throw new RangeError(`a read of ${length} bytes at ${offset}`);
    return concatBytes(...Array.from({ length: length / SECTOR_BYTES }, (_, i) => this.sectors.get(offset / SECTOR_BYTES + i) ?? new Uint8Array(SECTOR_BYTES)));
  };

  write(offset: number, bytes: Uint8Array): void {
    for (const [sector, part] of sectorsOf({ kind: 'write', offset, bytes })) this.sectors.set(sector, part);
  }

  /** Carries a plan out whole, `base` bytes into the disk. */
  apply(steps: readonly WriteStep[], base = 0): void {
    for (const step of steps) if (step.kind === 'write') this.write(base + step.offset, step.bytes);
  }

  clone(): MemoryDisk {
    return new MemoryDisk(this.sectors);
  }
}

function sectorsOf(step: WriteStep): [number, Uint8Array][] {
  if (step.kind === 'flush') return [];
  if (step.offset % SECTOR_BYTES !== 0 || step.bytes.length % SECTOR_BYTES !== 0) throw new RangeError(`a write of ${step.bytes.length} bytes at ${step.offset}`);
  return Array.from({ length: step.bytes.length / SECTOR_BYTES }, (_, i) => [step.offset / SECTOR_BYTES + i, step.bytes.slice(i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES)]);
}

/**
 * The disk after the power failed when `done` steps had been begun: what stands before the last flush among them is there; of every
 * sector written since, `arrived` says whether it reached the disk.
 */
export function afterPowerLoss(disk: MemoryDisk, steps: readonly WriteStep[], done: number, arrived: (sector: number) => boolean): MemoryDisk {
  const after = disk.clone();
  const begun = steps.slice(0, done);
  const flushed = begun.findLastIndex((step) => step.kind === 'flush') + 1;
  after.apply(begun.slice(0, flushed));
  for (const [sector, bytes] of begun.slice(flushed).flatMap((step) => sectorsOf(step))) if (arrived(sector)) after.sectors.set(sector, bytes);
  return after;
}

/** A choice for each sector that looks random and depends on `seed` alone; seeds 0 and 1 are none and all. */
export function arrivalOf(seed: number): (sector: number) => boolean {
  if (seed <= 1) return () => seed === 1;
  return (sector) => {
    const mixed = Math.imul(Math.imul(sector ^ seed, 0x9e3779b1) ^ (seed >>> 7), 0x85ebca6b);
    return ((mixed ^ (mixed >>> 15)) & 1) === 1;
  };
}
