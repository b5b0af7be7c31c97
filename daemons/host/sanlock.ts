// The registry's lease, held for as long as a piece of work lasts. A small program (`cat`) holds it: sanlock registers it and gives it the
// lease before it becomes that program, so the lease ends with it, and it ends with this process, whose pipe it reads. Why this way:
// docs/decisions/2026-11-21-registry-lease.md.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { InputError, problemLine, type Problem } from '../core/problem.ts';
import { registryLease, type LeaseArea, type LeasePlace } from '../storage/lease-layout.ts';
import { foreignLeases, noLeases } from '../storage/lease-record.ts';
import {
  ALREADY_JOINED, daemonStatus, inquireLeases, isContended, isEmptyRecord, isNoRecord, isUnderWay, joinLockspace, leaseProblem, leaveLockspace, parseInquiry, parseLeader, parseStatus, readLease, readLockspace, releaseLease,
  resultOf, runUnderLease,
} from '../storage/sanlock-text.ts';
import { LeaseHolder } from './lease-holder.ts';
import { CommandError, type Finished, run } from './run.ts';

/** The longest waits, in milliseconds. */
export interface LeaseLimits {
  /** For another process of this machine that writes the registry: it may wait for everything below itself. */
  readonly turnMs: number;
  /** For a daemon that was just started. */
  readonly daemonMs: number;
  /** For joining: 3 s; a minute and more where another machine had this host id and died with it. */
  readonly joinMs: number;
  /** For the lease: a dead owner's can be taken after 69 s at the latest (the 60 s of sanlock 3.8.5 and 8 time-outs). */
  readonly acquireMs: number;
  /** For every other command, each of which reads or writes a few sectors. */
  readonly commandMs: number;
}

const LIMITS: LeaseLimits = { turnMs: 240_000, daemonMs: 20_000, joinMs: 100_000, acquireMs: 100_000, commandMs: 20_000 };
/** What nobody waits for without a word. */
const SAY_AFTER_MS = 2000;
/** And again. */
const SAY_AGAIN_MS = 10_000;
const LOOK_AGAIN_MS = 200;
/** Characters of an answer; a status with all leases of a host is far below. */
const ANSWER_LIMIT = 4 * 2 ** 20;

/** Who wants the lease, and how. */
export interface LeaseOptions {
  readonly area: LeaseArea;
  /** `hostIdOf` says it. */
  readonly hostId: number;
  /** Starts the daemon where none answers, and returns; e.g. `systemctl start metamaster-sanlock.service`. */
  readonly startDaemon: readonly string[];
  /** Told what is waited for, once it takes longer than two seconds, and what went wrong in giving the lease back. */
  readonly say: (line: string) => void;
  /** For the programs: SANLOCK_RUN_DIR chooses another daemon than the machine's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly limits?: Partial<LeaseLimits>;
}

/** The lease, while it is held. */
export interface RegistryLease {
  /** For the header of the slot that is written; grows with each owner. */
  readonly leaseVersion: number;
  /** Aborted when the lease is lost: what is written from then on does not count. */
  readonly lost: AbortSignal;
}

/** One holding of the lease, with what it is waiting for. */
class LeaseSession {
  readonly area: LeaseArea;
  readonly place: LeasePlace;
  readonly limits: LeaseLimits;
  readonly options: LeaseOptions;
  #waitingFor = '';
  #since = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LeaseOptions) {
    this.options = options;
    this.area = options.area;
    this.place = registryLease(options.area);
    this.limits = { ...LIMITS, ...options.limits };
  }

