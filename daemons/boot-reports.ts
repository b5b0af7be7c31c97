// What one node knows of the boots of all blades: what it served, what blades told it, what their kernels cried out, and what the other
// nodes tell. Each fact goes into memory, to the recorder, and (what only this node can know) to the other nodes.

import { randomBytes } from 'node:crypto';
import type { KeyRing } from './agent/key-ring.ts';
import type { NodeConfig } from './agent/node-config.ts';
import { type BootFact, formatFact, parseFact } from './boot-report/boot-fact.ts';
import { BootHistory, standingOf } from './boot-report/boot-history.ts';
import { FactLimits } from './boot-report/fact-limits.ts';
import { KernelLines } from './boot-report/kernel-lines.ts';
import { toHex } from './core/bytes.ts';
import type { Ipv4 } from './core/ipv4.ts';
import type { Mac } from './core/mac.ts';
import { nodeOfMac, nodeOfNumber } from './core/roster.ts';
import { now, recordTime } from './host/clock.ts';
import { type FactPipe, openFactPipe } from './host/fact-pipe.ts';
import { type Logger, writeLog } from './host/log.ts';
import { openReportSockets, type ReportSockets } from './host/report-sockets.ts';
import { clusterId } from './wire/cluster-id.ts';
import { decodeRelay, encodeRelay } from './wire/fact-relay.ts';
import type { StageReport } from './wire/stage-report.ts';

/** Facts in memory, for the command line: kernel lines apart, so that a talkative kernel pushes no boot out. */
const FACTS_MAX = 2048;
const KERNEL_FACTS_MAX = 2048;
/** How often it is looked whether a blade stands still. */
const LOOK_MS = 5_000;
/** Of what tells one start of this process from another. */
const INCARNATION_BYTES = 8;

export interface BootReportsOptions {
  readonly config: NodeConfig;
  /** Without them nothing is told to, nor heard from, other nodes. */
  readonly keys: KeyRing | undefined;
  readonly log: Logger;
  /** The recorder's FIFO. */
  readonly records?: string | undefined;
  /** Another node told that it gave a blade something. */
  readonly onServedElsewhere?: (mac: Mac, step: 'dhcp' | 'tftp' | 'http') => void;
}

/** What the control socket answers to `facts`. */
export interface FactsAnswer {
  /** To be asked with next time, for what is new then. */
  readonly next: number;
  /** Facts that were refused since the daemon's start because there were too many. */
  readonly dropped: number;
  /** Lines of JSON (boot-report/boot-fact.ts). */
  readonly facts: readonly string[];
}

interface Kept {
  readonly number: number;
  readonly line: string;
}

/** The last lines, at least `limit` of them: cut seldom, for each cut copies. */
class Memory {
  readonly #limit: number;
  readonly #kept: Kept[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(kept: Kept): void {
    this.#kept.push(kept);
    if (this.#kept.length > 2 * this.#limit) this.#kept.splice(0, this.#limit);
  }

  since(from: number): readonly Kept[] {
    return this.#kept.slice(-this.#limit).filter(({ number }) => number >= from);
  }
}

export class BootReports {
  readonly #options: BootReportsOptions;
  #config: NodeConfig;
  #keys: KeyRing | undefined;
  readonly #own: Ipv4;
  #cluster: string;
  readonly #incarnation = toHex(randomBytes(INCARNATION_BYTES));
  readonly #limits: FactLimits;
  readonly #kernel = new KernelLines();
  readonly #history = new BootHistory();
  readonly #told = new Map<Mac, string>();
  readonly #kernelFacts = new Memory(KERNEL_FACTS_MAX);
  readonly #facts = new Memory(FACTS_MAX);
  #number = 0;
  #sequence = 0;
  #live: readonly number[];
  #sockets: ReportSockets | undefined;
  #pipe: FactPipe | undefined;

  constructor(options: BootReportsOptions) {
    const { roster, number } = options.config;
    this.#options = options;
    this.#config = options.config;
    this.#keys = options.keys;
    this.#own = nodeOfNumber(roster, number)!.address;
    this.#cluster = clusterId(roster.clusterName);
    this.#limits = new FactLimits(roster);
    this.#live = [number];
  }

  /** Another roster from now on, in which this node is as it was. The history of a blade that has left it stays. */
  useConfig(config: NodeConfig): void {
    this.#config = config;
    this.#cluster = clusterId(config.roster.clusterName);
    this.#limits.useRoster(config.roster);
  }

  /** Speaks under the first of them from now on, and believes what was said under any. */
  useKeys(keys: KeyRing): void {
    this.#keys = keys;
  }

