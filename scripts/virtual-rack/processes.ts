// The rack's long-lived processes: started detached, remembered in the state directory, found again, ended.

import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from './failure.ts';
import { isSameProcess, parseStat, type ProcessRecord, type ProcessSeen } from './process-identity.ts';

/** How long a process may take to end when asked kindly; then it is killed. */
const TERM_LIMIT_MS = 2000;
/** How long a killed process may take to be gone: the kernel may be writing for it. */
const KILL_LIMIT_MS = 10_000;
const POLL_MS = 20;

export interface ProcessSpec {
  readonly role: string;
  readonly argv: readonly string[];
  readonly mark: string;
  /** Takes standard output and standard error, appended. */
  readonly logFile: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const textOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

function seen(pid: number): ProcessSeen | undefined {
  const stat = textOf(`/proc/${pid}/stat`);
  const cmdline = textOf(`/proc/${pid}/cmdline`);
  return stat === undefined || cmdline === undefined ? undefined : { stat, cmdline, bootId: bootId() };
}

/** The present boot of the host. */
export const bootId = (): string => textOf('/proc/sys/kernel/random/boot_id')?.trim() ?? '';

/** The start time of a running pid in clock ticks; undefined when there is none. */
export const startTicksOf = (pid: number): number | undefined => parseStat(textOf(`/proc/${pid}/stat`) ?? '')?.startTicks;

/** Writes a file so that a reader sees the old or the new text, never a part. */
export function writeWhole(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}

/** The records of one rack, a file a role. */
export class Processes {
  readonly #dir: string;

  constructor(stateDir: string) {
    this.#dir = join(stateDir, 'processes');
  }

  /** The role's process, if it runs. */
  find(role: string): ProcessRecord | undefined {
    const text = textOf(this.#path(role));
    if (text === undefined) return undefined;
    const record = JSON.parse(text) as ProcessRecord;
    return isSameProcess(record, seen(record.pid)) ? record : undefined;
  }

  /** The roles that were ever recorded and not cleared since, running or not. */
  roles(): string[] {
    try {
      return readdirSync(this.#dir).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : []));
    } catch {
      return [];
    }
  }

  /** Starts a process in a session of its own and remembers it. Throws MM-RACK-START when the program cannot be started. */
  async start(spec: ProcessSpec): Promise<ProcessRecord> {
    mkdirSync(this.#dir, { recursive: true });
    const log = openSync(spec.logFile, 'a');
    const [program, ...args] = spec.argv;
    const child = spawn(program!, args, { detached: true, stdio: ['ignore', log, log], env: { ...process.env, ...spec.environment } });
    closeSync(log);
    child.unref();
    const problem = await new Promise<Error | undefined>((resolve) => {
      child.once('spawn', () => resolve(undefined));
      child.once('error', resolve);
    });
    const startTicks = child.pid === undefined ? undefined : startTicksOf(child.pid);
    if (problem !== undefined || child.pid === undefined || startTicks === undefined) {
      fail('MM-RACK-START', spec.role, `${program} must start`, problem?.message ?? 'it was gone at once', `See ${spec.logFile}.`);
    }
    const record: ProcessRecord = { role: spec.role, pid: child.pid, startTicks, bootId: bootId(), mark: spec.mark, startedAtMs: Date.now() };
    writeWhole(this.#path(spec.role), JSON.stringify(record));
    return record;
  }

  /**
   * Ends the role's process and forgets it; nothing when there is none.
   * @param how `kill`: at once, as a power cut; `term`: asked first. @returns true when one was running
   */
  async stop(role: string, how: 'term' | 'kill'): Promise<boolean> {
    const record = this.find(role);
    if (record !== undefined && how === 'term' && !(await this.#signal(record, 'SIGTERM', TERM_LIMIT_MS))) how = 'kill';
    if (record !== undefined && how === 'kill' && !(await this.#signal(record, 'SIGKILL', KILL_LIMIT_MS))) {
      fail('MM-RACK-STOP', `${role}, pid ${record.pid}`, 'a killed process must go', `still there after ${KILL_LIMIT_MS} ms`, 'Its disk may hang: look at /proc/PID/stack, then run the command again.');
    }
    rmSync(this.#path(role), { force: true });
    return record !== undefined;
  }

  /** Waits until the role's process has ended by itself, `limitMs` at most; true when it has. */
  async waitUntilGone(role: string, limitMs: number): Promise<boolean> {
    for (const deadline = performance.now() + limitMs; performance.now() < deadline; await sleep(POLL_MS)) {
      if (this.find(role) === undefined) return true;
    }
    return this.find(role) === undefined;
  }

  async #signal(record: ProcessRecord, signal: 'SIGTERM' | 'SIGKILL', limitMs: number): Promise<boolean> {
    // Checked immediately before: between look and kill the pid would have to die and come round again.
    if (!isSameProcess(record, seen(record.pid))) return true;
    try {
      process.kill(record.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    return this.waitUntilGone(record.role, limitMs);
  }

  #path(role: string): string {
    return join(this.#dir, `${role}.json`);
  }
}
