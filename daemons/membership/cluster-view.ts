// What comes of news: which life of a node is the later, whom a suspicion is shared by and when it becomes a burial, and who is alive.
// Suspicion, refutation and burial are SWIM's (section 4.2), the time of a suspicion Lifeguard's.

import { logEffect } from '../core/log-effect.ts';
import { after } from '../core/machine.ts';
import type { Instant } from '../core/machine.ts';
import type { RosterNode } from '../core/roster.ts';
import type { Claim, Sender } from '../wire/membership-packet.ts';
import type { Courier } from './courier.ts';
import type { GenerationWatch } from './generation-watch.ts';
import type { LocalHealth } from './local-health.ts';
import type { Freshness, Life, Member, MemberTable } from './member-table.ts';
import { JUDGE_AGAIN_MS, OBSERVERS, OTHERS_BURIAL_AFTER_MS, STALL_GRACE_MS } from './membership-limits.ts';
import type { OwnRecord } from './own-record.ts';
import type { SeededChance } from './seeded-chance.ts';
import { suspicionMs } from './suspicion-time.ts';
import { TIMER } from './timer-heap.ts';
import type { TimerHeap } from './timer-heap.ts';
import { ringsOf } from './watch-rings.ts';

export interface ViewParts {
  readonly self: number;
  readonly table: MemberTable;
  readonly own: OwnRecord;
  readonly timers: TimerHeap;
  readonly courier: Courier;
  readonly health: LocalHealth;
  readonly generations: GenerationWatch;
  /** The living set has changed, or (`watchers`: false) only what one of it says of itself. */
  readonly onChange: (watchers: boolean) => void;
  /** The suspected one is told first, by a ping that is nobody's probe. */
  readonly tell: (node: number) => void;
  readonly onNewerRoster: (generation: number, node: number) => void;
}

interface Suspicion {
  /** When it began here; what this node stood still meanwhile does not count. */
  readonly since: Instant;
  /** How many nodes could share it. */
  readonly watchers: number;
  /** Nobody is buried before. */
  readonly notBefore: Instant;
}

const isAlive = (member: Member | undefined): boolean => member !== undefined && member.status !== 'dead' && member.description?.present !== false;

export class ClusterView {
  readonly #parts: ViewParts;
  #numbers: ReadonlySet<number> = new Set();
  /** Ascending. */
  #sorted: readonly number[] = [];
  #rings = ringsOf([]);
  readonly #suspicions = new Map<number, Suspicion>();
  /** The latest life under this node's number that was heard of while it was silent. */
  #heardOfSelf = 0;

  constructor(parts: ViewParts) {
    this.#parts = parts;
  }

