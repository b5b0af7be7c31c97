// Whose turn it is to answer a client: the rendezvous order of the live nodes, turned when a blade starts over in vain.

import type { Mac } from '../core/mac.ts';
import { rankServers } from '../core/rendezvous.ts';
import { type Roster, withoutDrained } from '../core/roster.ts';

/** From the second retransmission on every node answers: membership may be wrong, and a double answer does no harm. */
const EVERYBODY_AT_TRY = 2;

/**
 * The live nodes in the order in which they shall answer the blade `client` that asks from `mac`, the first one first.
 * The blade itself is left out: who asks for an address serves nobody, though it may have been alive two seconds ago. Drained nodes stand
 * in the order only where nobody else would.
 */
export function answerOrder(roster: Roster, mac: Mac, client: number, live: readonly number[], turn: number): number[] {
  const order = rankServers(mac, withoutDrained(roster, live.filter((number) => number !== client)));
  const first = order.length === 0 ? 0 : turn % order.length;
  return [...order.slice(first), ...order.slice(0, first)];
}

/** True when the node of that rank answers a client that has tried `tries` times before. A rank below zero is no rank: not alive. */
export function isMyTurn(rank: number, tries: number): boolean {
  return tries >= EVERYBODY_AT_TRY || (rank >= 0 && rank <= tries);
}
