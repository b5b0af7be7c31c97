// Restarts the blade because the SAN lost writes. Nothing more that rests on them may be written, so the volumes are suspended first; then
// no program of the root can be counted on, and everything here is done by what is in memory: this process, the kernel's files in /proc
// and /sys, what metamasterd writes into /run, and the standby of the initrd (handover.ts), which resets the blade when this process hangs.

import { decodeServing, type ServingRecord } from '../../daemons/wire/serving-record.ts';
import type { MessageCode } from '../../daemons/core/problem.ts';
import type { BootHost } from '../boot-host.ts';
import { STANDBY_FIFO } from './handover.ts';
import { restartOrder } from './restart-order.ts';

/** Where metamasterd of this node writes who serves (its unit's `--serving`). */
export const SERVING_FILE = '/run/metamasterd/serving.json';
/** The standby resets the blade when it has heard nothing for so long. */
const STANDBY_SECONDS = 60;
/** How long is waited until what is on its way to the volumes has ended. The reset matters more. */
const SUSPEND_WAIT_MS = 10_000;
const POLL_MS = 1_000;
/** How often a node that stays says so. */
const SAY_MS = 60_000;
/** After a reset was asked for nothing should run; a kernel that does not obey gets this long before the next way is tried. */
const OBEY_MS = 5_000;
const BLOCK = '/sys/block';
const CONSOLE = '/dev/console';

/** Who serves, as metamasterd of this node sees it; undefined when it does not run. */
export const whoServes = (host: BootHost): ServingRecord | undefined => decodeServing(host.readText(SERVING_FILE));

/** The node's volumes that can be written, by the names of their devices; the root last, for dmsetup comes from it. */
export function writableDevices(host: BootHost, container: string, node: number): readonly string[] {
  const there = new Set(host.list(BLOCK).map((device) => host.readText(`${BLOCK}/${device}/dm/name`)?.trim()));
  return ['swap', 'state', 'node'].map((kind) => `${container}-${kind}${node}`).filter((name) => there.has(name));
}

function isSuspended(host: BootHost, name: string): boolean {
  const device = host.list(BLOCK).find((each) => host.readText(`${BLOCK}/${each}/dm/name`)?.trim() === name);
  return device !== undefined && host.readText(`${BLOCK}/${device}/dm/suspended`)?.trim() === '1';
}

/** Does once, while the root is well, what a restart needs of it: dmsetup and its libraries are read into memory. */
export function rehearseRestart(host: BootHost): void {
  host.run(['dmsetup', 'info', '--columns', '--noheadings']);
  restartOrder({ before: undefined, now: whoServes(host), waitedMs: 0 });
}

/** Suspends the volumes as they are, without writing anything back. One process for all: once the root is suspended none can be started. */
async function suspend(host: BootHost, names: readonly string[]): Promise<readonly string[]> {
  if (names.length > 0) host.start(['dmsetup', 'suspend', '--noflush', '--nolockfs', ...names]);
  for (let waited = 0; ; waited += POLL_MS) {
    const open = names.filter((name) => !isSuspended(host, name));
    if (open.length === 0 || waited >= SUSPEND_WAIT_MS) return open;
    await host.sleep(POLL_MS);
  }
}

export interface RestartRequest {
  readonly code: MessageCode;
  readonly why: string;
  readonly container: string;
  readonly node: number;
  /** Who served when the SAN was last well. */
  readonly before: ServingRecord | undefined;
}

/** Suspends the volumes, waits for its turn, and resets the blade. On a blade that obeys it does not return. */
export async function restartBlade(host: BootHost, { code, why, container, node, before }: RestartRequest): Promise<void> {
  const say = (line: string): void => void host.send(CONSOLE, `\nmetamaster: ${line}\n`);
  const live = (): void => void host.send(STANDBY_FIFO, `${STANDBY_SECONDS}\n`);
  say(`${code}: ${why}. Nothing more is written; this blade restarts.\nmm-stage restarting ${code}`);
  live();
  const open = await suspend(host, writableDevices(host, container, node));
  if (open.length > 0) say(`${open.join(', ')} could not be suspended; the restart does not wait for it.`);
  const start = host.uptimeSeconds();
  let saidMs = -SAY_MS;
  for (;;) {
    const waitedMs = (host.uptimeSeconds() - start) * 1000;
    const order = restartOrder({ before, now: whoServes(host), waitedMs });
    if (order.kind === 'now') {
      say(`${code}: restarting now: ${order.why}.`);
      break;
    }
    if (waitedMs - saidMs >= SAY_MS) {
      say(`${code}: this node is the one that serves the boot network; it stays until another serves, and restarts then (${Math.round(waitedMs / 60_000)} min).`);
      saidMs = waitedMs;
    }
    live();
    await host.sleep(POLL_MS);
  }
  host.send('/proc/sysrq-trigger', 'b');
  await host.sleep(OBEY_MS);
  host.send(STANDBY_FIFO, 'now\n');
  await host.sleep(OBEY_MS);
  host.run(['busybox', 'reboot', '-f', '-n']);
}
