// `metamaster status`: what the daemon of this node knows of the rack, asked over its control socket.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FOREIGN_DHCP_REMEDY, ROSTER_LAG_REMEDY, type Status } from '../daemons/agent/status.ts';
import { InputError } from '../daemons/core/problem.ts';
import { timeText } from '../daemons/core/unix-time.ts';
import { askControl } from '../daemons/host/control-client.ts';
import { STORE_FILL_FILE, type StoreFillFact } from '../initrd/steps/store-watch.ts';

/** Where the unit lets the daemon open it. */
const SOCKET = '/run/metamasterd/control.sock';

const HELP = `metamaster status [--json] [--socket PATH]
Says which nodes are alive and serve, which are suspected, which are drained, how far each blade has come, which foreign DHCP servers answer, and which barred
machines and strangers asked for a boot, as the daemon of this node has heard it; which generation of the registry each node follows; and
how full this node's exception store is. Run it as root on a node that is up.

  --socket PATH   the daemon's control socket [${SOCKET}]
  --json          everything that the daemon says, as one object`;

/** Why nobody answered, and what to do: the system's codes of connect(2) on a Unix socket. */
const CAUSES: Readonly<Record<string, readonly [rule: string, remedy: string]>> = {
  ENOENT: ['a running metamasterd', 'Run this on a node that is up (the live system of the disc has no daemon), or see `systemctl status metamasterd`.'],
  ECONNREFUSED: ['a running metamasterd', 'It has ended; see `journalctl -u metamasterd`. systemd starts it again by itself.'],
  EACCES: ['root', 'The socket is the daemon\'s own: run the command as root.'],
};

function explained(path: string, error: unknown): InputError {
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : '';
  const [rule, remedy] = CAUSES[code] ?? ['an answer', 'See `journalctl -u metamasterd`; `systemctl restart metamasterd` costs the other nodes nothing.'];
  return new InputError([{ code: 'MM-STATUS-NO-DAEMON', where: path, rule: `needs ${rule}`, seen: code || (error instanceof Error ? error.message : String(error)), remedy }]);
}

/** A length of time in its largest unit, e.g. `3 min`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** A terminal must not obey what a stranger on the boot network said. */
export const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, '?');

/** Lines with the columns under each other. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]!.length))) ?? [];
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd());
}

/** What the storage agent of this node says of its store; undefined where there is none. */
export function readStoreFill(path: string = STORE_FILL_FILE): StoreFillFact | undefined {
  try {
    const { percent, canFill } = JSON.parse(readFileSync(path, 'utf8')) as { percent?: unknown; canFill?: unknown };
    return typeof percent === 'number' && typeof canFill === 'boolean' ? { percent, canFill } : undefined;
  } catch {
    return undefined;
  }
}

const storeText = ({ percent, canFill }: StoreFillFact): string => `store    ${percent} % full${canFill ? '; at 100 % this root is lost' : ', with room for the whole origin'}`;

/** Which living nodes follow which generation of the registry, the newest first. */
function generationText(generations: Status['generations']): string {
  const values = [...new Set(generations.map(({ generation }) => generation))].sort((a, b) => b - a);
  return values.map((value) => `${value} at ${generations.flatMap(({ node, generation }) => (generation === value ? [node] : [])).join(', ')}`).join('; ');
}

/** Whether this node serves, and why not. */
function hereText({ serving, standDown, node, drained, live }: Status): string {
  if (standDown !== null) return `not serving: ${printable(standDown)}`;
  if (!serving) return 'not serving yet';
  return drained.includes(node) && !live.includes(node) ? 'drained' : 'serving';
}

