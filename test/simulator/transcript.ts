// A run as prose: one line for each thing that happened. Nodes that change their minds about the same node in the same way within a second
// share a line, at the time of the first.

import { formatNumbers } from './number-list.ts';
import { observationText, type Observation } from './observation.ts';

/** Views are drawn together for so long. */
const VIEW_GROUP_MS = 1000;

type View = Observation & { kind: 'view' };

const timeText = (ms: number): string => (ms / 1000).toFixed(3).padStart(8);

export class Transcript {
  readonly #lines: string[] = [];
  readonly #views = new Map<number, View>();
  /** What was seen of which node, by whom. */
  readonly #group = new Map<string, { readonly by: Set<number>; readonly singular: string; readonly plural: string }>();
  #groupFromMs = 0;

  note(atMs: number, seen: Observation): void {
    if (seen.kind !== 'view') {
      this.#endGroup();
      this.#lines.push(`${timeText(atMs)}  ${observationText(seen)}`);
      // Whoever is started anew knows nothing.
      if (seen.kind === 'state') this.#views.delete(seen.node);
      return;
    }
    if (atMs > this.#groupFromMs + VIEW_GROUP_MS) this.#endGroup();
    if (this.#group.size === 0) this.#groupFromMs = atMs;
    const before = this.#views.get(seen.node) ?? { alive: [seen.node], suspects: [] };
    this.#views.set(seen.node, seen);
    const told = (numbers: readonly number[], other: readonly number[], singular: string, plural: string): void => {
      for (const number of numbers) if (!other.includes(number)) this.#add(seen.node, `${singular} ${number}`, `${plural} ${number}`);
    };
    told(seen.suspects, before.suspects, 'suspects', 'suspect');
    told(before.suspects.filter((number) => seen.alive.includes(number)), seen.suspects, 'trusts', 'trust');
    told(before.alive, seen.alive, 'buries', 'bury');
    told(seen.alive, before.alive, 'finds', 'find');
  }

  #add(by: number, singular: string, plural: string): void {
    const entry = this.#group.get(singular) ?? { by: new Set(), singular, plural };
    entry.by.add(by);
    this.#group.set(singular, entry);
  }

  #endGroup(): void {
    for (const { by, singular, plural } of this.#group.values()) {
      this.#lines.push(`${timeText(this.#groupFromMs)}  ${formatNumbers([...by].sort((a, b) => a - b))} ${by.size === 1 ? singular : plural}`);
    }
    this.#group.clear();
  }

  lines(): readonly string[] {
    this.#endGroup();
    return this.#lines;
  }
}
