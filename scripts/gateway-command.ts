// `metamaster gateway status|switch|drain`: who is the way out, and who shall be, asked of the gatewayd of this node. What the registry says of it is
// changed by `configure` (gateway-configure.ts).

import { parseArgs } from 'node:util';
import type { FilterAnswer, GatewayAnswer, GatewayStatus, StatusAnswer, TakeoverTimes } from '../daemons/gateway-control.ts';
import { InputError, type MessageCode } from '../daemons/core/problem.ts';
import { timeText } from '../daemons/core/unix-time.ts';
import { askControl } from '../daemons/host/control-client.ts';
import { REAL_HOST } from './command-host.ts';
import { CONFIGURE_HELP, configureCommand, type ConfigureHost } from './gateway-configure.ts';
import { askStatus as askClusterStatus, duration, table } from './status-command.ts';

/** Where the unit lets the daemon open it. */
const SOCKET = '/run/gatewayd/control.sock';
/** After a switch the next holder is there within a few beats, the slowest beat included. */
const SWITCH_MAX_MS = 10_000;
const LOOK_MS = 100;

const HELP = `metamaster gateway status [--json]
metamaster gateway switch [--to NODE] [--dry-run] [--json]
metamaster gateway drain [--undo] [--dry-run] [--json]
metamaster gateway configure [ANSWER=VALUE …] [--answers FILE] [--succession N,N] [--remove] [--dry-run] [--yes] [--json]
Says and changes who is the cluster's way out. Run it as root on one of the candidates, configure on any node.

  status    who has the addresses, who comes next, how each candidate is heard, what is open towards the outside and how much was
            dropped there, and the takeovers of this node with their timelines
  switch    hands the addresses over: on the gateway to its backup or to --to NODE; on another candidate to that one itself
  drain     this node lets go, and does not stand until --undo or the next start of gatewayd
  configure changes the gateway's answers in the registry: succession, networks, ports; see configure --help

  --dry-run       say what would happen, and change nothing
  --socket PATH   gatewayd's control socket [${SOCKET}]
  --json          one object`;

/** Why nobody answered: the system's codes of connect(2) on a Unix socket. */
const CAUSES: Readonly<Record<string, readonly [rule: string, remedy: string]>> = {
  ENOENT: ['a running gatewayd', 'Run this on a candidate, see `metamaster gateway status` there; or `systemctl status gatewayd`.'],
  ECONNREFUSED: ['a running gatewayd', 'It has ended; see `journalctl -u gatewayd`. systemd starts it again by itself.'],
  EACCES: ['root', 'The socket is the daemon\'s own: run the command as root.'],
};

const fail = (code: MessageCode, where: string, rule: string, seen: string, remedy: string): InputError => new InputError([{ code, where, rule, seen, remedy }]);

async function ask(socket: string, question: string, data?: unknown): Promise<unknown> {
  try {
    return await askControl(socket, question, data);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const [rule, remedy] = CAUSES[code] ?? ['an answer', 'See `journalctl -u gatewayd`; where it hangs, another candidate takes over by itself.'];
    throw fail('MM-GATEWAY-NO-DAEMON', socket, `needs ${rule}`, code || (error as Error).message, remedy);
  }
}

async function askStatus(socket: string): Promise<GatewayStatus> {
  const status = (await ask(socket, 'status')) as StatusAnswer;
  if (status === null) throw fail('MM-GATEWAY-NO-CANDIDATE', socket, 'needs a candidate', 'this node is none', 'Run it on one of the nodes that the gateway\'s settings name.');
  return status;
}

const after = (from: number, at: number | null): string => (at === null ? '-' : `${at - from >= 0 ? '+' : ''}${(at - from).toFixed(1)} ms`);

function takeoverRow(one: TakeoverTimes): string[] {
  const { decidedUnixMs: decided } = one;
  return [
    timeText(decided), `epoch ${one.epoch}`, one.former === null ? one.reason : `${one.reason} of node ${one.former}`, `last beat ${after(decided, one.lastBeatUnixMs)}`,
    `suspected ${after(decided, one.suspectedUnixMs)}`, `address ${after(decided, one.addressUnixMs)}`, `ARP ${after(decided, one.arpUnixMs)}`, `first packet ${after(decided, one.firstPacketUnixMs)}`,
  ];
}

/** What is open towards the network outside. */
const filterText = ({ open, dropped }: NonNullable<FilterAnswer>): string =>
  `outside  open here: ${open.join(', ') || 'no port'}; dropped since the packet filter was loaded: ${dropped.input} packets to this node, ${dropped.forward} to pass through`;

/** The status for a person. */
export function gatewayText(status: GatewayStatus, filter: FilterAnswer): string {
  const { node, role, holder, backup, epoch, stands, fault, drained, peers, takeovers, latestMs } = status;
  const way = drained ? 'drained' : (fault ?? 'usable');
  return [
    `gateway  ${holder === undefined ? 'nobody' : `node ${holder}`}, epoch ${epoch}; next ${backup === undefined ? 'nobody' : `node ${backup}`}`,
    `here     node ${node} is ${role}; ${stands ? 'it stands' : 'it does not stand'}; way out: ${way}; its waits ended ${latestMs.toFixed(1)} ms late at worst`,
    ...(filter === null ? [] : [filterText(filter)]),
    '',
    peers.length === 0 ? 'no other candidate was heard' : 'other candidates:',
    ...table(peers.map((peer) => [`node ${peer.node}`, peer.alive ? peer.role : 'silent', peer.uplink ? 'way out usable' : 'way out dead', peer.silentOn.length === 0 ? '' : `not heard on: ${peer.silentOn.join(', ')}`])),
    '',
    takeovers.length === 0 ? 'this node has taken over from nobody since gatewayd began' : 'takeovers by this node, in milliseconds from the decision:',
    ...table(takeovers.map(takeoverRow)),
    '',
  ].join('\n');
}