/** The status for a person; `store` is this node's own, where it is known. */
export function statusText(status: Status, store?: StoreFillFact): string {
  const { alive, live, suspects, drained, generations, lagging, blades, unknown, barred, foreign, files } = status;
  const silent = alive.filter((number) => !live.includes(number) && !drained.includes(number));
  const newestFirst = <T extends { readonly agoMs: number }>(rows: readonly T[]): T[] => rows.toSorted((a, b) => a.agoMs - b.agoMs);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return [
    `cluster  ${status.cluster}, seen from ${status.name} (node ${status.node}), roster generation ${status.rosterGeneration}`,
    `here     ${hereText(status)}, up ${duration(status.upMs)}, ${files.length} boot files of ${(bytes / 2 ** 20).toFixed(1)} MiB in memory`,
    ...(store === undefined ? [] : [storeText(store)]),
    `serving  ${live.length === 0 ? 'nobody' : `nodes ${live.join(', ')}`}`,
    ...(silent.length === 0 ? [] : [`alive    but not serving: ${silent.join(', ')}`]),
    ...(suspects.length === 0 ? [] : [`suspect  ${suspects.join(', ')}: silent just now; within seconds they are heard again, or count as dead`]),
    ...(drained.length === 0 ? [] : [`drained  ${drained.map((number) => `${number}${alive.includes(number) ? '' : ' (not alive)'}`).join(', ')}; they serve only while no other node does`]),
    `roster   generation ${generationText(generations)}`,
    ...(lagging.length === 0 ? [] : ['', 'MM-ROSTER-LAG: these nodes do not follow the registry; what they know of the roster is old:']),
    ...table(lagging.map(({ node, generation, behindMs }) => [`node ${node}`, `generation ${generation}`, `for ${duration(behindMs)}`])),
    ...(lagging.length === 0 ? [] : [`  what to do: ${ROSTER_LAG_REMEDY}`]),
    ...(foreign.length === 0 ? [] : ['', 'MM-DHCP-FOREIGN: a foreign DHCP server answers on the boot network, and blades may follow it:']),
    ...table(newestFirst(foreign).map(({ address, mac, count, detail, agoMs }) => [printable(address), mac ?? 'MAC address not known', `${duration(agoMs)} ago`, `${count} times`, printable(detail)])),
    ...(foreign.length === 0 ? [] : [`  what to do: ${FOREIGN_DHCP_REMEDY}`]),
    ...(barred.length === 0 ? [] : ['', 'MM-DHCP-BARRED: a machine that was replaced asks for a boot, and gets nothing:']),
    ...table(newestFirst(barred).map(({ mac, formerNode, sinceUnixMs, count, detail, agoMs }) => [mac, `was node ${formerNode}`, `barred since ${timeText(sinceUnixMs)}`, `${duration(agoMs)} ago`, `${count} times`, printable(detail)])),
    ...[...new Set(barred.map(({ remedy }) => remedy))].map((remedy) => `  what to do: ${printable(remedy)}`),
    '',
    blades.length === 0 ? 'no blade was seen yet' : 'blades, by what this node has seen of them:',
    ...table(newestFirst(blades).map(({ mac, node, step, detail, agoMs }) => [node === null ? 'stranger' : `node ${node}`, mac, `${duration(agoMs)} ago`, printable(step), printable(detail)])),
    ...(unknown.length === 0 ? [] : ['', 'asked for a boot and not in the roster:']),
    ...table(newestFirst(unknown).map(({ mac, count, detail, agoMs }) => [mac, `${duration(agoMs)} ago`, `${count} times`, printable(detail)])),
    '',
  ].join('\n');
}

/** Asks the daemon of this node. @throws InputError MM-STATUS-NO-DAEMON when nobody answers */
export async function askStatus(socket: string = SOCKET): Promise<Status> {
  return (await askControl(socket, 'status').catch((error: unknown) => {
    throw explained(socket, error);
  })) as Status;
}

/** Runs the command; returns the exit code. @throws InputError MM-STATUS-NO-DAEMON when nobody answers */
export async function statusCommand(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options: { socket: { type: 'string', default: SOCKET }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  const status = await askStatus(values.socket);
  const store = readStoreFill();
  process.stdout.write(values.json ? `${JSON.stringify({ ...status, ...(store === undefined ? {} : { store }) })}\n` : statusText(status, store));
  return 0;
}
