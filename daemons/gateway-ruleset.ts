// Loads the gateway's packet filter and looks now and then whether it is still there. Starting nft takes its time: none of this happens at a
// takeover, whose ruleset is that of every other role.

import { GATE_TABLE, type Ruleset } from './gateway/gate-ruleset.ts';
import { type OutsideDropped, readOutsideDropped, readRulesetShape } from './gateway/present-state.ts';
import type { Logger } from './host/log.ts';
import { run } from './host/run.ts';

/** A table that somebody removed is back within this time; a flush of all rules is how people mend other things. */
const CHECK_MS = 10_000;
/** The first load brings the kernel's modules with it, from the SAN (on an emulated blade: 11 s); who takes longer waits for a lock of the kernel. */
const LIMITS = { timeMs: 30_000, output: 4 * 1024 * 1024 } as const;

export class RulesetKeeper {
  readonly #log: Logger;
  #wanted: Ruleset | undefined;

  constructor(log: Logger) {
    this.#log = log;
    setInterval(() => void this.#check(), CHECK_MS).unref();
  }

  /** Makes it so, and keeps it so. Rejects with CommandError when nft refuses, e.g. because an interface is not there. */
  async keep(ruleset: Ruleset): Promise<void> {
    this.#wanted = ruleset;
    const listed = await run(['nft', '-j', 'list', 'ruleset'], { limits: LIMITS });
    if (readRulesetShape(listed.output) === ruleset.shape) return;
    await run(['nft', '-f', '-'], { input: ruleset.text, limits: LIMITS });
    this.#log.info({ shape: ruleset.shape }, 'gateway.ruleset-loaded');
  }

  /** What it has dropped of what came from outside; undefined where there is no outside. */
  async dropped(): Promise<OutsideDropped | undefined> {
    const listed = await run(['nft', '-j', 'list', 'counters', 'table', 'inet', GATE_TABLE], { limits: LIMITS, accept: 'any' });
    return readOutsideDropped(listed.output);
  }

  async #check(): Promise<void> {
    if (this.#wanted === undefined) return;
    try {
      await this.keep(this.#wanted);
    } catch (error) {
      this.#log.error({ reason: (error as Error).message }, 'gateway.ruleset-failed');
    }
  }
}