  useRoster(nodes: readonly RosterNode[]): void {
    const { table, timers, courier, generations, self } = this.#parts;
    this.#numbers = new Set([...nodes.map(({ number }) => number), self]);
    this.#sorted = [...this.#numbers].sort((a, b) => a - b);
    this.#rings = ringsOf(nodes);
    courier.sizeFor(this.#numbers.size);
    const gone = Array.from(table.members(), ({ node }) => node).filter((node) => !this.#numbers.has(node));
    for (const node of gone) {
      table.remove(node);
      this.#suspicions.delete(node);
      timers.clear(TIMER.suspicion, node);
      courier.forget(node);
      generations.drop(node);
    }
    this.#parts.onChange(true);
  }

  get numbers(): ReadonlySet<number> {
    return this.#numbers;
  }

  /** Those of the roster that are alive, with this node, ascending. */
  live(): readonly Member[] {
    const { self, table } = this.#parts;
    const members: Member[] = [];
    for (const node of this.#sorted) {
      const member = table.get(node);
      if (member !== undefined && (node === self || isAlive(member))) members.push(member);
    }
    return members;
  }

  /** Alive, or not yet buried; this node included while it is the roster's. */
  isLive(node: number): boolean {
    return isAlive(this.#parts.table.get(node));
  }

  /** Dead, or never heard of: worth a try now and then. Not who took leave. */
  isLost(node: number): boolean {
    const member = this.#parts.table.get(node);
    return member === undefined || (member.status === 'dead' && member.description?.present !== false);
  }

  /** Fit to watch others, to relay and to be asked. */
  isWell = (node: number): boolean => {
    const member = this.#parts.table.get(node);
    return member?.status === 'alive' && member.description?.present !== false;
  };

  /** Up to `count` different others that are fit for it: the next ones from somewhere in the roster on. */
  some(count: number, chance: SeededChance, fit: (node: number) => boolean): readonly number[] {
    const { self } = this.#parts;
    const chosen: number[] = [];
    for (let tries = 0; tries < count; tries++) {
      const from = chance.below(this.#sorted.length);
      for (let step = 0; step < this.#sorted.length; step++) {
        const node = this.#sorted[(from + step) % this.#sorted.length]!;
        if (node === self || chosen.includes(node) || !fit(node)) continue;
        chosen.push(node);
        break;
      }
    }
    return chosen;
  }

  /** No other is known to live. */
  isAlone(): boolean {
    const { self } = this.#parts;
    return this.#sorted.every((node) => node === self || !this.isLive(node));
  }

  /** This node has the lowest number of those that live, and somebody is lost: where that one is on another side of the network, it shall hear of this side. */
  speaksForItsSide(): boolean {
    const { self } = this.#parts;
    const first = this.#sorted.find((node) => node === self || this.isLive(node));
    return first === self && this.#sorted.some((node) => node !== self && this.isLost(node));
  }

  watched(): readonly number[] {
    const { self } = this.#parts;
    return this.#rings.watchedBy(self, this.isWell, (node) => node !== self && this.isLive(node));
  }

  /** True: this node is one of those that look after `node`, whether that lives or not. */
  isObserverOf(node: number): boolean {
    return this.#rings.observersOf(node, this.isWell).includes(this.#parts.self);
  }

  /** What a datagram itself says of its sender, which is in the roster and not this node. */
  hearSender(now: Instant, sender: Sender): Freshness {
    const freshness = this.#parts.table.freshness(sender.node, sender);
    if (freshness === 'newer') this.#begin(now, sender.node, sender);
    return freshness;
  }

  /** What somebody says of a node. */
  hearClaim(now: Instant, claim: Claim): void {
    const { self, table } = this.#parts;
    const { node, description } = claim;
    if (description) this.hearGeneration(now, description.rosterGeneration, node);
    if (!this.#numbers.has(node)) return;
    if (node === self) return this.#hearOfSelf(now, claim);
    this.#hearLife(now, claim);
    if (description === undefined) return;
    const wasPresent = table.get(node)?.description?.present !== false;
    if (table.describe(node, claim.start, description)) this.#described(now, node, wasPresent);
  }

  #hearLife(now: Instant, claim: Claim): void {
    const { table } = this.#parts;
    const { node } = claim;
    const before = table.get(node);
    const freshness = table.freshness(node, claim);
    if (freshness === 'older') return;
    // A life that was never seen to live needs no suspicion before it is over.
    if (freshness === 'newer' && claim.status === 'dead' && (before === undefined || before.status === 'dead')) this.#hearOfDead(now, claim);
    else {
      if (freshness === 'newer') this.#begin(now, node, claim);
      this.#hearStatus(now, table.get(node)!, claim);
    }
  }

  #hearOfDead(now: Instant, { node, start, incarnation, by }: Claim): void {
    const { table, courier, generations } = this.#parts;
    table.begin(now, node, { start, incarnation });
    table.suspect(now, node, by);
    table.bury(now, node);
    generations.drop(node);
    courier.rumour(node);
  }

  #hearStatus(now: Instant, known: Member, { node, status, by }: Claim): void {
    if (status === 'alive' || known.status === 'dead') return;
    const suspicion = this.#suspicions.get(node);
    if (status === 'dead' && suspicion && now >= suspicion.notBefore && now >= after(suspicion.since, OTHERS_BURIAL_AFTER_MS)) return this.#bury(now, node, by);
    this.#suspect(now, node, by);
    // Whoever buried it may be on another side of the network, and the node may not know.
    if (status === 'dead' && known.status === 'alive') this.#parts.tell(node);
  }

  #hearOfSelf(now: Instant, { start, incarnation, status }: Claim): void {
    const { own, courier, health, self } = this.#parts;
    if (!own.isContradictedBy({ start, incarnation }, status === 'alive')) return;
    if (courier.silent) {
      this.#heardOfSelf = Math.max(this.#heardOfSelf, incarnation);
      return;
    }
    if (start === own.life.start) {
      health.change(1);
      courier.log(logEffect('debug', 'membership.refuted', { status, incarnation }));
    }
    this.rise(now, incarnation);
    courier.announce(self, true);
  }

  /** Begins a later life of this node than any that was heard of. */
  rise(now: Instant, incarnation = 0): void {
    const { own, table, courier, self } = this.#parts;
    own.rise(Math.max(incarnation, this.#heardOfSelf));
    table.begin(now, self, own.life);
    courier.rumour(self);
    this.#parts.onChange(true);
  }

  /** This node's own probe went unanswered. Returns true when that was not known already. */
  suspectSilent(now: Instant, node: number): boolean {
    const { self, table, courier } = this.#parts;
    const known = table.get(node);
    if (!known || known.status === 'dead' || known.suspecters.includes(self)) return false;
    const first = known.status === 'alive';
    this.#suspect(now, node, [self]);
    if (first) courier.log(logEffect('debug', 'membership.suspected', { node, incarnation: known.incarnation }));
    this.#parts.tell(node);
    courier.announce(node, false);
    return first;
  }

  #suspect(now: Instant, node: number, by: readonly number[]): void {
    const { table, timers, courier } = this.#parts;
    const began = table.get(node)!.status === 'alive';
    if (!table.suspect(now, node, by)) return;
    if (began) this.#suspicions.set(node, { since: now, watchers: Math.min(OBSERVERS, this.#wellCount()), notBefore: now });
    const { since, watchers, notBefore } = this.#suspicions.get(node)!;
    const until = Math.max(notBefore, after(since, suspicionMs(table.get(node)!.suspecters.length, watchers))) as Instant;
    const earlier = timers.at(TIMER.suspicion, node);
    if (earlier === undefined || until < earlier) timers.set(TIMER.suspicion, until, node);
    courier.rumour(node);
    if (began) this.#parts.onChange(true);
  }

  /** Of those that could watch; counted to OBSERVERS and no further. */
  #wellCount(): number {
    let count = 0;
    for (const node of this.#sorted) {
      if (this.isWell(node)) count += 1;
      if (count === OBSERVERS) break;
    }
    return count;
  }

  suspicionTimer(now: Instant, node: number): void {
    if (this.#suspicions.has(node)) this.#bury(now, node, []);
  }

  #bury(now: Instant, node: number, by: readonly number[]): void {
    const { self, table, timers, courier, generations } = this.#parts;
    table.suspect(now, node, by);
    const { incarnation, suspecters } = table.get(node)!;
    const { since } = this.#suspicions.get(node)!;
    table.bury(now, node);
    this.#suspicions.delete(node);
    timers.clear(TIMER.suspicion, node);
    generations.drop(node);
    courier.rumour(node);
    // Those that found it silent tell all; the others' suspicion ends by itself, and a broadcast of each would be a storm.
    if (suspecters.includes(self)) courier.announce(node, false);
    courier.log(logEffect('warn', 'membership.dead', { node, incarnation, suspecters: suspecters.join(), suspectedForMs: now - since }));
    this.#parts.onChange(true);
  }

  #begin(now: Instant, node: number, life: Life): void {
    const { table, timers, courier, generations } = this.#parts;
    const before = table.get(node);
    table.begin(now, node, life);
    this.#suspicions.delete(node);
    timers.clear(TIMER.suspicion, node);
    courier.rumour(node);
    const { description } = table.get(node)!;
    if (description) generations.stands(now, node, description.rosterGeneration);
    else generations.drop(node);
    if (before?.status === 'dead') courier.log(logEffect('info', 'membership.back', { node, incarnation: life.incarnation, restarted: before.start !== life.start }));
    // Only a refutation of what had not been believed changes nothing.
    if (before?.status !== 'alive' || before.start !== life.start) this.#parts.onChange(true);
  }