/** What a switch would do, or why it would be refused; as the daemon would judge it now. */
export function switchPlan(status: GatewayStatus, to: number | undefined): { readonly next: number } | { readonly refused: string } {
  const next = status.role === 'holder' ? (to ?? status.backup) : (to ?? status.node);
  if (next === undefined) return { refused: 'no other candidate stands' };
  if (next === status.holder) return { refused: `node ${next} is the gateway already` };
  if (status.role !== 'holder' && next !== status.node) return { refused: `only the gateway can hand over to node ${next}` };
  const stands = next === status.node ? status.stands : status.peers.some((peer) => peer.node === next && peer.alive && peer.role === 'candidate');
  return stands ? { next } : { refused: `node ${next} does not stand as a candidate` };
}

const refusal = (what: string, seen: string): InputError => fail('MM-GATEWAY-REFUSED', what, 'must be possible now', seen, 'See `metamaster gateway status`.');

/** Waits until `next` has the addresses; the time that it took, in milliseconds. */
async function awaitHolder(socket: string, isNext: (status: GatewayStatus) => boolean): Promise<number> {
  const from = performance.now();
  while (performance.now() - from < SWITCH_MAX_MS) {
    if (isNext(await askStatus(socket))) return performance.now() - from;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw refusal('gateway', `after ${duration(SWITCH_MAX_MS)} it is still where it was`);
}

async function switchCommand(socket: string, to: number | undefined, dryRun: boolean): Promise<readonly [object, string]> {
  const status = await askStatus(socket);
  const plan = switchPlan(status, to);
  if ('refused' in plan) throw refusal('gateway switch', plan.refused);
  const { next } = plan;
  const from = status.holder ?? null;
  if (dryRun) return [{ dryRun, from, to: next }, `would hand the gateway over from ${from === null ? 'nobody' : `node ${from}`} to node ${next}\n`];
  const { refused } = (await ask(socket, 'switch', to === undefined ? {} : { to })) as GatewayAnswer;
  if (refused !== null) throw refusal('gateway switch', refused);
  await awaitHolder(socket, ({ holder }) => holder === next);
  return [{ dryRun, from, to: next }, `node ${next} is the gateway\n`];
}

async function drainCommand(socket: string, drained: boolean, dryRun: boolean): Promise<readonly [object, string]> {
  const status = await askStatus(socket);
  const handsOver = drained && status.role === 'holder' && status.backup !== undefined;
  const what = drained ? `node ${status.node} ${handsOver ? `hands over to node ${status.backup} and ` : ''}does not stand` : `node ${status.node} may stand again`;
  if (dryRun) return [{ dryRun, node: status.node, drained }, `would be so: ${what}\n`];
  const { refused } = (await ask(socket, 'drain', { drained })) as GatewayAnswer;
  if (refused !== null) throw refusal('gateway drain', refused);
  if (handsOver) await awaitHolder(socket, ({ role }) => role !== 'holder');
  const alone = drained && status.role === 'holder' && !handsOver ? '; it keeps the addresses until another candidate stands' : '';
  return [{ dryRun, node: status.node, drained }, `${what}${alone}\n`];
}

/** Runs the command; returns the exit code. @throws InputError MM-GATEWAY-… when it cannot be done, TypeError of node:util for a wrong argument */
export async function gatewayCommand(argv: readonly string[], host: ConfigureHost = { ...REAL_HOST, status: askClusterStatus }): Promise<number> {
  if (argv[0] === 'configure') {
    if (!argv.includes('--help')) return configureCommand(argv.slice(1), host);
    host.out(CONFIGURE_HELP);
    return 0;
  }
  const { values, positionals } = parseArgs({
    args: [...argv], allowPositionals: true,
    options: { to: { type: 'string' }, undo: { type: 'boolean', default: false }, 'dry-run': { type: 'boolean', default: false }, socket: { type: 'string', default: SOCKET }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  const [verb, ...more] = positionals;
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const wrong = (where: string, rule: string, seen: string): InputError => fail('MM-GATEWAY-ARGUMENTS', where, rule, seen, 'See `metamaster gateway --help`.');
  if (verb === undefined || !['status', 'switch', 'drain'].includes(verb) || more.length > 0) throw wrong('gateway', 'needs one of status, switch, drain, configure', positionals.join(' ') || 'nothing');
  if (values.to !== undefined && (verb !== 'switch' || !/^[1-9]\d{0,4}$/.test(values.to))) throw wrong('--to', 'takes the number of a node, with switch', values.to);
  if (values.undo && verb !== 'drain') throw wrong('--undo', 'goes with drain', verb);
  if (verb === 'status') {
    const status = await askStatus(values.socket);
    const filter = (await ask(values.socket, 'filter')) as FilterAnswer;
    process.stdout.write(values.json ? `${JSON.stringify({ ...status, filter })}\n` : gatewayText(status, filter));
    return 0;
  }
  const [object, text] = verb === 'switch' ? await switchCommand(values.socket, values.to === undefined ? undefined : Number(values.to), values['dry-run']) : await drainCommand(values.socket, !values.undo, values['dry-run']);
  process.stdout.write(values.json ? `${JSON.stringify(object)}\n` : text);
  return 0;
}
