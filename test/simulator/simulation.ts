// One run: a rack, its LAN, its faults and its checkers, from a seed. The same seed and the same faults give the same run, event by event.

import { Absences } from './absences.ts';
import { GATEWAY_BEAT_PORT } from '../../daemons/wire/gateway-beat.ts';
import type { Datagram, GatewaySetting, Host, Protocols, TableSizes } from './adapter.ts';
import { type Checker, type Invariant, SAMPLE_MS, type Violation } from './checker.ts';
import { EventQueue } from './event-queue.ts';
import type { Fault } from './fault.ts';
import { beginFault, type FaultSurroundings } from './fault-effects.ts';
import { GatewayTruth } from './gateway-truth.ts';
import { Lan, type PacketCounts } from './lan.ts';
import { BOOT_MS, READ_REGISTRY_MAX_MS, READ_REGISTRY_MS, SAVE_EPOCH_MS } from './limits.ts';
import { NodeClock } from './node-clock.ts';
import type { HostState, Observation } from './observation.ts';
import { Rack } from './rack.ts';
import { Random } from './random.ts';
import { SimulatedNode } from './simulated-node.ts';

/** Nodes that run at the beginning start within this time. */
const STARTS_WITHIN_MS = 1000;
/** The clocks of nodes show something between nothing and this at the beginning: half a year. */
const ORIGIN_MAX_MS = 15_000_000_000;
/** What right wall clocks show at the beginning: the year 2026. */
const UNIX_SECONDS = 1_795_000_000;
/** Streams of chance, each its own, so that what one draws more does not change the others. */
const STREAM = { lan: 1, host: 2, start: 3, registry: 4 } as const;

export interface SimulationOptions {
  readonly seed: number;
  readonly nodes: number;
  /** These are off at the beginning. */
  readonly off: readonly number[];
  /** Left out: there are no candidates. */
  readonly gateway?: GatewaySetting;
  readonly untilMs: number;
  readonly faults: readonly Fault[];
  readonly protocols: Protocols;
  readonly invariants: readonly Invariant[];
  /** Sees everything that the checkers see. */
  readonly watch?: (atMs: number, seen: Observation) => void;
}

/** What came of a run. */
export interface Outcome {
  /** The first one; the run ends with it. */
  readonly violation: Violation | undefined;
  /** Two runs with the same digest went the same way: it is made of every packet and everything that was seen. */
  readonly digest: string;
  readonly events: number;
  readonly packets: PacketCounts;
  readonly simulatedMs: number;
  /** How many blades loaded what they boot. */
  readonly boots: number;
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #queue = new EventQueue();
  readonly #rack: Rack;
  readonly #lan: Lan;
  readonly #hosts: readonly SimulatedNode[];
  readonly #gateway: GatewayTruth;
  readonly #sizes = new Map<number, () => TableSizes>();
  /** By node, datagrams sent; the gateway's beats are left out, for their number is that of its clock. */
  readonly #sent: Uint32Array;
  readonly #checkers: readonly { readonly name: string; readonly checker: Checker }[];
  readonly #views = new Map<number, Observation & { kind: 'view' }>();
  readonly #registryRandom: Random;
  /** By node, the generation of the registry that it has read. */
  readonly #readGeneration: number[] = [];
  #nowMs = 0;
  #starts = 0;
  #boots = 0;
  #faultsGoingOn = 0;
  readonly #harm = { count: 0, calmBeforeMs: 0 };
  #harmsGoingOn = 0;
  #lastHarmMs = 0;
  #lastWrongMs = 0;
  #violation: Violation | undefined;
  readonly #absences: Absences;
  #digest = 0x811c9dc5;
  #digestAbove = 0x01000193;

