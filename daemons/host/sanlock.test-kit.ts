// For tests: a leases area in a file, and hosts, each with a sanlock daemon of its own. Without a watchdog, and unprivileged: locked memory is
// what a machine that runs tests may not give.

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Uuid } from '../core/uuid.ts';
import { MIB, SECTOR_BYTES } from '../storage/block.ts';
import { leaseAreaOf, type LeaseArea } from '../storage/lease-layout.ts';
import type { ReadAt } from '../storage/read-at.ts';
import type { LeaseOptions } from './sanlock.ts';

/** Why the tests with the real program are skipped, or nothing. */
export const NO_SANLOCK = process.getuid?.() !== 0 ? 'not root' : spawnSync('sanlock', ['version']).status !== 0 ? 'sanlock is not installed; scripts/prepare installs it' : undefined;

const CLUSTER = 'a4f8b15c-8ef6-4d3a-9a5e-1f2b3c4d5e6f' as Uuid;

/** A folder with a disk's image, and the daemons whose sockets are in it. */
export class LeaseBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'lease-'));
  /** A colon, as names of devices by their path have them. */
  readonly path = join(this.folder, 'san:1.img');
  readonly area: LeaseArea;

  constructor(leasesMib = 4) {
    const firstMib = 3;
    closeSync(openSync(this.path, 'wx'));
    truncateSync(this.path, (firstMib + leasesMib + 1) * MIB);
    this.area = leaseAreaOf(this.path, { firstSector: (firstMib * MIB) / SECTOR_BYTES, sectors: (leasesMib * MIB) / SECTOR_BYTES }, CLUSTER);
  }

  readonly read: ReadAt = (offset, length) => {
    const bytes = new Uint8Array(length);
    const fd = openSync(this.path, 'r');
    try {
      readSync(fd, bytes, 0, length, offset);
    } finally {
      closeSync(fd);
    }
    return bytes;
  };

  #env(hostId: number): Record<string, string> {
    const SANLOCK_RUN_DIR = join(this.folder, `run${hostId}`);
    mkdirSync(SANLOCK_RUN_DIR, { recursive: true });
    return { SANLOCK_RUN_DIR, SANLOCK_PRIVILEGED: '0' };
  }

  /** What a host of this number is given; `said` gathers what it says. */
  host(hostId: number, said: string[] = []): LeaseOptions {
    return { area: this.area, hostId, startDaemon: ['sanlock', 'daemon', '-w', '0', '-h', '0', '-l', '0', '-S', '-1', '-L', '-1', '-e', `hardware-${hostId}`], say: (line) => void said.push(line), env: this.#env(hostId) };
  }

  /** Runs sanlock as that host. */
  sanlock(hostId: number, ...args: string[]): string {
    return spawnSync('sanlock', args, { env: { ...process.env, ...this.#env(hostId) }, encoding: 'utf8' }).stdout;
  }

  /** The daemon's process id, while it runs. */
  daemon(hostId: number): number | undefined {
    const file = join(this.folder, `run${hostId}`, 'sanlock.pid');
    if (!existsSync(file)) return undefined;
    const pid = Number(readFileSync(file, 'utf8'));
    // A number is given to other processes again.
    return existsSync(`/proc/${pid}/comm`) && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sanlock' ? pid : undefined;
  }

  /** Ends a daemon as a loss of power would. */
  kill(hostId: number): void {
    const pid = this.daemon(hostId);
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }

  remove(): void {
    for (let hostId = 1; hostId <= 3; hostId++) this.kill(hostId);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
