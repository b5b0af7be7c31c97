// One daemon as a process: from its arguments to its exit code. What it serves is its own file's.

import { type Arguments, helpText, type Inputs, type OptionName, readArguments, readInputs } from './daemon-arguments.ts';
import { InputError } from './core/problem.ts';
import { checkBootFiles } from './host/boot-files.ts';
import { createLog, type Logger, stage } from './host/log.ts';
import { sdNotify, watchdogIntervalMs } from './host/sd-notify.ts';

/** sysexits.h: wrong use, and a configuration that cannot be used. */
const EXIT_USAGE = 64;
const EXIT_CONFIG = 78;

/** What a daemon serves with. */
export interface Given extends Inputs {
  readonly values: Arguments;
  readonly log: Logger;
  /** Ends the process, for systemd to start it again: what is broken for good is mended by that or by nothing. */
  readonly die: (error: unknown) => never;
  /** What is to be done when the process is told to end; it ends when this has resolved. */
  readonly onStop: (handler: () => Promise<void>) => void;
}

/** One daemon. */
export interface Daemon {
  readonly name: string;
  /** What it is, after its name in the help. */
  readonly what: string;
  readonly options: readonly OptionName[];
  /** True when it needs boot files, with kernel and initrd among them; false when it reads none. */
  readonly servesFiles: boolean;
  /** Resolves when it serves; what it resolves with is done after systemd has heard of it. */
  readonly serve: (given: Given) => Promise<(() => Promise<void>) | undefined>;
  /** Answers --explain. */
  readonly explain?: (values: Arguments, mac: string) => string;
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

function keepAlive(log: Logger): void {
  const notify = (state: string): void => {
    try {
      sdNotify(state);
    } catch (error) {
      log.warn({ state, reason: reasonOf(error) }, 'notify.failed');
    }
  };
  notify('READY=1');
  const intervalMs = watchdogIntervalMs();
  if (intervalMs !== undefined) setInterval(() => notify('WATCHDOG=1'), intervalMs);
}

async function serve(daemon: Daemon, values: Arguments): Promise<void> {
  const inputs = readInputs(values, daemon.servesFiles);
  const log = createLog(daemon.name, inputs.logLevel);
  const die = (error: unknown): never => {
    log.error({ reason: stackOf(error) }, 'fatal');
    stage('failed', reasonOf(error));
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  let stopping: () => Promise<void> = () => Promise.resolve();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      void stopping().catch((error: unknown) => log.error({ reason: stackOf(error) }, 'stop.failed')).then(() => {
        log.info({ signal }, 'stopped');
        process.exit(0);
      });
    });
  }
  const onStop = (handler: () => Promise<void>): void => {
    stopping = handler;
  };
  const afterwards = await daemon.serve({ ...inputs, values, log, die, onStop });
  keepAlive(log);
  await afterwards?.();
}

async function run(daemon: Daemon, argv: readonly string[]): Promise<void> {
  const values = readArguments(daemon.options, argv);
  if (values.help) process.stdout.write(helpText(`${daemon.name}: ${daemon.what}`, daemon.options));
  else if (values.explain !== undefined && daemon.explain !== undefined) process.stdout.write(daemon.explain(values, values.explain));
  else if (values['check-config']) {
    const { config, files } = readInputs(values, daemon.servesFiles);
    await checkBootFiles(files);
    process.stdout.write(`node ${config.number} of ${config.roster.clusterName}, ${config.roster.nodes.length} nodes${daemon.servesFiles ? `, ${files.size} boot files` : ''}: well\n`);
  } else await serve(daemon, values);
}

/** Runs a daemon by its command line. What it cannot start with is said on stderr, and the exit code tells of what kind it was. */
export function runDaemon(daemon: Daemon): void {
  run(daemon, process.argv.slice(2)).catch((error: unknown) => {
    const isUsage = error instanceof TypeError && (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true;
    const isInput = error instanceof InputError;
    process.stderr.write(`${isInput || isUsage ? error.message : stackOf(error)}\n`);
    stage('failed', isInput ? error.problems[0]!.code : `${daemon.name} could not start`);
    process.exit(isUsage ? EXIT_USAGE : isInput ? EXIT_CONFIG : 1);
  });
}
