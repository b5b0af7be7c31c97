// `metamaster san show|check|export`: what stands on a SAN, read from a block device or an image file and from nothing else, so that it
// works on a node, on the DVD, and on a copy.

import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import type { Problem } from '../daemons/core/problem.ts';
import { problemLine } from '../daemons/core/problem.ts';
import { canonicalJson } from '../daemons/storage/canonical-json.ts';
import { readContainer } from '../daemons/storage/container-on-disk.ts';
import { withoutSecrets } from '../daemons/storage/registry.ts';
import type { ReadAt } from '../daemons/storage/san-report.ts';
import { examineSan, formatSanReport } from '../daemons/storage/san-report.ts';

const HELP = `metamaster san: what stands on a SAN

  san show PATH [--json]      containers, registry slots, roster, volumes, labels, owners, and what is wrong
  san check PATH [--json]     the same, looked at thoroughly (every registry body, every boot file);
                              exit code 1 when there is a problem
  san export PATH [--container NAME] [--with-secrets] [--output FILE]
                              the registry as JSON, to standard output or to a new file of mode 0600;
                              --with-secrets: with password hash, cluster key and SSH host keys

PATH is a block device (the SAN's disk, not a partition of it) or an image file. Nothing is ever written to it.
Exit codes: 0 done, 1 problems found, 2 wrong use, 3 the device or the file cannot be used.
`;

/** Where the command prints; a test looks at what it said. */
export interface SanOutput {
  out(text: string): void;
  error(text: string): void;
}

const CONSOLE: SanOutput = { out: (text) => void process.stdout.write(text), error: (text) => void process.stderr.write(text) };

/** The command was called wrongly. */
class UsageError extends Error {}

interface Request {
  readonly verb: 'show' | 'check' | 'export';
  readonly path: string;
  readonly json: boolean;
  readonly withSecrets: boolean;
  readonly container?: string;
  readonly output?: string;
}

/** Which options a verb takes, and whether a value follows. */
const OPTIONS: Readonly<Record<Request['verb'], Readonly<Record<string, 'flag' | 'value'>>>> = {
  show: { '--json': 'flag' },
  check: { '--json': 'flag' },
  export: { '--container': 'value', '--with-secrets': 'flag', '--output': 'value' },
};

function parseArguments(argv: readonly string[]): Request {
  const [verb, ...rest] = argv;
  if (verb !== 'show' && verb !== 'check' && verb !== 'export') throw new UsageError(verb === undefined ? 'say show, check or export' : `'${verb}' is none of show, check, export`);
  const options = new Map<string, string>();
  const operands: string[] = [];
  for (let i = 0; i < rest.length; i++) {
    const [name, ...given] = rest[i]!.split('=');
    const kind = OPTIONS[verb][name!];
    if (!rest[i]!.startsWith('--')) operands.push(rest[i]!);
    else if (kind === undefined || options.has(name!)) throw new UsageError(`${name}: ${kind === undefined ? `no option of 'san ${verb}'` : 'given twice'}`);
    else if (kind === 'value') {
      const value = given.length > 0 ? given.join('=') : rest[++i];
      if (value === undefined || value === '') throw new UsageError(`${name} needs a value`);
      options.set(name!, value);
    } else if (given.length > 0) throw new UsageError(`${name} takes no value`);
    else options.set(name!, '');
  }
  if (operands.length !== 1) throw new UsageError(`'san ${verb}' wants one PATH, ${operands.length} given`);
  const container = options.get('--container');
  const output = options.get('--output');
  return { verb, path: operands[0]!, json: options.has('--json'), withSecrets: options.has('--with-secrets'), ...(container === undefined ? {} : { container }), ...(output === undefined ? {} : { output }) };
}

interface OpenedSan {
  readonly read: ReadAt;
  readonly bytes: number;
  close(): void;
}

/** Opens a device or a file for reading. Throws the system's error. */
function openSan(path: string, output: SanOutput): OpenedSan {
  const descriptor = openSync(path, 'r');
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile() && !stat.isBlockDevice()) throw new Error(`${path}: neither a block device nor a file`);
    return { read: readerOf(descriptor), bytes: stat.isFile() ? stat.size : prepareDevice(path, output), close: () => closeSync(descriptor) };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** The size of a block device. What this machine's cache still holds of it is dropped first, for other nodes write to the same disk. */
