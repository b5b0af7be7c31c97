// `metamaster boot show` and `metamaster boot watch`: the boots of blades, from the daemon's memory and the recorder's files together. The
// one lacks what was before the daemon's start, the others what came while the SAN stood still.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { FactsAnswer } from '../daemons/boot-reports.ts';
import { standingOf } from '../daemons/boot-report/boot-history.ts';
import { historyOf, mergeFacts } from '../daemons/boot-report/fact-merge.ts';
import { type BootFact, formatFact } from '../daemons/boot-report/boot-fact.ts';
import { type Mac, parseMac } from '../daemons/core/mac.ts';
import { InputError, type MessageCode, type Problem, valueOf } from '../daemons/core/problem.ts';
import { nodeOfMac, type Roster } from '../daemons/core/roster.ts';
import { readConfig } from '../daemons/daemon-arguments.ts';
import { askControl } from '../daemons/host/control-client.ts';
import { FACTS_FOLDER, readFactLines } from '../daemons/host/fact-files.ts';
import { BootWatch, bootText, outcomeOf } from './boot-report-text.ts';

const SOCKET = '/run/metamasterd/control.sock';
const CONFIG = '/etc/metamaster/node.json';
/** A daemon that is well answers within milliseconds; the files are there when it does not. */
const ANSWER_TIMEOUT_MS = 2_000;
const POLL_MS = 1_000;

export const BOOT_HISTORY_HELP = `metamaster boot show NODE [--boot K] [--json]
Says how far a blade's last boot came, stage by stage: seconds since it was first heard, seconds that each stage took, the server that
answered, tries; where it stands still, what it waits for, what usually causes that and what to do; and the last kernel lines.

metamaster boot watch [--json] [NODE...]
What comes from now on, of all blades or these, as it happens, and who stands still. Ctrl-C ends it.

  NODE              a node's name, number or MAC address
  --boot K          the boot before the last with 2, the one before that with 3 … [1]
  --json            for programs; watch prints one object a line
  --socket PATH     the daemon's control socket [${SOCKET}]
  --folder DIR      the recorder's files, read as well, and alone where no daemon answers [${FACTS_FOLDER}]
  --config FILE     where the names of nodes are read from [${CONFIG}]`;

export const BOOT_HISTORY_OPTIONS = {
  json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false }, boot: { type: 'string', default: '1' },
  socket: { type: 'string', default: SOCKET }, folder: { type: 'string', default: FACTS_FOLDER }, config: { type: 'string', default: CONFIG },
} as const;

type Options = ReturnType<typeof parseArgs<{ options: typeof BOOT_HISTORY_OPTIONS }>>['values'];

