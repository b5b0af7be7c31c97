// `metamaster gateway configure`: changes what the registry says of the gateway, and waits for the living nodes to follow.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse, YAMLParseError } from 'yaml';
import type { Status } from '../daemons/agent/status.ts';
import { InputError, problemLine, valueOf, type Result } from '../daemons/core/problem.ts';
import { CHANGEABLE_ANSWERS } from '../daemons/storage/gateway-answers.ts';
import { refused } from '../daemons/storage/registry-edit.ts';
import type { InstallAnswer, Registry } from '../daemons/storage/registry.ts';
import { CommandError } from '../daemons/host/run.ts';
import type { CommandHost } from './command-host.ts';
import { answerChanges, changeGateway, gatewayEffects, type AnswerChange, type GatewayEffects, type GatewayWish } from './gateway-change.ts';
import { decodeAnswersFile } from './install/answers-encoding.ts';
import { readValues } from './install/answers.ts';
import { absent, awaitFollowers, WAIT_SECONDS, WAIT_SECONDS_MAX } from './living-followers.ts';
import { type ClusterOnSan, withCluster } from './node/cluster-on-san.ts';
import { changedMeanwhile } from './registry-writer.ts';
import { remedyOf } from './san-device.ts';
import { table } from './status-command.ts';

export const CONFIGURE_HELP = `metamaster gateway configure [ANSWER=VALUE …] [options]
Changes the gateway of an installed cluster, sets one up where there was none, or removes it. The answers are those of the installation, and are
judged as there; what is not named stays. Run it as root on a node that is up; the nodes follow while they run.

  ANSWER=VALUE      the value as the answers file has it: public-IP=203.0.113.10, port-forwards=[tcp/443=192.168.0.3:8443];
                    with nothing behind = the answer is left out
  --answers FILE    answers as YAML; one without a value is left out. ANSWER=VALUE stands above it
  --succession N,N  the nodes that inherit the gateway, in their order, by their numbers
  --remove          leaves all of it out: there is no gateway any more, and no way out
  --wait SECONDS    how long the nodes are waited for [${WAIT_SECONDS}]; 0: nobody is asked whether they follow
  --device PATH     the SAN's disk or an image of it; on a node it is found by itself
  --container NAME  which container, where the SAN has several
  --socket PATH     the control socket of metamasterd
  --dry-run         says what would change, and what of it
  --yes             asks no question
  --json            prints the result as one object, with --yes or --dry-run
The answers: ${CHANGEABLE_ANSWERS.join(', ')}.
Exit codes: 0 done, 1 refused, not confirmed, or not every living node has followed, 2 wrong use, 3 the device cannot be used.
`;

/** What the command wants of the machine. */
export interface ConfigureHost extends CommandHost {
  /** What the daemon of this node knows. @throws InputError MM-STATUS-NO-DAEMON */
  status(socket: string | undefined): Promise<Status>;
}

interface Arguments {
  readonly wish: GatewayWish;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
  readonly waitMs: number;
  readonly socket: string | undefined;
  readonly device?: string;
  readonly container?: string;
}

const OPTIONS = {
  answers: { type: 'string' }, succession: { type: 'string' }, remove: { type: 'boolean', default: false }, wait: { type: 'string', default: String(WAIT_SECONDS) }, device: { type: 'string' }, container: { type: 'string' },
  socket: { type: 'string' }, 'dry-run': { type: 'boolean', default: false }, yes: { type: 'boolean', default: false }, json: { type: 'boolean', default: false },
} as const;
const WORD = /^(?<key>[A-Za-z0-9-]+)=(?<text>.*)$/s;
const SUCCESSION = /^[1-9]\d{0,4}(,[1-9]\d{0,4})*$/;

/** One value as a line of the answers file has it. @throws InputError MM-ANSWERS-SYNTAX */
function valueIn(key: string, text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new InputError([{ code: 'MM-ANSWERS-SYNTAX', where: key, rule: 'must be YAML or JSON', seen: text, remedy: 'Write the value as the answers file has it.' }]);
  }
}

/** @throws InputError of the file; the system's error when it cannot be read */
function fileAnswers(path: string | undefined): Readonly<Record<string, unknown>> {
  return path === undefined ? {} : valueOf(readValues(valueOf(decodeAnswersFile(readFileSync(path), path)), path));
}

/** The words behind `gateway configure`, or what is wrong with them. @throws InputError MM-ANSWERS-… of what they name */
function parseWords(argv: readonly string[]): Arguments | string {
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') !== true) throw error;
    return (error as Error).message;
  }
  const { values, positionals } = parsed;
  const words = positionals.map((word) => WORD.exec(word)?.groups);
  const wrong = positionals[words.indexOf(undefined)];
  const waitSeconds = Number(values.wait);
  if (wrong !== undefined) return `an argument has the form ANSWER=VALUE; seen ${wrong}`;
  if (values.succession !== undefined && !SUCCESSION.test(values.succession)) return `--succession takes numbers of nodes with commas between them; seen ${values.succession}`;
  if (!/^\d+$/.test(values.wait) || waitSeconds > WAIT_SECONDS_MAX) return `--wait takes 0 to ${WAIT_SECONDS_MAX}; seen ${values.wait}`;
  const given = words.length > 0 || values.answers !== undefined || values.succession !== undefined;
  if (values.remove && given) return '--remove leaves every answer out, and takes none beside it';
  if (!values.remove && !given) return 'there is nothing to change: give ANSWER=VALUE, --answers, --succession or --remove';
  if (values.json && !values.yes && !values['dry-run']) return '--json wants --yes or --dry-run, for a program cannot be asked';
  const answers = { ...fileAnswers(values.answers), ...Object.fromEntries(words.map((word) => [word!['key']!, valueIn(word!['key']!, word!['text']!)])) };
  const { device, container, socket, yes, json, remove } = values;
  return {
    wish: { answers, remove, ...(values.succession === undefined ? {} : { succession: values.succession.split(',').map(Number) }) },
    dryRun: values['dry-run'], yes, json, waitMs: waitSeconds * 1000, socket, ...(device === undefined ? {} : { device }), ...(container === undefined ? {} : { container }),
  };
}

