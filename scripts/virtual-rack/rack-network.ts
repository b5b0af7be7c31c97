// Brings the rack's namespaces from what is present to what is wanted, and takes them away.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { look } from './commands.ts';
import { fail } from './failure.ts';
import { namespaceOf, ROOMS } from './identity.ts';
import { parseLinks, parseNamespaces, planNetwork, planRemoval, type PresentNetwork, type WantedTaps } from './network-plan.ts';
import type { RackContext } from './rack-state.ts';

const NETNS_FOLDER = '/run/netns';

/** The names of all network namespaces of the host that have one. */
export async function presentNamespaces(): Promise<string[]> {
  return parseNamespaces((await look(['ip', 'netns', 'list'])).stdout);
}

/** What is there of the rack's networks. A namespace whose name remained without its mount counts as absent. */
export async function presentNetwork(context: RackContext): Promise<PresentNetwork> {
  const names = await presentNamespaces();
  const present: PresentNetwork = {};
  for (const room of ROOMS) {
    const namespace = namespaceOf(context.identity, room);
    if (!names.includes(namespace)) continue;
    const outcome = await look(['ip', '-n', namespace, '-j', 'address', 'show']);
    if (outcome.status === 0) present[room] = parseLinks(outcome.stdout);
    else await context.changes.run(['ip', 'netns', 'delete', namespace]);
  }
  return present;
}

/** Makes what is missing of the rack's networks. @returns the number of changes */
export async function applyNetwork(context: RackContext, taps: readonly WantedTaps[], present: PresentNetwork): Promise<number> {
  const commands = planNetwork(context.identity, taps, present);
  for (const argv of commands) await context.changes.run(argv);
  return commands.length;
}

/** Pids of everything that runs in the rack's namespaces, recorded or not. */
export async function strayPids(context: RackContext): Promise<number[]> {
  const pids: number[] = [];
  for (const argv of planRemoval(context.identity, await presentNamespaces())) {
    const outcome = await look(['ip', 'netns', 'pids', argv.at(-1)!]);
    pids.push(...outcome.stdout.split('\n').flatMap((line) => (/^\d+$/.test(line) ? [Number(line)] : [])));
  }
  return pids;
}

/** Takes the rack's namespaces away, and with them every link. Throws MM-RACK-NAMESPACE when one stays. */
export async function removeNetwork(context: RackContext): Promise<void> {
  for (const argv of planRemoval(context.identity, await presentNamespaces())) await context.changes.run(argv);
  if (context.changes.dryRun) return;
  const left = planRemoval(context.identity, await presentNamespaces());
  if (left.length > 0) fail('MM-RACK-NAMESPACE', left[0]!.at(-1)!, 'the namespace must go', 'it is still there', 'Run `scripts/rack down` again.');
}

/** True when /run/netns is a mount, which `ip netns add` makes of it once. */
export const isNetnsMounted = (): boolean => readFileSync('/proc/self/mounts', 'utf8').split('\n').some((line) => line.split(' ')[1] === NETNS_FOLDER);

/** Undoes the mount that the first namespace of the host made, when no namespace of anybody is left. */
export async function removeNetnsMount(context: RackContext): Promise<void> {
  if (!isNetnsMounted() || !existsSync(NETNS_FOLDER) || readdirSync(NETNS_FOLDER).length > 0) return;
  // A namespace made in this moment keeps the mount busy: then it is not ours alone and stays.
  if (context.changes.dryRun) await context.changes.run(['umount', NETNS_FOLDER]);
  else await look(['umount', NETNS_FOLDER]);
}

/** True when the pid lives in the room's namespace as it is now, not in one of that name that was deleted. */
export function livesIn(context: RackContext, pid: number, room: (typeof ROOMS)[number]): boolean {
  try {
    return statSync(`/proc/${pid}/ns/net`).ino === statSync(`${NETNS_FOLDER}/${namespaceOf(context.identity, room)}`).ino;
  } catch {
    return false;
  }
}
