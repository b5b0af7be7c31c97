// Who seems alive, as a machine: what each node knows of all others. It decides whose turn it is to answer a blade, and never who owns a disk.
// The bounds and their arithmetic are in membership-limits.ts, the form of the datagrams in ../wire/membership-packet.ts.

import { logEffect } from '../core/log-effect.ts';
import { after } from '../core/machine.ts';
import type { Instant, Machine } from '../core/machine.ts';
import type { Roster } from '../core/roster.ts';
import type { Facts, MembershipBody, MembershipPacket, Status } from '../wire/membership-packet.ts';
import type { RefusalReason } from '../wire/membership-seal.ts';
import { AntiEntropy } from './anti-entropy.ts';
import { ClusterView } from './cluster-view.ts';
import { Courier } from './courier.ts';
import type { CourierEffect } from './courier.ts';
import { GenerationWatch } from './generation-watch.ts';
import type { GenerationRow } from './generation-watch.ts';
import { LiveTeller } from './live-teller.ts';
import type { LiveEffect } from './live-teller.ts';
import { LocalHealth } from './local-health.ts';
import { MemberTable } from './member-table.ts';
import type { Member } from './member-table.ts';
import { ALONE_INTERVAL_MS, FACTS_INTERVAL_MS, FACTS_PER_SECOND, JUDGE_AGAIN_MS, LATE_MS, RETARGET_MS, STALL_PENALTY, STALLED_MS, SYNC_AGAIN_MS, SYNC_INTERVAL_MS, SYNC_LOST_EVERY } from './membership-limits.ts';
import { OwnRecord } from './own-record.ts';
import { Prober } from './prober.ts';
import { SeededChance } from './seeded-chance.ts';
import { TIMER, TimerHeap } from './timer-heap.ts';
import type { DueTimer } from './timer-heap.ts';

export type MembershipInput =
  /** What the opener made of a datagram; this node's own broadcasts may be among them. */
  | { readonly kind: 'packet'; readonly packet: MembershipPacket }
  /** A datagram that was none of ours. */
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly bytes: number }
  /** This node's own boot services answer, or do not. */
  | { readonly kind: 'serving'; readonly serving: boolean }
  /** All further facts of this node. `urgent`: they cannot wait for their turn, as a role that changed. */
  | { readonly kind: 'facts'; readonly facts: Facts; readonly urgent: boolean }
  | { readonly kind: 'roster'; readonly roster: Roster; readonly generation: number }
  /** This machine is the node that the roster means, or is not any more: then it takes leave, and is silent. */
  | { readonly kind: 'member'; readonly member: boolean }
  /** The deadline has come. */
  | { readonly kind: 'tick' };

export type MembershipEffect =
  | CourierEffect
  | LiveEffect
  /** A node of the cluster knows a later registry than any before it, and than this node: time to read it again. */
  | { readonly kind: 'newer-roster'; readonly generation: number; readonly node: number };

export interface MembershipOptions {
  readonly roster: Roster;
  /** The registry generation that `roster` is from. */
  readonly generation: number;
  /** This node's number. */
  readonly self: number;
  /** Sixteen random hexadecimal digits, new at each start of the process: the nonces of its datagrams hang on it. */
  readonly start: string;
  /** Best the Unix time in seconds; a clock that is wrong costs one exchange, no more. */
  readonly firstIncarnation: number;
  /** Any 32 bits; the same seed and the same inputs give the same effects. */
  readonly seed: number;
}

/** The shell steps it with `tick` once at the start, which tells the others that it is there, and then at each deadline. */
export class Membership implements Machine<MembershipInput, MembershipEffect> {
  readonly #self: number;
  readonly #table = new MemberTable();
  readonly #timers = new TimerHeap();
  readonly #health = new LocalHealth();
  readonly #own: OwnRecord;
  readonly #chance: SeededChance;
  readonly #courier: Courier;
  readonly #generations: GenerationWatch;
  readonly #view: ClusterView;
  readonly #prober: Prober;
  readonly #antiEntropy: AntiEntropy;
  readonly #live: LiveTeller;
  #effects: MembershipEffect[] = [];
  #now: Instant | undefined;
  /** As of the last decision who watches whom. */
  #alone = true;
  #watchersChanged = true;
  #round = 0;
  #facts: Facts | undefined;
  #factsAt: Instant | undefined;
  /** The first step is over, and with it the first word. */
  #spoke = false;

