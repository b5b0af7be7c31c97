// A daemon under test: the real program, started from its source, and what it says in its log.

import { type ChildProcess, spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Roster } from '../daemons/core/roster.ts';
import { inSpace } from './network-spaces.test-kit.ts';

/** One line of a daemon's log; `msg` is the event. */
export interface LogLine {
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Writes the file that tells a daemon which node of the roster it is. Returns its path. */
export function writeNodeConfig(folder: string, roster: Roster, number: number, rosterGeneration = 1): string {
  const path = join(folder, `node${number}.json`);
  // As the storage agent does it: whoever reads it sees the one or the other.
  writeFileSync(`${path}.new`, JSON.stringify({ number, roster, interface: 'eth0', rosterGeneration, bootNonce: 'ab'.repeat(16) }));
  renameSync(`${path}.new`, path);
  return path;
}

/** A running daemon. */
export class TestDaemon {
  readonly process: ChildProcess;
  /** Everything that it logged. */
  readonly lines: LogLine[] = [];
  #onLine: () => void = () => {};

  /** Starts `daemons/<name>.ts`, in a namespace if one is given. */
  constructor(name: string, argv: readonly string[], space?: string) {
    const program = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../daemons', `${name}.ts`), ...argv];
    const [command, ...rest] = space === undefined ? program : ['ip', ...inSpace(space, ...program)];
    const child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.process = child;
    let complaints = '';
    child.stderr.on('data', (piece) => (complaints += String(piece)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as LogLine);
      this.#onLine();
    });
    child.once('close', (code) => {
      this.lines.push({ msg: 'ended', code, complaints });
      this.#onLine();
    });
  }

  /** The first line, past or to come, for which `wanted` holds. Rejects when the daemon ends before it. */
  line(wanted: (line: LogLine) => boolean): Promise<LogLine> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.lines.find(wanted);
        const ended = this.lines.find(({ msg }) => msg === 'ended');
        if (found !== undefined) resolve(found);
        else if (ended !== undefined) reject(new Error(`the daemon ended with ${String(ended['code'])}: ${String(ended['complaints'])}`));
      };
      this.#onLine = look;
      look();
    });
  }

  /** Ends it at once, and waits for that. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      if (this.process.exitCode !== null || this.process.signalCode !== null) return resolve();
      this.process.once('exit', () => resolve()).kill('SIGKILL');
    });
  }
}
