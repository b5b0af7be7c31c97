// Who is given the SAN's CHAP login: a blade that must log in before it has anything of its own. It is a file of an initrd of its own,
// and nobody can tell by HTTP who asks; so it is given to a node of the roster alone, at the address that the roster gives it, and only
// for a few minutes after a DHCP server of the cluster has answered that node.

import type { Ipv4 } from '../core/ipv4.ts';
import { type ChapLogin, formatChapLogin } from '../core/chap.ts';
import { cpioArchive } from '../core/cpio-archive.ts';
import { encodeUtf8 } from '../core/bytes.ts';
import type { Mac } from '../core/mac.ts';
import type { Instant } from '../core/machine.ts';
import { barOfMac, nodeOfMac, nodeOfNumber, type Roster } from '../core/roster.ts';

/**
 * How long after a DHCP answer. Firmware, loader and script take a minute at the most, and a script that starts anew asks DHCP first; the
 * rest is for a blade whose first servers die one after the other.
 */
export const HANDOUT_WINDOW_MS = 5 * 60_000;
/** The file's name in the root of the initrd; initrd/steps/san-secret.ts reads it. */
export const SAN_LOGIN_FILE = 'san-login.json';
const MODE = 0o600;

/** Why a login is not given. */
export type HandoutRefusal = 'no-mac' | 'barred' | 'not-in-roster' | 'other-address' | 'no-dhcp-answer' | 'no-login-here';

/** What is decided about one request. */
export type Handout =
  | { readonly given: true; readonly node: number; readonly mac: Mac; readonly image: Uint8Array }
  | { readonly given: false; readonly mac: Mac | undefined; readonly reason: HandoutRefusal };

/** The archive with the login, as an initrd that the kernel unpacks behind the first one. */
export function sanLoginArchive(login: ChapLogin): Uint8Array {
  return cpioArchive([{ kind: 'file', path: SAN_LOGIN_FILE, mode: MODE, bytes: encodeUtf8(formatChapLogin(login)) }], 0);
}

/** Remembers DHCP answers, one moment for each node, and judges requests by them. */
export class SanLoginHandout {
  #roster: Roster;
  readonly #image: Uint8Array | undefined;
  readonly #answered = new Map<number, Instant>();

  /** `image`: what is given; undefined on a node that knows no login. */
  constructor(roster: Roster, image: Uint8Array | undefined) {
    this.#roster = roster;
    this.#image = image;
  }

  /** Another roster from now on. An answer counts on only for a node with the same cards and address: another one has asked nobody. */
  useRoster(roster: Roster): void {
    for (const number of this.#answered.keys()) {
      const [before, now] = [this.#roster, roster].map((one) => nodeOfNumber(one, number));
      if (before?.macs.join() !== now?.macs.join() || before?.address !== now?.address) this.#answered.delete(number);
    }
    this.#roster = roster;
  }

  /** This node's DHCP, or that of another node of the cluster, has answered a blade. A stranger's answer is nobody's. */
  dhcpAnswered(now: Instant, mac: Mac): void {
    const node = nodeOfMac(this.#roster, mac);
    if (node !== undefined) this.#answered.set(node.number, now);
  }

  /** Judges a request: the MAC address that it names, and the address that it comes from. */
  decide(now: Instant, mac: Mac | undefined, client: Ipv4): Handout {
    const refuse = (reason: HandoutRefusal): Handout => ({ given: false, mac, reason });
    if (mac === undefined) return refuse('no-mac');
    if (barOfMac(this.#roster, mac) !== undefined) return refuse('barred');
    const node = nodeOfMac(this.#roster, mac);
    if (node === undefined) return refuse('not-in-roster');
    if (node.address !== client) return refuse('other-address');
    const answered = this.#answered.get(node.number);
    if (answered === undefined || now - answered > HANDOUT_WINDOW_MS) return refuse('no-dhcp-answer');
    return this.#image === undefined ? refuse('no-login-here') : { given: true, node: node.number, mac, image: this.#image };
  }
}
