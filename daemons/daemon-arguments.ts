// What the daemons are started with: the arguments that they share, and the reading of the files that these name. Everything
// that is wrong with all of them is said at once.

import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { judgeReload } from './agent/config-reload.ts';
import { type KeyRing, parseKeyRing } from './agent/key-ring.ts';
import { type NodeConfig, parseNodeConfigText } from './agent/node-config.ts';
import { ARM64_FILE_NAMES, missingArm64Files } from './core/boot-file-names.ts';
import { type ChapLogin, parseChapLogin } from './core/chap.ts';
import type { LogLevel } from './core/log-effect.ts';
import { InputError, type Problem, type Result, valueOf } from './core/problem.ts';
import { type BootFileTable, readBootDirectory, readBootVolume } from './host/boot-files.ts';
import { BOOT_FILES } from './http-boot/boot-script.ts';

/** Every argument of every daemon: parseArgs' description of it, and its line in the help. */
const OPTIONS = {
  config: { type: 'string', default: '/etc/metamaster/node.json', help: '--config FILE         who this node is and who belongs to the cluster [/etc/metamaster/node.json]' },
  follow: { type: 'string', help: '--follow FILE         a newer configuration, in memory; it is followed while the daemon runs, whenever it is replaced' },
  'cluster-key': { type: 'string', help: "--cluster-key FILE    the cluster's keys in hexadecimal, a line each, the one that is spoken under first; without it the node acts as if alone" },
  'follow-key': { type: 'string', help: "--follow-key FILE     newer keys, in memory, which count in place of --cluster-key's; they are followed while the daemon runs, whenever the file is replaced" },
  gateway: { type: 'string', default: '/etc/metamaster/gateway.json', help: "--gateway FILE        the gateway's settings; they are followed while the daemon runs [/etc/metamaster/gateway.json]" },
  'san-login': { type: 'string', help: "--san-login FILE      the SAN's CHAP login, to be handed to blades that boot; without it they get none from here" },
  'boot-volume': { type: 'string', help: '--boot-volume PATH    the boot volume; fd:N takes a file that is already open' },
  'boot-dir': { type: 'string', help: '--boot-dir DIR        plain files in place of a boot volume, to try things out' },
  arm64: { type: 'boolean', help: '--arm64               TFTP and HTTP at this address serve the boot files for arm64 as well' },
  port: { type: 'string', help: "--port N              another port than the protocol's own, 0 for any free one; for tests: no ROM asks there" },
  control: { type: 'string', help: "--control PATH        Unix socket for 'metamaster status' and 'boot', in a directory of its own, which becomes private" },
  records: { type: 'string', help: '--records FIFO        where the facts about boots go, for the recorder to keep; without it they are kept in memory alone' },
  serving: { type: 'string', help: '--serving FILE        where it is written who serves and what the newest registry is, for the storage agent of this node: a file in memory, for it is written while the SAN hangs' },
  hardware: { type: 'string', help: "--hardware FILE       what this machine is made of, for other nodes, sealed under the cluster's key; without it they are told nothing" },
  replace: { type: 'string', help: '--replace FILE        where root is asked to carry out a replacement that was opened and has found its blade; without it none is decided' },
  priority: { type: 'string', default: '20', help: '--priority N          the real-time priority of its heartbeat, where it may have one; 0 for none [20]' },
  'log-level': { type: 'string', default: 'info', help: '--log-level LEVEL     debug, info, warn or error [info]' },
  'check-config': { type: 'boolean', default: false, help: '--check-config        read everything, say what is wrong, and end' },
  explain: { type: 'string', help: '--explain MAC         say what a blade of this MAC address would be told, and end' },
  help: { type: 'boolean', default: false, help: '--help                this text' },
} as const;

/** The name of an argument. */
export type OptionName = keyof typeof OPTIONS;

/** The arguments' values; one that a daemon does not have is undefined. */
export interface Arguments {
  readonly config: string;
  readonly follow?: string;
  readonly 'cluster-key'?: string;
  readonly 'follow-key'?: string;
  /** Undefined only for a daemon that does not have it. */
  readonly gateway?: string;
  readonly 'san-login'?: string;
  readonly 'boot-volume'?: string;
  readonly 'boot-dir'?: string;
  readonly arm64?: boolean;
  readonly port?: string;
  readonly control?: string;
  readonly records?: string;
  readonly serving?: string;
  readonly hardware?: string;
  readonly replace?: string;
  /** Undefined only for a daemon that does not have it. */
  readonly priority?: string;
  readonly 'log-level': string;
  readonly 'check-config': boolean;
  readonly explain?: string;
  readonly help: boolean;
}

