// `metamaster san leases`: what stands in the leases partition; and, for a cluster that was installed before there was any use for it, or one
// whose leases are damaged, makes it.

import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { type Problem, problemLine } from '../daemons/core/problem.ts';
import { readContainer } from '../daemons/storage/container-on-disk.ts';
import { LEASE_IO_TIMEOUT_SECONDS, type LeaseArea, leaseAreaOf, leaseCount, registryLease } from '../daemons/storage/lease-layout.ts';
import { hostTimestamps, readLeases, renewedHosts, type LeasesFound } from '../daemons/storage/lease-record.ts';
import { CommandError } from '../daemons/host/run.ts';
import { Disk } from './install/disk.ts';
import { makeLeases } from './install/lease-area.ts';
import { containerOf, openSan, type SanOutput, UsageError } from './san-device.ts';

/** The verb's part of the help. */
export const LEASES_HELP = `  san leases PATH [--container NAME] [--init [--force]] [--json]
                              the leases by which nodes take turns in writing the registry; exit code 1 when they cannot be used
                              --init: makes them, where none were ever made; --force: also over damaged ones, and over good ones
`;

const OPTIONS = { container: { type: 'string' }, init: { type: 'boolean', default: false }, force: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } as const;
/** Twice the time in which a host of the lockspace renews its record. */
const WATCH_MS = 4 * LEASE_IO_TIMEOUT_SECONDS * 1000;

function readArguments(argv: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    if (positionals.length !== 1) throw new UsageError(`'san leases' wants one PATH, ${positionals.length} given`);
    if (values.force && !values.init) throw new UsageError('--force goes with --init');
    return { ...values, path: positionals[0]! };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function refuse(problems: readonly Problem[], output: SanOutput): number {
  for (const problem of problems) output.error(`metamaster san: ${problemLine(problem)}\n`);
  return 1;
}

function report(found: LeasesFound, room: number, json: boolean, output: SanOutput): number {
  const { state, registry, problem } = found;
  if (json) output.out(`${JSON.stringify({ state, room, registry, problem }, undefined, 2)}\n`);
  else if (problem === undefined && registry !== undefined) {
    const owner = registry.owner === 0 ? 'nobody has had it yet' : registry.timestamp === 0 ? `free; host ${registry.owner} had it last` : `held by host ${registry.owner}, or was when it died`;
    output.out(`lockspace ${registry.lockspace}, room for ${room} leases\nregistry: lease version ${registry.leaseVersion}, ${owner}\n`);
  }
  if (problem === undefined) return 0;
  return json ? 1 : refuse([problem], output);
}

/** What forbids making them, if anything. */
async function forbidden(found: LeasesFound, force: boolean, path: string, timestamps: () => readonly number[]): Promise<Problem | undefined> {
  if (found.state === 'none') return undefined;
  if (!force) return { code: 'MM-LEASE-THERE', where: path, rule: 'no lockspace yet', seen: found.state === 'made' ? 'one of this cluster' : 'one that is damaged or of another cluster', remedy: 'Nothing is to be done where `metamaster san leases` shows no problem; else stop all nodes but this one and say --force.' };
  const before = timestamps();
  await pause(WATCH_MS);
  const hosts = renewedHosts(before, timestamps());
  return hosts.length === 0 ? undefined : { code: 'MM-LEASE-USED', where: path, rule: 'no host in the lockspace', seen: `host ${hosts.join(', ')}`, remedy: 'Stop what these nodes do with leases, or the nodes.' };
}

/** Opened anew each time, which drops what the page cache holds: other nodes write. */
function timestampsNow(path: string, area: LeaseArea, output: SanOutput): readonly number[] {
  const san = openSan(path, output);
  try {
    return hostTimestamps(san.read, area);
  } finally {
    san.close();
  }
}

/** Runs the verb with the words behind `leases`; returns the exit code. @throws UsageError, and what the system throws */
export async function sanLeases(argv: readonly string[], output: SanOutput): Promise<number> {
  const { path, container, init, force, json } = readArguments(argv);
  const san = openSan(path, output);
  try {
    const cluster = readContainer(san.read, san.bytes, containerOf(san, container));
    if (!cluster.ok) return refuse(cluster.problems, output);
    const area = leaseAreaOf(path, cluster.value.ranges.leases, cluster.value.superblock.clusterUuid);
    const look = (): LeasesFound => readLeases(san.read, area, registryLease(area));
    if (!init) return report(look(), leaseCount(area), json, output);
    const found = look();
    const disk = new Disk(path, san.bytes);
    try {
      const problem = await forbidden(found, force, path, () => timestampsNow(path, area, output));
      if (problem !== undefined) return refuse([problem], output);
      // The next owner's version must be above that of every slot, whole or not, and above what a dead owner may still write.
      await makeLeases(disk, area, Math.max(found.registry?.leaseVersion ?? 0, ...cluster.value.headers.map((header) => header.leaseVersion)));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return refuse([{ code: 'MM-LEASE-PROGRAM', where: path, rule: 'sanlock makes lockspace and lease', seen: error.message, remedy: 'Install the package sanlock; is the disk writable?' }], output);
    } finally {
      disk.close();
    }
    return report(look(), leaseCount(area), json, output);
  } finally {
    san.close();
  }
}
