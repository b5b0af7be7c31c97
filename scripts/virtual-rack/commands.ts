// Short-lived commands by argv, never through a shell, and the one switch between doing and saying what would be done.

import { execFile } from 'node:child_process';
import process from 'node:process';
import { fail } from './failure.ts';

/** No command of the rack that is waited for takes longer. */
const COMMAND_LIMIT_MS = 60_000;

/** The outcome of a command. */
export interface Outcome {
  /** Exit status; -1 when the program could not be started or was killed. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command that changes nothing; never throws. */
export function look(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const [program, ...args] = argv;
  const options = { timeout: COMMAND_LIMIT_MS, env: { ...process.env, ...environment }, maxBuffer: 16 * 1024 * 1024 };
  return new Promise((resolve) => {
    execFile(program!, args, options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ status, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
    });
  });
}

/** An argv as a person would type it. */
export const shown = (argv: readonly string[]): string =>
  argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`)).join(' ');

/** Does changes, or only says them. */
export class Changes {
  readonly dryRun: boolean;
  readonly #say: (line: string) => void;

  /** @param say takes what would be done, a line each; used with `dryRun` only */
  constructor(dryRun: boolean, say: (line: string) => void) {
    this.dryRun = dryRun;
    this.#say = say;
  }

  /** Runs a command that changes something. Throws MM-RACK-COMMAND when it fails. @returns its standard output, empty in a dry run */
  async run(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<string> {
    if (this.dryRun) {
      this.#say(`would run: ${shown(argv)}`);
      return '';
    }
    const outcome = await look(argv, environment);
    if (outcome.status !== 0) {
      fail('MM-RACK-COMMAND', shown(argv), 'the command must succeed', `status ${outcome.status}, ${outcome.stderr.trim() || 'no message'}`, '`scripts/rack down` and `scripts/rack up` start from a clean state.');
    }
    return outcome.stdout;
  }

  /** Does anything else that changes something; in a dry run only `what` is said, and the result is undefined. */
  async act<T>(what: string, act: () => T | Promise<T>): Promise<T | undefined> {
    if (!this.dryRun) return act();
    this.#say(`would ${what}`);
    return undefined;
  }
}
