// `metamaster san show|check|export|rebuild|leases|login`: what stands on a SAN, read from a block device or an image file and from nothing else, so that it
// works on a node, on the DVD, and on a copy.

import { closeSync, openSync, writeFileSync } from 'node:fs';
import type { Problem } from '../daemons/core/problem.ts';
import { problemLine } from '../daemons/core/problem.ts';
import { canonicalJson } from '../daemons/storage/canonical-json.ts';
import { readContainer } from '../daemons/storage/container-on-disk.ts';
import { withoutSecrets } from '../daemons/storage/registry.ts';
import { examineSan, formatSanReport } from '../daemons/storage/san-report.ts';
import { CONSOLE, containerOf, openSan, type OpenedSan, remedyOf, type SanOutput, UsageError } from './san-device.ts';
import { LOGIN_HELP, sanLogin } from './live-san.ts';
import { LEASES_HELP, sanLeases } from './san-leases.ts';
import { REBUILD_HELP, sanRebuild } from './san-rebuild.ts';

export type { SanOutput } from './san-device.ts';

const HELP = `metamaster san: what stands on a SAN

  san show PATH [--json]      containers, registry slots, roster, volumes, labels, owners, and what is wrong
  san check PATH [--json]     the same, looked at thoroughly (every registry body, every boot file);
                              exit code 1 when there is a problem
  san export PATH [--container NAME] [--with-secrets] [--output FILE]
                              the registry as JSON, to standard output or to a new file of mode 0600;
                              --with-secrets: with password hash, cluster key and SSH host keys
${REBUILD_HELP}${LEASES_HELP}${LOGIN_HELP}
PATH is a block device (the SAN's disk, not a partition of it) or an image file. Only rebuild and leases --init ever write to it.
Exit codes: 0 done, 1 problems found, 2 wrong use, 3 the device or the file cannot be used.
`;

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
  if (verb !== 'show' && verb !== 'check' && verb !== 'export') throw new UsageError(verb === undefined ? 'say show, check, export, rebuild, leases or login' : `'${verb}' is none of show, check, export, rebuild, leases, login`);
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

function report(request: Request, san: OpenedSan, output: SanOutput): number {
  const found = examineSan(san.read, san.bytes, { thorough: request.verb === 'check' });
  output.out(request.json ? `${JSON.stringify(found, undefined, 2)}\n` : formatSanReport(found));
  return request.verb === 'check' && found.problems.length > 0 ? 1 : 0;
}

function exportRegistry(request: Request, san: OpenedSan, output: SanOutput): number {
  const found = readContainer(san.read, san.bytes, containerOf(san, request.container));
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

/** Runs `metamaster san …` with the words behind `san`; returns the exit code (see HELP). */
export async function sanCommand(argv: readonly string[], output: SanOutput = CONSOLE): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    output.out(HELP);
    return 0;
  }
  try {
    if (argv[0] === 'rebuild') return await sanRebuild(argv.slice(1), output);
    if (argv[0] === 'login') return await sanLogin(argv.slice(1), output);
    if (argv[0] === 'leases') return await sanLeases(argv.slice(1), output);
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
