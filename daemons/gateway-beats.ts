// The beating thread of gatewayd: it waits on its sockets until the succession's next deadline, reads them empty, and performs what follows,
// all by itself and without ever waiting for the main thread, a file on a disk, or a program.

import { readFileSync } from 'node:fs';
import { createSocketRing, type SocketRing } from './gateway-sockets.ts';
import { GatewayHost, operationText } from './gateway-host.ts';
import type { BeatThreadData, BeatThreadStatus, FromBeatThread, ToBeatThread } from './gateway-thread.ts';
import { logEffect } from './core/log-effect.ts';
import { after, type Instant } from './core/machine.ts';
import type { GatewayConfig } from './gateway/gateway-config.ts';
import type { ConntrackMode, DesiredRole } from './gateway/host-state.ts';
import type { HostRole, SuccessionEffect, SuccessionInput } from './gateway/succession-types.ts';
import { Succession } from './gateway/succession.ts';
import { Uplink, type UplinkEffect, type UplinkInput } from './gateway/uplink.ts';
import { now } from './host/clock.ts';
import { enterRealTime, ownScheduling } from './host/scheduling.ts';
import { Readable } from './host/wait-readable.ts';
import type { Family } from './wire/rtnetlink.ts';

/** The machine is compared with what it shall look like once in this time: what somebody else has changed is put right. */
const HOST_CHECK_MS = 1000;
/** So long after a takeover the first packet is waited for; later ones tell nothing about the takeover. */
const FIRST_PACKET_MS = 60_000;
/** What the machine was told to do at its end goes out so long: three beats of the largest interval would be too long for systemd. */
const STOP_BEATS = 3;
/** The worst lateness is that of the last so many waits. */
const LATENESS_WAITS = 4096;

const ALL_FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

/** What connects the thread with the main one. */
export interface BeatThreadPort {
  post(message: FromBeatThread): void;
  /** The next message, or undefined at once. */
  take(): ToBeatThread | undefined;
}

/** Packets that this machine has forwarded: the only count of them that is read without asking netfilter. */
function forwardedPackets(): number {
  const [names, values] = readFileSync('/proc/self/net/snmp', 'utf8').split('\n', 2) as [string, string];
  return Number(values.split(' ')[names.split(' ').indexOf('ForwDatagrams')]);
}

class BeatThread {
  readonly #data: BeatThreadData;
  readonly #port: BeatThreadPort;
  readonly #sockets: SocketRing;
  readonly #host: GatewayHost;
  readonly #succession: Succession;
  readonly #uplink: Uplink;
  #config: GatewayConfig;
  #rulesetShape: string;
  #conntrackd = 0;
  #role: HostRole = 'standby';
  #conntrack: ConntrackMode = 'off';
  #hostFault = '';
  #checkAt: Instant;
  /** Set while the first packet after a takeover is waited for. */
  #firstPacket: { readonly forwarded: number; readonly until: Instant } | undefined;
  #refused: string | undefined;
  #stopAt: Instant | undefined;
  #waits = 0;
  #latestMs = 0;
  #latestBeforeMs = 0;

  constructor(data: BeatThreadData, port: BeatThreadPort) {
    this.#data = data;
    this.#port = port;
    this.#config = data.config;
    this.#rulesetShape = data.rulesetShape;
    this.#sockets = createSocketRing(data.config);
    this.#host = new GatewayHost(() => this.#config, { rulesetShape: () => this.#rulesetShape, conntrack: (mode) => this.#setConntrack(mode) });
    const { self, cluster, incarnation, keys, epoch } = data;
    const { candidates, beatMs, preemption } = data.config;
    this.#succession = new Succession({ self, candidates, networks: this.#sockets.networks, cluster, incarnation, keys, epoch, beatMs, preemption });
    this.#uplink = new Uplink(data.config.publicSide !== undefined);
    this.#checkAt = after(now(), HOST_CHECK_MS);
  }

