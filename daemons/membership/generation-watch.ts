// Which registry each node follows, what the newest is that anybody spoke of, and since when a node has stood behind it.

import type { Instant } from '../core/machine.ts';

/** Which registry a node follows. */
export interface GenerationRow {
  readonly node: number;
  readonly generation: number;
  /** Since when it has stood at this generation although there is a newer one; undefined: it has the newest that is known. */
  readonly behindSince: Instant | undefined;
}

interface Standing {
  readonly generation: number;
  readonly behindSince: Instant | undefined;
}

export class GenerationWatch {
  #newest: number;
  readonly #standing = new Map<number, Standing>();

  constructor(newest: number) {
    this.#newest = newest;
  }

  /** Returns true when it is newer than all before. It never goes down: what was recorded brings nothing. */
  hear(now: Instant, generation: number): boolean {
    if (generation <= this.#newest) return false;
    this.#newest = generation;
    for (const [node, standing] of this.#standing) this.#standing.set(node, { ...standing, behindSince: standing.behindSince ?? now });
    return true;
  }

  /** A node that advances, though not to the newest, begins to count anew: it follows. */
  stands(now: Instant, node: number, generation: number): void {
    if (this.#standing.get(node)?.generation === generation) return;
    this.#standing.set(node, { generation, behindSince: generation < this.#newest ? now : undefined });
  }

  /** Who is not alive does not count. */
  drop(node: number): void {
    this.#standing.delete(node);
  }

  /** Ascending by number. */
  rows(): readonly GenerationRow[] {
    return Array.from(this.#standing, ([node, standing]) => ({ node, ...standing })).sort((a, b) => a.node - b.node);
  }
}
