// `metamaster node hardware`: what the blades are made of, and what of each is not as with its peers. Every node is asked over the boot network, under the
// cluster's key, this one too.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type KeyRing, parseKeyRing } from '../../daemons/agent/key-ring.ts';
import type { NodeConfig } from '../../daemons/agent/node-config.ts';
import { decodeUtf8, toHex } from '../../daemons/core/bytes.ts';
import { InputError, type Problem, problemLine, valueOf } from '../../daemons/core/problem.ts';
import type { RosterNode } from '../../daemons/core/roster.ts';
import { readConfig } from '../../daemons/daemon-arguments.ts';
import { compareWithPeers, type HardwareGroups, type HardwareRemark } from '../../daemons/hardware/hardware-differences.ts';
import { type HardwareFacts, parseHardware } from '../../daemons/hardware/hardware-facts.ts';
import { cardProblems } from '../../daemons/hardware/roster-cards.ts';
import { openAnswer, SEAL_BYTES } from '../../daemons/host/sealed-answer.ts';
import { askWeb } from '../../daemons/host/web-client.ts';
import { HARDWARE_FACTS_MAX_BYTES, HARDWARE_NONCE_BYTES, HARDWARE_PURPOSE, hardwareUrl } from '../../daemons/wire/hardware-question.ts';
import { BOOT_HTTP_PORT } from '../../daemons/wire/stage-report.ts';
import { hardwareText } from './hardware-text.ts';

const CONFIG = '/etc/metamaster/node.json';
/** The configuration that the storage agent keeps in memory, newer than the file when the registry has changed. */
const FOLLOWED = '/run/metamaster/node.json';
const CLUSTER_KEY = '/etc/metamaster/cluster-key';
/** A node that is well answers within milliseconds. */
const ANSWER_TIMEOUT_MS = 3_000;
/** So many are asked at a time. */
const ASKED_AT_ONCE = 32;

const HELP = `metamaster node hardware [NODE] [--json]
What the blades are made of, as each found it at its boot, and what of one is not as with most of the others: memory, firmware, processors, network
cards, links, watchdog, disks of its own. Also cards whose MAC addresses the roster does not have. Run it as root on a node that is up.

  NODE                 a node's name or number: this one alone, with modules, cards and disks one by one; it is compared with all
  --json               everything, as one object
  --config FILE        the roster [${CONFIG}]
  --follow FILE        a newer one, where it is there [${FOLLOWED}]
  --cluster-key FILE   what the answers are opened with [${CLUSTER_KEY}]`;

/** What came of asking one node. */
export type HardwareAnswer = { readonly node: RosterNode } & ({ readonly facts: HardwareFacts } | { readonly problem: Problem });

/** Everything that is known of one node, and what is wrong with it. */
export interface NodeHardware {
  readonly number: number;
  readonly name: string;
  readonly facts?: HardwareFacts;
  /** Why there are no facts. */
  readonly unanswered?: Problem;
  readonly remarks: readonly HardwareRemark[];
  readonly cards: readonly Problem[];
}

/** All nodes that were asked for, and where the nodes fall into groups of which none is the larger part. */
export interface HardwareReport {
  readonly nodes: readonly NodeHardware[];
  readonly undecided: readonly HardwareGroups[];
}

/** What the web server's refusals mean: those of daemons/http-boot/http-answer.ts. */
const REFUSALS: Readonly<Record<number, string>> = {
  403: 'it does not take this machine for a node: its roster has another address for it',
  404: 'an older release, which does not tell',
  503: 'it has not looked at its hardware yet; see `systemctl status metamaster-hardware` there',
};

function silent(node: RosterNode, seen: string): Problem {
  return { code: 'MM-HARDWARE-SILENT', where: `${node.name}, ${node.address}`, rule: 'a node that is up tells what it is made of', seen, remedy: '`metamaster status` says which nodes are alive; one that is switched off is left out of the comparison.' };
}