  run(): void {
    this.#port.post({ kind: 'beating', ...(this.#data.priority === 0 ? ownScheduling() : enterRealTime(this.#data.priority)) });
    this.#carriers();
    this.#stepUplink({ kind: 'tick' });
    this.#step({ kind: 'tick' });
    let readable = new Readable(this.#sockets.fds());
    while (this.#stopAt === undefined || now() < this.#stopAt) {
      const due = this.#nextDue();
      readable.wait(due - now());
      this.#noteLateness(due);
      this.#readSockets();
      for (let message = this.#port.take(); message !== undefined; message = this.#port.take()) this.#take(message);
      const at = now();
      if ((this.#uplink.deadline() ?? at) <= at) this.#stepUplink({ kind: 'tick' });
      if ((this.#succession.deadline() ?? at) <= at) this.#step({ kind: 'tick' });
      this.#watchFirstPacket(at);
      if (at >= this.#checkAt && this.#check(at)) readable = new Readable(this.#sockets.fds());
    }
    this.#applyHost('absent');
    this.#sockets.close();
    this.#port.post({ kind: 'stopped' });
  }

  #nextDue(): Instant {
    const times = [this.#succession.deadline(), this.#uplink.deadline(), this.#checkAt, this.#stopAt].filter((one) => one !== undefined);
    return Math.min(...times) as Instant;
  }

  #noteLateness(due: Instant): void {
    this.#latestMs = Math.max(this.#latestMs, now() - due);
    if (++this.#waits % LATENESS_WAITS !== 0) return;
    this.#latestBeforeMs = this.#latestMs;
    this.#latestMs = 0;
  }

  /** True when the sockets are others than before. */
  #check(at: Instant): boolean {
    this.#checkAt = after(at, HOST_CHECK_MS);
    this.#applyHost(this.#role);
    const reopened = this.#sockets.mend((effect) => this.#port.post(effect));
    this.#carriers();
    return reopened;
  }

  #carriers(): void {
    for (const { link, up } of this.#sockets.carriers()) this.#stepUplink({ kind: 'carrier', link, up });
  }

  #readSockets(): void {
    this.#sockets.read({
      beat: (network, bytes) => this.#step({ kind: 'datagram', network, bytes }),
      carrier: (link, up) => this.#stepUplink({ kind: 'carrier', link, up }),
      routerAnswered: () => this.#stepUplink({ kind: 'answered' }),
    });
  }

  /** All effects of a step are performed before the next one: what comes of them waits for its turn. */
  #step(input: SuccessionInput): void {
    const outcomes: SuccessionInput[] = [];
    let drains = false;
    for (const effect of this.#succession.step(now(), input)) {
      if (effect.kind === 'drain') drains = true;
      else this.#perform(effect, outcomes);
    }
    for (const outcome of outcomes) this.#step(outcome);
    if (!drains) return;
    this.#readSockets();
    this.#step({ kind: 'drained' });
  }

  #stepUplink(input: UplinkInput): void {
    for (const effect of this.#uplink.step(now(), input)) this.#performUplink(effect);
  }

  #performUplink(effect: UplinkEffect): void {
    if (effect.kind === 'log') this.#port.post(effect);
    else if (effect.kind === 'probe') this.#sockets.probeRouter();
    else this.#step({ kind: 'uplink', usable: effect.usable });
  }

  #perform(effect: Exclude<SuccessionEffect, { kind: 'drain' }>, outcomes: SuccessionInput[]): void {
    switch (effect.kind) {
      case 'send-beat': return this.#sockets.sendBeat(effect.bytes);
      case 'renew-gate': return this.#sockets.renewGate();
      case 'host':
        outcomes.push(...this.#enter(effect.role, effect.partner));
        return;
      case 'announce':
        this.#sockets.announce();
        outcomes.push({ kind: 'performed', stage: 'arp', at: now() });
        return this.#announce6();
      case 'save-epoch': return this.#port.post(effect);
      case 'timeline': return this.#port.post({ ...effect, now: now() });
      case 'refused':
        this.#refused = effect.reason;
        return;
      case 'log': return this.#port.post(effect);
    }
  }

  #enter(role: HostRole, partner: number | undefined): readonly SuccessionInput[] {
    const before = this.#role;
    this.#role = role;
    const forwarded = role === 'holder' && before !== 'holder' ? forwardedPackets() : undefined;
    // A takeover's IPv6 follows behind its ARP.
    const failure = this.#applyHost(role, forwarded === undefined ? ALL_FAMILIES : ['ipv4']);
    this.#port.post({ kind: 'role', role, partner });
    this.#port.post({ kind: 'conntrack', mode: this.#conntrack, partner });
    if (forwarded === undefined) return [];
    if (failure !== undefined) return [{ kind: 'host-failed', reason: failure }];
    const at = now();
    this.#firstPacket = { forwarded, until: after(at, FIRST_PACKET_MS) };
    return [{ kind: 'performed', stage: 'address', at }];
  }

