// Watches owner records until it is known of each whether it stands still: a machine that maps a volume renews its record every 5 s, and
// nothing is written over a record that changed within OWNER_STILL_MS. The shell reads the blocks and keeps the clock.

import { equalBytes } from '../core/bytes.ts';
import { after, type Instant, type Machine } from '../core/machine.ts';
import { OWNER_STILL_MS } from './ownership.ts';

/** How often the records are read: often enough to tell a moving one at its next renewal. */
export const OWNER_LOOK_MS = 2500;

/** The owner blocks by the names of their volumes, as they were read just now. */
export type OwnerBlocks = ReadonlyMap<string, Uint8Array>;

/** `moved`: that record changed, so a kernel runs; `progress`: how long those that are waited for have stood still; `done`: nothing is left to be waited for. */
export type WatchEffect = { readonly kind: 'moved'; readonly volume: string } | { readonly kind: 'progress'; readonly stillMs: number } | { readonly kind: 'done' };

/** One record under watch. */
interface Watched {
  readonly block: Uint8Array;
  readonly since: Instant;
  readonly moved: boolean;
}

/** The watch. A record that moved once is not waited for any longer: its machine runs, or ran a moment ago. */
export class OwnerWatch implements Machine<OwnerBlocks, WatchEffect> {
  readonly #volumes = new Map<string, Watched>();
  #deadline: Instant | undefined = 0 as Instant;

  step(now: Instant, blocks: OwnerBlocks): readonly WatchEffect[] {
    const effects: WatchEffect[] = [];
    for (const [volume, block] of blocks) {
      const before = this.#volumes.get(volume);
      if (before !== undefined && equalBytes(before.block, block)) continue;
      this.#volumes.set(volume, { block, since: now, moved: before !== undefined });
      if (before !== undefined && !before.moved) effects.push({ kind: 'moved', volume });
    }
    const waited = [...this.#volumes.values()].filter(({ moved, since }) => !moved && now - since < OWNER_STILL_MS);
    this.#deadline = waited.length > 0 ? after(now, OWNER_LOOK_MS) : undefined;
    effects.push(waited.length > 0 ? { kind: 'progress', stillMs: Math.min(...waited.map(({ since }) => now - since)) } : { kind: 'done' });
    return effects;
  }

  deadline(): Instant | undefined {
    return this.#deadline;
  }

  /** Since how many milliseconds each record has not changed; of one that was seen once, since then. */
  stillMs(now: Instant): ReadonlyMap<string, number> {
    return new Map([...this.#volumes].map(([volume, { since }]) => [volume, now - since]));
  }
}
