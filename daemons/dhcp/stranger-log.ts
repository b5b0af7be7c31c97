// What is said about strangers: MAC addresses outside the roster, foreign servers, broken packets. Whatever they send,
// the log and the memory they can fill are bounded.

import { toHex } from '../core/bytes.ts';
import { logEffect } from '../core/log-effect.ts';
import type { LogEffect } from '../core/log-effect.ts';
import type { Mac } from '../core/mac.ts';
import type { Instant } from '../core/machine.ts';
import { type BarredMachine, barOfMac, nodeOfMac, type Roster, unbarCommand } from '../core/roster.ts';
import { timeText } from '../core/unix-time.ts';
import { machineIdentifierOf, OPTION, textOption } from '../wire/dhcp-options.ts';
import type { DhcpOptions } from '../wire/dhcp-option-area.ts';
import type { ClientKind } from './boot-policy.ts';
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

/** A DHCP server that answers on the boot network and is no node. */
export interface ForeignServer {
  readonly address: string;
  /** Undefined until it was found out. */
  readonly mac: Mac | undefined;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  readonly count: number;
  /** What was heard of it last. */
  readonly detail: string;
}

/** A MAC address of a barred machine that asked. */
export interface BarredClient extends UnknownClient {
  /** The number that the machine had. */
  readonly node: number;
  readonly sinceUnixMs: number;
  readonly remedy: string;
}

/** Text from the network, cut and without control characters. */
export const printable = (text: string): string => text.slice(0, TEXT_MAX_CHARS).replaceAll(/[^\x20-\x7e]/g, '?');

/** What a client says it is. */
export const clientDetail = (kind: ClientKind, options: DhcpOptions): string => `${kind} ${printable(textOption(options, OPTION.vendorClass) ?? '')}`.trim();

/** What to do about a barred machine that asks. */
const barRemedy = (bar: BarredMachine): string => `Switch it off or take it out. To let it in again: ${unbarCommand(bar)}.`;

/** Remembers strangers and returns the log lines that are due. */
export class StrangerLog {
  readonly #unknown = new RecentTable(UNKNOWN_MAX);
  /** Apart from the unknown ones: no crowd of strangers may silence a machine that was replaced and is back. */
  readonly #barred = new RecentTable(UNKNOWN_MAX);
  /** As the roster has them. */
  readonly #bars = new Map<Mac, BarredMachine>();
  readonly #trouble = new RecentTable(TROUBLE_MAX);
  readonly #foreign = new RecentTable(FOREIGN_MAX);
  /** Of servers that are in the table, and no others. */
  readonly #foreignMacs = new Map<string, Mac>();

  /** The unknown MAC addresses, the latest last. */
  unknown(): readonly UnknownClient[] {
    return this.#unknown.rows().map(({ key, firstAt, lastAt, count, detail }) => ({ mac: key as Mac, firstAt, lastAt, count, detail }));
  }

  /** The barred MAC addresses that asked, the latest last. */
  barred(): readonly BarredClient[] {
    return this.#barred.rows().flatMap(({ key, firstAt, lastAt, count, detail }) => {
      const bar = this.#bars.get(key as Mac);
      return bar === undefined ? [] : [{ mac: key as Mac, firstAt, lastAt, count, detail, node: bar.node, sinceUnixMs: bar.sinceUnixMs, remedy: barRemedy(bar) }];
    });
  }

  /** The foreign DHCP servers, the latest last. */
  foreign(): readonly ForeignServer[] {
    return this.#foreign.rows().map(({ key, firstAt, lastAt, count, detail }) => ({ address: key, mac: this.#foreignMacs.get(key), firstAt, lastAt, count, detail }));
  }

  /** Another roster: a MAC address that came into it, as a node's or as a barred one, is no unknown one any more; a bar that was lifted is forgotten. */
  useRoster(roster: Roster): void {
    for (const { key } of this.#unknown.rows()) if (nodeOfMac(roster, key as Mac) ?? barOfMac(roster, key as Mac)) this.#unknown.forget(key);
    this.#bars.clear();
    for (const bar of roster.barred ?? []) for (const mac of bar.macs) this.#bars.set(mac, bar);
    for (const { key } of this.#barred.rows()) if (!this.#bars.has(key as Mac)) this.#barred.forget(key);
  }

  /** A server whose address came into the roster is no stranger any more: it was a node's before this one knew of it. */
  forgetServer(address: string): void {
    this.#foreign.forget(address);
    this.#foreignMacs.delete(address);
  }

  /** A request of a MAC outside the roster. */
  unknownMac(now: Instant, mac: Mac, kind: ClientKind, options: DhcpOptions): readonly LogEffect[] {
    const detail = clientDetail(kind, options);
    const machine = toHex(machineIdentifierOf(options) ?? new Uint8Array());
    return this.#unknown.note(now, mac, detail) ? [logEffect('warn', 'dhcp.unknown-mac', { code: 'MM-DHCP-UNKNOWN', mac, detail, machine })] : [];
  }

  /** A request of a machine that was replaced. */
  barredMac(now: Instant, mac: Mac, bar: BarredMachine, detail: string): readonly LogEffect[] {
    if (!this.#barred.note(now, mac, detail)) return [];
    return [logEffect('error', 'dhcp.barred-mac', { code: 'MM-DHCP-BARRED', mac, detail, formerNode: bar.node, since: timeText(bar.sinceUnixMs), remedy: barRemedy(bar) })];
  }

  /** A DHCP server that is no node of the cluster. */
  foreignServer(now: Instant, server: string, seen: string): readonly LogEffect[] {
    const loud = this.#foreign.note(now, server, seen);
    const there = new Set(this.#foreign.rows().map(({ key }) => key));
    for (const key of this.#foreignMacs.keys()) if (!there.has(key)) this.#foreignMacs.delete(key);
    return loud ? [this.#foreignLine(server, seen)] : [];
  }

  /** The MAC address of a foreign server; told when it is news. */
  foreignMac(server: string, mac: Mac): readonly LogEffect[] {
    const row = this.#foreign.rows().find(({ key }) => key === server);
    if (row === undefined || this.#foreignMacs.get(server) === mac) return [];
    this.#foreignMacs.set(server, mac);
    return [this.#foreignLine(server, row.detail)];
  }

  #foreignLine(server: string, seen: string): LogEffect {
    const mac = this.#foreignMacs.get(server) ?? 'not known yet';
    const meaning = 'a DHCP server that is no node of this cluster answers on the boot network: blades may follow it';
    return logEffect('error', 'dhcp.foreign-server', { code: 'MM-DHCP-FOREIGN', server, mac, seen, meaning });
  }

  /** The line, unless one of its event and `who` was logged within the last minute. */
  once(now: Instant, who: string, log: LogEffect): readonly LogEffect[] {
    return this.#trouble.note(now, `${log.event} ${who}`, log.event) ? [log] : [];
  }
}
