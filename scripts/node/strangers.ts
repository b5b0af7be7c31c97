// The machine that is to come into a node's place: named by its MAC address, or the one stranger that asks for a boot.

import type { Status } from '../../daemons/agent/status.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { InputError, type Problem } from '../../daemons/core/problem.ts';
import { barOfMac, nodeOfMac, type Roster } from '../../daemons/core/roster.ts';
import { duration, printable } from '../status-command.ts';
import type { CommandHost } from '../command-host.ts';

/** Who asked longer ago may be switched off again. */
export const STRANGER_RECENT_MS = 60_000;
/** How often the daemon is asked. */
const LOOK_MS = 2000;
/** How often a person is told that it is still waited for. */
const PROGRESS_MS = 10_000;

/** A MAC address that asked for a boot. */
export type Stranger = Status['unknown'][number];

/** The strangers that asked just now and may become a node, the latest first: barred machines ask as well, and a node may have been added since. */
export function strangersNow({ unknown }: Pick<Status, 'unknown'>, roster: Roster): readonly Stranger[] {
  return unknown.filter(({ mac, agoMs }) => agoMs <= STRANGER_RECENT_MS && nodeOfMac(roster, mac) === undefined && barOfMac(roster, mac) === undefined).toSorted((a, b) => a.agoMs - b.agoMs);
}

const listed = (strangers: readonly Stranger[]): string => strangers.map(({ mac, agoMs, detail }) => `${mac} (${duration(agoMs)} ago, ${printable(detail)})`).join(', ');

function several(strangers: readonly Stranger[]): Problem {
  return { code: 'MM-NODE-SEVERAL', where: '--mac', rule: 'one machine that asks for a boot and is no node\'s, or its address', seen: listed(strangers), remedy: 'Name the one that is meant with --mac; cards of one machine with a comma between them.' };
}

function nobody(waitMs: number): Problem {
  return {
    code: 'MM-NODE-NOBODY', where: '--wait', rule: `a machine that asks for a boot within ${waitMs / 1000} s`, seen: 'none that is not a node\'s or barred',
    remedy: 'Switch the machine on and let it boot over the network, on the boot network; or name it with --mac. Then give the command again.',
  };
}

/**
 * Waits until exactly one stranger asks.
 * @throws InputError MM-NODE-SEVERAL, MM-NODE-NOBODY; what `status` throws when no daemon answers
 */
export async function waitForStranger(host: Pick<CommandHost, 'now' | 'sleep' | 'error'>, status: () => Promise<Status>, roster: Roster, waitMs: number): Promise<Mac> {
  const began = host.now();
  let told = began;
  for (;;) {
    const strangers = strangersNow(await status(), roster);
    if (strangers.length > 1) throw new InputError([several(strangers)]);
    if (strangers[0] !== undefined) return strangers[0].mac;
    const now = host.now();
    if (now - began >= waitMs) throw new InputError([nobody(waitMs)]);
    if (now === began || now - told >= PROGRESS_MS) {
      told = now;
      host.error(`Waiting for a machine that asks for a boot: ${Math.round((now - began) / 1000)} s of ${waitMs / 1000} s …\n`);
    }
    await host.sleep(Math.min(LOOK_MS, Math.max(0, waitMs - (now - began))));
  }
}
