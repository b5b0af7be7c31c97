// One machine of the rack: the process of its services, and the one of the gateway, which may stand still by itself and has the processor when
// it wants it.

import type { Datagram, News, Service } from './adapter.ts';
import { STARVE_MAX_MS, STARVE_REAL_TIME_MAX_MS } from './limits.ts';
import type { NodeClock } from './node-clock.ts';
import { type HostSurroundings, SimulatedHost } from './simulated-host.ts';

export class SimulatedNode {
  readonly clock: NodeClock;
  readonly #services: SimulatedHost;
  readonly #gateway: SimulatedHost;

  constructor(around: Omit<HostSurroundings, 'starveMaxMs'>) {
    this.clock = around.clock;
    this.#services = new SimulatedHost({ ...around, starveMaxMs: STARVE_MAX_MS });
    this.#gateway = new SimulatedHost({ ...around, starveMaxMs: STARVE_REAL_TIME_MAX_MS });
  }

  /** Ends what ran, and forgets all of it; then these run. */
  begin(services: readonly Service[], gateway: readonly Service[] = []): void {
    this.#gateway.begin([]);
    this.#services.begin(services);
    this.#gateway.begin(gateway);
  }

  /** Both processes stand still until then. */
  pause(untilMs: number): void {
    this.#services.pause(untilMs);
    this.#gateway.pause(untilMs);
  }

  /** The gateway's process alone. */
  freeze(untilMs: number): void {
    this.#gateway.pause(untilMs);
  }

  starve(untilMs: number): void {
    this.#services.starve(untilMs);
    this.#gateway.starve(untilMs);
  }

  hear(datagram: Datagram): void {
    this.#services.hear(datagram);
    this.#gateway.hear(datagram);
  }

  /** Out of the sockets of the gateway's process. */
  waiting(ports: readonly number[]): Datagram | undefined {
    return this.#gateway.waiting(ports);
  }

  /** As soon as the services' process runs; never, when it is started anew before. */
  whenItRuns(then: () => void): void {
    this.#services.whenItRuns(then);
  }

  /** To every service; the gateway's hears it as soon as it runs. */
  tell(news: News): void {
    this.#services.tell(news);
    this.#gateway.whenItRuns(() => this.#gateway.tell(news));
  }
}
