// How far each blade has come, by its own word and by what was fetched: soft state for `status`, lost with power.

import type { Mac } from '../core/mac.ts';
import type { Instant } from '../core/machine.ts';

/** Anybody on the boot network can report anything: the entry that was heard of longest ago makes room. */
export const BLADES_MAX = 1024;

/** The last stage that a blade was seen in. */
export interface BladeStage {
  readonly mac: Mac;
  readonly step: string;
  readonly detail: string;
  readonly at: Instant;
}

export class StageBook {
  readonly #stages = new Map<Mac, BladeStage>();

  /** Notes a stage. Returns false when it is the one already noted, so that it need not be logged again. */
  note(stage: BladeStage): boolean {
    const before = this.#stages.get(stage.mac);
    this.#stages.delete(stage.mac);
    this.#stages.set(stage.mac, stage);
    for (const oldest of this.#stages.keys()) {
      if (this.#stages.size <= BLADES_MAX) break;
      this.#stages.delete(oldest);
    }
    return before?.step !== stage.step || before.detail !== stage.detail;
  }

  /** All blades, the one heard of longest ago first. */
  list(): readonly BladeStage[] {
    return Array.from(this.#stages.values());
  }
}
