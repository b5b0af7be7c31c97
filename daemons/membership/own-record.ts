// What this node says of itself: its life, which it alone may begin anew, and its description, whose sequence grows with every change.

import { factsProblem, INCARNATION_MAX } from '../wire/membership-packet.ts';
import type { Description, Facts, Sender } from '../wire/membership-packet.ts';
import type { Life } from './member-table.ts';

export interface OwnRecordOptions {
  readonly node: number;
  readonly start: string;
  /** Best the Unix time in seconds: then a restarted node is mostly beyond its former life at once. Whatever it is, it is corrected. */
  readonly firstIncarnation: number;
  readonly generation: number;
}

export class OwnRecord {
  readonly #options: OwnRecordOptions;
  #incarnation: number;
  #description: Description;
  /** Made when it is asked for first after a change: every datagram has it. */
  #sender: Sender | undefined;

  constructor(options: OwnRecordOptions) {
    this.#options = options;
    this.#incarnation = Math.min(INCARNATION_MAX - 1, Math.max(1, Math.floor(options.firstIncarnation)));
    this.#description = { sequence: 1, serving: false, present: true, rosterGeneration: options.generation, facts: new Map() };
  }

  get life(): Life {
    return { start: this.#options.start, incarnation: this.#incarnation };
  }

  get description(): Description {
    return this.#description;
  }

  get sender(): Sender {
    const { sequence, rosterGeneration } = this.#description;
    this.#sender ??= { node: this.#options.node, ...this.life, sequence, rosterGeneration };
    return this.#sender;
  }

  /** Another's word about this node: true when a later life has to be begun against it. */
  isContradictedBy({ start, incarnation }: Life, alive: boolean): boolean {
    return incarnation > this.#incarnation || (incarnation === this.#incarnation && (start !== this.#options.start || !alive));
  }

  /** Begins a later life than `incarnation`. */
  rise(incarnation: number): void {
    this.#incarnation = Math.min(INCARNATION_MAX, Math.max(incarnation, this.#incarnation) + 1);
    this.#sender = undefined;
  }

  /** Returns false when nothing of it is news. Throws RangeError for facts that cannot be told. */
  change(fields: Partial<Omit<Description, 'sequence'>>): boolean {
    const next = { ...this.#description, ...fields };
    const problem = factsProblem(next.facts);
    if (problem !== undefined) throw new RangeError(problem);
    const { serving, present, rosterGeneration, facts, sequence } = this.#description;
    if (next.serving === serving && next.present === present && next.rosterGeneration === rosterGeneration && sameFacts(next.facts, facts)) return false;
    this.#description = { ...next, sequence: sequence + 1 };
    this.#sender = undefined;
    return true;
  }
}

const sameFacts = (a: Facts, b: Facts): boolean => a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