  /** Does something, and says what it is when it takes long. */
  async stage<T>(waitingFor: string, action: () => Promise<T>): Promise<T> {
    this.#since = performance.now();
    this.#waitingFor = waitingFor;
    const told = (): void => {
      this.options.say(`waiting for ${this.#waitingFor}, ${Math.round((performance.now() - this.#since) / 1000)} s`);
      this.#timer = setTimeout(told, SAY_AGAIN_MS);
    };
    this.#timer = setTimeout(told, SAY_AFTER_MS);
    try {
      return await action();
    } finally {
      clearTimeout(this.#timer);
    }
  }

  /** More is known of what the present stage waits for. */
  waitFor(what: string): void {
    this.#waitingFor = what;
  }

  /** Runs sanlock to its end; any exit code is an answer. @throws InputError MM-LEASE-PROGRAM, MM-LEASE-TIMEOUT */
  async command(argv: readonly string[], timeMs = this.limits.commandMs): Promise<Finished> {
    try {
      return await run(argv, { accept: 'any', limits: { timeMs, output: ANSWER_LIMIT }, ...(this.options.env === undefined ? {} : { env: this.options.env }) });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (error.code === 127) throw new InputError([{ code: 'MM-LEASE-PROGRAM', where: argv[0]!, rule: 'a program that can be started', seen: error.said, remedy: 'Install the package sanlock.' }]);
      throw this.timedOut(argv.slice(1, 3).join(' '), timeMs);
    }
  }

  timedOut(what: string, timeMs: number): InputError {
    return new InputError([{ code: 'MM-LEASE-TIMEOUT', where: `${this.area.path}, ${what}`, rule: `done within ${timeMs / 1000} s`, seen: this.#waitingFor, remedy: 'Is the SAN there? `sanlock client status` and `sanlock client log_dump` tell what the daemon is doing.' }]);
  }
}

const saidBy = ({ output, errorOutput }: Finished): string => `${output}\n${errorOutput}`;

/** Waits until no other process of this machine writes a registry; the kernel ends the turn with the process. */
async function takeTurn(session: LeaseSession): Promise<() => Promise<void>> {
  const until = performance.now() + session.limits.turnMs;
  // A name of the kernel alone (unix(7), abstract sockets): nothing is left in a folder by a process that was killed.
  const path = `\0metamaster-registry-lease:${session.options.env?.['SANLOCK_RUN_DIR'] ?? process.env['SANLOCK_RUN_DIR'] ?? ''}`;
  for (;;) {
    const server = createServer((socket) => socket.destroy());
    server.listen(path);
    try {
      await once(server, 'listening');
      return async () => {
        server.close();
        await once(server, 'close');
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
    if (performance.now() > until) throw session.timedOut('turn', session.limits.turnMs);
    await pause(LOOK_AGAIN_MS);
  }
}

/** Looks before any daemon is started. @throws InputError MM-LEASE-NONE, MM-LEASE-FOREIGN */
async function requireLockspace(session: LeaseSession): Promise<void> {
  const { area, place } = session;
  for (const argv of [readLockspace(area), readLease(area, place)]) {
    const said = saidBy(await session.command(argv));
    const result = resultOf(said);
    if (result === 0) {
      const name = /^space_name (.*)$/m.exec(said)?.[1] ?? '';
      if (name !== area.lockspace) throw new InputError([foreignLeases(area, place, `'${name}'`)]);
      continue;
    }
    // The lockspace is looked at first: without one nothing was ever made.
    if (argv[3] === '-s' && isEmptyRecord(said)) throw new InputError([noLeases(area)]);
    if (isNoRecord(result) || isEmptyRecord(said)) throw new InputError([foreignLeases(area, place, `no record of sanlock for it (${result})`)]);
    throw new InputError([leaseProblem(result, said, area, 'reading')]);
  }
}

async function startDaemon(session: LeaseSession): Promise<void> {
  const answers = async (): Promise<boolean> => (await session.command(daemonStatus())).code === 0;
  if (await answers()) return;
  const { startDaemon: argv, env } = session.options;
  try {
    await run(argv, { limits: { timeMs: session.limits.daemonMs, output: ANSWER_LIMIT }, ...(env === undefined ? {} : { env }) });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new InputError([{ ...leaseProblem(-2, '', session.area, 'start'), seen: error.message }]);
  }
  for (const until = performance.now() + session.limits.daemonMs; !(await answers()); await pause(LOOK_AGAIN_MS)) {
    if (performance.now() > until) throw new InputError([leaseProblem(-2, '', session.area, 'start')]);
  }
}

async function join(session: LeaseSession): Promise<void> {
  const { area, limits, options } = session;
  const until = performance.now() + limits.joinMs;
  for (;;) {
    const said = saidBy(await session.command(joinLockspace(area, options.hostId), Math.max(until - performance.now(), LOOK_AGAIN_MS)));
    const result = resultOf(said);
    // A process that was killed may have left the host in the lockspace.
    if (result === 0 || result === ALREADY_JOINED) return;
    if (result === undefined || !isUnderWay(result)) throw new InputError([leaseProblem(result, said, area, 'joining')]);
    if (performance.now() > until) throw session.timedOut('joining', limits.joinMs);
    await pause(LOOK_AGAIN_MS);
  }
}

/** Leaves, unless some lease is held: a host that stays reads half a megabyte each second for ever. Never throws. */
async function leave(session: LeaseSession): Promise<void> {
  const { area, options } = session;
  try {
    const status = parseStatus((await session.command(daemonStatus())).output, area);
    if (!status.joined || status.held > 0) return;
    const said = saidBy(await session.command(leaveLockspace(area, options.hostId), session.limits.joinMs));
    if (resultOf(said) !== 0) options.say(problemLine(leaseProblem(resultOf(said), said, area, 'leaving')));
  } catch (error) {
    options.say(error instanceof Error ? error.message : String(error));
  }
}

async function heldBy(session: LeaseSession): Promise<string> {
  const leader = parseLeader((await session.command(readLease(session.area, session.place))).output);
  return leader === undefined || leader.timestamp === 0 ? "the registry's lease" : `the registry's lease, held by host ${leader.owner}`;
}

async function acquire(session: LeaseSession): Promise<LeaseHolder> {
  const { area, place, limits, options } = session;
  const until = performance.now() + limits.acquireMs;
  for (;;) {
    // Before it is tried: sanlock itself watches an owner for some seconds where it has not seen it alive yet.
    const held = await heldBy(session);
    session.waitFor(held);
    const holder = new LeaseHolder(runUnderLease(area, place, ['/bin/cat']), options.env);
    if (await holder.echoes('held', Math.max(until - performance.now(), LOOK_AGAIN_MS))) return holder;
    await holder.end(LOOK_AGAIN_MS);
    const result = resultOf(holder.said);
    const over = performance.now() > until;
    if (!over && (result === undefined || !isContended(result))) throw new InputError([leaseProblem(result, holder.said, area, 'acquiring')]);
    if (over) throw new InputError([heldProblem(session, held)]);
    await pause(LOOK_AGAIN_MS);
  }
}

function heldProblem({ area, limits }: LeaseSession, held: string): Problem {
  return { code: 'MM-LEASE-HELD', where: `${area.path}, lease of the registry`, rule: `free within ${limits.acquireMs / 1000} s`, seen: held, remedy: 'The host (its number is its node\'s) is writing the registry, or stopped in the middle: look at it, and try again. A host that is dead loses the lease by itself.' };
}

async function versionOf(session: LeaseSession, holder: LeaseHolder): Promise<number> {
  const said = await session.command(inquireLeases(holder.pid));
  const version = parseInquiry(said.output, session.area, session.place);
  if (version === undefined) throw new InputError([leaseProblem(undefined, saidBy(said), session.area, 'asking for the version')]);
  return version;
}

/** Gives the lease back. Never throws: the work is done, and the holder's end frees the lease as well. */
async function release(session: LeaseSession, holder: LeaseHolder): Promise<void> {
  const { area, place, options } = session;
  try {
    if (holder.lost.aborted) return;
    const said = saidBy(await session.command(releaseLease(area, place, holder.pid)));
    if (resultOf(said) !== 0) options.say(problemLine(leaseProblem(resultOf(said), said, area, 'releasing')));
  } catch (error) {
    options.say(error instanceof Error ? error.message : String(error));
  } finally {
    await holder.end(LOOK_AGAIN_MS);
  }
}

/**
 * Does `work` under the registry's lease: one process of all hosts at a time. The registry must be read again within `work`, and what is
 * written there carries the lease's version.
 * @throws InputError MM-LEASE-PROGRAM, -NONE, -FOREIGN, -DAEMON, -WATCHDOG, -HOST, -HELD, -IO, -TIMEOUT, -FAILED before `work` began; MM-LEASE-LOST
 * when the lease was not held to the end of it: what it wrote may count or not, and must be read again. What `work` throws.
 */
export async function withRegistryLease<T>(options: LeaseOptions, work: (lease: RegistryLease) => Promise<T>): Promise<T> {
  const session = new LeaseSession(options);
  await session.stage('the SAN', () => requireLockspace(session));
  const endTurn = await session.stage('another process of this machine that writes the registry', () => takeTurn(session));
  try {
    await session.stage('the sanlock daemon', () => startDaemon(session));
    try {
      await session.stage(`the lockspace (host ${options.hostId})`, () => join(session));
      const holder = await session.stage("the registry's lease", () => acquire(session));
      try {
        const done = await work({ leaseVersion: await versionOf(session, holder), lost: holder.lost });
        if (await holder.echoes('done', session.limits.commandMs)) return done;
        throw new InputError([{ code: 'MM-LEASE-LOST', where: `${options.area.path}, lease of the registry`, rule: 'held until the writing is done', seen: 'lost in the middle: the SAN did not answer for seconds', remedy: 'Read the registry again; if it does not hold the change, repeat it.' }]);
      } finally {
        await release(session, holder);
      }
    } finally {
      await leave(session);
    }
  } finally {
    await endTurn();
  }
}
