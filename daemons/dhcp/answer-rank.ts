// Whose turn it is to answer a client: the rendezvous order of the live nodes, turned when a blade starts over in vain.

import type { Mac } from '../core/mac.ts';
import { rankServers } from '../core/rendezvous.ts';
import { type Roster, withoutDrained } from '../core/roster.ts';

/** From the second retransmission on every node answers: membership may be wrong, and a double answer does no harm. */
const EVERYBODY_AT_TRY = 2;

/** Who may answer, as the membership has it. */
export interface Answerers {
  /** The nodes that are alive and serving. */
  readonly live: readonly number[];
  /** Those of them that may be dead. */
  readonly suspects: readonly number[];
}

/**
 * The live nodes in the order in which they shall answer the blade `client` that asks from `mac`, the first one first. Who is suspected stands
 * behind the others, so that a blade that asks while a node dies is answered at once; it answers all the same when it is well.
 * The blade itself is left out: who asks for an address serves nobody, though it may have been alive two seconds ago. Drained nodes stand
 * in the order only where nobody else would.
 */
export function answerOrder(roster: Roster, mac: Mac, client: number, { live, suspects }: Answerers, turn: number): number[] {
  const order = rankServers(mac, withoutDrained(roster, live.filter((number) => number !== client)), suspects);
  // A turn puts the next one in front that is well: whoever is suspected keeps its place behind.
  const well = order.filter((number) => !suspects.includes(number));
  const turned = well.length === 0 ? order : well;
  const first = turned.length === 0 ? 0 : turn % turned.length;
  return [...turned.slice(first), ...turned.slice(0, first), ...order.slice(turned.length)];
}

/** True when the node of that rank answers a client that has tried `tries` times before. A rank below zero is no rank: not alive. */
export function isMyTurn(rank: number, tries: number): boolean {
  return tries >= EVERYBODY_AT_TRY || (rank >= 0 && rank <= tries);
}
