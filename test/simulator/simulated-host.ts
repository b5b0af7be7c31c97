// One process of a machine: a clock, the services that run in it, and that it may stand still. What comes meanwhile waits in its
// sockets, as far as they hold it; and when it goes on, its timers come first, as they do on a real event loop, but for those of a service
// that reads its sockets before it believes them.

import type { Datagram, News, Service } from './adapter.ts';
import type { EventQueue } from './event-queue.ts';
import { SOCKET_HOLDS, TIMER_LATE_MS } from './limits.ts';
import type { NodeClock } from './node-clock.ts';
import type { Random } from './random.ts';

interface Running {
  readonly service: Service;
  readonly ports: readonly number[];
  /** The deadline that a timer is set for; `stamp` tells it from earlier timers. */
  deadline: number | undefined;
  stamp: number;
  due: boolean;
}

export interface HostSurroundings {
  readonly queue: EventQueue;
  readonly clock: NodeClock;
  readonly random: Random;
  /** The time of the simulation. */
  readonly nowMs: () => number;
  /** How long it waits for the processor at most when that is scarce. */
  readonly starveMaxMs: number;
  /** A datagram found its socket full. */
  readonly overflown: () => void;
}

export class SimulatedHost {
  readonly clock: NodeClock;
  readonly #around: HostSurroundings;
  #running: Running[] = [];
  #inbox: Datagram[] = [];
  /** Grows with each start: what was set for an earlier one is void. */
  #start = 0;
  #standsUntilMs = 0;
  #wakesAtMs = 0;
  #starvedUntilMs = 0;

  constructor(around: HostSurroundings) {
    this.#around = around;
    this.clock = around.clock;
  }

  /** Ends what ran, and forgets all of it; then these services run, each told first to start. */
  begin(services: readonly Service[]): void {
    this.#start += 1;
    this.#inbox = [];
    this.#standsUntilMs = 0;
    this.#wakesAtMs = 0;
    this.#starvedUntilMs = 0;
    this.#running = services.map((service) => ({ service, ports: service.ports, deadline: undefined, stamp: 0, due: false }));
    const start = this.#start;
    for (const one of this.#running) {
      one.service.start(this.#now());
      this.#after(one, start);
    }
    if (start !== this.#start) throw new Error('a service ended its host while that was starting');
  }

  /** The process stands still until then. */
  pause(untilMs: number): void {
    this.#standsUntilMs = Math.max(this.#standsUntilMs, untilMs);
  }

  /** Until then the process waits for the processor after whatever it does. */
  starve(untilMs: number): void {
    this.#starvedUntilMs = Math.max(this.#starvedUntilMs, untilMs);
  }

  hear(datagram: Datagram): void {
    if (!this.#listens(datagram.port)) return;
    if (!this.#stands()) return this.#take(datagram);
    if (this.#inbox.length < SOCKET_HOLDS) this.#inbox.push(datagram);
    else this.#around.overflown();
  }

  #listens(port: number): boolean {
    for (const { ports } of this.#running) if (ports.includes(port)) return true;
    return false;
  }

  /** Takes the oldest datagram that waits for one of these ports out of its socket. */
  waiting(ports: readonly number[]): Datagram | undefined {
    const at = this.#inbox.findIndex(({ port }) => ports.includes(port));
    return at < 0 ? undefined : this.#inbox.splice(at, 1)[0];
  }

  /** As soon as the process runs; never, when it is started anew before. */
  whenItRuns(then: () => void): void {
    const start = this.#start;
    if (this.#stands()) {
      this.#around.queue.put(this.#standsUntilMs, () => {
        if (start === this.#start) this.whenItRuns(then);
      });
    } else then();
  }

  /** Told by another service of this host, in the midst of its step, or from outside. */
  tell(news: News): void {
    for (const one of this.#running) {
      const start = this.#start;
      one.service.told(this.#now(), news);
      this.#after(one, start);
    }
  }

  #now() {
    return this.clock.at(this.#around.nowMs());
  }

  #stands(): boolean {
    const standsUntilMs = this.#standsUntilMs;
    if (standsUntilMs === 0) return false;
    const { queue, nowMs } = this.#around;
    if (standsUntilMs <= nowMs()) return false;
    if (this.#wakesAtMs !== standsUntilMs) {
      this.#wakesAtMs = standsUntilMs;
      const start = this.#start;
      queue.put(standsUntilMs, () => {
        if (start === this.#start) this.#wake();
      });
    }
    return true;
  }

  #wake(): void {
    if (this.#stands()) return;
    for (const one of this.#running) if (one.due && !one.service.drainsFirst) this.#due(one);
    for (let datagram = this.#inbox.shift(); datagram !== undefined; datagram = this.#inbox.shift()) this.#take(datagram);
    for (const one of this.#running) if (one.due) this.#due(one);
  }

  #take(datagram: Datagram): void {
    const start = this.#start;
    for (const one of this.#running) {
      if (start !== this.#start || !one.ports.includes(datagram.port)) continue;
      one.service.hear(this.#now(), datagram);
      this.#after(one, start);
    }
  }

  #due(one: Running): void {
    if (!one.due) return;
    one.due = false;
    // The timer is spent, also where the machine finds that its deadline has not come yet.
    one.deadline = undefined;
    const start = this.#start;
    one.service.due(this.#now());
    this.#after(one, start);
  }

  /** The service has been stepped, at this start of the host. */
  #after(one: Running, start: number): void {
    if (start !== this.#start) return;
    this.#setTimer(one);
    if (this.#starvedUntilMs === 0) return;
    const { random, nowMs } = this.#around;
    // What it has taken out of its sockets it deals with at once; for the next it waits.
    if (this.#starvedUntilMs > nowMs()) this.#standsUntilMs = Math.max(this.#standsUntilMs, nowMs() + random.fraction() ** 2 * this.#around.starveMaxMs);
  }

  /** As MachineLoop sets it: rounded up to whole milliseconds, and a timer of none is one of one. */
  #setTimer(one: Running): void {
    const deadline = one.service.deadline();
    if (deadline === one.deadline && deadline !== undefined && !this.#isPast(deadline)) return;
    const { queue, random, nowMs } = this.#around;
    one.deadline = deadline;
    one.stamp += 1;
    if (deadline === undefined) return;
    const waitMs = Math.max(1, Math.ceil(deadline - this.#now())) + random.fraction() * (TIMER_LATE_MS - 1);
    const { stamp } = one;
    const start = this.#start;
    queue.put(nowMs() + this.clock.simulated(waitMs), () => {
      if (start !== this.#start || stamp !== one.stamp) return;
      one.due = true;
      if (!this.#stands()) this.#due(one);
    });
  }

  #isPast(deadline: number): boolean {
    return deadline <= this.#now();
  }
}