  /** Begins to listen; the boot services do not wait for it. */
  start(): void {
    const { log, records } = this.#options;
    if (records !== undefined) this.#pipe = openFactPipe(records, (reason, dropped) => log.warn({ path: records, reason, dropped }, 'recorder.waiting'));
    this.#sockets = openReportSockets({
      address: this.#own,
      log: (effect) => writeLog(log, effect),
      onKernel: (from, bytes) => this.#heardKernel(from, bytes),
      onRelay: (bytes) => this.#heardRelay(bytes),
    });
    setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** This node gave a blade something. */
  served(mac: Mac, step: 'dhcp' | 'tftp' | 'http', detail: string): void {
    this.#note({ kind: 'served', t: recordTime(), mac, step, detail, server: this.#own }, true);
  }

  /** A blade told this node something. */
  told(report: StageReport): void {
    this.#note({ kind: 'stage', t: recordTime(), mac: report.mac, server: this.#own, report }, true);
  }

  /** The nodes that serve have changed. */
  live(nodes: readonly number[]): void {
    const before = this.#live;
    this.#live = nodes;
    const changed = [...nodes.filter((number) => !before.includes(number)), ...before.filter((number) => !nodes.includes(number))];
    for (const number of changed) {
      const mac = nodeOfNumber(this.#config.roster, number)?.macs[0];
      // Every node hears of it for itself.
      if (mac !== undefined && number !== this.#config.number) this.#note({ kind: 'live', t: recordTime(), mac, serving: nodes.includes(number) }, false);
    }
  }

  /** The facts from number `after` on; all that are in memory when that is no number. */
  facts(after: unknown): FactsAnswer {
    const from = typeof after === 'number' ? after : 0;
    const kept = [...this.#facts.since(from), ...this.#kernelFacts.since(from)].sort((a, b) => a.number - b.number);
    return { next: this.#number, dropped: this.#limits.dropped, facts: kept.map(({ line }) => line) };
  }

  /** Takes a fact, unless there are too many or the blade is a stranger. */
  #note(fact: BootFact, relay: boolean): void {
    const mac = nodeOfMac(this.#config.roster, fact.mac)?.macs[0];
    if (mac === undefined || !this.#limits.admit(now(), mac, fact.kind)) return;
    // A blade with two cards has one history.
    const line = formatFact({ ...fact, mac });
    const read = parseFact(line);
    if (read === undefined) return;
    this.#history.apply(read);
    (read.kind === 'kernel' ? this.#kernelFacts : this.#facts).add({ number: this.#number++, line });
    this.#pipe?.put(line);
    if (relay) this.#relay(line);
  }

  #relay(text: string): void {
    const key = this.#keys?.[0];
    if (key === undefined) return;
    const bytes = encodeRelay(key, { cluster: this.#cluster, node: this.#config.number, incarnation: this.#incarnation, sequence: this.#sequence++, text });
    if (bytes !== undefined) this.#sockets?.relay(bytes);
  }

  #heardRelay(bytes: Uint8Array): void {
    const config = this.#config;
    const relayed = this.#keys?.map((key) => decodeRelay(key, bytes)).find((each) => each !== undefined);
    if (relayed === undefined || relayed.cluster !== this.#cluster || relayed.node === config.number) return;
    if (!this.#limits.fresh(relayed.node, relayed.incarnation, relayed.sequence)) return;
    const fact = parseFact(relayed.text);
    // By this node's clock: those of two nodes have nothing in common. And a node speaks for itself alone.
    if (fact === undefined || !('server' in fact) || fact.server !== nodeOfNumber(config.roster, relayed.node)?.address) return;
    if (fact.kind === 'served') this.#options.onServedElsewhere?.(fact.mac, fact.step);
    this.#note({ ...fact, t: recordTime() }, false);
  }

  #heardKernel(from: Ipv4, bytes: Uint8Array): void {
    const mac = this.#config.roster.nodes.find(({ address }) => address === from)?.macs[0];
    if (mac === undefined) return;
    for (const line of this.#kernel.take(from, bytes)) this.#note({ kind: 'kernel', t: recordTime(), mac, line }, false);
  }

  /** Says once of each blade, boot and stage that it stands still. */
  #look(): void {
    for (const mac of this.#history.macs()) {
      const boot = this.#history.boots(mac).at(-1);
      const standing = boot && standingOf(boot, recordTime());
      if (boot === undefined || standing === undefined) continue;
      const key = `${boot.startedAt} ${standing.stage}`;
      if (this.#told.get(mac) === key) continue;
      this.#told.set(mac, key);
      const { code, waitsFor } = standing.rule;
      const node = nodeOfMac(this.#config.roster, mac)?.name ?? mac;
      this.#options.log.warn({ mac, node, stage: standing.stage, code, waitsFor, ...(standing.reason === undefined ? {} : { reason: standing.reason }) }, 'blade.stands-still');
    }
  }
}
