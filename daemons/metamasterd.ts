#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
// The meta-master of one node: reads who it is, reads the boot files into memory, and serves. This file only wires;
// systemd starts it again when it ends.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type NodeConfig, parseClusterKey, parseNodeConfig } from './agent/node-config.ts';
import { BootServices } from './boot-services.ts';
import { parseMac } from './core/mac.ts';
import type { Instant } from './core/machine.ts';
import { InputError, type Problem, type Result, valueOf } from './core/problem.ts';
import { DhcpServer } from './dhcp/dhcp-server.ts';
import { type BootFileTable, readBootDirectory, readBootVolume } from './host/boot-files.ts';
import { createLog, type Logger, stage } from './host/log.ts';
import { sdNotify, watchdogIntervalMs } from './host/sd-notify.ts';
import { BOOT_FILES } from './http-boot/boot-script.ts';

/** sysexits.h: wrong use, and a configuration that cannot be used. systemd's unit does not restart after these. */
const EXIT_USAGE = 64;
const EXIT_CONFIG = 78;

const HELP = `metamasterd: the boot services (DHCP, TFTP, HTTP, router advertisements) of one node

  --config FILE         who this node is and who belongs to the cluster [/etc/metamaster/node.json]
  --cluster-key FILE    the cluster's key in hexadecimal; without it the node acts as if alone
  --boot-volume PATH    the boot volume; fd:N takes a file that is already open
  --boot-dir DIR        plain files in place of a boot volume, to try things out
  --control PATH        Unix socket for 'metamaster status', in a directory of its own, which becomes private
  --log-level LEVEL     debug, info, warn or error [info]
  --check-config        read everything, say what is wrong, and end
  --explain MAC         say what a blade of this MAC address would be told, and end
  --help                this text
`;

const OPTIONS = {
  config: { type: 'string', default: '/etc/metamaster/node.json' },
  'cluster-key': { type: 'string' },
  'boot-volume': { type: 'string' },
  'boot-dir': { type: 'string' },
  control: { type: 'string' },
  'log-level': { type: 'string', default: 'info' },
  'check-config': { type: 'boolean', default: false },
  explain: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

type Arguments = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const levelOf = (text: string) => LEVELS.find((level) => level === text);

function usage(where: string, rule: string, seen: string): Problem {
  return { code: 'MM-ARGUMENTS', where, rule, seen, remedy: 'See --help.' };
}

/** Everything the daemon is started with. */
interface Inputs {
  readonly config: NodeConfig;
  readonly clusterKey: Uint8Array | undefined;
  readonly files: BootFileTable;
}

function readConfig(path: string): Result<NodeConfig> {
  const text = readFileSync(path, 'utf8');
  try {
    return parseNodeConfig(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { ok: false, problems: [{ code: 'MM-NODE-CONFIG', where: path, rule: 'must be JSON', seen: error.message, remedy: 'Boot the node again, which writes the file afresh.' }] };
  }
}

/** The boot files; a kernel and an initrd must be among them. */
function readFiles(values: Arguments): BootFileTable {
  const volume = values['boot-volume'];
  const directory = values['boot-dir'];
  if ((volume === undefined) === (directory === undefined)) throw new InputError([usage('--boot-volume', 'exactly one of --boot-volume and --boot-dir', volume === undefined ? 'neither' : 'both')]);
  const files = volume === undefined ? readBootDirectory(directory!) : readBootVolume(volume);
  const missing = Object.values(BOOT_FILES).filter((name) => !files.has(name));
  if (missing.length > 0) {
    const seen = Array.from(files.keys()).join(' ') || 'no file';
    throw new InputError([{ code: 'MM-BOOT-FILES', where: volume ?? directory!, rule: `must hold ${missing.join(' and ')}`, seen, remedy: 'Write the boot volume again with `metamaster upgrade`.' }]);
  }
  return files;
}

/** Runs each reader and reports what is wrong in all of them together. */
function readInputs(values: Arguments): Inputs {
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
  const keyFile = values['cluster-key'];
  const config = attempt(values.config, () => valueOf(readConfig(values.config)));
  const clusterKey = keyFile === undefined ? undefined : attempt(keyFile, () => valueOf(parseClusterKey(readFileSync(keyFile, 'utf8'), keyFile)));
  const files = attempt(values['boot-volume'] ?? values['boot-dir'] ?? '--boot-volume', () => readFiles(values));
  if (levelOf(values['log-level']) === undefined) problems.push(usage('--log-level', `one of ${LEVELS.join(', ')}`, values['log-level']));
  if (config === undefined || files === undefined || problems.length > 0) throw new InputError(problems);
  return { config, clusterKey, files };
}

function explain(values: Arguments, text: string): string {
  const mac = parseMac(text);
  if (mac === undefined) throw new InputError([usage('--explain', 'the MAC address of a network card', text)]);
  const { roster, number } = valueOf(readConfig(values.config));
  // As if all were alive: who answers at what rank is what is asked for.
  const server = new DhcpServer({ roster, self: number });
  server.step(0 as Instant, { kind: 'live', nodes: roster.nodes.map((node) => node.number) });
  return server.explain(mac);
}

function keepAlive(log: Logger): void {
  const notify = (state: string): void => {
    try {
      sdNotify(state);
    } catch (error) {
      log.warn({ state, reason: error instanceof Error ? error.message : String(error) }, 'notify.failed');
    }
  };
  notify('READY=1');
  const intervalMs = watchdogIntervalMs();
  if (intervalMs !== undefined) setInterval(() => notify('WATCHDOG=1'), intervalMs);
}

async function serve(values: Arguments): Promise<void> {
  const log = createLog('metamasterd', levelOf(values['log-level']) ?? 'info');
  const die = (error: unknown): never => {
    log.error({ reason: error instanceof Error ? (error.stack ?? error.message) : String(error) }, 'fatal');
    stage('failed', error instanceof Error ? error.message : String(error));
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  const inputs = readInputs(values);
  if (inputs.clusterKey === undefined) log.warn('cluster-key.missing');
  const services = new BootServices({ ...inputs, log, onBroken: die });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopped');
      process.exit(0);
    });
  }
  await services.start();
  keepAlive(log);
  const path = values.control;
  if (path === undefined) return;
  const { openControlSocket } = await import('./host/control-socket.ts');
  await openControlSocket(path, { status: () => services.status() }, (error) => log.warn({ reason: error.message }, 'control.peer-failed'));
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) process.stdout.write(HELP);
  else if (values.explain !== undefined) process.stdout.write(explain(values, values.explain));
  else if (values['check-config']) {
    const { config, files } = readInputs(values);
    process.stdout.write(`node ${config.number} of ${config.roster.clusterName}, ${config.roster.nodes.length} nodes, ${files.size} boot files: well\n`);
  } else await serve(values);
}

main().catch((error: unknown) => {
  const isUsage = error instanceof TypeError && (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  const isInput = error instanceof InputError;
  process.stderr.write(`${isInput || isUsage ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  stage('failed', isInput ? error.problems[0]!.code : 'metamasterd could not start');
  process.exit(isUsage ? EXIT_USAGE : isInput ? EXIT_CONFIG : 1);
});