/** Everything that a daemon reads before it serves. */
export interface Inputs {
  readonly config: NodeConfig;
  readonly keys: KeyRing | undefined;
  /** Undefined as well where the SAN wants no CHAP. */
  readonly sanLogin: ChapLogin | undefined;
  /** Empty for a daemon that serves none. */
  readonly files: BootFileTable;
  readonly logLevel: LogLevel;
  /** Undefined: the protocol's own. */
  readonly port: number | undefined;
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** A wrong argument. */
export function usage(where: string, rule: string, seen: string): Problem {
  return { code: 'MM-ARGUMENTS', where, rule, seen, remedy: 'See --help.' };
}

/** The help of a daemon that has these arguments. */
export function helpText(title: string, names: readonly OptionName[]): string {
  return `${title}\n\n${names.map((name) => `  ${OPTIONS[name].help}\n`).join('')}`;
}

/** Reads a command line. Throws node:util's TypeError (`ERR_PARSE_ARGS_…`) for an argument that is not among `names`. */
export function readArguments(names: readonly OptionName[], argv: readonly string[]): Arguments {
  const { values } = parseArgs({ args: [...argv], options: Object.fromEntries(names.map((name) => [name, OPTIONS[name]])) });
  return values as unknown as Arguments;
}

/**
 * Reads who this node is: the file that the boot laid down, or the one in memory that `--follow` names, where that is newer and fits this
 * node. One that does not is passed over here: whoever follows it says what is wrong.
 * Problems: MM-NODE-CONFIG; throws the system's error when the first cannot be read.
 */
export function readConfig({ config: path, follow }: Pick<Arguments, 'config' | 'follow'>): Result<NodeConfig> {
  const laidDown = parseNodeConfigText(readFileSync(path, 'utf8'), path);
  if (!laidDown.ok || follow === undefined || !existsSync(follow)) return laidDown;
  const newer = judgeReload(laidDown.value, readFileSync(follow, 'utf8'), follow);
  return newer.kind === 'follow' ? { ok: true, value: newer.config } : laidDown;
}

/**
 * Reads the cluster's keys: those in memory that `--follow-key` names, where they are there and good, else the file that the boot laid down.
 * Problems: MM-CLUSTER-KEY, MM-ARGUMENTS; throws the system's error when the latter cannot be read.
 */
export function readKeys({ 'cluster-key': path, 'follow-key': follow }: Pick<Arguments, 'cluster-key' | 'follow-key'>): Result<KeyRing | undefined> {
  if (path === undefined) return follow === undefined ? { ok: true, value: undefined } : { ok: false, problems: [usage('--follow-key', 'only beside --cluster-key', 'alone')] };
  const newer = follow !== undefined && existsSync(follow) ? parseKeyRing(readFileSync(follow, 'utf8'), follow) : undefined;
  return newer?.ok === true ? newer : parseKeyRing(readFileSync(path, 'utf8'), path);
}

/** The boot files to serve; a kernel and an initrd must be among them, and those for arm64 all or none. Throws InputError, or the system's error. */
export function readBootFiles({ 'boot-volume': volume, 'boot-dir': directory }: Arguments): BootFileTable {
  const name = volume ?? directory;
  if (name === undefined) throw new InputError([usage('--boot-volume', 'one of --boot-volume and --boot-dir', 'neither')]);
  if (volume !== undefined && directory !== undefined) throw new InputError([usage('--boot-volume', 'one of --boot-volume and --boot-dir', 'both')]);
  const files = volume === undefined ? readBootDirectory(name) : readBootVolume(name);
  const seen = Array.from(files.keys()).join(' ') || 'no file';
  const problem = (rule: string): Problem => ({ code: 'MM-BOOT-FILES', where: name, rule, seen, remedy: 'Write the boot volume again with `metamaster upgrade`.' });
  const missing = Object.values(BOOT_FILES).filter((one) => !files.has(one));
  const problems = missing.length > 0 ? [problem(`must hold ${missing.join(' and ')}`)] : [];
  if (missingArm64Files((one) => files.has(one)).length > 0) problems.push(problem(`must hold all of ${ARM64_FILE_NAMES.join(', ')}, or none`));
  if (problems.length > 0) throw new InputError(problems);
  return files;
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65535) return port;
  throw new InputError([usage('--port', 'a whole number from 0 to 65535', text)]);
}

function levelOf(text: string): LogLevel {
  const level = LEVELS.find((one) => one === text);
  if (level === undefined) throw new InputError([usage('--log-level', `one of ${LEVELS.join(', ')}`, text)]);
  return level;
}

/**
 * Reads what the arguments name. `servesFiles`: boot files must be given, kernel and initrd among them; else none are read.
 * Throws InputError with the problems of all files together.
 */
export function readInputs(values: Arguments, servesFiles: boolean): Inputs {
  const problems: Problem[] = [];
  const attempt = <T>(where: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (error instanceof InputError) problems.push(...error.problems);
      else problems.push({ code: 'MM-FILE', where, rule: 'must be readable', seen: error instanceof Error ? error.message : String(error), remedy: 'Check the path and its permissions.' });
      return undefined;
    }
  };
  const { port: portText, 'cluster-key': keyFile, 'san-login': loginFile } = values;
  const config = attempt(values.config, () => valueOf(readConfig(values)));
  const keys = attempt(keyFile ?? '--follow-key', () => valueOf(readKeys(values)));
  const sanLogin = loginFile === undefined ? undefined : attempt(loginFile, () => valueOf(parseChapLogin(readFileSync(loginFile, 'utf8'), loginFile)));
  const files = attempt(values['boot-volume'] ?? values['boot-dir'] ?? '--boot-volume', () => (servesFiles ? readBootFiles(values) : new Map()));
  const logLevel = attempt('--log-level', () => levelOf(values['log-level']));
  const port = portText === undefined ? undefined : attempt('--port', () => portOf(portText));
  if (config === undefined || files === undefined || logLevel === undefined || problems.length > 0) throw new InputError(problems);
  return { config, keys, sanLogin, files, logLevel, port };
}
