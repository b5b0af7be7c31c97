// Runs other programs by argv, never through a shell, and says what they said when they fail.

import { spawn } from 'node:child_process';
import { createWriteStream, openSync } from 'node:fs';
import { constants } from 'node:os';

/** How a program is to be run. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Text for the program's standard input; none: /dev/null. */
  readonly input?: string | Uint8Array;
  /** Everything the program prints is appended to this file as well. */
  readonly logFile?: string;
  /** Exit codes that count as success; [0] by default. */
  readonly accept?: readonly number[] | 'any';
  /** A program that takes longer, or prints more characters to either output, is killed, and that is an error. */
  readonly limits?: { readonly timeMs: number; readonly output: number };
  /** Called with each piece of standard error, for programs that report their progress there. */
  readonly onErrorOutput?: (text: string) => void;
}

/** What a finished program left. */
export interface Finished {
  readonly code: number;
  readonly output: string;
  readonly errorOutput: string;
}

/** The most that is kept of a program's output, in characters: enough for any listing, too little to fill the memory. */
const KEPT_OUTPUT = 16 * 1024 * 1024;

/** The exit code that stands for a broken limit: that of timeout(1). */
const LIMIT_CODE = 124;

/** A program that could not be started or ended with an exit code that was not accepted. */
export class CommandError extends Error {
  readonly code: number;
  readonly program: string;
  /** The last lines that it printed, or what the system said. */
  readonly said: string;

  constructor(argv: readonly string[], code: number, said: string) {
    super(`${argv.join(' ')}: ended with exit code ${code}${said === '' ? '' : `: ${said}`}`);
    this.name = 'CommandError';
    this.code = code;
    this.program = argv[0]!;
    this.said = said;
  }
}

/**
 * Runs a program to its end.
 * @throws CommandError when it cannot be started (code 127), breaks a limit (124), or its exit code is not accepted (128 and the
 * signal's number for one that was killed); the message holds the last lines it printed. Error when the log cannot be opened.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [program, ...args] = argv;
  const { promise, resolve, reject } = Promise.withResolvers<Finished>();
  // Opened before the program is started: a log that cannot be written is an error of this call, not one that nobody catches.
  const log = options.logFile === undefined ? undefined : createWriteStream(options.logFile, { fd: openSync(options.logFile, 'a') });
  const child = spawn(program!, args, {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  log?.on('error', reject);
  log?.write(`# ${argv.join(' ')}\n`);
  let output = '';
  let errorOutput = '';
  const { limits } = options;
  const breakOff = (rule: string): void => {
    // Not waiting for its end: what it has started may hold its outputs open.
    child.kill('SIGKILL');
    child.stdout!.destroy();
    child.stderr!.destroy();
    reject(new CommandError(argv, LIMIT_CODE, rule));
  };
  const timer = limits && setTimeout(() => breakOff(`it took longer than ${limits.timeMs / 1000} s`), limits.timeMs);
  const checkOutput = (text: string): void => {
    if (limits !== undefined && text.length > limits.output) breakOff(`it printed more than ${limits.output} characters`);
  };
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    if (output.length < KEPT_OUTPUT) output += text;
    log?.write(text);
    checkOutput(output);
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    if (errorOutput.length < KEPT_OUTPUT) errorOutput += text;
    log?.write(text);
    options.onErrorOutput?.(text);
    checkOutput(errorOutput);
  });
  child.stdin?.on('error', () => undefined);
  if (options.input !== undefined) child.stdin!.end(options.input);
  child.on('error', (error) => {
    clearTimeout(timer);
    reject(new CommandError(argv, 127, error.message));
  });
  child.on('close', (code, signal) => {
    clearTimeout(timer);
    const exit = code ?? 128 + constants.signals[signal!];
    const settle = () => {
      if (options.accept === 'any' || (options.accept ?? [0]).includes(exit)) resolve({ code: exit, output, errorOutput });
      else reject(new CommandError(argv, exit, (errorOutput || output).trim().split('\n').slice(-12).join('\n')));
    };
    // The next program may write to the same log: this one's lines come before.
    if (log === undefined) settle();
    else log.end(settle);
  });
  return promise;
}
