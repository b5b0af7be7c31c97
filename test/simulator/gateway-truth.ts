// What is so of the gateway, whatever its candidates believe: whose kernel answers for the moving addresses, and whom each host's ARP cache names.

import type { SuccessionStatus } from '../../daemons/gateway/succession-types.ts';
import type { GatewaySetting } from './adapter.ts';
import { KERNEL_TICK_MS } from './limits.ts';

export class GatewayTruth {
  /** Undefined: this run has none. */
  readonly setting: GatewaySetting | undefined;
  /** Whose kernels have the addresses. */
  readonly #holders = new Set<number>();
  readonly #gateUntilMs = new Map<number, number>();
  readonly #status = new Map<number, () => SuccessionStatus>();
  /** By host, who announced itself to it last. */
  readonly #arp = new Map<number, number>();
  /** When the administrator last said who shall have it. */
  switchedAtMs = -Infinity;

  constructor(setting: GatewaySetting | undefined) {
    this.setting = setting;
  }

  get candidates(): readonly number[] {
    return this.setting?.candidates ?? [];
  }

  hold(number: number, holds: boolean): void {
    if (holds) this.#holders.add(number);
    else this.#holders.delete(number);
  }

  openGate(nowMs: number, number: number, forMs: number): void {
    this.#gateUntilMs.set(number, nowMs + forMs + KERNEL_TICK_MS);
  }

  gateUntilMs(number: number): number {
    return this.#gateUntilMs.get(number) ?? 0;
  }

  /** Its kernel answers ARP for the addresses and forwards. */
  answers(nowMs: number, number: number): boolean {
    return this.#holders.has(number) && this.gateUntilMs(number) > nowMs;
  }

  answering(nowMs: number): readonly number[] {
    return this.candidates.filter((number) => this.answers(nowMs, number));
  }

  holds(number: number): boolean {
    return this.#holders.has(number);
  }

  setStatus(number: number, status: () => SuccessionStatus): void {
    this.#status.set(number, status);
  }

  status(number: number): SuccessionStatus | undefined {
    return this.#status.get(number)?.();
  }

  /** A machine has lost its power, or is started: it knows and has nothing. */
  forget(number: number): void {
    this.#holders.delete(number);
    this.#gateUntilMs.delete(number);
    this.#status.delete(number);
    this.#arp.delete(number);
  }

  learn(host: number, holder: number): void {
    this.#arp.set(host, holder);
  }

  /** Undefined: it has heard of none, and would ask. */
  arpOf(host: number): number | undefined {
    return this.#arp.get(host);
  }
}
