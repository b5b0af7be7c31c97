// Candidates on a simulated LAN: the clock, the networks and the shell of each are the test's. One seed is one run.

import { encodeLatin1 } from '../core/bytes.ts';
import type { Instant } from '../core/machine.ts';
import { gatewayBeatKey } from '../wire/gateway-beat.ts';
import { BEAT_MS, beatTiming } from './beat-timing.ts';
import { Succession } from './succession.ts';
import type { SuccessionEffect, SuccessionInput } from './succession-types.ts';
import type { TakeoverReason } from './takeover-record.ts';

export const KEY = gatewayBeatKey(encodeLatin1('0123456789abcdef0123456789abcdef'));
export const TIMING = beatTiming(BEAT_MS);
/** As many small datagrams as a socket of the default 208 KiB holds. */
const SOCKET_MAX = 270;
export const NETWORKS: readonly string[] = ['boot', 'storage'];

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
export function seededChance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Candidate {
  readonly node: number;
  machine: Succession;
  powered: boolean;
  /** The process runs (a machine with power may have none). */
  running: boolean;
  stalledUntil: number;
  /** Its timers run, but nobody comes to read its sockets unless the machine asks for it. */
  inattentive: boolean;
  socket: { readonly network: string; readonly bytes: Uint8Array }[];
  timerAt: number;
  /** The kernel's side: what outlives the process. */
  address: boolean;
  gateUntil: number;
  starts: number;
}

export interface SimulatedTakeover {
  readonly atMs: number;
  readonly node: number;
  readonly epoch: number;
  readonly reason: TakeoverReason;
}

export interface WorldOptions {
  readonly seed?: number;
  readonly candidates?: readonly number[];
  readonly preemption?: boolean;
}

interface TimedEvent {
  readonly atMs: number;
  readonly run: () => void;
}

/** A stretch of time in which so many machines answered for the moving addresses. */
export interface Stretch {
  readonly fromMs: number;
  toMs: number;
  readonly nodes: readonly number[];
}

/** All of it. Every machine may be stalled, killed, cut off and healed; `run` goes on to a time. */
export class World {
  now = 0;
  /** Loss of a datagram on its way, 0 to 1. */
  loss = 0;
  /** One-way delay, milliseconds: between these two. */
  delayMs: readonly [number, number] = [0.05, 0.3];
  /** How late a timer may be. */
  lateMs = 0.3;
  readonly takeovers: SimulatedTakeover[] = [];
  readonly stretches: Stretch[] = [];
  readonly effects: { readonly atMs: number; readonly node: number; readonly effect: SuccessionEffect }[] = [];
  readonly #chance: () => number;
  readonly #order: readonly number[];
  readonly #preemption: boolean;
  readonly #nodes = new Map<number, Candidate>();
  readonly #events: TimedEvent[] = [];
  /** `from>to@network` that carry nothing. */
  readonly #cut = new Set<string>();

  constructor({ seed = 1, candidates = [1, 2, 3], preemption = false }: WorldOptions = {}) {
    this.#chance = seededChance(seed);
    this.#order = candidates;
    this.#preemption = preemption;
    for (const node of candidates) this.powerOn(node);
  }