  constructor(options: SimulationOptions) {
    const { seed, nodes, protocols, invariants } = options;
    this.#options = options;
    this.#rack = new Rack(nodes);
    this.#gateway = new GatewayTruth(options.gateway);
    this.#absences = new Absences(nodes);
    this.#sent = new Uint32Array(nodes + 1);
    this.#registryRandom = new Random(seed, STREAM.registry);
    this.#lan = new Lan(this.#rack, new Random(seed, STREAM.lan), (afterMs, to, datagram) => this.#queue.put(this.#nowMs + afterMs, () => this.#arrive(to, datagram)));
    const nowMs = (): number => this.#nowMs;
    this.#hosts = [0, ...this.#rack.numbers()].map((number) => {
      const random = new Random(seed, STREAM.host, number);
      return new SimulatedNode({ queue: this.#queue, clock: new NodeClock(random.whole(0, ORIGIN_MAX_MS)), random, nowMs, overflown: () => (this.#lan.counts.overflown += 1) });
    });
    const calmSinceMs = (): number => (this.#faultsGoingOn > 0 ? Infinity : this.#lastWrongMs);
    const judged = { rack: this.#rack, bounds: protocols.membership.bounds, views: this.#views, absences: this.#absences, calmSinceMs, harm: this.#harm, gateway: this.#gateway, sizes: this.#sizes, sentBy: (node: number) => this.#sent[node]! };
    this.#checkers = invariants.map((invariant) => ({ name: invariant.name, checker: invariant.check(judged) }));
  }

  run(): Outcome {
    const { seed, off, untilMs, faults } = this.#options;
    const random = new Random(seed, STREAM.start);
    for (const number of this.#rack.numbers()) if (!off.includes(number)) this.#queue.put(random.fraction() * STARTS_WITHIN_MS, () => this.#startNode(number));
    for (const fault of faults) this.#queue.put(fault.atMs, () => beginFault(fault, this.#faultSurroundings()));
    for (let atMs = SAMPLE_MS; atMs <= untilMs; atMs += SAMPLE_MS) this.#queue.put(atMs, () => this.#judge((checker) => checker.sample?.(atMs)));
    let events = 0;
    const queue = this.#queue;
    while (this.#violation === undefined && queue.nextMs <= untilMs) {
      this.#nowMs = queue.nextMs;
      events += 1;
      queue.take()!();
    }
    if (this.#violation === undefined) this.#nowMs = untilMs;
    const digest = (this.#digest >>> 0).toString(16).padStart(8, '0') + (this.#digestAbove >>> 0).toString(16).padStart(8, '0');
    return { violation: this.#violation, digest, events, packets: this.#lan.counts, simulatedMs: this.#nowMs, boots: this.#boots };
  }

  /** Something begins (1) or ends (-1) that membership may suffer from, or is over at once (0). */
  #suffer(change: 1 | -1 | 0): void {
    this.#harm.count += 1;
    this.#harm.calmBeforeMs = this.#harmsGoingOn > 0 ? Infinity : this.#lastHarmMs;
    this.#harmsGoingOn += change;
    this.#lastHarmMs = this.#nowMs;
  }

  #mix(value: number): void {
    this.#digest = Math.imul(this.#digest ^ value, 0x01000193);
    this.#digestAbove = Math.imul(this.#digestAbove ^ this.#digest ^ (this.#digestAbove >>> 13), 0x85ebca6b);
  }

  #judge(ask: (checker: Checker) => string | undefined): void {
    for (const { name, checker } of this.#checkers) {
      const what = ask(checker);
      if (what !== undefined) this.#violation ??= { invariant: name, atMs: this.#nowMs, what };
    }
  }

  #observe(seen: Observation): void {
    if (seen.kind === 'view') this.#views.set(seen.node, seen);
    if (seen.kind === 'gateway') this.#gateway.hold(seen.node, seen.role === 'holder');
    for (const value of Object.values<number | string | readonly number[]>(seen)) {
      if (typeof value === 'object') for (const one of value) this.#mix(one);
      else this.#mix(typeof value === 'number' ? value : value.length);
    }
    if (seen.kind === 'view') this.#absences.view(this.#nowMs, seen);
    if (seen.kind === 'state') this.#absences.forget(this.#nowMs, seen.node);
    this.#judge((checker) => checker.observe?.(this.#nowMs, seen));
    this.#options.watch?.(this.#nowMs, seen);
  }

  #arrive(to: number, datagram: Datagram): void {
    if (this.#rack.state(to) === 'off') return;
    this.#lan.counts.arrived += 1;
    this.#mix((datagram.from << 16) ^ to);
    this.#mix(Math.round(this.#nowMs * 1000) ^ datagram.bytes.length);
    this.#hosts[to]!.hear(datagram);
  }

  /** What a service sees of the machine that it runs on, from this start on. */
  #hostOf(number: number): Host {
    const host = this.#hosts[number]!;
    const send: Host['send'] = ({ fromPort, port, bytes, to, network = 'boot' }) => {
      if (port !== GATEWAY_BEAT_PORT) this.#sent[number]! += 1;
      this.#lan.send({ from: number, fromPort, port, network, bytes, unicast: to !== undefined, meaning: undefined }, to);
    };
    this.#starts += 1;
    return {
      number, roster: this.#rack.roster, generation: this.#rack.generation, random: new Random(this.#options.seed, STREAM.start, number, this.#starts), send,
      tell: (news) => host.tell(news),
      observe: (seen) => this.#observe(seen),
      loaded: (server) => this.#loaded(number, server),
      readRegistry: () => this.#readRegistryOn(number, READ_REGISTRY_MS),
      gateway: this.#gateway.setting,
      gatewayEpoch: this.#rack.gatewayEpoch,
      waiting: (ports) => host.waiting(ports),
      openGate: (forMs) => {
        this.#gateway.openGate(this.#nowMs, number, forMs);
        this.#judge((checker) => checker.gate?.(this.#nowMs, number));
      },
      announce: () => {
        for (const other of this.#rack.numbers()) if (other !== number && this.#rack.state(other) !== 'off' && this.#lan.reaches(number, other)) this.#gateway.learn(other, number);
      },
      saveEpoch: (epoch) => this.#queue.put(this.#nowMs + SAVE_EPOCH_MS, () => (this.#rack.gatewayEpoch = Math.max(this.#rack.gatewayEpoch, epoch))),
      membershipHolds: (sizes) => this.#sizes.set(number, sizes),
      gatewayIs: (status) => this.#gateway.setStatus(number, status),
      unixSeconds: UNIX_SECONDS + Math.floor(this.#nowMs / 1000),
    };
  }

  #setState(number: number, state: HostState): void {
    if (this.#rack.state(number) === 'running' || state === 'running') {
      this.#lastWrongMs = this.#nowMs;
      this.#suffer(0);
    }
    this.#rack.setState(this.#nowMs, number, state);
    this.#views.delete(number);
    this.#gateway.forget(number);
    this.#observe({ kind: 'state', node: number, state });
  }

  #startNode(number: number): void {
    const { membership, services, gateway } = this.#options.protocols;
    this.#setState(number, 'running');
    const host = this.#hostOf(number);
    const own = this.#hosts[number]!;
    this.#readGeneration[number] = this.#rack.generation;
    own.begin([membership, ...services].map((one) => one.on(host)), this.#gateway.candidates.includes(number) ? [gateway.on(host)] : []);
    own.tell({ kind: 'serving' });
    own.tell({ kind: 'uplink', usable: this.#rack.uplink(number).usable });
  }

  #loaded(number: number, server: number): void {
    this.#boots += 1;
    this.#observe({ kind: 'loaded', node: number, server });
    this.#setState(number, 'booting');
    const sinceMs = this.#nowMs;
    this.#queue.put(this.#nowMs + BOOT_MS, () => {
      if (this.#rack.state(number) === 'booting' && this.#rack.stateSinceMs(number) === sinceMs) this.#startNode(number);
    });
  }

  #faultSurroundings(): FaultSurroundings {
    return {
      nowMs: this.#nowMs, rack: this.#rack, lan: this.#lan,
      host: (number) => this.#hosts[number]!,
      observe: (text) => this.#observe({ kind: 'fault', text }),
      switched: () => (this.#gateway.switchedAtMs = this.#nowMs),
      powerOff: (number) => this.#end(number, 'off'),
      powerOn: (number) => {
        this.#setState(number, 'asking');
        this.#hosts[number]!.begin([this.#options.protocols.rom.on(this.#hostOf(number))]);
      },
      startNode: (number) => this.#startNode(number),
      readRegistry: () => this.#readRegistry(),
      /** What is wrong for a time is counted until it ends. */
      wrong: (forMs, end, harms) => {
        this.#faultsGoingOn += 1;
        if (harms) this.#suffer(1);
        this.#queue.put(this.#nowMs + forMs, () => {
          this.#faultsGoingOn -= 1;
          if (harms) this.#suffer(-1);
          this.#lastWrongMs = this.#nowMs;
          end(this.#faultSurroundings());
        });
      },
    };
  }

  #end(number: number, state: HostState): void {
    this.#setState(number, state);
    this.#hosts[number]!.begin([]);
  }

  /** The registry has changed: each node reads it in its own time. */
  #readRegistry(): void {
    this.#lastWrongMs = this.#nowMs;
    for (const number of this.#rack.running()) this.#readRegistryOn(number, this.#registryRandom.fraction() * READ_REGISTRY_MAX_MS);
  }

  /** A running node reads what the registry holds after that time. */
  #readRegistryOn(number: number, afterMs: number): void {
    const host = this.#hosts[number]!;
    const sinceMs = this.#rack.stateSinceMs(number);
    this.#queue.put(this.#nowMs + afterMs, () => {
      if (this.#rack.stateSinceMs(number) !== sinceMs) return;
      host.whenItRuns(() => {
        const { roster, generation } = this.#rack;
        if (this.#readGeneration[number]! >= generation) return;
        this.#readGeneration[number] = generation;
        host.tell({ kind: 'roster', roster, generation });
      });
    });
  }
}

/** Runs until the first violation, or to the end. */
export const simulate = (options: SimulationOptions): Outcome => new Simulation(options).run();
