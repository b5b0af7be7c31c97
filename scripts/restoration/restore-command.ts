// `metamaster restore`: reads the SAN, watches foreign owners where that can help, shows what would be lost, asks, writes and reads back. What
// may be written is decided in daemons/storage/restore-plan.ts. The shared volume: format-shared.ts.

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { equalBytes } from '../../daemons/core/bytes.ts';
import { InputError, problemLine, valueOf, type Problem } from '../../daemons/core/problem.ts';
import { uuidFromRandom } from '../../daemons/core/uuid.ts';
import { CommandError, run } from '../../daemons/host/run.ts';
import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { readContainer, type ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import { canonicalJson } from '../../daemons/storage/canonical-json.ts';
import { infoDifferences } from '../../daemons/storage/install-info-differences.ts';
import { parseInstallInfo } from '../../daemons/storage/install-info-parse.ts';
import { occupiedExtents } from '../../daemons/storage/label-scan.ts';
import { readFrom, type ReadAt } from '../../daemons/storage/read-at.ts';
import { storeOf, type VolumeRecord } from '../../daemons/storage/registry.ts';
import { planRestore, type NodePlan, type RestoreAction, type RestorePlan, type RestoreRequest, type VolumePlan, volumesToWatch } from '../../daemons/storage/restore-plan.ts';
import { examineStore } from '../../daemons/storage/snapshot-exceptions.ts';
import { DATA_OFFSET_BYTES } from '../../daemons/storage/volume-label.ts';
import { readVolumeFront, sameFront, type VolumeFront } from '../../daemons/storage/volume-front.ts';
import { volumeReader } from '../../daemons/storage/volume-reader.ts';
import { Disk } from '../install/disk.ts';
import { readOwnerCounters } from '../install/running-nodes.ts';
import { type CommandHost, REAL_HOST, type ThisMachine, typed } from '../command-host.ts';
import { changedMeanwhile, changeRegistry } from '../registry-writer.ts';
import { containerOf, dropCache, openSan, remedyOf, UsageError } from '../san-device.ts';
import { withDevice } from '../volume-device.ts';
import { watchOwners } from '../watch-owners.ts';
import { SharedFormat, type SharedPlace, type SharedTools } from './format-shared.ts';
import { parseRestoreArguments, RESTORE_HELP, type RestoreArguments, type RestoreTask } from './restore-arguments.ts';

/** A running node renews its records every 5 s. */
const RENEWAL_SEEN_MS = 6000;

/** What is done to nodes. */
type NodeTask = Exclude<RestoreTask, { kind: 'shared' }>;
type GrantedNode = Extract<NodePlan, { kind: 'write' }>;

/** What came of one node. */
interface NodeResult {
  readonly node: number;
  result: 'planned' | 'refused' | 'skipped' | 'done' | 'failed';
  problems: readonly string[];
}

function note(results: readonly NodeResult[], node: number, problem: Problem | undefined): void {
  Object.assign(results.find((one) => one.node === node)!, problem === undefined ? { result: 'done' } : { result: 'failed', problems: [problemLine(problem)] });
}

/** What the command did, for --json, and its exit code. */
interface Outcome {
  readonly code: number;
  readonly report: object;
  /** The question was answered with no. */
  readonly declined?: boolean;
}

/** One run of the command, with everything that it was told and found. */
class Restore {
  readonly #wish: RestoreArguments;
  readonly #task: NodeTask;
  readonly #host: CommandHost;
  readonly #machine: ThisMachine;
  readonly #path: string;
  readonly #found: ContainerFound;
  readonly #read: ReadAt;
  readonly #bytes: number;

  constructor(wish: RestoreArguments, task: NodeTask, host: CommandHost, machine: ThisMachine, path: string, found: ContainerFound, read: ReadAt, bytes: number) {
    this.#wish = wish;
    this.#task = task;
    this.#host = host;
    this.#machine = machine;
    this.#path = path;
    this.#found = found;
    this.#read = read;
    this.#bytes = bytes;
  }

  async run(): Promise<Outcome> {
    const { request, plan } = await this.#plan();
    this.#show(plan);
    const { dryRun } = this.#wish;
    const results = plan.nodes.map((node): NodeResult => (
      node.kind === 'write' ? { node: node.node, result: 'planned', problems: [] } : { node: node.node, result: 'refused', problems: node.problems.map(problemLine) }));
    const granted = plan.nodes.filter((node) => node.kind === 'write');
    const chosen = dryRun ? [] : await this.#chosen(granted, results);
    let generation: number | undefined;
    if (plan.registry.kind === 'keep') for (const node of chosen ?? []) note(results, node.node, await this.#carryOut(request, node));
    else if (chosen !== undefined && !dryRun && (request.action.kind === 'rebuild' || chosen.length > 0)) {
      generation = await this.#rewrite(request, plan, chosen);
      for (const { node } of chosen) note(results, node, undefined);
    }
    for (const { result, problems } of results) if (result === 'failed') this.#host.error(`metamaster restore: ${problems.join('; ')}\n`);
    return {
      code: chosen === undefined || results.some(({ result }) => result !== 'done' && result !== 'planned') ? 1 : 0, declined: chosen === undefined,
      report: { nodes: results, registry: plan.registry.kind, takeAtOnce: plan.takeAtOnce, takeAtBoot: plan.takeAtBoot, ...(generation === undefined ? {} : { generation }) },
    };
  }

  /** The nodes that are to be written, as was confirmed; undefined when the answer was no. */
  async #chosen(granted: readonly GrantedNode[], results: readonly NodeResult[]): Promise<readonly GrantedNode[] | undefined> {
    const { yes, interactive } = this.#wish;
    if (this.#task.kind === 'rebuild') return yes || (await this.#confirmed('The registry is written anew, with what it says.')) ? [] : undefined;
    if (granted.length === 0) return [];
    if (!(await this.#confirmAll(granted))) return undefined;
    if (!interactive) return granted;
    const chosen: GrantedNode[] = [];
    for (const node of granted) {
      if (await this.#confirmed(`Node ${node.node}: ${this.#loss(node)}`)) chosen.push(node);
      else results.find((one) => one.node === node.node)!.result = 'skipped';
    }
    return chosen;
  }

  /**
   * Writes the registry, behind the new stores that it speaks of, and returns its generation.
   * @throws InputError MM-CHANGE-MEANWHILE when it is not the one that was looked at any more, and what changeRegistry throws
   */
  async #rewrite(request: RestoreRequest, plan: RestorePlan, chosen: readonly GrantedNode[]): Promise<number> {
    const { action } = request;
    const nodes = chosen.map(({ node }) => node);
    // What was passed over must not stand in the registry: it is planned without.
    const final = action.kind === 'reallocate' && chosen.length < plan.nodes.filter(({ kind }) => kind === 'write').length ? valueOf(planRestore({ ...request, action: { ...action, nodes } })) : plan;
    if (final.registry.kind !== 'rewrite') throw new RangeError('a registry that is to be kept');
    const [looked, wanted] = [canonicalJson(request.registry), final.registry.registry];
    const makeStores = async (): Promise<void> => {
      for (const node of final.nodes) {
        const problem = node.kind === 'write' ? await this.#carryOut(request, node) : undefined;
        if (problem !== undefined) throw new InputError([problem]);
      }
    };
    const context = { path: this.#path, container: this.#found.superblock.container, machine: this.#machine, host: this.#host };
    const { found } = await changeRegistry(context, (registry) => (canonicalJson(registry) === looked ? { ok: true, value: wanted } : { ok: false, problems: [changedMeanwhile(this.#path)] }), { before: makeStores, rewrite: true });
    this.#host.error(`metamaster restore: the registry has generation ${found.header.generation} now\n`);
    return found.header.generation;
  }

  #frontOf(volume: VolumeRecord): VolumeFront {
    return readVolumeFront(this.#read, volume, this.#found.registry.extentBytes, this.#found.ranges.container);
  }

  /** Everything is read once, and the owners of fenced nodes for as long as it takes to know whether they stand still. */
  async #plan(): Promise<{ request: RestoreRequest; plan: RestorePlan }> {
    const { registry, ranges } = this.#found;
    const fronts = new Map<string, VolumeFront>();
    const frontOf = (volume: VolumeRecord): VolumeFront => {
      const front = fronts.get(volume.name) ?? this.#frontOf(volume);
      fronts.set(volume.name, front);
      return front;
    };
    const { hardwareId, bootNonce, node } = this.#machine;
    const { fenced } = this.#wish;
    const task = this.#task;
    const claimant = { hardwareId, bootNonce, nowUnixMs: this.#host.unixMs(), ...(node === undefined ? {} : { node }) };
    const request: RestoreRequest = {
      registry, container: ranges.container, action: this.#actionOf(task), frontOf, stillMs: new Map(), fenced: new Set(fenced), claimant,
      running: task.kind === 'rebuild' ? await this.#runningNodes() : new Set(),
    };
    const first = valueOf(planRestore(request));
    const watched = volumesToWatch(request);
    if (watched.length === 0) return { request, plan: first };
    const { stillMs, blocks } = await watchOwners(this.#host, this.#path, watched, (volume) => this.#frontOf(volume).owner);
    fronts.clear();
    // A record that is another one than was watched, if only since the last look, has not stood still.
    const stillNow = watched.filter((volume) => equalBytes(frontOf(volume).owner, blocks.get(volume.name)!)).map(({ name }) => [name, stillMs.get(name)!] as const);
    const judged = { ...request, stillMs: new Map(stillNow) };
    return { request: judged, plan: valueOf(planRestore(judged)) };
  }

  #actionOf(task: NodeTask): RestoreAction {
    const { registry, ranges } = this.#found;
    if (task.kind === 'rebuild') return task;
    if (task.kind === 'revalidate') return { ...task, state: this.#examine(task.node) };
    const nodes = task.node === undefined ? registry.roster.nodes.map(({ number }) => number) : [task.node];
    if (!task.reallocate) return { kind: 'reset', nodes, withState: task.withState };
    return { kind: 'reallocate', nodes, occupied: occupiedExtents(this.#read, ranges.container, registry), newUuid: () => uuidFromRandom(randomBytes(16)) };
  }

  #examine(node: number) {
    const { registry, ranges } = this.#found;
    const store = storeOf(registry, node);
    // The plan refuses the number.
    if (store === undefined) return { kind: 'empty' as const };
    const read = volumeReader(this.#read, store, registry.extentBytes, ranges.container.firstSector);
    const dataBytes = store.extents.reduce((sum, { count }) => sum + count, 0) * registry.extentBytes - DATA_OFFSET_BYTES;
    return examineStore(readFrom(read, DATA_OFFSET_BYTES), dataBytes, registry.volumes.find(({ name }) => name === store.origin)!.sizeBytes);
  }

  async #runningNodes(): Promise<ReadonlySet<number>> {
    const before = readOwnerCounters(this.#read, this.#found);
    await this.#host.sleep(RENEWAL_SEEN_MS);
    await dropCache(this.#path);
    return new Set([...readOwnerCounters(this.#read, this.#found)].filter(([name, { counter }]) => before.get(name)?.counter !== counter).map(([, { node }]) => node));
  }

  #show({ nodes, registry, takeAtOnce, takeAtBoot }: RestorePlan): void {
    const tell = (line: string): void => (this.#wish.json ? this.#host.error(`${line}\n`) : this.#host.out(`${line}\n`));
    for (const node of nodes) {
      if (node.kind === 'refused') for (const problem of node.problems) tell(`node ${node.node}: refused: ${problemLine(problem)}`);
      else tell(`node ${node.node}: ${this.#loss(node)}`);
    }
    const whom = (numbers: readonly number[]): string => (numbers.length === 0 ? 'nobody' : `node ${numbers.join(', ')}`);
    if (registry.kind === 'rewrite') tell(`The registry is written again: ${whom(takeAtOnce)} takes it at once, ${whom(takeAtBoot)} at the next boot.`);
  }

  #loss({ volumes }: GrantedNode): string {
    return volumes.map(({ volume, loses }) => `${volume.name}: ${loses === undefined ? 'is set valid again; nothing is lost' : `loses ${loses}`}`).join('; ');
  }

  async #confirmed(text: string): Promise<boolean> {
    return typed(this.#host, 'MM-RESTORE-CONFIRM', `${text}\nType yes to go on: `, 'yes');
  }

  async #confirmAll(nodes: readonly NodePlan[]): Promise<boolean> {
    const { yes, interactive, fenced } = this.#wish;
    if (yes || interactive) return true;
    const word = fenced.length === 0 ? '' : `By your word the machine${fenced.length === 1 ? '' : 's'} of node ${fenced.join(', ')} cannot write to the SAN any more. `;
    return this.#confirmed(`${word}Node ${nodes.map(({ node }) => node).join(', ')} will be written.`);
  }

  /** Writes one node's volumes; what went wrong, else undefined. All fronts are looked at again before the first write. */
  async #carryOut({ frontOf }: RestoreRequest, { node, volumes }: GrantedNode): Promise<Problem | undefined> {
    await dropCache(this.#path);
    const changed = volumes.find(({ volume }) => !sameFront(frontOf(volume), this.#frontOf(volume)));
    if (changed !== undefined) return {
      code: 'MM-RESTORE-CHANGED', where: changed.volume.name, rule: 'label, owner record and header that were judged', seen: 'others; nothing of this node was written',
      remedy: 'Somebody claims this volume at this moment: find out who, and begin again.',
    };
    const disk = new Disk(this.#path, this.#bytes);
    try {
      const kept = this.#keep(disk, node, volumes);
      for (const plan of volumes) {
        const problem = await this.#write(disk, plan);
        if (problem !== undefined) return problem;
      }
      this.#host.error(`metamaster restore: node ${node}: written and read back; what stood there is in ${kept}\n`);
      return undefined;
    } finally {
      disk.close();
    }
  }

  async #write(disk: Disk, { volume, claim, steps, make, release }: VolumePlan): Promise<Problem | undefined> {
    const writes = steps.flatMap((step) => (step.kind === 'write' ? [step] : []));
    if (this.#wish.verbosity > 1) for (const { offset, bytes } of writes) this.#host.error(`  ${volume.name}: ${bytes.length} bytes at ${offset}\n`);
    if (claim !== undefined) {
      disk.carryOut([{ kind: 'write', ...claim }, { kind: 'flush' }], (offset) => offset);
      await dropCache(this.#path);
      if (!equalBytes(disk.read(claim.offset, claim.bytes.length), claim.bytes)) return this.#notRead(volume, 'the owner record of the claim');
    }
    disk.carryOut(steps, (offset) => offset);
    await dropCache(this.#path);
    // Of two writes to one place, as to a label, the later one stands.
    const last = new Map(writes.map(({ offset, bytes }) => [offset, bytes]));
    for (const [offset, bytes] of last) if (!equalBytes(disk.read(offset, bytes.length), bytes)) return this.#notRead(volume, `${bytes.length} bytes at ${offset}`);
    if (make !== undefined) await withDevice(this.#path, this.#found, volume, DATA_OFFSET_BYTES, (device) => run([...make, device]));
    disk.carryOut(release, (offset) => offset);
    return undefined;
  }

  #notRead(volume: VolumeRecord, what: string): Problem {
    return {
      code: 'MM-RESTORE-READ-BACK', where: volume.name, rule: `${what}, read back as written`, seen: 'something else',
      remedy: 'Another machine writes there, or the SAN does not keep what it acknowledges. Find out which, then begin again: the node boots no half-written volume.',
    };
  }

  /** Keeps every byte that will be written over, but for those of a file system that is made anew. */
  #keep(disk: Disk, node: number, volumes: readonly VolumePlan[]): string {
    const file = join(this.#wish.workFolder, `metamaster-restore-node${node}-${this.#host.unixMs()}.json`);
    const places = volumes.flatMap(({ claim, steps }) => [...(claim === undefined ? [] : [claim]), ...steps.flatMap((step) => (step.kind === 'write' ? [step] : []))]);
    const before = [...new Map(places.map(({ offset, bytes }) => [offset, bytes.length]))].map(([offset, length]) => ({ offset, base64: Buffer.from(disk.read(offset, length)).toString('base64') }));
    const descriptor = openSync(file, 'wx', 0o600);
    try {
      writeFileSync(descriptor, `${JSON.stringify({ disk: this.#path, sectorBytes: SECTOR_BYTES, before }, undefined, 1)}\n`);
    } finally {
      closeSync(descriptor);
    }
    return file;
  }
}

/** @throws InputError with every difference, unless it is to go on */
function compareInfo({ info, force }: RestoreArguments, { registry }: ContainerFound, host: CommandHost): void {
  if (info === undefined) return;
  const file = statSync(info).isDirectory() ? join(info, 'INSTALL.info') : info;
  const differences = infoDifferences(valueOf(parseInstallInfo(readFileSync(file, 'utf8'), file)), registry, file);
  if (differences.length > 0 && !force) throw new InputError(differences);
  for (const difference of differences) host.error(`metamaster restore: warning: ${problemLine(difference)}\n`);
}

/** Does what the words say: the nodes first, then the shared volume; what can be refused of that without looking is refused before. */
async function carryOut(wish: RestoreArguments, place: SharedPlace, tools: SharedTools | undefined): Promise<number> {
  const { host, machine, path, found, read, diskBytes } = place;
  compareInfo(wish, found, host);
  const shared = wish.shared ? new SharedFormat(wish, place, tools) : undefined;
  await shared?.requireTools();
  const nodes = wish.task.kind === 'shared' ? undefined : await new Restore(wish, wish.task, host, machine, path, found, read, diskBytes).run();
  const formatted = nodes?.declined === true ? undefined : await shared?.run();
  if (wish.json) host.out(`${JSON.stringify({ ...nodes?.report, ...(formatted === undefined ? {} : { shared: formatted }) })}\n`);
  return Math.max(nodes?.code ?? 0, formatted === undefined || formatted.result === 'done' || formatted.result === 'planned' ? 0 : 1);
}

/** Runs `metamaster restore …` with the words behind `restore`; returns the exit code (RESTORE_HELP). */
export async function restoreCommand(argv: readonly string[], host: CommandHost = REAL_HOST, tools?: SharedTools): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    host.out(RESTORE_HELP);
    return 0;
  }
  const fail = (problems: readonly Problem[], code: number): number => {
    for (const problem of problems) host.error(`metamaster restore: ${problemLine(problem)}\n`);
    return code;
  };
  const wish = parseRestoreArguments(argv);
  if (!wish.ok) return fail(wish.problems, 2);
  try {
    const machine = host.machine();
    const path = wish.value.device ?? machine.disk ?? await host.liveDisk(wish.value.sanLogin);
    if (path === undefined) return fail([{
      code: 'MM-RESTORE-DEVICE', where: '--device', rule: 'the SAN\'s disk, which a node, and a live system whose menu named the SAN, find by themselves', seen: 'none',
      remedy: 'On a node see `systemctl status metamaster-storage`; elsewhere log in to the SAN and name its disk: --device /dev/sdX.',
    }], 2);
    const san = openSan(path, host);
    try {
      const found = valueOf(readContainer(san.read, san.bytes, containerOf(san, wish.value.container ?? (wish.value.device === undefined ? machine.container : undefined))));
      for (const warning of found.warnings) host.error(`metamaster restore: warning: ${problemLine(warning)}\n`);
      return await carryOut(wish.value, { path, diskBytes: san.bytes, found, read: san.read, machine, host }, tools);
    } finally {
      san.close();
    }
  } catch (error) {
    if (error instanceof InputError) return fail(error.problems, 1);
    if (error instanceof UsageError) {
      host.error(`metamaster restore: ${error.message}. See \`metamaster restore --help\`.\n`);
      return 2;
    }
    const failure = error as NodeJS.ErrnoException;
    host.error(`metamaster restore: ${failure.message}. ${error instanceof CommandError ? 'Begin again with the same command.' : remedyOf(failure)}\n`);
    return 3;
  }
}
