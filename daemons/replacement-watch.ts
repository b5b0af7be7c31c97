// Looks every few seconds whether a number that was opened has found its blade, and asks root to carry out what was decided.

import { ReplacementDecider, type ReplacementFacts, replacementRequest } from './agent/replacement.ts';
import type { Mac } from './core/mac.ts';
import type { Instant } from './core/machine.ts';
import { now } from './host/clock.ts';
import { type Logger, writeLog } from './host/log.ts';
import { writeRequest } from './host/request-file.ts';

const LOOK_MS = 5_000;

/** What is known at a moment; `booting`: when the blades of nodes were last heard asking for a boot. */
export interface WatchedFacts extends Omit<ReplacementFacts, 'unixMs' | 'heard'> {
  readonly alive: readonly number[];
  readonly booting: readonly { readonly node: number; readonly at: Instant }[];
}

export interface ReplacementWatchOptions {
  /** This node's number. */
  readonly self: number;
  /** Where root is asked: live-dvd/overlay/usr/lib/systemd/system/metamaster-replace.path waits for it. */
  readonly path: string;
  readonly log: Logger;
  /** Undefined while this machine decides nothing. */
  readonly facts: () => WatchedFacts | undefined;
}

/** Looks for as long as the process runs. */
export function watchReplacement({ self, path, log, facts: gather }: ReplacementWatchOptions): void {
  const decider = new ReplacementDecider(self);
  const look = (): void => {
    const facts = gather();
    if (facts === undefined) return;
    const at = now();
    // Who is booting is heard of as well as who runs.
    const booting = facts.booting.filter((blade) => at - blade.at <= 2 * LOOK_MS).map(({ node }) => node);
    for (const effect of decider.step(at, { ...facts, unixMs: Date.now(), heard: [...facts.alive, ...booting] })) {
      if (effect.kind === 'log') writeLog(log, effect);
      else ask(effect.node, effect.mac);
    }
  };
  const ask = (node: number, mac: Mac): void => {
    log.warn({ node, mac }, 'replacement.decided');
    try {
      writeRequest(path, replacementRequest(node, mac));
    } catch (error) {
      log.error({ code: 'MM-REPLACE-NOT-ASKED', path, node, mac, reason: (error as Error).message, remedy: `metamaster node replace ${node} --mac ${mac}` }, 'replacement.not-asked');
    }
  };
  setInterval(look, LOOK_MS).unref();
}
