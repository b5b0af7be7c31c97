// A LAN in one process: seeded loss and delay, partitions, deaths, pauses and restarts, each node with a clock of its own. The packets go about unsealed.

import type { Ipv4 } from '../core/ipv4.ts';
import type { Instant } from '../core/machine.ts';
import type { Roster } from '../core/roster.ts';
import { encodeBody } from '../wire/membership-body.ts';
import { CLAIMS_MAX, SEAL_OVERHEAD_BYTES } from '../wire/membership-packet.ts';
import type { MembershipPacket } from '../wire/membership-packet.ts';
import { Membership } from './membership.ts';
import type { MembershipEffect, MembershipInput } from './membership.ts';
import { SeededChance } from './seeded-chance.ts';

/** IPv4 and UDP. */
const LOWER_HEADERS_BYTES = 28;
/** What a socket holds for a process that does not read; the kernel's default is 208 KiB. */
const SOCKET_PACKETS = 400;
const DELAY_MS = [0.1, 1] as const;

const NONE = '0.0.0.0' as Ipv4;
export const rosterOf = (numbers: readonly number[]): Roster => ({
  clusterName: 'rack', container: 'main', domain: 'test', netmask: '255.255.255.0' as Ipv4, metaMasterAddress: NONE, san: { address: NONE, port: 3260, target: '' }, kernelParameters: '',
  nodes: numbers.map((number) => ({ number, name: `node${number}`, macs: [], address: NONE, loader: 'rom' as const })),
});
export const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i + 1);

interface Host {
  machine: Membership;
  running: boolean;
  pausedUntil: number;
  inbox: MembershipPacket[];
  /** When the event for its deadline stands in the queue; Infinity: nowhere. */
  timerAt: number;
  starts: number;
  group: number;
  sent: number;
  sentBytes: number;
  received: number;
  broadcasts: number;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export interface LanOptions {
  readonly numbers: readonly number[];
  readonly seed: number;
  /** Of 1. */
  readonly loss?: number;
  /** The hosts of these numbers are switched on at the start; all by default. */
  readonly on?: readonly number[];
  /** Each knows all others from the start: a thousand introductions to a thousand nodes would take most of a test's time. */
  readonly acquainted?: boolean;
  /** Datagrams are encoded for their size. */
  readonly measure?: boolean;
}

/** An effect that no network carries, with who had it and when. */
export interface Told {
  readonly ms: number;
  readonly node: number;
  readonly effect: Exclude<MembershipEffect, { kind: 'send' | 'broadcast' }>;
}

export class TestLan {
  readonly #chance: SeededChance;
  readonly #hosts = new Map<number, Host>();
  readonly #measure: boolean;
  #roster: Roster;
  #events: Event[] = [];
  #order = 0;
  #ms = 0;
  loss: number;
  told: Told[] = [];

  constructor({ numbers, seed, loss = 0, on = numbers, acquainted = false, measure = false }: LanOptions) {
    this.#chance = new SeededChance(seed);
    this.#roster = rosterOf(numbers);
    this.#measure = measure;
    this.loss = loss;
    if (acquainted) this.#acquaint(on);
    else for (const node of on) this.#at(this.#chance.below(1000), () => this.powerOn(node));
  }

  /** Their own introductions are lost. */
  #acquaint(on: readonly number[]): void {
    const { loss } = this;
    this.loss = 1;
    for (const node of on) this.powerOn(node);
    this.run(DELAY_MS[1]);
    this.loss = loss;
    const claims = on.map((node) => ({ ...this.machine(node).members()[0]!, by: [] }));
    for (const node of on) {
      const other = claims.find((claim) => claim.node !== node)!;
      const from = { ...other, sequence: 1, rosterGeneration: 1 };
      for (let at = 0; at < claims.length; at += CLAIMS_MAX) this.input(node, { kind: 'packet', packet: { from, body: { kind: 'records', claims: claims.slice(at, at + CLAIMS_MAX) } } });
    }
  }

  get ms(): number {
    return this.#ms;
  }

  machine(node: number): Membership {
    return this.#hosts.get(node)!.machine;
  }

