// What the boot program needs of the machine under it. On a blade it is QuickJS and a handful of programs
// (quickjs-host.ts); in tests it is a model of a machine.

import type { MessageCode, Problem } from '../daemons/core/problem.ts';

/** How a program ended. */
export interface Ran {
  readonly code: number;
  /** Standard output and standard error, together. */
  readonly said: string;
}

/** A pipe to a program that may be slow, hang or be gone: nothing of this ever waits or fails. */
export interface Feed {
  /** Starts the program, with the pipe as its standard input; one that still runs is ended. What nobody has read yet is the new one's. */
  start(argv: readonly string[]): void;
  /** True while the program runs. */
  running(): boolean;
  /** Puts text into the pipe, whole; false when it is full. */
  write(text: string): boolean;
}

/** The machine. Paths are absolute; byte offsets count from the start of a device. */
export interface BootHost {
  /** Runs a program by argv and waits for it. Never throws: a program that cannot be started has code 127. */
  run(argv: readonly string[]): Ran;
  /** Starts a program and does not wait. */
  start(argv: readonly string[]): void;
  /** Opens a pipe to programs that are to be started; undefined when none can be made. */
  openFeed(): Feed | undefined;
  /** The text of a file, also of one in /proc or /sys; undefined when it cannot be read. */
  readText(path: string): string | undefined;
  /** Writes a file anew; its folder must exist. @throws Error */
  writeText(path: string, text: string, mode: number): void;
  /** Gives a file another name in the same file system, in place of what has that name. @throws Error */
  rename(from: string, to: string): void;
  /**
   * Writes to a FIFO, a terminal or a file of the kernel's that is there: in one piece, without waiting and without starting a program, for
   * the root may hang. False when nobody reads the FIFO, or it cannot be done.
   */
  send(path: string, text: string): boolean;
  /** Makes a folder, and those above it. One that is there, or cannot be made, is no error: what is written into it will tell. */
  makeFolder(path: string): void;
  /** Makes `name` a symbolic link to `target`, in place of a link or file that is there. @throws Error */
  link(target: string, name: string): void;
  /** Names in a folder, sorted; none when it cannot be read. */
  list(path: string): readonly string[];
  exists(path: string): boolean;
  /** Reads exactly `length` bytes of a device. @throws Error with what the kernel said */
  readAt(device: string, offset: number, length: number): Uint8Array;
  /** The same past the page cache (O_DIRECT); offset and length are multiples of 4096. */
  readDirect(device: string, offset: number, length: number): Uint8Array;
  /** Writes past the page cache and returns when the device has it on stable storage; multiples of 4096. @throws Error */
  writeDirect(device: string, offset: number, bytes: Uint8Array): void;
  /** The same, but returns when the device has acknowledged it: where its write cache is volatile, that may be lost. @throws Error */
  writeAcknowledged(device: string, offset: number, bytes: Uint8Array): void;
  /** Returns when everything that the device has acknowledged, to whomever, is on stable storage. @throws Error */
  flush(device: string): void;
  randomBytes(count: number): Uint8Array;
  /** Seconds since the kernel started. */
  uptimeSeconds(): number;
  /** Milliseconds since 1970 by the machine's clock, which may be years off. */
  unixMs(): number;
  print(line: string): void;
  sleep(ms: number): Promise<void>;
}

/** What a step found wrong: shown on the console with the step's name; the step is tried again. */
export class StepError extends Error {
  readonly code: MessageCode;
  /** What the administrator can do about it. */
  readonly remedy: string;

  /** The message begins with its code, however it is shown. */
  constructor(code: MessageCode, text: string, remedy: string) {
    super(`${code}: ${text}`);
    this.name = 'StepError';
    this.code = code;
    this.remedy = remedy;
  }
}

/** Problems as the error of a step: a line each, and the first one's code and remedy. */
export function refuse(problems: readonly Problem[]): StepError {
  const [first, ...rest] = problems;
  const line = ({ where, rule, seen }: Problem): string => `${where}: ${rule}; seen ${seen}`;
  return new StepError(first!.code, [line(first!), ...rest.map((problem) => `${problem.code}: ${line(problem)}`)].join('\n'), first!.remedy);
}

/** Runs a program that has to succeed. @throws StepError with the last lines it printed */
export function mustRun(host: BootHost, code: MessageCode, argv: readonly string[], remedy: string, accept: readonly number[] = [0]): Ran {
  const ran = host.run(argv);
  if (accept.includes(ran.code)) return ran;
  const last = ran.said.trim().split('\n').slice(-4).join(' | ');
  throw new StepError(code, `${argv.join(' ')}: exit code ${ran.code}${last === '' ? '' : `: ${last}`}`, remedy);
}
