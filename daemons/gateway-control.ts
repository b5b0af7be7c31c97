// What `metamaster gateway` asks and is told, over gatewayd's control socket; and the takeovers, whose instants become times here.

import type { BeatThreadStatus, FromBeatThread, ToBeatThread } from './gateway-thread.ts';
import type { Instant } from './core/machine.ts';
import type { OutsideDropped } from './gateway/present-state.ts';
import type { TakeoverRecord } from './gateway/takeover-record.ts';
import { recordTime } from './host/clock.ts';
import type { Logger } from './host/log.ts';

/** The beating thread looks at its messages with each beat; a second without an answer is no busy thread but a dead one. */
const ANSWER_MS = 3000;
/** Questions that wait at once: the control socket lets in fewer. */
const WAITING_MAX = 64;

/** A takeover with times of day in milliseconds since 1970, null where a stage is not known. */
export interface TakeoverTimes {
  readonly epoch: number;
  readonly node: number;
  readonly reason: TakeoverRecord['reason'];
  readonly former: number | null;
  readonly lastBeatUnixMs: number | null;
  readonly suspectedUnixMs: number | null;
  readonly decidedUnixMs: number;
  readonly addressUnixMs: number | null;
  readonly arpUnixMs: number | null;
  readonly firstPacketUnixMs: number | null;
}

/** What `status` is answered with. `candidate` false: this node is none, and the rest is empty. */
export interface GatewayStatus extends Omit<BeatThreadStatus, 'takeovers' | 'now'> {
  readonly node: number;
  readonly takeovers: readonly TakeoverTimes[];
}

/** What `filter` is answered with; null: this node is no candidate, or there is no network outside. */
export type FilterAnswer = { readonly open: readonly string[]; readonly dropped: OutsideDropped } | null;

/** What `switch` and `drain` are answered with. */
export interface GatewayAnswer {
  /** Null: it was accepted. */
  readonly refused: string | null;
}

/** `null`: this node is no candidate. */
export type StatusAnswer = GatewayStatus | null;

/** The record with times; `now` is the beating thread's clock at this very moment. */
export function takeoverTimes(record: TakeoverRecord, now: Instant, unixMs: number): TakeoverTimes {
  const time = (at: Instant | undefined): number | null => (at === undefined ? null : Math.round((unixMs - (now - at)) * 10) / 10);
  const heard = record.lastBeats.flatMap(({ at }) => (at === undefined ? [] : [at]));
  return {
    epoch: record.epoch, node: record.node, reason: record.reason, former: record.former ?? null,
    lastBeatUnixMs: time(heard.length === 0 ? undefined : (Math.max(...heard) as Instant)), suspectedUnixMs: time(record.suspectedAt), decidedUnixMs: time(record.decidedAt)!,
    addressUnixMs: time(record.stages.address), arpUnixMs: time(record.stages.arp), firstPacketUnixMs: time(record.stages.forwarded),
  };
}

/** The timeline in milliseconds from the decision, for the log. */
function timelineFields(times: TakeoverTimes): Record<string, string | number> {
  const rounded = (ms: number): number => Math.round(ms * 10) / 10;
  const stages = { lastBeat: times.lastBeatUnixMs, suspected: times.suspectedUnixMs, address: times.addressUnixMs, arp: times.arpUnixMs, firstPacket: times.firstPacketUnixMs };
  const known = Object.entries(stages).flatMap(([name, at]) => (at === null ? [] : [[`${name}Ms`, rounded(at - times.decidedUnixMs)] as const]));
  return { epoch: times.epoch, reason: times.reason, former: times.former ?? 0, decided: new Date(times.decidedUnixMs).toISOString(), ...Object.fromEntries(known) };
}

export class GatewayControl {
  readonly #node: number;
  readonly #filter: () => Promise<FilterAnswer>;
  readonly #tell: (message: ToBeatThread) => boolean;
  readonly #waiting = new Map<number, (answer: FromBeatThread | undefined) => void>();
  #nextId = 1;
  #drainedByRoster = false;
  #drainedByCommand = false;

  constructor(node: number, tell: (message: ToBeatThread) => boolean, filter: () => Promise<FilterAnswer>) {
    this.#node = node;
    this.#filter = filter;
    this.#tell = tell;
  }

  /** For `openControlSocket`. */
  get answers(): Readonly<Record<string, (data: unknown) => unknown>> {
    return {
      status: () => this.#status(),
      filter: () => this.#filter(),
      switch: (data) => this.#answer((id) => ({ kind: 'switch', id, to: numberIn(data, 'to') })),
      drain: (data) => {
        this.#drainedByCommand = (data as { drained?: unknown } | null)?.drained === true;
        return this.#answer((id) => this.#drained(id));
      },
    };
  }

  /** What the roster says of this node counts beside what was commanded here. */
  drainedByRoster(drained: boolean): void {
    this.#drainedByRoster = drained;
    this.#tell(this.#drained(0));
  }

  hear(message: Extract<FromBeatThread, { kind: 'status' | 'answer' | 'timeline' }>, log: Logger): void {
    if (message.kind === 'timeline') {
      // Once when it is done, and once more when its first packet has passed.
      if (message.record.stages.arp !== undefined) log.warn(timelineFields(takeoverTimes(message.record, message.now, recordTime())), 'gateway.timeline');
      return;
    }
    this.#waiting.get(message.id)?.(message);
  }

  #drained(id: number): ToBeatThread {
    return { kind: 'drain', id, drained: this.#drainedByRoster || this.#drainedByCommand };
  }

  async #ask(question: (id: number) => ToBeatThread): Promise<FromBeatThread | undefined> {
    if (this.#waiting.size >= WAITING_MAX) throw new Error('too many questions wait for the beating thread');
    const id = this.#nextId++;
    if (!this.#tell(question(id))) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<FromBeatThread | undefined>();
    this.#waiting.set(id, resolve);
    const timer = setTimeout(() => reject(new Error('the beating thread does not answer')), ANSWER_MS);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(id);
    });
  }

  async #status(): Promise<StatusAnswer> {
    const answer = await this.#ask((id) => ({ kind: 'status', id }));
    if (answer?.kind !== 'status') return null;
    const { takeovers, now, ...rest } = answer.status;
    return { node: this.#node, ...rest, takeovers: takeovers.map((record) => takeoverTimes(record, now, recordTime())) };
  }

  async #answer(question: (id: number) => ToBeatThread): Promise<GatewayAnswer> {
    const answer = await this.#ask(question);
    if (answer === undefined) return { refused: 'this node is no candidate' };
    return { refused: answer.kind === 'answer' ? (answer.refused ?? null) : 'the beating thread gave another answer' };
  }
}

function numberIn(data: unknown, key: string): number | undefined {
  const value = typeof data === 'object' && data !== null ? (data as Record<string, unknown>)[key] : undefined;
  return typeof value === 'number' && Number.isInteger(value) ? value : undefined;
}