  constructor({ roster, generation, self, start, firstIncarnation, seed }: MembershipOptions) {
    this.#self = self;
    this.#own = new OwnRecord({ node: self, start, firstIncarnation, generation });
    this.#chance = new SeededChance(seed);
    this.#courier = new Courier(this.#table, this.#own, this.#timers);
    this.#generations = new GenerationWatch(generation);
    this.#antiEntropy = new AntiEntropy(this.#table, this.#courier, this.#chance);
    this.#view = new ClusterView({
      self, table: this.#table, own: this.#own, timers: this.#timers, courier: this.#courier, health: this.#health, generations: this.#generations,
      onChange: (watchers) => this.#changed(watchers),
      tell: (node) => this.#courier.send(node, { kind: 'records', claims: this.#courier.ridingTo(node) }),
      onNewerRoster: (newer, node) => this.#effects.push({ kind: 'newer-roster', generation: newer, node }),
    });
    this.#live = new LiveTeller(this.#view, this.#timers);
    this.#prober = new Prober({ timers: this.#timers, chance: this.#chance, health: this.#health }, {
      ping: (to, probe) => this.#courier.send(to, { kind: 'ping', probe, claims: this.#courier.ridingTo(to) }),
      askRelay: (relay, probe, target) => this.#courier.send(relay, { kind: 'ping-request', probe, target, claims: this.#courier.ridingTo(relay) }),
      ack: (to, probe) => this.#courier.send(to, { kind: 'ack', probe, claims: this.#courier.ridingTo(to) }),
      nack: (to, probe) => this.#courier.send(to, { kind: 'nack', probe }),
      relays: (target, count) => this.#view.some(count, this.#chance, (node) => node !== target && this.#view.isWell(node)),
      silent: (target, missedNacks) => this.#silent(target, missedNacks),
    });
    this.#useRoster(roster);
  }

  step(now: Instant, input: MembershipInput): readonly MembershipEffect[] {
    const at = this.#begin(now);
    const due = this.#timers.next();
    if (due !== undefined && at - due > STALLED_MS) this.#stalled(at, at - due);
    this.#take(at, input);
    for (let timer = this.#timers.takeDue(at); timer; timer = this.#timers.takeDue(at)) this.#run(at, timer);
    this.#courier.flush(at);
    this.#spoke ||= !this.#courier.silent;
    const sent = this.#courier.take();
    const told = this.#live.tell(at);
    if (this.#effects.length === 0 && told.length === 0) return sent;
    const effects = [...this.#effects, ...sent, ...told];
    this.#effects = [];
    return effects;
  }

  deadline(): Instant | undefined {
    return this.#timers.next();
  }

  /** Every node of the roster that was heard of since this node's start, itself included; in no particular order. */
  members(): readonly Member[] {
    return [...this.#table.members()];
  }

  /** How many nodes there is a row of. */
  get rows(): number {
    return this.#table.size;
  }

  /** How many nodes this one watches. */
  get watches(): number {
    return this.#prober.watches;
  }

  /** Undefined: nothing was heard of it. */
  statusOf(node: number): Status | undefined {
    return this.#table.get(node)?.status;
  }

  /** Whom this node watches. */
  watched(): readonly number[] {
    return this.#prober.watched;
  }

  /** 0: this node is well; see local-health.ts. */
  localHealth(): number {
    return this.#health.score;
  }

  /** The generation of every node that is alive, ascending by number; this one is among them. */
  generations(): readonly GenerationRow[] {
    return this.#generations.rows();
  }

  /** The time never goes back; the first step introduces this node. */
  #begin(now: Instant): Instant {
    if (this.#now !== undefined) {
      this.#now = Math.max(now, this.#now) as Instant;
      return this.#now;
    }
    this.#now = now;
    this.#table.begin(now, this.#self, this.#own.life);
    this.#noteOwn(now);
    this.#announceSelf();
    this.#timers.set(TIMER.alone, after(now, ALONE_INTERVAL_MS));
    this.#timers.set(TIMER.sync, after(now, this.#chance.below(SYNC_INTERVAL_MS)));
    return now;
  }

  #take(now: Instant, input: MembershipInput): void {
    switch (input.kind) {
      case 'tick':
        return;
      case 'packet':
        return this.#hear(now, input.packet);
      case 'refused':
        if (input.reason !== 'foreign') this.#courier.logOnce(now, logEffect('warn', 'membership.refused', { reason: input.reason, bytes: input.bytes }));
        return;
      case 'serving':
        return this.#say(now, { serving: input.serving });
      case 'facts':
        return this.#takeFacts(now, input.facts, input.urgent);
      case 'roster':
        this.#useRoster(input.roster);
        // What this node has read itself is no news to it.
        this.#generations.hear(now, input.generation);
        return this.#say(now, { rosterGeneration: input.generation });
      case 'member':
        return this.#setMember(now, input.member);
    }
  }

  #useRoster(roster: Roster): void {
    this.#view.useRoster(roster.nodes);
    this.#antiEntropy.useRoster(this.#view.numbers);
  }

  /** What has changed of this node is told at once. */
  #say(now: Instant, fields: Parameters<OwnRecord['change']>[0]): void {
    if (!this.#own.change(fields)) return;
    this.#noteOwn(now);
    this.#announceSelf();
  }

  #noteOwn(now: Instant): void {
    this.#table.describe(this.#self, this.#own.life.start, this.#own.description);
    this.#generations.stands(now, this.#self, this.#own.description.rosterGeneration);
    this.#changed(false);
  }

  #announceSelf(): void {
    this.#courier.rumour(this.#self);
    this.#courier.announce(this.#self, true);
  }

  #takeFacts(now: Instant, facts: Facts, urgent: boolean): void {
    this.#facts = urgent ? undefined : facts;
    if (urgent) return this.#say(now, { facts });
    if (this.#factsAt === undefined || now >= this.#factsAt) this.#tellFacts(now);
    else this.#timers.set(TIMER.facts, this.#factsAt);
  }

  /** By one broadcast; who missed it hears of it by a comparison. */
  #tellFacts(now: Instant): void {
    if (this.#facts === undefined || !this.#own.change({ facts: this.#facts })) return;
    this.#facts = undefined;
    this.#factsAt = after(now, Math.max(FACTS_INTERVAL_MS, (1000 * this.#view.numbers.size) / FACTS_PER_SECOND));
    this.#noteOwn(now);
    this.#courier.announce(this.#self, true);
  }

  #setMember(now: Instant, member: boolean): void {
    if (member === this.#own.description.present) return;
    this.#own.change({ present: member });
    this.#noteOwn(now);
    if (member) {
      this.#courier.silent = false;
      this.#view.rise(now);
      this.#announceSelf();
    } else {
      // Who has never spoken need not take leave: at the first step nothing has been sent yet.
      if (this.#spoke) this.#courier.farewell(this.#self);
      this.#courier.silent = true;
    }
    this.#watchersChanged = true;
    this.#retarget(now);
  }

  /** `watchers`: somebody may be watched by others now. */
  #changed(watchers: boolean): void {
    this.#watchersChanged ||= watchers;
    this.#live.changed();
    if (this.#now !== undefined && this.#timers.at(TIMER.retarget) === undefined) this.#timers.set(TIMER.retarget, after(this.#now, RETARGET_MS));
  }

  /** Decides anew who watches whom. */
  #retarget(now: Instant): void {
    const wasAlone = this.#alone;
    this.#alone = this.#view.isAlone();
    if (this.#watchersChanged) this.#prober.watch(now, this.#courier.silent ? [] : this.#view.watched());
    this.#watchersChanged = false;
    // Whoever has just met the cluster knows next to nothing of it.
    if (wasAlone && !this.#alone) this.#syncSoon(now);
  }

  /** A probe of this node's own went unanswered. */
  #silent(target: number, missedNacks: number | undefined): void {
    // Counted once for each suspicion: a node that is dead stays silent, and that is not this one's fault.
    if (this.#view.suspectSilent(this.#now!, target)) this.#health.change(missedNacks ?? 1);
  }

  #run(now: Instant, { kind, number, at }: DueTimer): void {
    const late = now - at > LATE_MS;
    switch (kind) {
      case TIMER.probe:
        if (!late || !this.#prober.judges(number)) return this.#prober.probeTimer(now, number);
        this.#health.change(1);
        return this.#timers.set(kind, after(now, JUDGE_AGAIN_MS), number);
      case TIMER.suspicion:
        return late ? this.#view.postpone(now, number) : this.#view.suspicionTimer(now, number);
      case TIMER.relay:
        return this.#prober.relayTimer(number);
      case TIMER.retarget:
        return this.#retarget(now);
      case TIMER.sync:
        return this.#sync(now);
      case TIMER.alone:
        return this.#sayAlone(now);
      case TIMER.facts:
        return this.#tellFacts(now);
      // The end of each step sees to these.
      case TIMER.broadcast:
      case TIMER.live:
    }
  }

  #stalled(now: Instant, stalledMs: number): void {
    this.#health.change(STALL_PENALTY);
    this.#prober.startOver(now);
    this.#view.forgive(now, stalledMs);
    this.#courier.logOnce(now, logEffect('warn', 'membership.stalled', { stalledMs: Math.round(stalledMs), meaning: 'this process was not run, and cannot tell who was silent meanwhile' }));
  }

  #sayAlone(now: Instant): void {
    this.#timers.set(TIMER.alone, after(now, ALONE_INTERVAL_MS));
    if (this.#view.isAlone() || this.#view.speaksForItsSide()) this.#courier.announce(this.#self, true);
  }

  #sync(now: Instant): void {
    this.#timers.set(TIMER.sync, after(now, SYNC_INTERVAL_MS));
    this.#round += 1;
    const lost = this.#round % SYNC_LOST_EVERY === 0 ? this.#view.some(1, this.#chance, (node) => this.#view.isLost(node) && this.#view.isObserverOf(node)) : [];
    // Besides the living one, not in its place: who has much to learn would wait in vain for a machine that is off.
    for (const partner of [...lost, ...this.#view.some(1, this.#chance, this.#view.isWell)]) this.#antiEntropy.begin(partner);
  }

  #syncSoon(now: Instant): void {
    const soon = after(now, SYNC_AGAIN_MS);
    if (this.#timers.at(TIMER.sync)! > soon) this.#timers.set(TIMER.sync, soon);
  }

  #hear(now: Instant, { from, body }: MembershipPacket): void {
    const { node, start } = from;
    if (node === this.#self) {
      if (start !== this.#own.life.start) this.#courier.logOnce(now, logEffect('error', 'membership.twin', { node, start, meaning: 'another machine speaks under the number of this node, or its last datagrams were recorded' }));
      return;
    }
    this.#view.hearGeneration(now, from.rosterGeneration, node);
    if (!this.#view.numbers.has(node)) return this.#courier.logOnce(now, logEffect('warn', 'membership.not-in-roster', { node }));
    const outdated = this.#view.hearSender(now, from) === 'older';
    if ('claims' in body) for (const claim of body.claims) this.#view.hearClaim(now, claim);
    if (!outdated && body.kind !== 'news' && (this.#table.get(node)!.description?.sequence ?? 0) < from.sequence) this.#courier.send(node, { kind: 'want', nodes: [node] });
    this.#answer(now, node, body, outdated);
    if (body.kind === 'ping' || body.kind === 'records' || (!outdated && this.statusOf(node) === 'alive')) return;
    // It is told what is thought of it, so that it can say that it lives. Of a broadcast's many hearers only those do it that look after it.
    if (body.kind !== 'news' || this.#view.isObserverOf(node)) this.#courier.send(node, { kind: 'records', claims: this.#courier.ridingTo(node, outdated) });
  }

  #answer(now: Instant, from: number, body: MembershipBody, outdated: boolean): void {
    switch (body.kind) {
      case 'ping':
        return this.#courier.send(from, { kind: 'ack', probe: body.probe, claims: this.#courier.ridingTo(from, outdated) });
      case 'ack':
        return this.#prober.answered(now, from, body.probe);
      case 'nack':
        return this.#prober.refused(from, body.probe);
      case 'ping-request':
        if (body.target !== this.#self && this.#view.numbers.has(body.target)) this.#prober.relay(now, from, body.probe, body.target);
        return;
      case 'sync':
        return this.#antiEntropy.hearSync(from, body);
      case 'digest':
        if (this.#antiEntropy.hearDigest(from, body, this.#view.numbers)) this.#syncSoon(now);
        return;
      case 'want':
        return this.#courier.records(from, body.nodes);
      case 'news':
      case 'records':
    }
  }
}