/** Asks one node; whatever goes wrong with that is its answer. */
async function ask(node: RosterNode, cluster: string, keys: KeyRing): Promise<HardwareAnswer> {
  const nonce = toHex(randomBytes(HARDWARE_NONCE_BYTES));
  try {
    const { status, body } = await askWeb({
      host: node.address, port: BOOT_HTTP_PORT, identity: { kind: 'cleartext' }, method: 'GET', path: hardwareUrl(nonce), headers: {},
      limits: { timeMs: ANSWER_TIMEOUT_MS, bodyBytes: HARDWARE_FACTS_MAX_BYTES + SEAL_BYTES },
    });
    if (status !== 200) return { node, problem: silent(node, REFUSALS[status] ?? `HTTP status ${status}`) };
    const question = { purpose: HARDWARE_PURPOSE, cluster, node: node.number, nonce };
    // While the cluster's key changes, nodes may speak under different ones of the ring.
    const opened = keys.map((key) => openAnswer(key, question, body)).find((plain) => plain !== undefined);
    const content = opened && decodeUtf8(opened);
    if (content === undefined) return { node, problem: silent(node, 'an answer that was not sealed under the cluster\'s key for this question') };
    const facts = parseHardware(content, node.name);
    return facts.ok ? { node, facts: facts.value } : { node, problem: facts.problems[0]! };
  } catch (error) {
    return { node, problem: silent(node, error instanceof Error ? error.message : String(error)) };
  }
}

/** Asks all nodes of the roster; the answers come in its order. */
export async function askHardware({ roster }: NodeConfig, keys: KeyRing): Promise<readonly HardwareAnswer[]> {
  const answers: HardwareAnswer[] = [];
  for (let at = 0; at < roster.nodes.length; at += ASKED_AT_ONCE) answers.push(...(await Promise.all(roster.nodes.slice(at, at + ASKED_AT_ONCE).map((node) => ask(node, roster.clusterName, keys)))));
  return answers;
}

/** What the answers say, about all nodes or about one: each is compared with all that answered. */
export function reportOf({ roster }: NodeConfig, answers: readonly HardwareAnswer[], only?: RosterNode): HardwareReport {
  const machines = answers.flatMap((answer) => ('facts' in answer ? [{ name: answer.node.name, facts: answer.facts }] : []));
  const undecided = new Map<string, HardwareGroups>();
  const nodes = answers.filter(({ node }) => only === undefined || node.number === only.number).map((answer): NodeHardware => {
    const { number, name } = answer.node;
    if ('problem' in answer) return { number, name, unanswered: answer.problem, remarks: [], cards: [] };
    const comparison = compareWithPeers({ name, facts: answer.facts }, machines.filter((machine) => machine.name !== name));
    for (const groups of comparison.undecided) undecided.set(JSON.stringify(groups), groups);
    return { number, name, facts: answer.facts, remarks: comparison.remarks, cards: cardProblems(roster, answer.node, answer.facts) };
  });
  return { nodes, undecided: [...undecided.values()] };
}

/** @throws InputError MM-HARDWARE-NODE */
function nodeOf({ roster }: NodeConfig, wanted: string): RosterNode {
  const node = roster.nodes.find(({ name, number }) => name === wanted || String(number) === wanted);
  if (node !== undefined) return node;
  throw new InputError([{ code: 'MM-HARDWARE-NODE', where: 'NODE', rule: 'must be a node\'s name or number', seen: wanted, remedy: `The nodes are: ${roster.nodes.map(({ name }) => name).join(', ')}.` }]);
}

/** A file that a node has; the system's error is told as a problem. */
function needed<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError([{ code: 'MM-HARDWARE-NO-NODE', where: path, rule: 'must be readable', seen: error instanceof Error ? error.message : String(error), remedy: 'Run this as root on a node that is up: the live system of the disc belongs to no cluster.' }]);
  }
}

/** Runs the command; returns the exit code: 1 when no node that was asked for told anything. @throws InputError */
export async function hardwareCommand(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv], allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
      config: { type: 'string', default: CONFIG }, follow: { type: 'string', default: FOLLOWED }, 'cluster-key': { type: 'string', default: CLUSTER_KEY },
    },
  });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const [wanted, ...more] = positionals;
  if (more.length > 0) throw new InputError([{ code: 'MM-HARDWARE-NODE', where: 'NODE', rule: 'must be one node, or none for all', seen: positionals.join(' '), remedy: 'See `metamaster node hardware --help`.' }]);
  const config = needed(values.config, () => valueOf(readConfig(values)));
  const keyFile = values['cluster-key'];
  const keys = needed(keyFile, () => valueOf(parseKeyRing(readFileSync(keyFile, 'utf8'), keyFile)));
  const only = wanted === undefined ? undefined : nodeOf(config, wanted);
  const report = reportOf(config, await askHardware(config, keys), only);
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : hardwareText(report, only !== undefined));
  for (const { unanswered } of report.nodes) if (unanswered !== undefined) process.stderr.write(`metamaster: warning: ${problemLine(unanswered)}\n`);
  return report.nodes.some(({ facts }) => facts !== undefined) ? 0 : 1;
}
