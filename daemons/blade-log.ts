// How far the blades have come, as one node sees it: kept for `status`, and told once in log and console.

import { type BladeStage, StageBook } from './agent/stage-book.ts';
import type { Mac } from './core/mac.ts';
import { nodeOfMac, type Roster } from './core/roster.ts';
import { now } from './host/clock.ts';
import { type Logger, stage } from './host/log.ts';

export class BladeLog {
  readonly #book = new StageBook();
  readonly #roster: Roster;
  readonly #log: Logger;

  constructor(roster: Roster, log: Logger) {
    this.#roster = roster;
    this.#log = log;
  }

  /** Notes a stage; only what is new is told. */
  note(mac: Mac, step: string, detail: string): void {
    if (!this.#book.note({ mac, step, detail, at: now() })) return;
    const name = nodeOfMac(this.#roster, mac)?.name ?? mac;
    this.#log.info({ mac, node: name, step, detail }, 'blade.stage');
    stage('served', `${name} ${step} ${detail}`);
  }

  /** All blades, the one heard of longest ago first. */
  list(): readonly BladeStage[] {
    return this.#book.list();
  }
}