  #described(now: Instant, node: number, wasPresent: boolean): void {
    const { table, generations } = this.#parts;
    const { description } = table.get(node)!;
    if (this.isLive(node)) generations.stands(now, node, description!.rosterGeneration);
    else generations.drop(node);
    this.#parts.onChange(description!.present !== wasPresent);
  }

  /** Whoever has the cluster's key may speak of a newer registry, also a number outside of this roster: a node that was added is the first to know of it. */
  hearGeneration(now: Instant, generation: number, node: number): void {
    if (this.#parts.generations.hear(now, generation)) this.#parts.onNewerRoster(generation, node);
  }

  /** After a stall of this node the refutations still wait in the socket: nobody is buried before they were read. */
  forgive(now: Instant, stalledMs: number): void {
    const { timers } = this.#parts;
    const notBefore = after(now, STALL_GRACE_MS);
    for (const [node, { since, watchers }] of this.#suspicions) {
      const later = after(timers.at(TIMER.suspicion, node)!, stalledMs);
      this.#suspicions.set(node, { since: after(since, stalledMs), watchers, notBefore });
      timers.set(TIMER.suspicion, Math.max(later, notBefore) as Instant, node);
    }
  }

  postpone(now: Instant, node: number): void {
    if (this.#suspicions.has(node)) this.#parts.timers.set(TIMER.suspicion, after(now, JUDGE_AGAIN_MS), node);
  }
}