  /** The address first, then the word that it is here. */
  #announce6(): void {
    if (this.#config.ipv6 === undefined) return;
    this.#applyHost(this.#role);
    this.#sockets.announce6();
  }

  /** Returns why it failed. */
  #applyHost(role: DesiredRole, families = ALL_FAMILIES): string | undefined {
    try {
      const operations = this.#host.apply(role, families);
      this.#hostFault = '';
      if (operations.length > 0) this.#port.post(logEffect('info', 'gateway.host', { role, steps: operations.map(operationText).join('; ') }));
      return undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#hostFault) this.#port.post(logEffect('error', 'gateway.host-failed', { role, reason }));
      this.#hostFault = reason;
      return reason;
    }
  }

  #setConntrack(mode: ConntrackMode): void {
    this.#conntrack = mode;
    if (mode !== 'off' || this.#conntrackd === 0) return;
    try {
      // At once: what dies with an address must not be told to the partner as ended.
      process.kill(this.#conntrackd, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
    this.#conntrackd = 0;
  }

  #watchFirstPacket(at: Instant): void {
    if (this.#firstPacket === undefined) return;
    const { forwarded, until } = this.#firstPacket;
    if (this.#role !== 'holder' || at >= until) this.#firstPacket = undefined;
    else if (forwardedPackets() > forwarded) {
      this.#firstPacket = undefined;
      this.#step({ kind: 'performed', stage: 'forwarded', at: now() });
    }
  }

  #status(): BeatThreadStatus {
    return {
      ...this.#succession.status(), fault: this.#uplink.fault(), latestMs: Math.max(this.#latestMs, this.#latestBeforeMs), now: now(),
      interfaces: { inside: this.#config.insideInterface, outside: this.#config.publicSide?.interface },
    };
  }

  #answer(id: number, input: SuccessionInput): void {
    this.#refused = undefined;
    this.#step(input);
    this.#port.post({ kind: 'answer', id, refused: this.#refused });
  }

  #take(message: ToBeatThread): void {
    switch (message.kind) {
      case 'status': return this.#port.post({ kind: 'status', id: message.id, status: this.#status() });
      case 'switch': return this.#answer(message.id, { kind: 'switch', ...(message.to === undefined ? {} : { to: message.to }) });
      case 'drain': return this.#answer(message.id, { kind: 'drain-node', drained: message.drained });
      case 'config':
        this.#config = message.config;
        this.#rulesetShape = message.rulesetShape;
        return this.#step({ kind: 'candidates', candidates: message.config.candidates });
      case 'keys': return this.#step({ kind: 'keys', keys: message.keys });
      case 'conntrackd':
        this.#conntrackd = message.pid;
        return;
      case 'stop':
        // To the next one, where there is one; and the word that the addresses are free goes out a few times before the end.
        this.#step({ kind: 'drain-node', drained: true });
        this.#stopAt = after(now(), STOP_BEATS * this.#data.config.beatMs);
        return;
    }
  }
}

/** Runs until it is told to stop. Throws when it cannot go on: its process ends with it. */
export function runBeats(data: BeatThreadData, port: BeatThreadPort): void {
  new BeatThread(data, port).run();
}

