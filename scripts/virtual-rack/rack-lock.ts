// One change of a rack at a time: a lock file that names its holder, so that a crash leaves no lock behind.

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from './failure.ts';
import { bootId, startTicksOf } from './processes.ts';

/** The longest change is `up` with a probe of the accelerator, some 20 s; several may queue. */
const WAIT_LIMIT_MS = 120_000;
const POLL_MS = 50;

interface Holder {
  readonly pid: number;
  readonly startTicks: number;
  readonly bootId: string;
}

let drafts = 0;

function holderOf(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

const isAlive = (holder: Holder): boolean => holder.bootId === bootId() && startTicksOf(holder.pid) === holder.startTicks;

/** Takes the lock if it is free: a link appears whole or not at all, so that nobody reads half a holder. */
function take(path: string): boolean {
  const draft = `${path}.${process.pid}.${++drafts}`;
  writeFileSync(draft, JSON.stringify({ pid: process.pid, startTicks: startTicksOf(process.pid) ?? 0, bootId: bootId() } satisfies Holder));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Takes a dead holder's lock away. Two may try: whoever moved a living holder's lock instead puts it back. */
function clear(path: string): void {
  const away = `${path}.${process.pid}.${++drafts}`;
  try {
    renameSync(path, away);
    const holder = holderOf(away);
    if (holder !== undefined && isAlive(holder)) linkSync(away, path);
  } catch {
    // Somebody else was faster; the next look shows the truth.
  }
  rmSync(away, { force: true });
}

/** Runs `act` while this process holds the lock. Throws MM-RACK-BUSY when another one holds it for two minutes. */
export async function withLock<T>(path: string, act: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const deadline = performance.now() + WAIT_LIMIT_MS;
  while (!take(path)) {
    const holder = holderOf(path);
    if (holder !== undefined && !isAlive(holder)) clear(path);
    else if (performance.now() > deadline) {
      fail('MM-RACK-BUSY', path, 'one command changes a rack at a time', `held by pid ${holder?.pid}`, 'Wait for that command, or end it, then run this one again.');
    } else await sleep(POLL_MS);
  }
  try {
    return await act();
  } finally {
    rmSync(path, { force: true });
  }
}