  at(atMs: number, run: () => void): void {
    // Sorted, the next one last; of two at one time the one that was placed first comes first.
    let [low, high] = [0, this.#events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#events[middle]!.atMs > atMs) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, { atMs, run });
  }

  run(untilMs: number): void {
    for (;;) {
      const eventAt = this.#events.at(-1)?.atMs ?? Infinity;
      const timed = [...this.#nodes.values()].reduce((first, candidate) => (candidate.timerAt < first.timerAt ? candidate : first));
      const next = Math.min(eventAt, timed.timerAt);
      if (next > untilMs) break;
      this.#moveTo(next);
      if (eventAt <= timed.timerAt) this.#events.pop()!.run();
      else {
        timed.timerAt = Infinity;
        if (timed.running && timed.stalledUntil <= this.now) this.#step(timed, { kind: 'tick' });
      }
      this.#look();
    }
    this.#moveTo(untilMs);
    this.#look();
  }

  machine(node: number): Succession {
    return this.#nodes.get(node)!.machine;
  }

  /** The machines whose kernels answer for the moving addresses. */
  answering(): number[] {
    return [...this.#nodes.values()].filter(({ powered, address, gateUntil }) => powered && address && gateUntil > this.now).map(({ node }) => node);
  }

  powerOn(node: number): void {
    const starts = (this.#nodes.get(node)?.starts ?? 0) + 1;
    const machine = new Succession({
      self: node, candidates: this.#order, networks: NETWORKS, cluster: '00000000000000aa', incarnation: (node * 4096 + starts).toString(16).padStart(16, '0'),
      keys: [KEY], epoch: 0, beatMs: BEAT_MS, preemption: this.#preemption,
    });
    const candidate: Candidate = { node, machine, powered: true, running: true, stalledUntil: 0, inattentive: false, socket: [], timerAt: Infinity, address: false, gateUntil: 0, starts };
    this.#nodes.set(node, candidate);
    this.at(this.now, () => {
      if (this.#nodes.get(node) !== candidate) return;
      this.#step(candidate, { kind: 'tick' });
      this.#step(candidate, { kind: 'uplink', usable: true });
    });
  }

  powerOff(node: number): void {
    Object.assign(this.#nodes.get(node)!, { powered: false, running: false });
  }

  /** kill -9: the addresses stay. */
  kill(node: number): void {
    this.#nodes.get(node)!.running = false;
  }

  stall(node: number, ms: number): void {
    const candidate = this.#nodes.get(node)!;
    candidate.stalledUntil = Math.max(candidate.stalledUntil, this.now + ms);
    this.at(candidate.stalledUntil, () => this.#wake(candidate));
  }

  /** From now on its timers come before its sockets, always. */
  neglectSockets(node: number): void {
    this.#nodes.get(node)!.inattentive = true;
  }

  /** Something that the shell of that node tells it. */
  tell(node: number, input: SuccessionInput): void {
    const candidate = this.#nodes.get(node)!;
    if (candidate.running && candidate.stalledUntil <= this.now) this.#step(candidate, input);
  }

  cut(network: string, from: number, to: number): void {
    this.#cut.add(`${from}>${to}@${network}`);
  }

  /** Cuts both ways between the two sides, on that network or on all. */
  split(left: readonly number[], right: readonly number[], networks: readonly string[] = NETWORKS): void {
    for (const network of networks) {
      for (const a of left) {
        for (const b of right) {
          this.cut(network, a, b);
          this.cut(network, b, a);
        }
      }
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  #moveTo(atMs: number): void {
    // A gate that lapses is an event of the kernel's own.
    const lapses = Array.from(this.#nodes.values(), ({ gateUntil }) => gateUntil).filter((time) => time > this.now && time < atMs).sort((a, b) => a - b);
    for (const time of lapses) {
      this.now = time;
      this.#look();
    }
    this.now = atMs;
  }

  #look(): void {
    const nodes = this.answering();
    const last = this.stretches.at(-1);
    if (last !== undefined) last.toMs = this.now;
    if (last === undefined || last.nodes.join() !== nodes.join()) this.stretches.push({ fromMs: this.now, toMs: this.now, nodes });
  }

  #step(candidate: Candidate, input: SuccessionInput): void {
    const effects = candidate.machine.step(this.now as Instant, input);
    for (const effect of effects) this.#perform(candidate, effect);
    const deadline = candidate.machine.deadline();
    candidate.timerAt = deadline === undefined ? Infinity : Math.max(this.now, deadline) + this.#chance() * this.lateMs;
  }

  /** The worst order: the timer is handled first, and what waits in the socket only then. */
  #wake(candidate: Candidate): void {
    if (!candidate.running || candidate.stalledUntil > this.now) return;
    this.#step(candidate, { kind: 'tick' });
    this.#readSocket(candidate);
  }

  #readSocket(candidate: Candidate): void {
    for (let datagram = candidate.socket.shift(); datagram !== undefined; datagram = candidate.socket.shift()) this.#step(candidate, { kind: 'datagram', ...datagram });
  }

  #perform(candidate: Candidate, effect: SuccessionEffect): void {
    this.effects.push({ atMs: this.now, node: candidate.node, effect });
    if (effect.kind === 'renew-gate') candidate.gateUntil = this.now + TIMING.gateMs;
    else if (effect.kind === 'host') candidate.address = effect.role === 'holder';
    else if (effect.kind === 'timeline' && Object.keys(effect.record.stages).length === 0) {
      this.takeovers.push({ atMs: this.now, node: candidate.node, epoch: effect.record.epoch, reason: effect.record.reason });
    } else if (effect.kind === 'send-beat') this.#send(candidate.node, effect.bytes);
    else if (effect.kind === 'drain') {
      this.#readSocket(candidate);
      this.#step(candidate, { kind: 'drained' });
    }
  }

  #send(from: number, bytes: Uint8Array): void {
    for (const network of NETWORKS) {
      for (const to of this.#order) {
        if (to === from || this.#cut.has(`${from}>${to}@${network}`) || this.#chance() < this.loss) continue;
        const [least, most] = this.delayMs;
        this.at(this.now + least + this.#chance() * (most - least), () => this.#arrive(to, network, bytes));
      }
    }
  }

  #arrive(to: number, network: string, bytes: Uint8Array): void {
    const candidate = this.#nodes.get(to)!;
    if (!candidate.running || candidate.socket.length >= SOCKET_MAX) return;
    candidate.socket.push({ network, bytes });
    if (candidate.stalledUntil <= this.now && !candidate.inattentive) this.#readSocket(candidate);
  }
}
