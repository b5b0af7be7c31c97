// `metamaster restore -s`: an OCFS2 on the shared volume. What it holds and who may have it mounted is found out first, watched where that is
// needed, shown and asked for; then it is made under the registry's lease, so that no two machines make it at a time. What is decided, and by
// which rules: daemons/storage/shared-use.ts and shared-volume.ts.

import { createHash, randomBytes } from 'node:crypto';
import { equalBytes } from '../../daemons/core/bytes.ts';
import { problemLine, valueOf, type Problem } from '../../daemons/core/problem.ts';
import { type Uuid, uuidFromRandom } from '../../daemons/core/uuid.ts';
import { CommandError } from '../../daemons/host/run.ts';
import { BLOCK_BYTES, MIB } from '../../daemons/storage/block.ts';
import { canonicalJson } from '../../daemons/storage/canonical-json.ts';
import { readContainer, type ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import { mkfsOcfs2, type Ocfs2Facts, type Ocfs2Wish } from '../../daemons/storage/ocfs2-text.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import { mounted, sharedUseProblems, type SharedUseRequest, sharedVolumesToWatch } from '../../daemons/storage/shared-use.ts';
import { BLANK_FRONT_BYTES, encodeSharedMark, markOffset, planSharedFileSystem, RESERVED_BYTES, sharedContent, type SharedContent, sharedVolume, volumeBytes } from '../../daemons/storage/shared-volume.ts';
import { readVolumeFront, sameFront, stepsOnDisk, type VolumeFront } from '../../daemons/storage/volume-front.ts';
import { volumeReader } from '../../daemons/storage/volume-reader.ts';
import { FLUSH } from '../../daemons/storage/write-step.ts';
import { type CommandHost, type ThisMachine, typed } from '../command-host.ts';
import { Disk } from '../install/disk.ts';
import { changedMeanwhile, underRegistryLease } from '../registry-writer.ts';
import { dropCache } from '../san-device.ts';
import { withDevice } from '../volume-device.ts';
import { watchOwners } from '../watch-owners.ts';
import { identify, runTool, telling } from './ocfs2-tools.ts';
import type { RestoreArguments } from './restore-arguments.ts';
import { usersHere } from './shared-users.ts';

/** How the volume becomes a device, and who of this machine has it; a test on a machine without device-mapper gives its own. */
export interface SharedTools {
  readonly withDevice: typeof withDevice;
  readonly usersHere: typeof usersHere;
}
const REAL_TOOLS: SharedTools = { withDevice, usersHere };

/** What came of it. */
export interface SharedResult {
  readonly result: 'planned' | 'refused' | 'declined' | 'done' | 'failed';
  readonly volume: string;
  readonly holds: SharedContent['kind'];
  readonly problems: readonly string[];
  /** The file system that is to be made, or was. */
  readonly fileSystem: Omit<Ocfs2Wish, 'uuid'>;
  /** Of the one that was made. */
  readonly uuid?: Uuid;
}

/** The SAN that is written to, and by whom. */
export interface SharedPlace {
  readonly path: string;
  readonly diskBytes: number;
  readonly found: ContainerFound;
  readonly read: ReadAt;
  readonly machine: ThisMachine;
  readonly host: CommandHost;
}

/** What was seen of the volume at one moment. */
interface Look {
  readonly content: SharedContent;
  readonly facts?: Ocfs2Facts;
  /** Another one, when anything of it was written to since. */
  readonly fingerprint: string;
}

/** What was judged, with everything that must still be so when it is written. */
interface Judged {
  readonly look: Look;
  readonly fronts: ReadonlyMap<string, VolumeFront>;
  readonly problems: readonly Problem[];
}

/** The shared volume of a cluster, on its way to a file system. */
export class SharedFormat {
  readonly #wish: RestoreArguments;
  readonly #place: SharedPlace;
  readonly #tools: SharedTools;
  readonly #volume: VolumeRecord;
  readonly #bytes: number;
  readonly #fileSystem: Ocfs2Wish;

  /** @throws InputError MM-SHARED-NONE, MM-SHARED-SIZE */
  constructor(wish: RestoreArguments, place: SharedPlace, tools: SharedTools = REAL_TOOLS) {
    const { registry, superblock } = place.found;
    this.#wish = wish;
    this.#place = place;
    this.#tools = tools;
    this.#volume = valueOf(sharedVolume(registry));
    this.#bytes = volumeBytes(this.#volume, registry.extentBytes);
    this.#fileSystem = valueOf(planSharedFileSystem(registry, superblock.writers, this.#volume, this.#bytes, uuidFromRandom(randomBytes(16))));
  }

  /** What can be known before anything else is done. @throws InputError MM-SHARED-TOOLS */
  async requireTools(): Promise<void> {
    for (const program of ['mkfs.ocfs2', 'fsck.ocfs2', 'debugfs.ocfs2']) await runTool([program, '-V'], { accept: 'any' });
  }

  async run(): Promise<SharedResult> {
    const { json, dryRun, yes } = this.#wish;
    const { host } = this.#place;
    const judged = await this.#judge();
    const lines = judged.problems.map(problemLine);
    for (const line of judged.problems.length > 0 ? lines.map((one) => `refused: ${one}`) : [`${this.#loss(judged.look.content)}; ${this.#gain()}`]) {
      const text = `shared volume ${this.#volume.name}: ${line}\n`;
      if (json) host.error(text);
      else host.out(text);
    }
    const { uuid, ...fileSystem } = this.#fileSystem;
    const result = (kind: SharedResult['result'], problems: readonly string[] = []): SharedResult => ({ result: kind, volume: this.#volume.name, holds: judged.look.content.kind, problems, fileSystem });
    if (lines.length > 0) return result('refused', lines);
    if (dryRun) return result('planned');
    if (!yes && !(await typed(host, 'MM-RESTORE-CONFIRM', `${this.#question(judged.look.content)}\nType yes to go on: `, 'yes'))) return result('declined');
    const failure = await underRegistryLease({ ...this.#place, container: this.#place.found.superblock.container }, this.#place.found, ({ lost }) => this.#write(judged, lost));
    if (failure !== undefined) {
      host.error(`metamaster restore: ${problemLine(failure)}\n`);
      return result('failed', [problemLine(failure)]);
    }
    host.error(`metamaster restore: ${this.#volume.name}: an OCFS2 made, checked and read back, UUID ${uuid}\n`);
    return { ...result('done'), uuid };
  }

  #loss(content: SharedContent): string {
    switch (content.kind) {
      case 'blank': return 'is blank, nothing is lost';
      case 'unfinished': return 'holds a file system that was begun and never finished, nothing is lost';
      case 'ocfs2': return `loses the OCFS2 ${JSON.stringify(content.facts.label)}, UUID ${content.facts.uuid}: ${content.facts.usedBytes} of ${content.facts.totalBytes} bytes in use`;
      case 'unknown': return `loses what it holds: ${content.what}`;
    }
  }

  #gain(): string {
    const { label, clusterName, slots } = this.#fileSystem;
    return `gets an OCFS2 ${JSON.stringify(label)} of ${(this.#bytes - RESERVED_BYTES) / MIB} MiB, for ${slots} nodes at a time of the o2cb cluster ${clusterName}`;
  }

  #question(content: SharedContent): string {
    const { fenced } = this.#wish;
    const needed = content.kind === 'ocfs2' || content.kind === 'unknown';
    const word = !needed || fenced.length === 0 ? '' : `By your word the machine${fenced.length === 1 ? '' : 's'} of node ${fenced.join(', ')} cannot write to the SAN any more. `;
    return `${word}The shared volume will be formatted: it ${this.#loss(content)}.`;
  }

  /** What the volume holds at this moment. */
  async #look(): Promise<Look> {
    const { path, found, read } = this.#place;
    await dropCache(path);
    const inVolume = volumeReader(read, this.#volume, found.registry.extentBytes, found.ranges.container.firstSector);
    const front = inVolume(0, Math.min(BLANK_FRONT_BYTES, markOffset(this.#bytes)));
    const tail = inVolume(markOffset(this.#bytes), RESERVED_BYTES);
    const { signature, facts: told } = await this.#tools.withDevice(path, found, this.#volume, 0, identify);
    // A super block may say anything.
    const facts = told !== undefined && told.heartbeat.offset + told.heartbeat.bytes <= this.#bytes ? told : undefined;
    const heartbeat = facts && inVolume(facts.heartbeat.offset, facts.heartbeat.bytes);
    const hash = createHash('sha256').update(front).update(tail).update(heartbeat ?? '');
    const content = sharedContent({ volumeUuid: this.#volume.uuid, front, tail, ...(signature === undefined ? {} : { signature }), ...(facts === undefined ? {} : { ocfs2: facts }), ...(heartbeat === undefined ? {} : { heartbeat }) });
    return { content, fingerprint: hash.digest('hex'), ...(facts === undefined ? {} : { facts }) };
  }

  async #usersProblems(facts: Ocfs2Facts | undefined): Promise<readonly Problem[]> {
    const { read, found } = this.#place;
    const users = await this.#tools.usersHere(read, found, this.#volume, facts?.uuid);
    return users.length === 0 ? [] : [mounted(this.#volume, users.join(', '))];
  }

  /** Looks once, and watches where only that can tell; what cannot be mended by watching is told at once. */
  async #judge(): Promise<Judged> {
    const { found, machine, path, host } = this.#place;
    const look = await this.#look();
    const fronts = new Map<string, VolumeFront>();
    const request: SharedUseRequest = {
      registry: found.registry, container: found.ranges.container, volume: this.#volume, content: look.content, force: this.#wish.force, stillMs: new Map(), fenced: new Set(this.#wish.fenced),
      claimant: { hardwareId: machine.hardwareId, ...(machine.node === undefined ? {} : { node: machine.node }) },
      frontOf: (volume) => {
        const front = fronts.get(volume.name) ?? this.#frontOf(volume);
        fronts.set(volume.name, front);
        return front;
      },
    };
    const watched = sharedVolumesToWatch(request);
    const atBest = sharedUseProblems({ ...request, stillMs: new Map(watched.map(({ name }) => [name, Number.POSITIVE_INFINITY])) });
    const problems = [...await this.#usersProblems(look.facts), ...atBest];
    if (problems.length > 0 || watched.length === 0) return { look, fronts, problems };
    const blockOf = (volume: VolumeRecord): Uint8Array => (volume === this.#volume ? this.#heartbeat(look.facts!) : this.#frontOf(volume).owner);
    const { stillMs, blocks } = await watchOwners(host, path, watched, blockOf);
    fronts.clear();
    const stillNow = watched.filter((volume) => equalBytes(blockOf(volume), blocks.get(volume.name)!)).map(({ name }) => [name, stillMs.get(name)!] as const);
    return { look, fronts, problems: sharedUseProblems({ ...request, stillMs: new Map(stillNow) }) };
  }

  #frontOf(volume: VolumeRecord): VolumeFront {
    const { read, found } = this.#place;
    return readVolumeFront(read, volume, found.registry.extentBytes, found.ranges.container);
  }

  #heartbeat({ heartbeat: { offset, bytes } }: Ocfs2Facts): Uint8Array {
    const { read, found } = this.#place;
    return volumeReader(read, this.#volume, found.registry.extentBytes, found.ranges.container.firstSector)(offset, bytes);
  }

  /** Writes, under the lease; what went wrong, else undefined. Everything that was judged is looked at again before. */
  async #write(judged: Judged, lost: AbortSignal): Promise<Problem | undefined> {
    const { path, diskBytes, found, read } = this.#place;
    const look = await this.#look();
    const { registry } = valueOf(readContainer(read, diskBytes, found.superblock.container));
    if (canonicalJson(registry) !== canonicalJson(found.registry)) return changedMeanwhile(path);
    const users = await this.#usersProblems(look.facts);
    if (users.length > 0) return users[0];
    const moved = [...judged.fronts].find(([name, front]) => !sameFront(front, this.#frontOf(registry.volumes.find((volume) => volume.name === name)!)));
    if (look.fingerprint !== judged.look.fingerprint || moved !== undefined) return {
      code: 'MM-RESTORE-CHANGED', where: moved?.[0] ?? this.#volume.name, rule: 'what was judged', seen: 'something else; nothing was written', remedy: 'Somebody boots or uses the shared volume at this moment: find out who, and begin again.',
    };
    // A lease that was lost is told by `withRegistryLease`.
    if (lost.aborted) return undefined;
    const disk = new Disk(path, diskBytes);
    try {
      return await this.#make(disk, lost);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      return {
        code: 'MM-SHARED-MAKE', where: this.#volume.name, rule: `${error.program} ends well`, seen: `exit code ${error.code}${error.said === '' ? '' : `: ${error.said.split('\n').at(-1)!}`}`,
        remedy: 'The volume is marked as unfinished, and what it held is lost. Mend what is said and give the same command again: it begins anew, and no node has to be down for it.',
      };
    } finally {
      disk.close();
    }
  }

  /** The mark comes first and goes last: between the two whatever stands there is unfinished. */
  async #make(disk: Disk, lost: AbortSignal): Promise<Problem | undefined> {
    const { path, found, host } = this.#place;
    const { uuid } = this.#fileSystem;
    const tail = new Uint8Array(RESERVED_BYTES);
    tail.set(encodeSharedMark({ volumeUuid: this.#volume.uuid, fileSystemUuid: uuid, begunAtUnixMs: host.unixMs() }));
    if (!(await this.#written(disk, tail))) return this.#notRead('the mark of what is being made');
    await telling(host, 'making and checking the file system', () => this.#tools.withDevice(path, found, this.#volume, 0, async (device) => {
      await this.#tool(mkfsOcfs2(device, this.#fileSystem));
      await this.#tool(['fsck.ocfs2', '-f', '-n', device]);
    }));
    if (lost.aborted) return undefined;
    if (!(await this.#written(disk, new Uint8Array(BLOCK_BYTES)))) return this.#notRead('the mark\'s block, wiped');
    const { content } = await this.#look();
    return content.kind === 'ocfs2' && content.facts.uuid === uuid ? undefined : this.#notRead(`the OCFS2 ${uuid}`);
  }

  /** Writes where the mark is, and reads it back. */
  async #written(disk: Disk, bytes: Uint8Array): Promise<boolean> {
    const { path, found, host } = this.#place;
    const steps = stepsOnDisk([{ kind: 'write', offset: markOffset(this.#bytes), bytes }, FLUSH], this.#volume, found.registry.extentBytes, found.ranges.container);
    const writes = steps.flatMap((step) => (step.kind === 'write' ? [step] : []));
    if (this.#wish.verbosity > 1) for (const { offset, bytes: { length } } of writes) host.error(`  ${this.#volume.name}: ${length} bytes at ${offset}\n`);
    disk.carryOut(steps, (offset) => offset);
    await dropCache(path);
    return writes.every((write) => equalBytes(disk.read(write.offset, write.bytes.length), write.bytes));
  }

  async #tool(argv: readonly string[]): Promise<void> {
    const { host } = this.#place;
    if (this.#wish.verbosity > 1) host.error(`  ${argv.join(' ')}\n`);
    const { output } = await runTool(argv);
    if (this.#wish.verbosity > 1) for (const line of output.trim().split('\n')) host.error(`    ${line}\n`);
  }

  #notRead(what: string): Problem {
    return {
      code: 'MM-RESTORE-READ-BACK', where: this.#volume.name, rule: `${what}, read back as written`, seen: 'something else',
      remedy: 'Another machine writes there, or the SAN does not keep what it acknowledges. Find out which, then begin again.',
    };
  }
}
