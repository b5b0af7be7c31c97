// Changes the registry of an installed cluster: under its lease, from what stands there under the lease, into a slot of this machine's own,
// and read back. What a change is, and how it is judged: daemons/storage/registry-change.ts.

import { InputError, problemLine, valueOf, type Problem, type Result } from '../daemons/core/problem.ts';
import { type RegistryLease, withRegistryLease } from '../daemons/host/sanlock.ts';
import { SECTOR_BYTES } from '../daemons/storage/block.ts';
import { readContainer, type ContainerFound } from '../daemons/storage/container-on-disk.ts';
import { hostIdOf, leaseAreaOf } from '../daemons/storage/lease-layout.ts';
import { readFrom } from '../daemons/storage/read-at.ts';
import { confirmChange, planChange } from '../daemons/storage/registry-change.ts';
import { readRegistry } from '../daemons/storage/registry-read.ts';
import type { Registry } from '../daemons/storage/registry.ts';
import type { CommandHost, ThisMachine } from './command-host.ts';
import { Disk } from './install/disk.ts';
import { dropCache, openSan } from './san-device.ts';

/** Whose registry is changed, and by whom. */
export interface ChangeContext {
  /** The SAN's disk, or an image of it. */
  readonly path: string;
  readonly container: string;
  readonly machine: ThisMachine;
  readonly host: CommandHost;
}

/** What is to be made of the registry. Pure: it is called once before the lease is taken, to refuse what is refused anyway, and again under it. */
export type Edit = (registry: Registry) => Result<Registry>;

/** How it is changed. */
export interface ChangeOptions {
  /**
   * What must stand on the SAN before the registry speaks of it: done under the lease, after the edit has succeeded and right before the slot
   * is written; also when the edit changes nothing. What it throws leaves the registry as it was. What takes long looks at `lost`, and writes no
   * more once it is aborted: free extents may be somebody else's then.
   */
  readonly before?: (edited: Registry, disk: Disk, lost: AbortSignal) => Promise<void>;
  /** Writes a registry that the edit left as it was, too. */
  readonly rewrite?: boolean;
}

/** The registry as it is now. */
export interface Changed {
  readonly found: ContainerFound;
  /** False when nothing was to be written. */
  readonly written: boolean;
}

/** The number whose slots this machine writes: a node's own; 0, the installer's, in the live system. @throws InputError MM-WRITER-MACHINE */
function writerOf({ node, live }: ThisMachine, path: string): { readonly writer: number; readonly who: number | 'live' } {
  if (node !== undefined) return { writer: node, who: node };
  if (live === true) return { writer: 0, who: 'live' };
  throw new InputError([{
    code: 'MM-WRITER-MACHINE', where: path, rule: 'a node of the cluster, or the live system of the disc: each has slots and a place in the lockspace of its own', seen: 'another machine',
    remedy: 'Run the command there. Nothing was written.',
  }]);
}

/** The registry was changed by somebody else since a plan was made of it; for edits that stand for one very registry. */
export function changedMeanwhile(where: string): Problem {
  return { code: 'MM-CHANGE-MEANWHILE', where, rule: 'the registry that was looked at', seen: 'one that somebody changed since; nothing was written', remedy: 'Look at what was changed, and give the command again.' };
}

/** A warning of the registry that was read, for a person. */
export const tellWarnings = (host: CommandHost, command: string, { warnings }: Pick<ContainerFound, 'warnings'>): void => {
  for (const warning of warnings) host.error(`metamaster ${command}: warning: ${problemLine(warning)}\n`);
};

/**
 * Does what must be done by one machine of all at a time, under the registry's lease, without a change of the registry.
 * @throws InputError MM-WRITER-MACHINE, those of `withRegistryLease`; what `work` throws
 */
export async function underRegistryLease<T>({ path, machine, host }: ChangeContext, { ranges, superblock }: Pick<ContainerFound, 'ranges' | 'superblock'>, work: (lease: RegistryLease) => Promise<T>): Promise<T> {
  const { who } = writerOf(machine, path);
  const options = { ...host.sanlock, area: leaseAreaOf(path, ranges.leases, superblock.clusterUuid), hostId: valueOf(hostIdOf(who, superblock.writers)), say: (line: string) => host.error(`  ${line}\n`) };
  return withRegistryLease(options, work);
}

/**
 * Changes the registry once. It is never tried again blindly: whoever was overtaken must look what the registry says now.
 * @throws InputError what the edit or `before` refuses; MM-WRITER-MACHINE; those of `withRegistryLease` (MM-LEASE-NONE for a cluster that
 * has no leases), `readContainer` and `planChange`; MM-CHANGE-OVERTAKEN, MM-CHANGE-TORN. Throws the system's error when the disk cannot be used.
 */
export async function changeRegistry(context: ChangeContext, edit: Edit, options: ChangeOptions = {}): Promise<Changed> {
  const { path, container, machine, host } = context;
  const san = openSan(path, host);
  const bytes = san.bytes;
  let first: ContainerFound;
  try {
    first = valueOf(readContainer(san.read, bytes, container));
  } finally {
    san.close();
  }
  const { writer } = writerOf(machine, path);
  valueOf(edit(first.registry));
  const disk = new Disk(path, bytes, { direct: true });
  try {
    const changed = await underRegistryLease(context, first, async ({ leaseVersion, lost }) => {
      await dropCache(path);
      const found = valueOf(readContainer(disk.read, bytes, container));
      const edited = valueOf(edit(found.registry));
      const change = valueOf(planChange({ found, edited, writer, leaseVersion, nowUnixMs: host.unixMs(), ...(options.rewrite === true ? { rewrite: true } : {}) }));
      // A lease that was lost is told by `withRegistryLease`.
      if (!lost.aborted) await options.before?.(change.registry, disk, lost);
      if (!lost.aborted) disk.carryOut(change.steps, (offset) => first.ranges.registry.firstSector * SECTOR_BYTES + offset);
      await dropCache(path);
      const { firstSector, sectors } = first.ranges.registry;
      const outcome = confirmChange(change, readRegistry(readFrom(disk.read, firstSector * SECTOR_BYTES), sectors * SECTOR_BYTES));
      if (outcome.kind !== 'written') throw new InputError(outcome.problems);
      return { found: { ...outcome.found, ranges: first.ranges }, written: change.steps.length > 0 };
    });
    if (changed.written) host.wrote(changed.found.header.generation);
    return changed;
  } finally {
    disk.close();
  }
}
