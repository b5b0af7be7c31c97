// What is said about strangers: MAC addresses outside the roster, foreign servers, broken packets. Whatever they send,
// the log and the memory they can fill are bounded.

import { toHex } from '../core/bytes.ts';
import { logEffect } from '../core/log-effect.ts';
import type { LogEffect } from '../core/log-effect.ts';
import type { Mac } from '../core/mac.ts';
import type { Instant } from '../core/machine.ts';
import { machineIdentifierOf, OPTION, textOption } from '../wire/dhcp-options.ts';
import type { DhcpOptions } from '../wire/dhcp-option-area.ts';
import { clientOf } from './boot-policy.ts';
import { RecentTable } from './recent-table.ts';

/** Unknown MAC addresses remembered for `status`; a network with more strangers shows the latest. */
export const UNKNOWN_MAX = 256;
/** Causes of trouble remembered so that each is logged once a minute. */
const TROUBLE_MAX = 256;
/** Foreign servers have a table of their own: no flood of other trouble may silence this one. */
const FOREIGN_MAX = 16;
/** Strangers' text in the log is cut to this. */
const TEXT_MAX_CHARS = 64;

/** A MAC address that asked and is not in the roster. */
export interface UnknownClient {
  readonly mac: Mac;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  readonly count: number;
  /** What it says it is. */
  readonly detail: string;
}

/** Text from the network, cut and without control characters. */
export const printable = (text: string): string => text.slice(0, TEXT_MAX_CHARS).replaceAll(/[^\x20-\x7e]/g, '?');

/** Remembers strangers and returns the log lines that are due. */
export class StrangerLog {
  readonly #unknown = new RecentTable(UNKNOWN_MAX);
  readonly #trouble = new RecentTable(TROUBLE_MAX);
  readonly #foreign = new RecentTable(FOREIGN_MAX);

  /** The unknown MAC addresses, the latest last. */
  unknown(): readonly UnknownClient[] {
    return this.#unknown.rows().map(({ key, firstAt, lastAt, count, detail }) => ({ mac: key as Mac, firstAt, lastAt, count, detail }));
  }

  /** A MAC that came into the roster is no stranger any more. */
  forget(mac: Mac): void {
    this.#unknown.forget(mac);
  }

  /** A request of a MAC outside the roster. */
  unknownMac(now: Instant, mac: Mac, options: DhcpOptions): readonly LogEffect[] {
    const detail = `${clientOf(options).kind} ${printable(textOption(options, OPTION.vendorClass) ?? '')}`.trim();
    const machine = toHex(machineIdentifierOf(options) ?? new Uint8Array());
    return this.#unknown.note(now, mac, detail) ? [logEffect('warn', 'dhcp.unknown-mac', { mac, detail, machine })] : [];
  }

  /** A DHCP server that is no node of the cluster. */
  foreignServer(now: Instant, server: string, seen: string): readonly LogEffect[] {
    const meaning = 'a DHCP server that is no node of this cluster answers on the boot network';
    return this.#foreign.note(now, server, seen) ? [logEffect('error', 'dhcp.foreign-server', { server, seen, meaning })] : [];
  }

  /** The line, unless one of its event and `who` was logged within the last minute. */
  once(now: Instant, who: string, log: LogEffect): readonly LogEffect[] {
    return this.#trouble.note(now, `${log.event} ${who}`, log.event) ? [log] : [];
  }
}
