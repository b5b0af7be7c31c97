// How far the blades have come, as one node sees it: kept for `status`, and told once in log and console.

import { type BladeStage, StageBook } from './agent/stage-book.ts';
import type { Mac } from './core/mac.ts';
import { nodeOfMac, type Roster } from './core/roster.ts';
import { now } from './host/clock.ts';
import { type Logger, stage } from './host/log.ts';
import type { StageReport } from './wire/stage-report.ts';

export class BladeLog {
  readonly #book = new StageBook();
  #roster: Roster;
  readonly #log: Logger;

  constructor(roster: Roster, log: Logger) {
    this.#roster = roster;
    this.#log = log;
  }

  /** Another roster from now on: by it blades are named. */
  useRoster(roster: Roster): void {
    this.#roster = roster;
  }

  /** Notes a stage; only what is new is told. */
  note(mac: Mac, step: string, detail: string): void {
    if (this.#told(mac, step, detail)) stage('served', `${this.#nameOf(mac)} ${step} ${detail}`);
  }

  /**
   * Notes what a blade says of itself. It is on that blade's own console already: the consoles of all others would only be slowed down,
   * for a line on a serial console holds its writer up.
   */
  heard({ mac, step, detail, failed, tries }: StageReport): void {
    this.#told(mac, step, failed === true ? `failed (try ${tries ?? 1}): ${detail}` : detail);
  }

  #nameOf(mac: Mac): string {
    return nodeOfMac(this.#roster, mac)?.name ?? mac;
  }

  #told(mac: Mac, step: string, detail: string): boolean {
    if (!this.#book.note({ mac, step, detail, at: now() })) return false;
    this.#log.info({ mac, node: this.#nameOf(mac), step, detail }, 'blade.stage');
    return true;
  }

  /** All blades, the one heard of longest ago first. */
  list(): readonly BladeStage[] {
    return this.#book.list();
  }
}
