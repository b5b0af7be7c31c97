// Who of the candidates has the gateway's addresses. The one that has them says so with each beat; when it is silent on all shared
// networks the next one takes them. Of two holders that hear each other the one with the higher (epoch, rank) goes on, the other is quiet
// at once. The figures, and why they are what they are: beat-timing.ts.

import { logEffect, type LogEffect } from '../core/log-effect.ts';
import { after, type Instant, type Machine } from '../core/machine.ts';
import { type BeatRole, decodeGatewayBeat, encodeGatewayBeat, EPOCH_MAX, type GatewayBeat } from '../wire/gateway-beat.ts';
import { Announcements } from './announcements.ts';
import { AttendedClock } from './attended-clock.ts';
import { type BeatTiming, beatTiming } from './beat-timing.ts';
import { type CandidateRow, CandidateTable, type Claim, outranks } from './candidate-table.ts';
import { HolderBelief } from './holder-belief.ts';
import { QuietLog } from './quiet-log.ts';
import type { HostRole, SuccessionEffect, SuccessionInput, SuccessionOptions, SuccessionStatus } from './succession-types.ts';
import { type TakeoverRecord, TakeoverRecords, type TakeoverStage } from './takeover-record.ts';

/** A candidate that has just started hears what is going on before it stands: a switch port may take its time to pass anything. */
export const START_LISTEN_MS = 1000;
/** A candidate that could not bring the addresses up leaves them to others for so long. */
export const FAILED_REST_MS = 10_000;
/** With preemption: so long a candidate of higher rank must have been fit to stand before it asks for the addresses. */
export const PREEMPT_AFTER_MS = 10_000;
/** So long a candidate that was told to take the addresses asks the holder for them. */
export const SWITCH_WAIT_MS = 1000;

/**
 * The machine. The shell steps it with `tick` once at the start and then at each deadline, performs the effects in their order, and
 * has them done when it steps again. All durations inside are of the attended clock, unless they say otherwise.
 */
export class Succession implements Machine<SuccessionInput, SuccessionEffect> {
  readonly #options: SuccessionOptions;
  readonly #timing: BeatTiming;
  readonly #clock: AttendedClock;
  readonly #table = new CandidateTable();
  #candidates: readonly number[];
  #keys: readonly Uint8Array[];
  #out: SuccessionEffect[] = [];
  #epoch: number;
  #sequence = 0;
  #uplink = false;
  #drained = false;
  /** This node has the addresses. */
  #holds = false;
  /** The gate has lapsed since the last beat: nothing is said or renewed before the sockets were read. */
  #lapsed = false;
  /** True time of the last renewal: the kernel's clock does not stand still with this process. */
  #renewedAt: Instant | undefined;
  readonly #belief: HolderBelief;
  #releasedUntilMs = 0;
  #failedUntilMs = 0;
  /** It has let go for want of an uplink, and nobody was heard to take over since: better the inside network alone than none. */
  #lastResort = false;
  #wantsUntilMs = 0;
  #standsSinceMs: number | undefined;
  #drainAskedAt: Instant | undefined;
  #drainNow = false;
  #nextBeatAt: Instant | undefined;
  #saidRole: BeatRole | undefined;
  #answeredAt: Instant | undefined;
  #toldHost = '';
  readonly #announcements = new Announcements();
  readonly #records = new TakeoverRecords();
  readonly #quietLog = new QuietLog();

  constructor(options: SuccessionOptions) {
    this.#options = options;
    this.#candidates = options.candidates;
    this.#keys = options.keys;
    this.#epoch = options.epoch;
    this.#timing = beatTiming(options.beatMs);
    this.#clock = new AttendedClock(this.#timing.lateMaxMs);
    // Candidates that are switched on together: the primary first, and the others a few beats later.
    this.#belief = new HolderBelief(this.#timing, START_LISTEN_MS - this.#timing.deadAfterMs + 2 * this.#timing.staggerMs * Math.max(0, this.#rank()));
  }

