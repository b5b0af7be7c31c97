// In which order a blade shall try the nodes: the one that speaks to it first, for that one is certain to live.

import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import { rankServers } from '../core/rendezvous.ts';
import { nodeOfNumber, type Roster, withoutDrained } from '../core/roster.ts';

/**
 * The addresses of the live nodes for the client `mac`: `self` first, the others in the client's own rendezvous order, so
 * that the blades of a rack do not all fall back upon the same node, and the `suspects` behind them. The client itself is left out: it cannot
 * serve itself. So are drained nodes, `self` among them, where others are left.
 */
export function serverOrder(roster: Roster, mac: Mac, self: number, live: readonly number[], suspects: readonly number[] = []): Ipv4[] {
  const others = rankServers(mac, live.filter((number) => number !== self), suspects);
  const servers = [self, ...others].filter((number) => nodeOfNumber(roster, number)?.macs.includes(mac) === false);
  return withoutDrained(roster, servers).map((number) => nodeOfNumber(roster, number)!.address);
}