function problem(code: MessageCode, where: string, rule: string, seen: string, remedy: string): InputError {
  const one: Problem = { code, where, rule, seen, remedy };
  return new InputError([one]);
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What came from where; at least one of both is there. */
async function gather({ socket, folder }: Options, after: number, withFiles: boolean): Promise<{ readonly daemon: FactsAnswer | undefined; readonly files: readonly string[] }> {
  let missing = '';
  const daemon = (await askControl(socket, 'facts', after, ANSWER_TIMEOUT_MS).catch((error: unknown) => {
    missing = reasonOf(error);
    return undefined;
  })) as FactsAnswer | undefined;
  if (!withFiles && daemon !== undefined) return { daemon, files: [] };
  try {
    return { daemon, files: readFactLines(folder) };
  } catch (error) {
    if (daemon !== undefined) return { daemon, files: [] };
    throw problem('MM-BOOT-NO-FACTS', socket, 'needs a running metamasterd, or files that can be read', `${missing}; ${reasonOf(error)}`, 'Run this as root on a node that is up.');
  }
}

/** The roster, where this machine has one. */
function rosterOf({ config }: Options): Roster | undefined {
  try {
    return valueOf(readConfig({ config })).roster;
  } catch {
    return undefined;
  }
}

/** The MAC address by which a node's facts go. @throws InputError MM-BOOT-NODE */
export function macOf(roster: Roster | undefined, text: string): Mac {
  const mac = parseMac(text);
  const node = roster?.nodes.find(({ name, number, macs }) => name === text || String(number) === text || (mac !== undefined && macs.includes(mac)));
  const found = node?.macs[0] ?? mac;
  if (found === undefined) throw problem('MM-BOOT-NODE', 'NODE', roster === undefined ? 'must be a MAC address where there is no roster' : 'must be a node\'s name, number or MAC address', text, roster === undefined ? 'Name the roster\'s file with --config.' : `The nodes are: ${roster.nodes.map(({ name }) => name).join(', ')}.`);
  return found;
}

async function show(options: Options, wanted: string): Promise<number> {
  const roster = rosterOf(options);
  const mac = macOf(roster, wanted);
  const back = /^[1-9][0-9]{0,3}$/.test(options.boot) ? Number(options.boot) : undefined;
  if (back === undefined) throw problem('MM-BOOT-NUMBER', '--boot', 'must be a number from 1, the last boot', options.boot, 'Leave it out for the last boot.');
  const { daemon, files } = await gather(options, 0, true);
  const boots = historyOf(mergeFacts(files, daemon?.facts ?? []).facts, [mac]).boots(mac);
  const boot = boots.at(-back);
  const name = (roster && nodeOfMac(roster, mac)?.name) ?? mac;
  if (boot === undefined) throw problem('MM-BOOT-NONE', name, `must have been seen to boot ${back === 1 ? 'once' : `${back} times`}`, `${boots.length} boots`, 'Ask on another node, or one that has been up for longer; `metamaster status` lists who asked for a boot.');
  const now = Date.now();
  const standing = back === 1 ? standingOf(boot, now) : undefined;
  const told = standing === undefined ? null : { stage: standing.stage, sinceMs: standing.sinceMs, reason: standing.reason ?? null, retryAt: standing.retryAt ?? null, code: standing.rule.code, waitsFor: standing.rule.waitsFor, causes: standing.rule.causes, remedy: standing.rule.remedy };
  process.stdout.write(options.json ? `${JSON.stringify({ name, mac, boots: boots.length, outcome: back === 1 ? outcomeOf(boot, now) : 'followed by a later one', standing: told, ...boot })}\n` : bootText(name, boot, now, back === 1));
  return 0;
}

async function watch(options: Options, wanted: readonly string[]): Promise<number> {
  const roster = rosterOf(options);
  const only = wanted.length === 0 ? undefined : wanted.map((text) => macOf(roster, text));
  const printer = new BootWatch((mac) => (roster && nodeOfMac(roster, mac)?.name) ?? mac, only);
  const seen = new Set<string>();
  let after = 0;
  for (let first = true; ; first = false) {
    const { daemon, files } = await gather(options, after, first || after === 0);
    // A daemon that was started again counts from the beginning.
    after = daemon === undefined || daemon.next < after ? 0 : daemon.next;
    const fresh = mergeFacts(files, daemon?.facts ?? []).facts.filter((fact) => !seen.has(formatFact(fact)));
    remember(seen, fresh);
    // What was before the watch began only says where the blades stand.
    const told = printer.take(fresh);
    const lines = first ? (options.json ? [] : printer.standing(Date.now())) : options.json ? fresh.filter(({ mac }) => only === undefined || only.includes(mac)).map(formatFact) : [...told, ...printer.standing(Date.now())];
    if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
    await sleep(POLL_MS);
  }
}

/** Facts that were shown; more than all files and the daemon's memory hold is not needed. */
const SEEN_MAX = 100_000;

function remember(seen: Set<string>, facts: readonly BootFact[]): void {
  for (const fact of facts) seen.add(formatFact(fact));
  for (const oldest of seen) {
    if (seen.size <= SEEN_MAX) return;
    seen.delete(oldest);
  }
}

/** Runs `show` or `watch`; returns the exit code. @throws InputError */
export function bootHistoryCommand(verb: 'show' | 'watch', nodes: readonly string[], options: Options): Promise<number> {
  if (verb === 'watch') return watch(options, nodes);
  const [node, ...more] = nodes;
  if (node === undefined || more.length > 0) throw problem('MM-BOOT-NODE', 'NODE', 'must be one node', nodes.join(' ') || 'nothing', 'See metamaster boot --help.');
  return show(options, node);
}