  running(): readonly number[] {
    return [...this.#hosts].filter(([, { running }]) => running).map(([node]) => node);
  }

  /** A start with a name of its own; the incarnation begins at 1 each time, as by a clock that is always wrong. */
  powerOn(node: number): void {
    const starts = (this.#hosts.get(node)?.starts ?? 0) + 1;
    const start = (node * 2 ** 16 + starts).toString(16).padStart(16, '0');
    const machine = new Membership({ roster: this.#roster, generation: 1, self: node, start, firstIncarnation: 1, seed: this.#chance.next() });
    this.#hosts.set(node, { machine, running: true, pausedUntil: 0, inbox: [], timerAt: Infinity, starts, group: 0, sent: 0, sentBytes: 0, received: 0, broadcasts: 0 });
    this.input(node, { kind: 'tick' });
  }

  powerOff(node: number): void {
    this.#hosts.get(node)!.running = false;
  }

  pause(node: number, forMs: number): void {
    const host = this.#hosts.get(node)!;
    host.pausedUntil = this.#ms + forMs;
    this.#at(host.pausedUntil, () => {
      // The timer is handled before the socket is read.
      this.input(node, { kind: 'tick' });
      for (const packet of host.inbox.splice(0)) this.input(node, { kind: 'packet', packet });
    });
  }

  /** Only nodes of one group hear each other. */
  partition(groupOf: (node: number) => number): void {
    for (const [node, host] of this.#hosts) host.group = groupOf(node);
  }

  useRoster(numbers: readonly number[], generation: number): void {
    this.#roster = rosterOf(numbers);
    for (const node of this.running()) this.input(node, { kind: 'roster', roster: this.#roster, generation });
  }

  input(node: number, input: MembershipInput): void {
    const host = this.#hosts.get(node)!;
    if (!host.running || host.pausedUntil > this.#ms) return;
    for (const effect of host.machine.step(this.#clock(node), input)) {
      if (effect.kind === 'send') this.#send(host, [effect.to], effect.packet);
      else if (effect.kind === 'broadcast') this.#send(host, undefined, effect.packet);
      else this.told.push({ ms: this.#ms, node, effect });
    }
    this.#schedule(node, host);
  }

  run(forMs: number): void {
    const until = this.#ms + forMs;
    while (this.#events.length > 0 && this.#events[0]!.at <= until) {
      const { at, run } = this.#pop();
      this.#ms = at;
      run();
    }
    this.#ms = until;
  }

  /** What the running nodes hold of `node`, each status once. */
  statusesOf(node: number): readonly (string | undefined)[] {
    return [...new Set(this.running().filter((other) => other !== node).map((other) => this.machine(other).statusOf(node)))].sort();
  }

  /** Every different view among the running nodes, as text. */
  views(): readonly string[] {
    const text = (node: number): string => this.machine(node).members().map((each) => `${each.node}:${each.status}:${each.start}:${each.incarnation}:${each.description?.sequence}`).sort().join(' ');
    return [...new Set(this.running().map(text))];
  }

  events(name: string): readonly Told[] {
    return this.told.filter(({ effect }) => effect.kind === 'log' && effect.event === name);
  }

  /** Of all running nodes, per node and second, since the last call; `most` is of the busiest node. */
  traffic(overMs: number): { sent: number; mostSent: number; sentBytes: number; received: number; broadcasts: number } {
    const hosts = this.running().map((node) => this.#hosts.get(node)!);
    const per = (pick: (host: Host) => number): number => (hosts.reduce((sum, host) => sum + pick(host), 0) / hosts.length / overMs) * 1000;
    const figures = { sent: per((host) => host.sent), mostSent: (Math.max(...hosts.map(({ sent }) => sent)) / overMs) * 1000, sentBytes: per((host) => host.sentBytes), received: per((host) => host.received), broadcasts: per((host) => host.broadcasts) };
    for (const host of hosts) Object.assign(host, { sent: 0, sentBytes: 0, received: 0, broadcasts: 0 });
    return figures;
  }

  #send(from: Host, to: readonly number[] | undefined, packet: MembershipPacket): void {
    from.sent += 1;
    if (!to) from.broadcasts += 1;
    if (this.#measure) from.sentBytes += encodeBody(packet).length + SEAL_OVERHEAD_BYTES + LOWER_HEADERS_BYTES;
    const group = from.group;
    this.#at(this.#ms + DELAY_MS[0] + (this.#chance.below(1000) / 1000) * (DELAY_MS[1] - DELAY_MS[0]), () => {
      for (const node of to ?? this.#hosts.keys()) if (to || node !== packet.from.node) this.#deliver(node, group, packet);
    });
  }

  #deliver(node: number, group: number, packet: MembershipPacket): void {
    const host = this.#hosts.get(node);
    if (!host?.running || host.group !== group || (this.loss > 0 && this.#chance.next() < this.loss * 2 ** 32)) return;
    host.received += 1;
    if (host.pausedUntil <= this.#ms) this.input(node, { kind: 'packet', packet });
    else if (host.inbox.length < SOCKET_PACKETS) host.inbox.push(packet);
  }

  /** Each node's clock begins elsewhere. */
  #clock(node: number): Instant {
    return (this.#ms + node * 1_000_003) as Instant;
  }

  #schedule(node: number, host: Host): void {
    const deadline = host.machine.deadline();
    const at = deadline === undefined ? Infinity : Math.max(this.#ms, deadline - node * 1_000_003);
    if (at >= host.timerAt) return;
    host.timerAt = at;
    this.#at(at, () => {
      if (host.timerAt === at) host.timerAt = Infinity;
      if (this.#hosts.get(node) !== host || !host.running || host.pausedUntil > this.#ms) return;
      if (host.machine.deadline()! <= this.#clock(node)) this.input(node, { kind: 'tick' });
      else this.#schedule(node, host);
    });
  }

  #at(at: number, run: () => void): void {
    const event = { at, order: (this.#order += 1), run };
    const events = this.#events;
    let index = events.length;
    events.push(event);
    for (let parent = (index - 1) >> 1; index > 0 && before(event, events[parent]!); parent = (index - 1) >> 1) {
      events[index] = events[parent]!;
      index = parent;
    }
    events[index] = event;
  }

  #pop(): Event {
    const events = this.#events;
    const first = events[0]!;
    const last = events.pop()!;
    let index = 0;
    for (let child = 1; child < events.length; child = 2 * index + 1) {
      if (child + 1 < events.length && before(events[child + 1]!, events[child]!)) child += 1;
      if (!before(events[child]!, last)) break;
      events[index] = events[child]!;
      index = child;
    }
    if (events.length > 0) events[index] = last;
    return first;
  }
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