const answerText = (value: InstallAnswer | null): string => (value === null ? 'left out' : Array.isArray(value) ? `[${value.join(', ')}]` : String(value));
const nodesText = (nodes: readonly number[]): string => nodes.map((node) => `node ${node}`).join(', ');

/** What a change means, for a person: one clause for each. */
export function effectsText({ candidates, joining, leaving, interrupts, wayOut }: GatewayEffects): readonly string[] {
  return [
    ...(joining.length + leaving.length > 0 ? [candidates.length === 0 ? 'the cluster has no gateway any more' : `the succession is ${nodesText(candidates)}`] : []),
    ...(joining.length > 0 ? [`${nodesText(joining)} begins to stand, and needs the card on the outside network`] : []),
    ...(leaving.length > 0 ? [`${nodesText(leaving)} stands no more, and hands over where it is the gateway`] : []),
    ...(interrupts ? ['gatewayd of every candidate starts anew: the way out is interrupted for some seconds'] : []),
    ...(wayOut === 'stays' ? [] : [wayOut === 'opened' ? 'the nodes have a way out' : 'the nodes have no way out any more']),
  ];
}

function planText(changes: readonly AnswerChange[], effects: GatewayEffects): string {
  const rows = table(changes.map(({ answer, from, to }) => [answer, answerText(from), '->', answerText(to)]));
  return [...rows, ...effectsText(effects).map((line) => `- ${line}`)].join('\n');
}

/** @throws InputError those of `changeGateway` and `changeRegistry`; MM-CHANGE-MEANWHILE; MM-STATUS-NO-DAEMON */
async function configure(cluster: ClusterOnSan, { wish, dryRun, waitMs }: Arguments, status: () => Promise<Status>): Promise<number> {
  const { registry, header } = cluster.found;
  const ownInterface = cluster.machine.interfaceName;
  const edited = valueOf(changeGateway(registry, wish, ownInterface));
  const changes = answerChanges(registry.install, edited.install);
  const effects = gatewayEffects(registry, edited);
  const subject = { changes, ...effects };
  if (changes.length === 0) {
    cluster.tell('It is so already.');
    cluster.result({ ...subject, generation: header.generation, result: 'already' });
    return 0;
  }
  const plan = planText(changes, effects);
  // Whoever cannot ask who follows learns it before anything is written.
  const silent = waitMs === 0 ? [] : absent(cluster, await status());
  if (dryRun) {
    cluster.tell(`To be changed:\n${plan}`);
    cluster.result({ ...subject, absent: silent, result: 'planned' });
    return 0;
  }
  cluster.tell(`This changes:\n${plan}`);
  if (!(await cluster.confirmed('The gateway\'s answers are changed.'))) return 1;
  // What was confirmed is this very change.
  const edit = (now: Registry): Result<Registry> => (answerChanges(registry.install, now.install).length > 0 ? refused(changedMeanwhile('the gateway\'s answers')) : changeGateway(now, wish, ownInterface));
  const { found } = await cluster.change(edit);
  const { generation } = found.header;
  cluster.tell(`Written (registry generation ${generation}).`);
  if (waitMs === 0) {
    cluster.result({ ...subject, generation, result: 'done' });
    return 0;
  }
  const behind = await awaitFollowers(cluster, generation, waitMs, status);
  const { alive } = await status();
  const follows = alive.filter((node) => !behind.includes(node));
  cluster.tell(`Follows: ${nodesText(follows) || 'nobody'}.${silent.length === 0 ? '' : ` Not heard just now, and not waited for: ${nodesText(silent)}; a boot, or the registry within a minute, brings it the answers.`}`);
  cluster.result({ ...subject, generation, follows, behind, absent: silent, result: behind.length === 0 ? 'done' : 'behind' });
  if (behind.length === 0) return 0;
  throw new InputError([{
    code: 'MM-GATEWAY-FOLLOW', where: `generation ${generation}`, rule: `every living node follows it within ${waitMs / 1000} s`, seen: `${nodesText(behind)} does not`,
    remedy: 'The answers are written, and a node follows as soon as it can. `metamaster status` names who is behind; see `journalctl -u metamaster-storage` there.',
  }]);
}

/** Runs `metamaster gateway configure …` with the words behind `configure`; returns the exit code (CONFIGURE_HELP). */
export async function configureCommand(argv: readonly string[], host: ConfigureHost): Promise<number> {
  try {
    const words = parseWords(argv);
    if (typeof words === 'string') {
      host.error(`metamaster gateway: ${words}. See \`metamaster gateway configure --help\`.\n`);
      return 2;
    }
    return await withCluster(host, words, (cluster) => configure(cluster, words, () => host.status(words.socket)), 'gateway');
  } catch (error) {
    if (error instanceof InputError) {
      for (const problem of error.problems) host.error(`metamaster gateway: ${problemLine(problem)}\n`);
      return error.problems.some(({ code }) => code === 'MM-NODE-DEVICE') ? 2 : 1;
    }
    const failure = error as NodeJS.ErrnoException;
    host.error(`metamaster gateway: ${failure.message}. ${error instanceof CommandError ? 'Begin again with the same command.' : remedyOf(failure)}\n`);
    return 3;
  }
}
