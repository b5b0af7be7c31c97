// An installed cluster on its SAN, opened for the verbs of `metamaster node` and `metamaster cluster`.

import { equalBytes } from '../../daemons/core/bytes.ts';
import { InputError, valueOf } from '../../daemons/core/problem.ts';
import { readContainer, type ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import type { Extent } from '../../daemons/storage/extents.ts';
import { occupiedExtents } from '../../daemons/storage/label-scan.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import { readVolumeFront, type VolumeFront } from '../../daemons/storage/volume-front.ts';
import { type CommandHost, type ThisMachine, typed } from '../command-host.ts';
import { type Changed, changeRegistry, type ChangeOptions, type Edit, tellWarnings } from '../registry-writer.ts';
import { containerOf, dropCache, type OpenedSan, openSan } from '../san-device.ts';
import { watchOwners } from '../watch-owners.ts';
import type { NodeArguments } from './node-arguments.ts';
import { StoresOnSan } from './stores-on-san.ts';

/** Which cluster, and how its administrator is spoken to. */
export type ClusterWish = Pick<NodeArguments, 'device' | 'container' | 'yes' | 'json'>;

/** The cluster, and how its administrator is spoken to. */
export class ClusterOnSan {
  readonly host: CommandHost;
  readonly machine: ThisMachine;
  readonly path: string;
  readonly found: ContainerFound;
  readonly #wish: ClusterWish;
  readonly #san: OpenedSan;

  constructor(host: CommandHost, machine: ThisMachine, path: string, found: ContainerFound, wish: ClusterWish, san: OpenedSan) {
    this.host = host;
    this.machine = machine;
    this.path = path;
    this.found = found;
    this.#wish = wish;
    this.#san = san;
  }

  /** A volume's front as it is on the SAN now. */
  readonly frontOf = (volume: VolumeRecord): VolumeFront => readVolumeFront(this.#san.read, volume, this.found.registry.extentBytes, this.found.ranges.container);

  /** Stores and origins, with the registry as it stands on the SAN now. @throws InputError */
  stores(): StoresOnSan {
    return new StoresOnSan(this.path, this.#san, this.found.superblock.container);
  }

  /** Free extents that somebody may still write to. */
  occupied(): readonly Extent[] {
    return occupiedExtents(this.#san.read, this.found.ranges.container, this.found.registry);
  }

  /** Reads the SAN itself next, and no page cache. */
  drop(): Promise<void> {
    return dropCache(this.path);
  }

  /** Since when the owner records of these volumes have stood still; one that is another now than was watched has not. */
  async watch(volumes: readonly VolumeRecord[]): Promise<ReadonlyMap<string, number>> {
    const { stillMs, blocks } = await watchOwners(this.host, this.path, volumes, (volume) => this.frontOf(volume).owner);
    return new Map(volumes.filter((volume) => equalBytes(this.frontOf(volume).owner, blocks.get(volume.name)!)).map(({ name }) => [name, stillMs.get(name)!]));
  }

  change(edit: Edit, options: ChangeOptions = {}): Promise<Changed> {
    return changeRegistry({ path: this.path, container: this.found.superblock.container, machine: this.machine, host: this.host }, edit, options);
  }

  /** A line for a person; with --json only the result goes to standard output. */
  tell(line: string): void {
    if (this.#wish.json) this.host.error(`${line}\n`);
    else this.host.out(`${line}\n`);
  }

  /** The result, where a program is to read it. */
  result(value: unknown): void {
    if (this.#wish.json) this.host.out(`${JSON.stringify(value)}\n`);
  }

  /** Whether to go on. @throws InputError MM-NODE-CONFIRM where there is nobody to ask */
  async confirmed(question: string, wanted = 'yes'): Promise<boolean> {
    return this.#wish.yes || typed(this.host, 'MM-NODE-CONFIRM', `${question}\nType ${wanted} to go on: `, wanted);
  }
}

/**
 * Opens the cluster for as long as `use` runs.
 * @throws InputError MM-NODE-DEVICE, those of `readContainer`; UsageError for several containers; the system's error
 */
export async function withCluster(host: CommandHost, wish: ClusterWish, use: (cluster: ClusterOnSan) => Promise<number>, command = 'node'): Promise<number> {
  const machine = host.machine();
  const path = wish.device ?? machine.disk ?? await host.liveDisk(undefined);
  if (path === undefined) throw new InputError([{
    code: 'MM-NODE-DEVICE', where: '--device', rule: 'the SAN\'s disk, which only a node finds by itself, once its storage agent has its session', seen: 'none',
    remedy: 'On a node see `systemctl status metamaster-storage`; in the live system log in to the SAN and name its disk: --device /dev/sdX.',
  }]);
  const san = openSan(path, host);
  try {
    const container = containerOf(san, wish.container ?? (wish.device === undefined ? machine.container : undefined));
    const found = valueOf(readContainer(san.read, san.bytes, container));
    tellWarnings(host, command, found);
    return await use(new ClusterOnSan(host, machine, path, found, wish, san));
  } finally {
    san.close();
  }
}

/** An edit of the registry, with what its options do before: asked for, written, told. */
export async function editOnly(cluster: ClusterOnSan, { dryRun }: NodeArguments, what: string, subject: object, edit: Edit, options: ChangeOptions = {}): Promise<number> {
  valueOf(edit(cluster.found.registry));
  if (dryRun) {
    cluster.tell(`To be done: ${what}.`);
    cluster.result({ ...subject, result: 'planned' });
    return 0;
  }
  if (!(await cluster.confirmed(`${what}.`))) return 1;
  const { found, written } = await cluster.change(edit, options);
  cluster.tell(written ? `Done: ${what} (registry generation ${found.header.generation}).` : 'It was so already.');
  cluster.result({ ...subject, generation: found.header.generation, result: written ? 'done' : 'already' });
  return 0;
}
