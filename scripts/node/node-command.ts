// `metamaster node`: which machines are the nodes, and the changes of that.

import type { Status } from '../../daemons/agent/status.ts';
import { InputError, problemLine, type Problem, valueOf } from '../../daemons/core/problem.ts';
import { barOfMac } from '../../daemons/core/roster.ts';
import { CommandError } from '../../daemons/host/run.ts';
import { nodeOfRequest } from '../../daemons/storage/registry-edit.ts';
import { closeReplacement, liftBar, openReplacement } from '../../daemons/storage/registry-edit-hardware.ts';
import { setDrained } from '../../daemons/storage/registry-edit-nodes.ts';
import { type CommandHost, REAL_HOST } from '../command-host.ts';
import { checkpointCommand, rollbackCommand } from './checkpoint-command.ts';
import { catCommand, diffCommand } from './files-command.ts';
import { hardwareCommand } from './hardware-command.ts';
import { remedyOf, UsageError } from '../san-device.ts';
import { askStatus } from '../status-command.ts';
import { type ClusterOnSan, editOnly, withCluster } from './cluster-on-san.ts';
import { NODE_HELP, type NodeArguments, type NodeTask, parseNodeArguments } from './node-arguments.ts';
import { addToCluster } from './add-node.ts';
import { nodeList, nodeListText } from './node-list.ts';
import { releaseVolumes, removeFromCluster } from './remove-node.ts';
import { replaceNode } from './replace-node.ts';

/** What the verbs want of the machine beside what every such command wants. */
export interface NodeHost extends CommandHost {
  /** What the daemon of this node knows. @throws InputError MM-STATUS-NO-DAEMON */
  status(socket: string | undefined): Promise<Status>;
}

const REAL_NODE_HOST: NodeHost = { ...REAL_HOST, status: askStatus };

async function list(cluster: ClusterOnSan, { json }: NodeArguments, status: () => Promise<Status>): Promise<number> {
  const heard = await status().catch((error: unknown) => {
    if (error instanceof InputError) return undefined;
    throw error;
  });
  const found = nodeList(cluster.found, heard);
  cluster.host.out(json ? `${JSON.stringify(found)}\n` : nodeListText(found));
  return 0;
}

function drain(cluster: ClusterOnSan, { node: number, drained }: Extract<NodeTask, { kind: 'drain' }>, wish: NodeArguments): Promise<number> {
  const { name } = valueOf(nodeOfRequest(cluster.found.registry.roster, number));
  const what = drained ? `node ${number} (${name}) serves no boots and holds no roles any more` : `node ${number} (${name}) serves boots again`;
  return editOnly(cluster, wish, what, { node: number, name, drained }, (registry) => setDrained(registry, { node: number, drained }));
}

function open(cluster: ClusterOnSan, { node: number, policy, forMs }: Extract<NodeTask, { kind: 'open' }>, wish: NodeArguments): Promise<number> {
  const { name } = valueOf(nodeOfRequest(cluster.found.registry.roster, number));
  const atUnixMs = cluster.host.unixMs();
  const untilUnixMs = atUnixMs + forMs;
  const how = policy === 'auto' ? 'takes the place by itself, once the former machine is proved off' : 'is told of, and takes the place by `metamaster node replace`';
  return editOnly(cluster, wish, `until ${new Date(untilUnixMs).toISOString()} the next unknown blade ${how}: node ${number} (${name})`, { node: number, name, policy, untilUnixMs },
    (registry) => openReplacement(registry, { node: number, policy, atUnixMs, untilUnixMs }));
}

function close(cluster: ClusterOnSan, { node: number }: Extract<NodeTask, { kind: 'close' }>, wish: NodeArguments): Promise<number> {
  const { name } = valueOf(nodeOfRequest(cluster.found.registry.roster, number));
  return editOnly(cluster, wish, `nobody takes the place of node ${number} (${name})`, { node: number, name }, (registry) => closeReplacement(registry, { node: number }));
}

function unbar(cluster: ClusterOnSan, { mac }: Extract<NodeTask, { kind: 'unbar' }>, wish: NodeArguments): Promise<number> {
  const bar = barOfMac(cluster.found.registry.roster, mac);
  const machine = bar === undefined ? mac : `${bar.macs.join(', ')}, which was node ${bar.node},`;
  return editOnly(cluster, wish, `the machine ${machine} may be a node again`, { macs: bar?.macs ?? [mac] }, (registry) => liftBar(registry, { mac }));
}

function runTask(cluster: ClusterOnSan, wish: NodeArguments, status: () => Promise<Status>): Promise<number> {
  const { task } = wish;
  switch (task.kind) {
    case 'list': return list(cluster, wish, status);
    case 'add': return addToCluster(cluster, task, wish, status);
    case 'remove': return removeFromCluster(cluster, task, wish);
    case 'release': return releaseVolumes(cluster, task, wish);
    case 'replace': return replaceNode(cluster, task, wish, status);
    case 'open': return open(cluster, task, wish);
    case 'close': return close(cluster, task, wish);
    case 'drain': return drain(cluster, task, wish);
    case 'unbar': return unbar(cluster, task, wish);
  }
}

/** Verbs that are commands of their own. */
const OTHERS: Readonly<Record<string, (argv: readonly string[]) => Promise<number>>> = {
  hardware: (argv) => hardwareCommand(argv), checkpoint: (argv) => checkpointCommand(argv), rollback: (argv) => rollbackCommand(argv), diff: (argv) => diffCommand(argv), cat: (argv) => catCommand(argv),
};

/** Runs `metamaster node …` with the words behind `node`; returns the exit code (NODE_HELP). */
export async function nodeCommand(argv: readonly string[], host: NodeHost = REAL_NODE_HOST): Promise<number> {
  const other = OTHERS[argv[0] ?? ''];
  if (other !== undefined) return other(argv.slice(1));
  if (argv.length === 0 || argv.includes('--help')) {
    host.out(NODE_HELP);
    return argv.length === 0 ? 2 : 0;
  }
  const fail = (problems: readonly Problem[], code: number): number => {
    for (const problem of problems) host.error(`metamaster node: ${problemLine(problem)}\n`);
    return code;
  };
  const wish = parseNodeArguments(argv);
  if (!wish.ok) return fail(wish.problems, 2);
  try {
    return await withCluster(host, wish.value, (cluster) => runTask(cluster, wish.value, () => host.status(wish.value.socket)));
  } catch (error) {
    if (error instanceof InputError) return fail(error.problems, error.problems.some(({ code }) => code === 'MM-NODE-DEVICE') ? 2 : 1);
    if (error instanceof UsageError) {
      host.error(`metamaster node: ${error.message}. See \`metamaster node --help\`.\n`);
      return 2;
    }
    const failure = error as NodeJS.ErrnoException;
    host.error(`metamaster node: ${failure.message}. ${error instanceof CommandError ? 'Begin again with the same command.' : remedyOf(failure)}\n`);
    return 3;
  }
}
