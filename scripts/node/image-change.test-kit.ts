// For tests: a change of the registry on an image file, in the order of scripts/registry-writer.ts, without a lease.

import { valueOf } from '../../daemons/core/problem.ts';
import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import { planChange } from '../../daemons/storage/registry-change.ts';
import { SAMPLE_DISK_BYTES } from '../../daemons/storage/sample-san.test-kit.ts';
import { Disk } from '../install/disk.ts';
import type { ChangeRegistry } from './checkpoint-command.ts';

/** Edits the image as the writer of the registry on a node would, and does under the lease what is to be done there. */
export const changeImage: ChangeRegistry = async ({ path, container }, edit, before) => {
  const disk = new Disk(path, SAMPLE_DISK_BYTES);
  try {
    const found = valueOf(readContainer(disk.read, SAMPLE_DISK_BYTES, container));
    const { steps, registry } = valueOf(planChange({ found, edited: valueOf(edit(found.registry)), writer: 0, leaseVersion: 0 }));
    await before?.(registry, disk, new AbortController().signal);
    disk.carryOut(steps, (offset) => found.ranges.registry.firstSector * SECTOR_BYTES + offset);
    return valueOf(readContainer(disk.read, SAMPLE_DISK_BYTES, container)).registry;
  } finally {
    disk.close();
  }
};
