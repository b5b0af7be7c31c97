// For tests: a cluster of two nodes on an image file, with leases made by the real sanlock where it is installed, and a machine that runs
// commands on it: its clock jumps, and its sanlock daemon is its own.

import { closeSync, existsSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { valueOf } from '../daemons/core/problem.ts';
import { MIB } from '../daemons/storage/block.ts';
import { readContainer, type ContainerFound } from '../daemons/storage/container-on-disk.ts';
import { leaseAreaOf } from '../daemons/storage/lease-layout.ts';
import { encodeOwner, OWNER_OFFSET, type OwnerRecord } from '../daemons/storage/owner-record.ts';
import type { ReadAt } from '../daemons/storage/read-at.ts';
import type { Registry } from '../daemons/storage/registry.ts';
import { roomyRegistry } from '../daemons/storage/registry-edit.test-kit.ts';
import { SAMPLE_DISK_BYTES, sampleLabel, sampleSan } from '../daemons/storage/sample-san.test-kit.ts';
import { labelSteps, type LabelState } from '../daemons/storage/volume-label.ts';
import type { CommandHost, ThisMachine } from './command-host.ts';
import { Disk } from './install/disk.ts';
import { makeLeases } from './install/lease-area.ts';

/** Room for the lockspace and some leases; the sample's own partition has room for the lockspace alone. */
export const LEASES_BYTES = 4 * MIB;

/** What a command did. */
export interface CommandRun {
  readonly code: number;
  readonly out: string;
  readonly error: string;
  readonly asked: readonly string[];
  readonly waitedMs: number;
  /** The generation that this machine was told it has written. */
  readonly wrote?: number;
}

/** How a command is run: `answer` is what is typed, one after the other; `meanwhile` happens at each sleep. */
export interface RunOptions {
  readonly machine?: ThisMachine;
  readonly answers?: readonly string[];
  readonly meanwhile?: (nowMs: number) => void;
}

export class ClusterImage {
  readonly folder = mkdtempSync(join(tmpdir(), 'mm-cluster-'));
  readonly path = join(this.folder, 'san.img');
  readonly diskBytes: number;
  readonly #place: (volume: string, offset: number) => number;

  constructor(registry: Registry = roomyRegistry(40), diskBytes = SAMPLE_DISK_BYTES) {
    const san = sampleSan(registry, LEASES_BYTES, diskBytes);
    this.diskBytes = diskBytes;
    this.#place = san.at;
    const descriptor = openSync(this.path, 'wx');
    ftruncateSync(descriptor, diskBytes);
    for (const [sector, bytes] of san.disk.sectors) writeSync(descriptor, bytes, 0, bytes.length, sector * 512);
    closeSync(descriptor);
  }

  /** Makes the leases, as the installer does. */
  async withLeases(): Promise<this> {
    const disk = new Disk(this.path, this.diskBytes);
    const { ranges, superblock } = this.found();
    await makeLeases(disk, leaseAreaOf(this.path, ranges.leases, superblock.clusterUuid), 0);
    disk.close();
    return this;
  }

  readonly read: ReadAt = (offset, length) => {
    const bytes = new Uint8Array(length);
    const descriptor = openSync(this.path, 'r');
    readSync(descriptor, bytes, 0, length, offset);
    closeSync(descriptor);
    return bytes;
  };

  bytes(): Buffer {
    return readFileSync(this.path);
  }

  found(): ContainerFound {
    return valueOf(readContainer(this.read, this.diskBytes, 'debian'));
  }

  /** Writes to the disk itself. */
  write(offset: number, bytes: Uint8Array): void {
    const descriptor = openSync(this.path, 'r+');
    writeSync(descriptor, bytes, 0, bytes.length, offset);
    closeSync(descriptor);
  }

  poke(volume: string, offset: number, bytes: Uint8Array): void {
    this.write(this.#place(volume, offset), bytes);
  }

  readAt(volume: string, offset: number, length: number): Uint8Array {
    return this.read(this.#place(volume, offset), length);
  }

  /** Sets label and owner of all volumes of a node, as a machine leaves them that has run. */
  own(node: number, state: LabelState, owner: Partial<OwnerRecord> & { readonly hardwareId: string }): void {
    const { registry } = this.found();
    for (const volume of registry.volumes.filter((one) => one.node === node)) {
      for (const step of labelSteps({ ...sampleLabel(registry, volume), state, generation: 2 }, 0)) if (step.kind === 'write') this.poke(volume.name, step.offset, step.bytes);
      this.poke(volume.name, OWNER_OFFSET, encodeOwner({ bootNonce: '01'.repeat(16), epoch: 3, counter: 70, node, volumeUuid: volume.uuid, renewedAtUnixMs: 1, ...owner }));
    }
  }

  /** How a machine of that name takes the lease: by a daemon of its own, without a watchdog. */
  sanlock(name: string): CommandHost['sanlock'] {
    const SANLOCK_RUN_DIR = join(this.folder, `run-${name}`);
    mkdirSync(SANLOCK_RUN_DIR, { recursive: true });
    return { startDaemon: ['sanlock', 'daemon', '-w', '0', '-h', '0', '-l', '0', '-S', '-1', '-L', '-1', '-e', `hardware-${name}`], env: { SANLOCK_RUN_DIR, SANLOCK_PRIVILEGED: '0' } };
  }

  /** Runs a command with a host of its own. */
  async run(command: (host: CommandHost) => Promise<number>, { machine = LIVE, answers = [], meanwhile = () => undefined }: RunOptions = {}): Promise<CommandRun> {
    let out = '';
    let error = '';
    let now = 0;
    let wrote: number | undefined;
    const asked: string[] = [];
    const typed = [...answers];
    const host: CommandHost = {
      out: (text) => void (out += text), error: (text) => void (error += text), liveDisk: () => Promise.resolve(undefined), machine: () => machine, now: () => now, unixMs: () => 1_795_000_000_000 + now,
      async sleep(ms) {
        now += ms;
        meanwhile(now);
      },
      async ask(question) {
        asked.push(question);
        return typed.shift();
      },
      sanlock: this.sanlock(machine.node === undefined ? 'live' : `node${machine.node}`),
      wrote: (generation) => void (wrote = generation),
    };
    const code = await command(host);
    return { code, out, error, asked, waitedMs: now, ...(wrote === undefined ? {} : { wrote }) };
  }

  /** Runs something that must not write a byte. */
  async untouched<R>(work: () => Promise<R>): Promise<R> {
    const before = this.bytes();
    const done = await work();
    if (!this.bytes().equals(before)) throw new Error('the SAN has changed');
    return done;
  }

  remove(): void {
    for (const name of ['live', 'node1', 'node2']) {
      const file = join(this.folder, `run-${name}`, 'sanlock.pid');
      const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
      // A number is given to other processes again.
      if (pid > 0 && existsSync(`/proc/${pid}/comm`) && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sanlock') process.kill(pid, 'SIGKILL');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The live system of the disc. */
export const LIVE: ThisMachine = { hardwareId: 'disc-board/52:54:00:00:00:09', bootNonce: 'ab'.repeat(16), live: true };
/** A node that is up. */
export const NODE_1: ThisMachine = { hardwareId: 'board-1/52:54:00:00:00:01', bootNonce: 'cd'.repeat(16), node: 1, container: 'debian' };

/** The code of the first problem that was told. */
export const codeOf = ({ error }: CommandRun): string => /MM-[A-Z-]+/.exec(error)?.[0] ?? 'none';
