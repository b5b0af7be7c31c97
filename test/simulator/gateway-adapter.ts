// Succession of the gateway on a candidate, as its own process runs it: beats by unicast to every other candidate on both networks (a real one
// multicasts), the sockets read empty whenever the machine asks, the gate in the kernel, the uplink and the administrator's words from outside.

import { encodeLatin1 } from '../../daemons/core/bytes.ts';
import type { Instant } from '../../daemons/core/machine.ts';
import { beatTiming } from '../../daemons/gateway/beat-timing.ts';
import { Succession } from '../../daemons/gateway/succession.ts';
import type { HostRole, SuccessionEffect, SuccessionInput, SuccessionStatus } from '../../daemons/gateway/succession-types.ts';
import { GATEWAY_BEAT_PORT, gatewayBeatKey } from '../../daemons/wire/gateway-beat.ts';
import type { Fit, GatewaySetting, Host, Network, Service } from './adapter.ts';

export const SHARED_NETWORKS: readonly Network[] = ['boot', 'public'];
export const GATEWAY_KEY = gatewayBeatKey(encodeLatin1('0123456789abcdef0123456789abcdef'));
const CLUSTER = '00000000000000aa';
const INCARNATION_DIGITS = 16;
const PORTS = [GATEWAY_BEAT_PORT];

/** As much of the machine as is seen from outside. */
export interface SuccessionMachine {
  step(now: Instant, input: SuccessionInput): readonly SuccessionEffect[];
  deadline(): Instant | undefined;
  status(): SuccessionStatus;
}

class GatewayService implements Service {
  readonly ports = PORTS;
  readonly drainsFirst = false;
  readonly #host: Host;
  readonly #setting: GatewaySetting;
  readonly #machine: SuccessionMachine;
  #role: HostRole | undefined;

  constructor(host: Host, wrap: (core: Succession) => SuccessionMachine) {
    this.#host = host;
    this.#setting = host.gateway!;
    const { candidates, beatMs, preemption } = this.#setting;
    this.#machine = wrap(new Succession({
      self: host.number, candidates, networks: SHARED_NETWORKS, cluster: CLUSTER, incarnation: host.random.hex(INCARNATION_DIGITS), keys: [GATEWAY_KEY], epoch: host.gatewayEpoch, beatMs, preemption,
    }));
  }

  start(now: Instant): void {
    this.#host.gatewayIs(() => this.#machine.status());
    this.#step(now, { kind: 'tick' });
    this.#drained(now);
  }

  hear(now: Instant, { network, bytes }: { readonly network: Network; readonly bytes: Uint8Array }): void {
    this.#step(now, { kind: 'datagram', network, bytes });
  }

  told(now: Instant, news: Parameters<Service['told']>[1]): void {
    if (news.kind === 'uplink' || news.kind === 'switch') this.#step(now, news);
    if (news.kind === 'roster') this.#step(now, { kind: 'drain-node', drained: news.roster.nodes.some(({ number, drained }) => number === this.#host.number && drained === true) });
  }

  due(now: Instant): void {
    this.#step(now, { kind: 'tick' });
  }

  deadline(): Instant | undefined {
    return this.#machine.deadline();
  }

  #drained(now: Instant): void {
    this.told(now, { kind: 'roster', roster: this.#host.roster, generation: this.#host.generation });
  }

  #step(now: Instant, input: SuccessionInput): void {
    for (const effect of this.#machine.step(now, input)) this.#perform(now, effect);
  }

  #perform(now: Instant, effect: SuccessionEffect): void {
    const host = this.#host;
    switch (effect.kind) {
      case 'send-beat':
        for (const network of SHARED_NETWORKS) for (const to of this.#setting.candidates) {
          if (to !== host.number) host.send({ fromPort: GATEWAY_BEAT_PORT, port: GATEWAY_BEAT_PORT, bytes: effect.bytes, to, network });
        }
        return;
      case 'renew-gate':
        return host.openGate(beatTiming(this.#setting.beatMs).gateMs);
      case 'drain':
        for (let datagram = host.waiting(PORTS); datagram !== undefined; datagram = host.waiting(PORTS)) this.hear(now, datagram);
        return this.#step(now, { kind: 'drained' });
      case 'host':
        if (effect.role === this.#role) return;
        this.#role = effect.role;
        return host.observe({ kind: 'gateway', node: host.number, role: effect.role });
      case 'announce':
        return host.announce();
      case 'save-epoch':
        return host.saveEpoch(effect.epoch);
      case 'timeline':
        // The first word of a record is the decision.
        if (Object.keys(effect.record.stages).length === 0) host.observe({ kind: 'takeover', node: host.number, epoch: effect.record.epoch, reason: effect.record.reason });
        return;
      case 'refused':
      case 'log':
    }
  }
}

/** The succession on a candidate; `wrap` changes it for trials of the checkers. */
export const succession = (wrap: (core: Succession) => SuccessionMachine = (core) => core): Fit => ({ name: 'gateway', on: (host) => new GatewayService(host, wrap) });
