// `metamaster node checkpoint` and `metamaster node rollback`: a copy of a node's store in free extents of the container, and the store
// written anew from one. Who may is decided in daemons/storage/checkpoint.ts, what is written in daemons/storage/store-copy.ts.

import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { equalBytes } from '../../daemons/core/bytes.ts';
import type { Instant } from '../../daemons/core/machine.ts';
import { InputError, type MessageCode, type Problem, problemLine, valueOf } from '../../daemons/core/problem.ts';
import { uuidFromRandom } from '../../daemons/core/uuid.ts';
import { BLOCK_BYTES, MIB } from '../../daemons/storage/block.ts';
import { canonicalJson } from '../../daemons/storage/canonical-json.ts';
import { type Asker, planCheckpoint, planRollback, stillStore, storeOfNode, wholeCheckpoint } from '../../daemons/storage/checkpoint.ts';
import { encodeOwner, OWNER_OFFSET } from '../../daemons/storage/owner-record.ts';
import { OwnerWatch } from '../../daemons/storage/owner-watch.ts';
import { OWNER_STILL_MS } from '../../daemons/storage/ownership.ts';
import { type Registry, storeOf, type VolumeRecord } from '../../daemons/storage/registry.ts';
import { addCheckpoint, checkpointOf, checkpointsOf, dropCheckpoint } from '../../daemons/storage/registry-edit-checkpoints.ts';
import { diffStores } from '../../daemons/storage/snapshot-view.ts';
import { copiedSteps, type CopyRequest, copyStoreSteps } from '../../daemons/storage/store-copy.ts';
import { sameFront, stepsOnDisk, type VolumeFront } from '../../daemons/storage/volume-front.ts';
import { LABEL_OFFSETS } from '../../daemons/storage/volume-label.ts';
import { checkpointName } from '../../daemons/storage/volume-name.ts';
import { FLUSH, type WriteStep } from '../../daemons/storage/write-step.ts';
import type { Disk } from '../install/disk.ts';
import { type CommandHost, REAL_HOST, type ThisMachine, typed } from '../command-host.ts';
import { progressOf } from '../progress.ts';
import { changedMeanwhile, type ChangeOptions, changeRegistry, type Edit } from '../registry-writer.ts';
import { containerOf, dropCache, openSan, remedyOf, UsageError } from '../san-device.ts';
import { StoresOnSan } from './stores-on-san.ts';

/** One guarded change of the registry of a container on that disk, and what is done under its lease before it is written; gives the registry as it was read back. @throws InputError */
export type ChangeRegistry = (place: { readonly path: string; readonly container: string }, edit: Edit, before?: ChangeOptions['before']) => Promise<Registry>;

/** The change as this machine makes it. */
const changeByLease: ChangeRegistry = async (place, edit, before) => (await changeRegistry({ ...place, machine: REAL_HOST.machine(), host: REAL_HOST }, edit, before === undefined ? {} : { before })).found.registry;

export const CHECKPOINT_HELP = `metamaster node checkpoint N                   lists the checkpoints of node N
metamaster node checkpoint N NAME [options]    copies what node N has changed in its root into free room of the container
metamaster node checkpoint N NAME --drop       gives that room back
metamaster node rollback N NAME --keep OTHER | --discard [options]
                        writes the root of node N as it was at checkpoint NAME; --keep OTHER: what it is now
                        becomes a checkpoint first; --discard: it is lost

The node must be down, and it is not the one that this runs on.

  --fenced        node N was not shut down, and its machine is powered off or barred at the target
  --dry-run       says what would be done, and changes nothing
  --yes           asks no question
  --json          prints the list, or what was done, as JSON
  --device PATH   the SAN's disk, or an image of it; a node finds its own
  --container NAME  which container, where the SAN has several

Exit codes: 0 done; 1 refused or not done; 2 wrong use; 3 the system refused.
`;

const OPTIONS = {
  drop: { type: 'boolean', default: false }, keep: { type: 'string' }, discard: { type: 'boolean', default: false }, fenced: { type: 'boolean', default: false }, yes: { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false }, json: { type: 'boolean', default: false },
  device: { type: 'string' }, container: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false },
} as const;

type Verb = 'checkpoint' | 'rollback';

function readArguments(verb: Verb, argv: readonly string[]) {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  const [number = '', name, ...more] = positionals;
  if (!values.help && (!/^[1-9]\d{0,3}$/.test(number) || more.length > 0)) throw new UsageError(`'node ${verb}' wants the number of a node and at most one NAME`);
  if (verb === 'rollback' && !values.help && (name === undefined || (values.keep === undefined) === !values.discard)) throw new UsageError("'node rollback' wants a NAME, and either --keep OTHER or --discard");
  if (verb === 'checkpoint' && (values.keep !== undefined || values.discard)) throw new UsageError('--keep and --discard are for rollback');
  if (values.drop && (verb === 'rollback' || name === undefined)) throw new UsageError('--drop is for a checkpoint that is named');
  return { ...values, node: Number(number), name };
}

