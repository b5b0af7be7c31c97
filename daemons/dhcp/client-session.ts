// How often a client has asked in vain, seen from one server that hears its broadcasts. It decides whose turn it is to answer.

import type { Instant } from '../core/machine.ts';
import type { LoaderMemory } from './loader-memory.ts';

/** Requests that any server could answer, and that are therefore answered by rank. */
export type RankedRequest = 'discover' | 'init-reboot' | 'rebinding' | 'inform';

/** One ranked request, reduced to what tells a retransmission from a new start. */
export interface Heard {
  readonly request: RankedRequest;
  readonly xid: number;
  /** The client's own count of seconds, or of packets: iPXE adds four to it with each. */
  readonly secs: number;
  /** How far up the boot the client is; see `bootRung`. */
  readonly rung: number;
  /** What its boot programs have taught so far; undefined where none is to be replaced. It outlives the session. */
  readonly loader: LoaderMemory | undefined;
}

/** What a server remembers of one MAC address. */
export interface ClientSession extends Heard {
  readonly heardAt: Instant;
  /** Retransmissions so far within this session. */
  readonly tries: number;
  /** By how many ranks the order of servers is turned, because blades started over without having got further than DHCP. */
  readonly turn: number;
  /** The client has chosen a server in this session. */
  readonly chosen: boolean;
  /** The client got further than DHCP in this session, as far as this node has seen. */
  readonly progressed: boolean;
}

/** A client's pause between two tries is at most 64 s, more or less a second (RFC 2131 section 4.1); a longer one is a new start. */
export const RETRY_WINDOW_MS = 70_000;
/** The same message again within this time is the network's doing, not the client's: the fastest one waits 250 ms. */
export const DUPLICATE_MS = 200;
/** A server's power-on self test takes minutes; a restart after a longer silence says nothing about the last server. */
export const SESSION_FORGET_MS = 15 * 60_000;

/** True when `heard` is another try within the session, not a new start. */
function isRetransmission(previous: ClientSession, heard: Heard, now: Instant): boolean {
  if (previous.request !== heard.request || previous.rung !== heard.rung || now - previous.heardAt > RETRY_WINDOW_MS) return false;
  const grown = heard.secs > previous.secs;
  // Some ROMs make their xid of the MAC address, so that after a choice only `secs` tells going on from starting over;
  // others take a new xid for each try, so that before a choice growing `secs` shows the old session.
  return heard.xid === previous.xid ? !previous.chosen || grown : !previous.chosen && grown;
}

/** The session after a ranked request: the first one, a retransmission, or a new start that may be the next server's. */
export function nextSession(previous: ClientSession | undefined, now: Instant, heard: Heard): ClientSession {
  const fresh: ClientSession = { ...heard, heardAt: now, tries: 0, turn: 0, chosen: false, progressed: false };
  if (!previous || now - previous.heardAt > SESSION_FORGET_MS) return fresh;
  if (isRetransmission(previous, heard, now)) {
    const duplicate = heard.xid === previous.xid && heard.secs === previous.secs && now - previous.heardAt < DUPLICATE_MS;
    return duplicate ? previous : { ...previous, xid: heard.xid, secs: heard.secs, loader: heard.loader, heardAt: now, tries: previous.tries + 1 };
  }
  const gotFurther = previous.progressed || heard.rung > previous.rung || previous.request !== 'discover';
  return { ...fresh, turn: previous.turn + (gotFurther ? 0 : 1) };
}
