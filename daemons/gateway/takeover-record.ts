// What a takeover leaves: its timeline. `metamaster gateway status` shows it, and the bench measures with it.

import type { Instant } from '../core/machine.ts';

/** Takeovers that are remembered; at one a minute, a quarter of an hour. */
const RECORDS_MAX = 16;

/** `silence`: the holder was silent on all networks. `released`: it let go. `vacant`: there was none since this node began to listen. */
export type TakeoverReason = 'silence' | 'released' | 'vacant';

/** Stages that the shell reports: the address is up, its ARP is sent, the first packet was forwarded. */
export const TAKEOVER_STAGES = ['address', 'arp', 'forwarded'] as const;
export type TakeoverStage = (typeof TAKEOVER_STAGES)[number];

/** One takeover by this node. All instants are of this process' monotonic clock. */
export interface TakeoverRecord {
  readonly epoch: number;
  readonly node: number;
  readonly reason: TakeoverReason;
  /** Who held the addresses before, if anybody was heard. */
  readonly former: number | undefined;
  /** The former holder's last beat on each shared network; undefined: that network never brought one. */
  readonly lastBeats: readonly { readonly network: string; readonly at: Instant | undefined }[];
  /** Undefined when nobody was silent. */
  readonly suspectedAt: Instant | undefined;
  readonly decidedAt: Instant;
  readonly stages: Readonly<Partial<Record<TakeoverStage, Instant>>>;
}

/** The record with one more stage; the first report of a stage counts. */
function withStage(record: TakeoverRecord, stage: TakeoverStage, at: Instant): TakeoverRecord {
  return stage in record.stages ? record : { ...record, stages: { ...record.stages, [stage]: at } };
}

/** The newest takeovers, the last one behind all others. */
export class TakeoverRecords {
  readonly #records: TakeoverRecord[] = [];

  get all(): readonly TakeoverRecord[] {
    return this.#records;
  }

  add(record: TakeoverRecord): void {
    this.#records.push(record);
    if (this.#records.length > RECORDS_MAX) this.#records.shift();
  }

  /** Notes a stage of the last takeover; its record, or undefined when that tells nothing new. */
  note(stage: TakeoverStage, at: Instant): TakeoverRecord | undefined {
    const last = this.#records.at(-1);
    const record = last && withStage(last, stage, at);
    if (record === undefined || record === last) return undefined;
    this.#records[this.#records.length - 1] = record;
    return record;
  }
}