const problemOf = (code: MessageCode, where: string, rule: string, seen: string, remedy: string): InputError => new InputError([{ code, where, rule, seen, remedy }]);

const changed = (volume: VolumeRecord): InputError => problemOf('MM-CHECKPOINT-CHANGED', volume.name, 'label, owner record and header as they were judged', 'others',
  'Its node boots, or somebody else mends: what was copied is not to be relied on. Find out who, and begin again.');

/** Who asks for a store, and the store's front at that moment: with another one the judgement is void. */
interface Judged {
  readonly asker: Asker;
  readonly front: VolumeFront;
}

/** How a verb was asked for. */
interface Wish {
  readonly fenced: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** One run of either command on one SAN. */
class Checkpoints {
  readonly #host: CommandHost;
  readonly #machine: ThisMachine;
  readonly #san: StoresOnSan;
  readonly #wish: Wish;
  readonly #change: (edit: Edit, before?: ChangeOptions['before']) => Promise<void>;

  constructor(host: CommandHost, machine: ThisMachine, san: StoresOnSan, wish: Wish, change: ChangeRegistry) {
    this.#host = host;
    this.#machine = machine;
    this.#san = san;
    this.#wish = wish;
    this.#change = async (edit, before) => {
      san.registry = await change({ path: san.path, container: san.registry.roster.container }, edit, before);
    };
  }