  step(now: Instant, input: SuccessionInput): readonly SuccessionEffect[] {
    const gapMs = this.#clock.advance(now);
    this.#out = [];
    this.#drainNow = false;
    if (this.#holds && this.#renewedAt !== undefined && now - this.#renewedAt >= this.#timing.gateMs) this.#lapsed = true;
    this.#take(now, input);
    // A pause between the last read and this very step could hide what came in it.
    this.#judge(now, input.kind === 'drained' && gapMs <= this.#timing.beatMs);
    this.#tellHost();
    this.#beat(now);
    this.#announce(now);
    // Last, for what it leads to comes after all else of this step.
    if (this.#drainNow) this.#out.push({ kind: 'drain' });
    return this.#out;
  }

  deadline(): Instant | undefined {
    // Before its first step the machine does not know the time; the first step sends at once.
    if (this.#nextBeatAt === undefined) return undefined;
    const times = [this.#nextBeatAt];
    const judgeAt = this.#clock.instantOf(this.#dueMs());
    if (!this.#holds && this.#stands() && this.#drainAskedAt === undefined && judgeAt !== undefined) times.push(judgeAt);
    const announceAt = this.#announcements.deadline();
    if (announceAt !== undefined) times.push(announceAt);
    return Math.min(...times) as Instant;
  }

  status(): SuccessionStatus {
    const newest = Math.max(0, ...this.#table.rows().flatMap(({ heardOn }) => [...heardOn.values()].map(({ at }) => at)));
    return {
      role: this.#hostRole(), epoch: this.#epoch, holder: this.#holds ? this.#options.self : this.#belief.holder?.node, backup: this.#order()[0],
      stands: this.#stands(), uplink: this.#uplink, drained: this.#drained,
      peers: this.#table.rows().map((row) => ({
        node: row.beat.node, role: row.beat.role, uplink: row.beat.uplink, alive: this.#alive(row),
        silentOn: this.#options.networks.filter((network) => newest - (row.heardOn.get(network)?.at ?? -Infinity) >= this.#timing.deadAfterMs),
      })),
      takeovers: this.#records.all,
    };
  }

  #take(now: Instant, input: SuccessionInput): void {
    switch (input.kind) {
      case 'tick':
        return;
      case 'drained':
        this.#drainAskedAt = undefined;
        return;
      case 'datagram':
        this.#hear(now, input.network, input.bytes);
        return;
      case 'uplink':
        this.#uplink = input.usable;
        return;
      case 'drain-node':
        this.#drained = input.drained;
        return;
      case 'switch':
        this.#switch(input.to);
        return;
      case 'candidates':
        this.#candidates = input.candidates;
        this.#table.keep(input.candidates);
        if (this.#holds && this.#rank() < 0) this.#release(this.#order()[0] ?? 0, 'no candidate any more');
        return;
      case 'host-failed':
        this.#failedUntilMs = this.#clock.ms + FAILED_REST_MS;
        this.#out.push(logEffect('error', 'gateway.host-failed', { reason: input.reason }));
        if (this.#holds) this.#release(this.#order()[0] ?? 0, 'the addresses could not be brought up');
        return;
      case 'keys':
        this.#keys = input.keys;
        return;
      case 'performed':
        this.#noteStage(input.stage, input.at);
        return;
    }
  }

  #rank(): number {
    return this.#candidates.indexOf(this.#options.self);
  }

  #alive(row: CandidateRow): boolean {
    return this.#clock.ms - row.heardMs < this.#timing.deadAfterMs;
  }

  /** Fit for the addresses, and willing. */
  #stands(): boolean {
    const ms = this.#clock.ms;
    return (this.#uplink || this.#lastResort) && !this.#drained && this.#rank() >= 0 && ms >= START_LISTEN_MS && ms >= this.#failedUntilMs && ms >= this.#releasedUntilMs;
  }

  /**
   * Who would take the addresses from the holder, the first one first: a named successor, then by rank; who has no uplink comes behind all
   * others. The holder is not among them.
   */
  #order(): readonly number[] {
    const others = this.#table.rows().filter((row) => row.beat.role === 'candidate' && this.#alive(row)).map(({ beat }) => beat.node);
    const standing = this.#stands() && !this.#holds ? [this.#options.self, ...others] : others;
    const hasUplink = (node: number): boolean => (node === this.#options.self ? this.#uplink : this.#table.get(node)!.beat.uplink);
    const place = (node: number): number => (node === this.#belief.successor ? -1 : this.#candidates.indexOf(node)) + (hasUplink(node) ? 0 : this.#candidates.length);
    return standing.toSorted((a, b) => place(a) - place(b));
  }

  /** By the attended clock: when this node takes over, unless the holder is heard. */
  #dueMs(): number {
    return this.#belief.deadAtMs + this.#timing.staggerMs * Math.max(0, this.#order().indexOf(this.#options.self));
  }

  #hear(now: Instant, network: string, bytes: Uint8Array): void {
    const beat = decodeGatewayBeat(this.#keys, bytes);
    if (!beat) return this.#logOnce(now, logEffect('warn', 'gateway.beat-refused', { network, bytes: bytes.length, meaning: 'no beat, or made with another key' }));
    if (beat.cluster !== this.#options.cluster) return;
    if (beat.node === this.#options.self) {
      if (beat.incarnation === this.#options.incarnation) return; // our own, where a network brings it back
      return this.#logOnce(now, logEffect('error', 'gateway.twin', { node: beat.node, meaning: 'another machine speaks under the number of this node, or its last beats were recorded' }));
    }
    if (!this.#candidates.includes(beat.node)) return this.#logOnce(now, logEffect('warn', 'gateway.no-candidate', { node: beat.node }));
    const { isNew, isBack } = this.#table.hear(network, beat, now, this.#clock.ms, this.#timing.deadAfterMs);
    // A network that was cut may have hosts behind the cut that never heard who has the addresses.
    if (isBack && this.#holds) this.#announcements.anew(now);
    if (!isNew) return;
    if (beat.role === 'holder') this.#hearHolder(now, beat);
    else {
      if (this.#belief.holder?.node === beat.node) this.#belief.released(this.#clock.ms, beat.successor);
      if (this.#holds && !this.#lapsed && beat.wants && beat.role === 'candidate') this.#release(beat.node, 'asked for by another candidate');
    }
  }

  #hearHolder(now: Instant, claim: GatewayBeat): void {
    if (this.#holds && !outranks(claim, this.#claim())) {
      // The loser, and whoever believes it, is told at once; but not more often than a beat, or two would talk each other hot.
      if (this.#lapsed || (this.#answeredAt !== undefined && now - this.#answeredAt < this.#timing.beatMs)) return;
      this.#answeredAt = now;
      this.#logOnce(now, logEffect('warn', 'gateway.rival', { node: claim.node, epoch: claim.epoch, rank: claim.rank }));
      this.#announcements.anew(now);
      this.#nextBeatAt = now;
      return;
    }
    if (!this.#belief.admits(claim, this.#clock.ms)) return;
    if (this.#holds) {
      this.#out.push(logEffect('warn', 'gateway.yield', { to: claim.node, epoch: claim.epoch, rank: claim.rank, ownEpoch: this.#epoch }));
      this.#letGo();
    }
    this.#epoch = Math.max(this.#epoch, claim.epoch);
    this.#belief.follow(claim, this.#clock.ms);
    this.#releasedUntilMs = 0;
    this.#lastResort = false;
  }

  #claim(): Claim {
    return { epoch: this.#epoch, rank: this.#rank(), node: this.#options.self };
  }

  #judge(now: Instant, drained: boolean): void {
    const stands = this.#stands();
    this.#standsSinceMs = stands ? (this.#standsSinceMs ?? this.#clock.ms) : undefined;
    if (this.#holds) {
      if (this.#lapsed && !(drained && this.#resume(now))) return;
      const next = this.#order()[0];
      if (next === undefined || (this.#uplink && !this.#drained)) return;
      if (this.#drained) this.#release(next, 'this node is drained');
      else if (this.#table.get(next)!.beat.uplink) {
        this.#release(next, 'the uplink is dead');
        this.#lastResort = true;
      }
      return;
    }
    this.#belief.judge(now, this.#clock.ms);
    if (!stands || this.#clock.ms < this.#dueMs() || this.#fallsBack()) return;
    if (drained) this.#takeOver(now);
    else this.#askToDrain(now);
  }

  /** The strongest claim is silent, but a holder with a weaker one is heard, which has not heard of the other: it goes on, and nobody need take over from it. */
  #fallsBack(): boolean {
    const other = this.#table.rows().find((row) => row.beat.role === 'holder' && row.beat.node !== this.#belief.holder?.node && this.#alive(row));
    if (other === undefined) return false;
    this.#belief.fallBack(other);
    return true;
  }

  #askToDrain(now: Instant): void {
    if (this.#drainAskedAt !== undefined && now - this.#drainAskedAt <= this.#timing.beatMs) return;
    this.#drainAskedAt = now;
    this.#drainNow = true;
  }

  /** The sockets are read, and no stronger claim was in them. True when this node goes on as the holder. */
  #resume(now: Instant): boolean {
    const stalledMs = now - this.#renewedAt!;
    this.#lapsed = false;
    this.#out.push(logEffect('warn', 'gateway.stalled', { stalledMs: Math.round(stalledMs) }));
    if (stalledMs < this.#timing.deadAfterMs || this.#order().length === 0) {
      this.#nextBeatAt = now;
      return true;
    }
    this.#letGo();
    this.#belief.letGo(this.#options.self, this.#clock.ms, undefined);
    return false;
  }

  #takeOver(now: Instant): void {
    // A candidate that is out of its mind may have named the last epoch there is: the rank decides then, and nobody falls over.
    this.#epoch = Math.min(EPOCH_MAX, Math.max(this.#epoch, ...this.#table.rows().map(({ beat }) => beat.epoch)) + 1);
    const { reason, former: formerNode, suspectedAt } = this.#belief;
    const former = formerNode === undefined ? undefined : this.#table.get(formerNode);
    const record: TakeoverRecord = {
      epoch: this.#epoch, node: this.#options.self, reason, former: formerNode,
      lastBeats: this.#options.networks.map((network) => ({ network, at: former?.heardOn.get(network)?.at })),
      suspectedAt, decidedAt: now, stages: {},
    };
    this.#records.add(record);
    this.#holds = true;
    this.#belief.tookOver();
    this.#wantsUntilMs = 0;
    this.#announcements.anew(now);
    // The claim goes out first: the next candidate's judgement must find it.
    this.#nextBeatAt = now;
    this.#beat(now);
    this.#tellHost();
    this.#announce(now);
    this.#out.push({ kind: 'save-epoch', epoch: this.#epoch }, { kind: 'timeline', record }, logEffect('warn', 'gateway.takeover', { epoch: this.#epoch, reason: record.reason, former: formerNode ?? 0 }));
  }

  /** Quiet at once: no beat as the holder, no renewal, no ARP; what is wanted of the host follows in the same step. */
  #letGo(): void {
    this.#holds = false;
    this.#lapsed = false;
    this.#renewedAt = undefined;
    this.#announcements.stop();
  }

  /** Orderly: the addresses are down before the word goes out that they are free (`host` stands before `send-beat` in the effects). */
  #release(to: number, meaning: string): void {
    this.#out.push(logEffect('info', 'gateway.release', { to, epoch: this.#epoch, meaning }));
    this.#letGo();
    this.#belief.letGo(this.#options.self, this.#clock.ms, to);
    // Long enough for the successor, and for one that stands in for it.
    this.#releasedUntilMs = this.#clock.ms + this.#timing.deadAfterMs + 2 * this.#timing.staggerMs;
  }

  #switch(to: number | undefined): void {
    const refuse = (reason: string): void => void this.#out.push({ kind: 'refused', reason });
    if (this.#holds) {
      const next = to ?? this.#order()[0];
      if (next === this.#options.self) return refuse('this node is the gateway already');
      if (next === undefined || !this.#order().includes(next)) return refuse(next === undefined ? 'no other candidate stands' : `node ${next} does not stand as a candidate`);
      if (this.#lapsed) return refuse('this node was kept from running a moment ago, and is not sure whether it is the gateway');
      return this.#release(next, 'told to switch');
    }
    if (to !== undefined && to !== this.#options.self) return refuse(`only the gateway can hand over to node ${to}`);
    if (!this.#stands()) return refuse('this node does not stand as a candidate');
    this.#wantsUntilMs = this.#clock.ms + SWITCH_WAIT_MS;
    this.#saidRole = undefined;
  }

  #wants(): boolean {
    const { holder } = this.#belief;
    if (this.#holds || holder === undefined || !this.#stands()) return false;
    const ms = this.#clock.ms;
    const senior = this.#rank() < this.#candidates.indexOf(holder.node);
    return ms < this.#wantsUntilMs || (this.#options.preemption && senior && ms - this.#standsSinceMs! >= PREEMPT_AFTER_MS);
  }

  #beatRole(): BeatRole {
    if (this.#holds) return 'holder';
    if (this.#clock.ms < this.#releasedUntilMs) return 'released';
    return this.#stands() ? 'candidate' : 'idle';
  }

  #beat(now: Instant): void {
    const role = this.#beatRole();
    // What has changed is said at once, not with the next beat.
    if (this.#nextBeatAt !== undefined && now < this.#nextBeatAt && role === this.#saidRole) return;
    // Counted from now, not from when it was due: who was stopped for a second does not owe sixty beats.
    this.#nextBeatAt = after(now, this.#timing.beatMs);
    if (this.#rank() < 0 && role !== 'released') return;
    if (this.#lapsed) return this.#askToDrain(now);
    if (this.#holds) {
      this.#renewedAt = now;
      this.#out.push({ kind: 'renew-gate' });
    }
    this.#saidRole = role;
    const { self: node, cluster, incarnation } = this.#options;
    const beat: GatewayBeat = {
      cluster, node, incarnation, sequence: ++this.#sequence, epoch: this.#epoch, rank: Math.max(0, this.#rank()), role,
      uplink: this.#uplink, wants: this.#wants(), successor: role === 'released' ? this.#belief.successor : 0,
    };
    this.#out.push({ kind: 'send-beat', bytes: encodeGatewayBeat(this.#keys[0]!, beat) });
  }

  #announce(now: Instant): void {
    if (!this.#lapsed && this.#announcements.take(now)) this.#out.push({ kind: 'announce' });
  }

  #hostRole(): HostRole {
    if (this.#holds) return 'holder';
    return this.#order()[0] === this.#options.self ? 'backup' : 'standby';
  }

  #tellHost(): void {
    const role = this.#hostRole();
    const partner = role === 'holder' ? this.#order()[0] : role === 'backup' ? this.#belief.holder?.node : undefined;
    const text = `${role} ${partner}`;
    if (text === this.#toldHost) return;
    this.#toldHost = text;
    this.#out.push({ kind: 'host', role, partner });
  }

  #noteStage(stage: TakeoverStage, at: Instant): void {
    const record = this.#holds ? this.#records.note(stage, at) : undefined;
    if (record !== undefined) this.#out.push({ kind: 'timeline', record });
  }

  #logOnce(now: Instant, log: LogEffect): void {
    if (this.#quietLog.admits(now, log)) this.#out.push(log);
  }
}
