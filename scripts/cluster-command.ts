// `metamaster cluster`: what concerns all nodes together.

import { parseArgs } from 'node:util';
import type { Status } from '../daemons/agent/status.ts';
import { InputError, problemLine } from '../daemons/core/problem.ts';
import { CommandError } from '../daemons/host/run.ts';
import { type CommandHost, REAL_HOST } from './command-host.ts';
import { WAIT_SECONDS, WAIT_SECONDS_MAX } from './living-followers.ts';
import { withCluster } from './node/cluster-on-san.ts';
import { rotateKey } from './rotate-key.ts';
import { remedyOf } from './san-device.ts';
import { askStatus } from './status-command.ts';

const HELP = `metamaster cluster rotate-key [options]
Changes the key that the nodes speak to each other under, while all of them run and hear each other: a new key is told to every node, then
spoken under, then the former one is forgotten; before each step every living node must have followed the one before. The change may be cut
off anywhere: the same command goes on where it stopped, from any node. Run it as root on a node that is up.

  --wait SECONDS    how long the nodes are waited for before each further step [${WAIT_SECONDS}]
  --device PATH     the SAN's disk or an image of it; on a node it is found by itself
  --container NAME  which container, where the SAN has several
  --socket PATH     the control socket of metamasterd
  --dry-run         says what would be done, and whom it would wait for
  --yes             asks no question
  --json            prints the result as one object, with --yes or --dry-run; what is done meanwhile is told on standard error
Exit codes: 0 done, 1 refused, not confirmed, or not every node followed, 2 wrong use, 3 the device cannot be used.
`;

/** What the command wants of the machine. */
export interface ClusterHost extends CommandHost {
  /** What the daemon of this node knows. @throws InputError MM-STATUS-NO-DAEMON */
  status(socket: string | undefined): Promise<Status>;
}

const OPTIONS = {
  wait: { type: 'string', default: String(WAIT_SECONDS) }, device: { type: 'string' }, container: { type: 'string' }, socket: { type: 'string' },
  'dry-run': { type: 'boolean', default: false }, yes: { type: 'boolean', default: false }, json: { type: 'boolean', default: false },
} as const;

/** The words behind `cluster rotate-key`, or what is wrong with them. */
function parseWords(argv: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    const waitSeconds = Number(values.wait);
    if (positionals.join(' ') !== 'rotate-key') return `the verb is rotate-key, and nothing behind it; seen ${positionals.join(' ') || 'nothing'}`;
    if (!/^\d+$/.test(values.wait) || waitSeconds > WAIT_SECONDS_MAX) return `--wait takes 0 to ${WAIT_SECONDS_MAX}; seen ${values.wait}`;
    if (values.json && !values.yes && !values['dry-run']) return '--json wants --yes or --dry-run, for a program cannot be asked';
    const { device, container, socket, yes, json } = values;
    return { yes, json, dryRun: values['dry-run'], waitMs: waitSeconds * 1000, socket, ...(device === undefined ? {} : { device }), ...(container === undefined ? {} : { container }) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') !== true) throw error;
    return (error as Error).message;
  }
}

/** Runs `metamaster cluster …` with the words behind `cluster`; returns the exit code (HELP). */
export async function clusterCommand(argv: readonly string[], host: ClusterHost = { ...REAL_HOST, status: askStatus }): Promise<number> {
  if (argv.length === 0 || argv.includes('--help')) {
    host.out(HELP);
    return argv.length === 0 ? 2 : 0;
  }
  const wish = parseWords(argv);
  if (typeof wish === 'string') {
    host.error(`metamaster cluster: ${wish}. See \`metamaster cluster --help\`.\n`);
    return 2;
  }
  try {
    return await withCluster(host, wish, (cluster) => rotateKey(cluster, wish, () => host.status(wish.socket)), 'cluster');
  } catch (error) {
    if (error instanceof InputError) {
      for (const problem of error.problems) host.error(`metamaster cluster: ${problemLine(problem)}\n`);
      return error.problems.some(({ code }) => code === 'MM-NODE-DEVICE') ? 2 : 1;
    }
    const failure = error as NodeJS.ErrnoException;
    host.error(`metamaster cluster: ${failure.message}. ${error instanceof CommandError ? 'Begin again with the same command.' : remedyOf(failure)}\n`);
    return 3;
  }
}