  list(node: number): void {
    valueOf(storeOfNode(this.#san.registry, node));
    const checkpoints = checkpointsOf(this.#san.registry, node).map((volume) => {
      const whole = wholeCheckpoint(volume, this.#san.front(volume));
      const state = !whole.ok ? 'unfinished' : whole.value.checkpoint.clean ? 'whole' : 'whole; its node had not been shut down';
      return { name: checkpointName(volume.name, node), madeAtUnixMs: volume.madeAtUnixMs!, bytes: volume.sizeBytes, origin: volume.origin!, state };
    });
    const lines = checkpoints.map(({ name, madeAtUnixMs, bytes, origin, state }) => `${name}  ${new Date(madeAtUnixMs).toISOString()}  ${bytes / MIB} MiB  over ${origin}  ${state}\n`);
    this.#host.out(this.#wish.json ? `${JSON.stringify({ node, checkpoints })}\n` : lines.join(''));
  }

  /** Reserves the room, copies, looks whether the store stood still meanwhile, and only then says that the copy is whole. */
  async make(node: number, name: string): Promise<void> {
    const store = valueOf(storeOfNode(this.#san.registry, node));
    const { asker, front } = await this.#judge(store);
    const plan = valueOf(planCheckpoint(this.#san.registry, { ...this.#san.found(store), front }, asker));
    const request = { node, name, sizeBytes: plan.sizeBytes, uuid: uuidFromRandom(randomBytes(16)), atUnixMs: this.#host.unixMs() };
    // Rounded up to extents.
    const { sizeBytes } = valueOf(checkpointOf(valueOf(addCheckpoint(this.#san.registry, request)), node, name));
    const what = `${plan.exceptions} changed chunks, ${sizeBytes / MIB} MiB`;
    const result = { node, name, exceptions: plan.exceptions, bytes: sizeBytes };
    if (this.#wish.dryRun) {
      return this.#tell(`${store.name}: ${what} would be copied to checkpoint ${name}\n`, { ...result, result: 'planned' });
    }
    await this.#change((registry) => addCheckpoint(registry, request));
    const volume = valueOf(checkpointOf(this.#san.registry, node, name));
    // The registry was read anew for the change: the node may have another store by now.
    if (storeOf(this.#san.registry, node)?.uuid !== store.uuid || volume.origin !== store.origin) throw changed(store);
    const copy: CopyRequest = { from: this.#san.data(store), chunkSectors: plan.chunkSectors, label: plan.labelFor(volume) };
    await this.#underLease([store, volume], async (disk, lost) => {
      await this.#copy(disk, lost, store, front, volume, copy);
      if (!lost.aborted) this.#carryOut(disk, volume, copiedSteps(copy));
    });
    this.#tell(`${volume.name}: ${what}\n`, { ...result, uuid: request.uuid, result: 'done' });
  }

  /** The label goes first, so that no label is ever left that the registry does not know. Returns false when the answer was no. */
  async drop(node: number, name: string): Promise<boolean> {
    const volume = valueOf(checkpointOf(this.#san.registry, node, name));
    const result = { node, name, bytes: volume.sizeBytes };
    if (this.#wish.dryRun) {
      this.#tell(`${volume.name} would be dropped\n`, { ...result, result: 'planned' });
      return true;
    }
    if (!(await this.#confirmed(`Checkpoint ${name} of node ${node}, of ${new Date(volume.madeAtUnixMs!).toISOString()}, is lost.`))) return false;
    const zeros = new Uint8Array(BLOCK_BYTES);
    const steps = [...LABEL_OFFSETS.map((offset): WriteStep => ({ kind: 'write', offset, bytes: zeros })), FLUSH];
    await this.#change((registry) => dropCheckpoint(registry, { node, name }), (_, disk) => Promise.resolve(this.#carryOut(disk, volume, steps)));
    this.#tell(`${volume.name}: dropped\n`, { ...result, result: 'done' });
    return true;
  }

  async rollBack(node: number, name: string, keep: string | undefined): Promise<boolean> {
    const store = valueOf(storeOfNode(this.#san.registry, node));
    const checkpoint = valueOf(checkpointOf(this.#san.registry, node, name));
    const judged = await this.#judge(store);
    // Everything that can be refused is, before anything is asked or kept.
    valueOf(this.#planRollback(store, checkpoint, judged));
    const loss = keep === undefined ? `loses all that was changed in it since ${name}` : `is kept as ${keep}`;
    const what = `The root of node ${node} becomes what it was at ${new Date(checkpoint.madeAtUnixMs!).toISOString()}; as it is now it ${loss}.`;
    const result = { node, name, kept: keep ?? null };
    if (this.#wish.dryRun) {
      this.#tell(`${what}\n`, { ...result, result: 'planned' });
      return true;
    }
    if (!(await this.#confirmed(what))) return false;
    if (keep !== undefined) await this.make(node, keep);
    await this.#writeBack(store, checkpoint, judged);
    this.#tell(`${store.name}: as it was at ${name}; node ${node} may boot\n`, { ...result, result: 'done' });
    return true;
  }

  #planRollback(store: VolumeRecord, checkpoint: VolumeRecord, { asker, front }: Judged) {
    return planRollback(this.#san.registry, { volume: store, front }, this.#san.found(checkpoint), asker);
  }

  async #writeBack(store: VolumeRecord, checkpoint: VolumeRecord, judged: Judged): Promise<void> {
    await this.#underLease([store, checkpoint], async (disk, lost) => {
      // The answer may have taken its time, and the node may have booted meanwhile.
      if (!sameFront(judged.front, this.#san.front(store))) throw changed(store);
      const front = this.#san.front(checkpoint);
      const plan = valueOf(this.#planRollback(store, checkpoint, judged));
      const owner = encodeOwner(plan.owner);
      const copy: CopyRequest = { from: this.#san.data(checkpoint), chunkSectors: plan.chunkSectors, label: plan.label, current: plan.current };
      if (lost.aborted) return;
      this.#carryOut(disk, store, [{ kind: 'write', offset: OWNER_OFFSET, bytes: owner }, FLUSH]);
      await dropCache(this.#san.path);
      if (!equalBytes(this.#san.front(store).owner, owner)) throw changed(store);
      await this.#copy(disk, lost, checkpoint, front, store, copy);
      // As long as the claim stands no blade boots from half a store; it is given back behind the label.
      if (!lost.aborted) this.#carryOut(disk, store, [...copiedSteps(copy), { kind: 'write', offset: OWNER_OFFSET, bytes: new Uint8Array(BLOCK_BYTES) }, FLUSH]);
    });
  }

  /** Writes to volumes for as long as the registry says of them what it said: under its lease nobody drops, removes or hands over what is written to. */
  #underLease(volumes: readonly VolumeRecord[], work: (disk: Disk, lost: AbortSignal) => Promise<void>): Promise<void> {
    const looked = canonicalJson(volumes);
    const asLooked: Edit = (registry) => {
      const now = volumes.flatMap(({ uuid }) => registry.volumes.filter((volume) => volume.uuid === uuid));
      return canonicalJson(now) === looked ? { ok: true, value: registry } : { ok: false, problems: [changedMeanwhile(this.#san.path)] };
    };
    return this.#change(asLooked, async (_, disk, lost) => {
      await dropCache(this.#san.path);
      await work(disk, lost);
    });
  }

  /** Copies, and holds what is read back against the source, which must be what it was. Ends early when the lease is lost. */
  async #copy(disk: Disk, lost: AbortSignal, source: VolumeRecord, front: VolumeFront, target: VolumeRecord, copy: CopyRequest): Promise<void> {
    const told = progressOf(this.#host, `${source.name} to ${target.name}`, target.sizeBytes);
    for (const step of copyStoreSteps(copy)) {
      if (lost.aborted) return;
      this.#carryOut(disk, target, [step]);
      if (step.kind === 'write') await told(step.bytes.length);
    }
    await dropCache(this.#san.path);
    if (!sameFront(front, this.#san.front(source))) throw changed(source);
    this.#host.error(`  ${target.name}: read again\n`);
    const other = diffStores(this.#san.view(source), this.#san.view(target)).next();
    if (other.done !== true) {
      throw problemOf('MM-CHECKPOINT-READ-BACK', target.name, `${other.value.length} bytes at ${other.value.offset} of the root, as ${source.name} has them`, 'others',
        'Another machine writes there, or the SAN does not keep what it acknowledges. Find out which, then begin again.');
    }
  }

  /** Who asks, for a fenced node also since when its owner stands still (which takes a while), and the front that this is true of. */
  async #judge(store: VolumeRecord): Promise<Judged> {
    const { hardwareId, bootNonce, node } = this.#machine;
    const asker = { claimant: { hardwareId, bootNonce, nowUnixMs: this.#host.unixMs(), ...(node === undefined ? {} : { node }) } };
    const first = this.#san.front(store);
    const held = stillStore(this.#san.registry, { volume: store, front: first }, asker);
    if (held.ok || !this.#wish.fenced || !held.problems.some(({ code }) => code === 'MM-CLAIM-FOREIGN')) return { asker, front: first };
    this.#host.error(`Watching the owner record of ${store.name} for ${OWNER_STILL_MS / 1000} s …\n`);
    const watch = new OwnerWatch();
    for (;;) {
      await dropCache(this.#san.path);
      const now = this.#host.now() as Instant;
      const front = this.#san.front(store);
      watch.step(now, new Map([[store.name, front.owner]]));
      const deadline = watch.deadline();
      if (deadline === undefined) return { asker: { ...asker, fence: { proven: true, counterStillMs: watch.stillMs(now).get(store.name)! } }, front };
      await this.#host.sleep(Math.max(0, deadline - this.#host.now()));
    }
  }

  #carryOut(disk: Disk, volume: VolumeRecord, steps: readonly WriteStep[]): void {
    disk.carryOut(stepsOnDisk(steps, volume, this.#san.registry.extentBytes, this.#san.ranges.container), (offset) => offset);
  }

  /** A line for a person, or the result for a program. */
  #tell(line: string, result: object): void {
    if (!this.#wish.json) this.#host.out(line);
    else this.#host.out(`${JSON.stringify(result)}\n`);
  }

  async #confirmed(question: string): Promise<boolean> {
    return this.#wish.yes || typed(this.#host, 'MM-NODE-CONFIRM', `${question}\nType yes to go on: `, 'yes');
  }
}

async function runVerb(verb: Verb, argv: readonly string[], change: ChangeRegistry, host: CommandHost): Promise<number> {
  const fail = (problems: readonly Problem[]): number => {
    for (const problem of problems) host.error(`metamaster node ${verb}: ${problemLine(problem)}\n`);
    return 1;
  };
  try {
    const { help, node, name, drop, keep, device, container, ...words } = readArguments(verb, argv);
    const wish: Wish = { fenced: words.fenced, dryRun: words['dry-run'], yes: words.yes, json: words.json };
    if (help) {
      host.out(CHECKPOINT_HELP);
      return 0;
    }
    const machine = host.machine();
    const path = device ?? machine.disk ?? await host.liveDisk(undefined);
    if (path === undefined) throw new UsageError('only a node finds the SAN\'s disk by itself: log in to the SAN and name it with --device');
    const san = openSan(path, host);
    try {
      const checkpoints = new Checkpoints(host, machine, new StoresOnSan(path, san, containerOf(san, container)), wish, change);
      if (verb === 'rollback') return (await checkpoints.rollBack(node, name!, keep)) ? 0 : 1;
      if (drop) return (await checkpoints.drop(node, name!)) ? 0 : 1;
      if (name === undefined) checkpoints.list(node);
      else await checkpoints.make(node, name);
      return 0;
    } finally {
      san.close();
    }
  } catch (error) {
    if (error instanceof InputError) return fail(error.problems);
    if (error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true) {
      host.error(`metamaster node ${verb}: ${(error as Error).message}. See \`metamaster node ${verb} --help\`.\n`);
      return 2;
    }
    host.error(`metamaster node ${verb}: ${(error as Error).message}. ${remedyOf(error as NodeJS.ErrnoException)}\n`);
    return 3;
  }
}

/** Runs `metamaster node checkpoint …` with the words behind it; returns the exit code (CHECKPOINT_HELP). */
export const checkpointCommand = (argv: readonly string[], change: ChangeRegistry = changeByLease, host: CommandHost = REAL_HOST): Promise<number> => runVerb('checkpoint', argv, change, host);

/** Runs `metamaster node rollback …` with the words behind it; returns the exit code (CHECKPOINT_HELP). */
export const rollbackCommand = (argv: readonly string[], change: ChangeRegistry = changeByLease, host: CommandHost = REAL_HOST): Promise<number> => runVerb('rollback', argv, change, host);
