// What is seen of a run from outside: for the checkers, for the transcript, and for the digest that tells two runs apart. A further
// protocol adds its own kinds here (an address taken up, a lease held), and nothing else in the simulator hangs on them.

import type { HostRole } from '../../daemons/gateway/succession-types.ts';
import type { TakeoverReason } from '../../daemons/gateway/takeover-record.ts';
import { formatNumbers } from './number-list.ts';

export type HostState = 'off' | 'asking' | 'booting' | 'running';

export type Observation =
  /** A fault begins or ends. */
  | { readonly kind: 'fault'; readonly text: string }
  | { readonly kind: 'state'; readonly node: number; readonly state: HostState }
  /** A node's membership has changed its mind. All ascending; suspects are among the living. */
  | { readonly kind: 'view'; readonly node: number; readonly alive: readonly number[]; readonly serving: readonly number[]; readonly suspects: readonly number[] }
  /** A candidate is now the gateway, its backup, or neither. */
  | { readonly kind: 'gateway'; readonly node: number; readonly role: HostRole }
  /** A candidate takes the addresses. */
  | { readonly kind: 'takeover'; readonly node: number; readonly epoch: number; readonly reason: TakeoverReason }
  /** A blade's ROM asks; `attempt` counts its starts since power-on, `tries` the retransmissions in this one. */
  | { readonly kind: 'discover'; readonly node: number; readonly attempt: number; readonly tries: number }
  /** A blade chose a server's offer. */
  | { readonly kind: 'choice'; readonly node: number; readonly server: number }
  /** A blade starts over: at DHCP, or at loading. */
  | { readonly kind: 'in-vain'; readonly node: number; readonly at: 'DISCOVER' | 'REQUEST' | 'TFTP' }
  /** A server sends an OFFER, ACK or NAK to a blade. */
  | { readonly kind: 'answer'; readonly node: number; readonly blade: number; readonly message: string; readonly xid: number }
  /** A blade has loaded what it boots. */
  | { readonly kind: 'loaded'; readonly node: number; readonly server: number };

const STATE_TEXT: Readonly<Record<HostState, string>> = { off: 'is off', asking: 'is on: its ROM asks', booting: 'boots', running: 'runs' };

const ROLE_TEXT: Readonly<Record<HostRole, string>> = { holder: 'the gateway', backup: 'the backup', standby: 'neither gateway nor backup' };
const REASON_TEXT: Readonly<Record<TakeoverReason, string>> = { silence: 'the gateway was silent', released: 'the gateway let go', vacant: 'there was none' };

/** One line, without its time. Views are told by their differences, in transcript.ts. */
export function observationText(seen: Exclude<Observation, { kind: 'view' }>): string {
  switch (seen.kind) {
    case 'fault':
      return `* ${seen.text}`;
    case 'state':
      return `${seen.node} ${STATE_TEXT[seen.state]}`;
    case 'gateway':
      return `${seen.node} is ${ROLE_TEXT[seen.role]}`;
    case 'takeover':
      return `${seen.node} takes the gateway's addresses, epoch ${seen.epoch}: ${REASON_TEXT[seen.reason]}`;
    case 'discover':
      return `${seen.node} DISCOVER${seen.attempt === 0 ? '' : `, start ${seen.attempt + 1}`}${seen.tries === 0 ? '' : `, retransmission ${seen.tries}`}`;
    case 'choice':
      return `${seen.node} REQUEST to ${seen.server}`;
    case 'in-vain':
      return `${seen.node} starts over: no answer to its ${seen.at === 'TFTP' ? 'read request' : seen.at}`;
    case 'answer':
      return `${seen.node} ${seen.message} to ${seen.blade}`;
    case 'loaded':
      return `${seen.node} loads from ${seen.server}`;
  }
}

/** The same numbers in the same order. */
export function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** What is different between two sets, as text; empty when nothing is. */
export function setDifference(wanted: readonly number[], seen: readonly number[]): string {
  const missing = wanted.filter((number) => !seen.includes(number));
  const extra = seen.filter((number) => !wanted.includes(number));
  return [missing.length > 0 ? `without ${formatNumbers(missing)}` : '', extra.length > 0 ? `with ${formatNumbers(extra)}` : ''].filter((text) => text !== '').join(', ');
}