function prepareDevice(path: string, output: SanOutput): number {
  try {
    execFileSync('blockdev', ['--flushbufs', path], { stdio: 'pipe' });
  } catch {
    output.error(`metamaster san: ${path}: the cache could not be dropped (blockdev --flushbufs needs root): what is shown may be old\n`);
  }
  return Number(execFileSync('blockdev', ['--getsize64', path], { encoding: 'utf8', stdio: 'pipe' }));
}

function readerOf(descriptor: number): ReadAt {
  return (offset, length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const count = readSync(descriptor, bytes, at, length - at, offset + at);
      if (count === 0) throw new Error(`the device ends at ${offset + at}`);
      at += count;
    }
    return bytes;
  };
}

function report(request: Request, san: OpenedSan, output: SanOutput): number {
  const found = examineSan(san.read, san.bytes, { thorough: request.verb === 'check' });
  output.out(request.json ? `${JSON.stringify(found, undefined, 2)}\n` : formatSanReport(found));
  return request.verb === 'check' && found.problems.length > 0 ? 1 : 0;
}

/** The only container, when there is but one. */
function containerOf(request: Request, san: OpenedSan): string {
  if (request.container !== undefined) return request.container;
  const names = examineSan(san.read, san.bytes).containers.map((container) => container.name);
  if (names.length > 1) throw new UsageError(`the SAN has several containers: choose one with --container ${names.join(' | ')}`);
  return names[0] ?? 'default';
}

function exportRegistry(request: Request, san: OpenedSan, output: SanOutput): number {
  const found = readContainer(san.read, san.bytes, containerOf(request, san));
  if (!found.ok) return refuse(found.problems, output);
  for (const warning of found.value.warnings) output.error(`metamaster san: warning: ${problemLine(warning)}\n`);
  const { registry, header } = found.value;
  const shown = request.withSecrets ? registry : withoutSecrets(registry);
  // Through the canonical form, so that two exports differ where the registries do.
  const text = `${JSON.stringify(JSON.parse(canonicalJson(shown)), undefined, 2)}\n`;
  if (request.output === undefined) {
    output.out(text);
    return 0;
  }
  // Exclusive: the mode of a file that is there would stay as it is, and a former export is worth keeping.
  const descriptor = openSync(request.output, 'wx', 0o600);
  try {
    writeFileSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
  output.error(`metamaster san: ${request.output}: generation ${header.generation}, ${request.withSecrets ? 'with secrets: keep it safe' : 'without secrets'}\n`);
  return 0;
}

function refuse(problems: readonly Problem[], output: SanOutput): number {
  for (const problem of problems) output.error(`metamaster san: ${problemLine(problem)}\n`);
  return 1;
}

/** Says what to do about an error of the system. */
function remedyOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'Check the path; a SAN\'s disk appears after the login: `ls -l /dev/disk/by-path/*iscsi*`.';
  if (error.code === 'EACCES' || error.code === 'EPERM') return 'Run it as root.';
  if (error.code === 'EEXIST') return 'Choose another file: a former export is never written over.';
  return 'Check the path and the session to the SAN.';
}

/** Runs `metamaster san …` with the words behind `san`; returns the exit code (see HELP). */
export async function sanCommand(argv: readonly string[], output: SanOutput = CONSOLE): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    output.out(HELP);
    return 0;
  }
  try {
    const request = parseArguments(argv);
    const san = openSan(request.path, output);
    try {
      return request.verb === 'export' ? exportRegistry(request, san, output) : report(request, san, output);
    } finally {
      san.close();
    }
  } catch (error) {
    if (error instanceof UsageError) {
      output.error(`metamaster san: ${error.message}. See \`metamaster san --help\`.\n`);
      return 2;
    }
    const failure = error as NodeJS.ErrnoException;
    output.error(`metamaster san: ${failure.message}. ${remedyOf(failure)}\n`);
    return 3;
  }
}
