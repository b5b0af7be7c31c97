// What one node knows of all, this one included: at most one row for each number of the roster. Rows only ever grow: by incarnation, within one
// incarnation from alive by suspect to dead, within one start by the description's sequence. So views that hear the same, in any order, are the same.

import type { Instant } from '../core/machine.ts';
import { mix32 } from '../core/rendezvous.ts';
import { BUCKET_BITS, STATUSES } from '../wire/membership-packet.ts';
import type { BucketHash, Claim, Description, DigestEntry, Status } from '../wire/membership-packet.ts';
import { startHalf } from '../wire/start-text.ts';
import { SUSPECTERS_MAX } from './membership-limits.ts';

/** One life of a node: the higher incarnation is the later; of two machines with the same one the higher name of its start counts as the later. */
export interface Life {
  readonly start: string;
  readonly incarnation: number;
}

/** Negative: `a` is the earlier. */
export function compareLives(a: Life, b: Life): number {
  if (a.incarnation !== b.incarnation) return a.incarnation - b.incarnation;
  if (a.start === b.start) return 0;
  return a.start < b.start ? -1 : 1;
}

export interface Member extends Life {
  readonly node: number;
  readonly status: Status;
  /** Since when it has this status. */
  readonly since: Instant;
  /** Who suspects it, or suspected it before it was buried. Ascending, SUSPECTERS_MAX at most. */
  readonly suspecters: readonly number[];
  /** Of this start; undefined: none was heard yet. */
  readonly description: Description | undefined;
}

const NOBODY: readonly number[] = [];

/** The same at every node that knows the same. Suspicions come and go, and are left out. */
function hashOf({ node, start, incarnation, status, description }: Member): number {
  const ofStart = mix32(mix32(mix32(node) ^ startHalf(start, 0)) ^ startHalf(start, 1));
  return mix32(mix32(mix32(ofStart ^ incarnation) ^ (description?.sequence ?? 0)) ^ Number(status === 'dead'));
}

/** How news stands to what was known. */
export type Freshness = 'older' | 'same' | 'newer';

export class MemberTable {
  readonly #rows = new Map<number, Member>();
  /** By bucket, its rows' hashes in one (by exclusive or, so that one row's goes in and out by itself). */
  readonly #hashes = new Map<number, number>();

  get(node: number): Member | undefined {
    return this.#rows.get(node);
  }

  /** How many rows there are. */
  get size(): number {
    return this.#rows.size;
  }

  /** In no particular order. */
  members(): Iterable<Member> {
    return this.#rows.values();
  }

  /** How news of this life stands to what is known of the node. */
  freshness(node: number, life: Life): Freshness {
    const row = this.#rows.get(node);
    const order = row === undefined ? 1 : compareLives(life, row);
    return order < 0 ? 'older' : order > 0 ? 'newer' : 'same';
  }

  /** A later life than was known, alive. The description stays when it is of the same start. */
  begin(now: Instant, node: number, { start, incarnation }: Life): void {
    const before = this.#rows.get(node);
    this.#put({ node, start, incarnation, status: 'alive', since: now, suspecters: NOBODY, description: before?.start === start ? before.description : undefined });
  }

  /** Of the life that is known. Returns true when somebody was not among its suspecters. */
  suspect(now: Instant, node: number, by: readonly number[]): boolean {
    const row = this.#rows.get(node)!;
    const begins = row.status === 'alive';
    if (!begins && (row.suspecters.length === SUSPECTERS_MAX || by.every((each) => row.suspecters.includes(each)))) return false;
    const suspecters = [...new Set([...row.suspecters, ...by])].slice(0, SUSPECTERS_MAX).sort((a, b) => a - b);
    this.#put({ ...row, status: begins ? 'suspect' : row.status, since: begins ? now : row.since, suspecters });
    return true;
  }

  /** The life that is known is over. */
  bury(now: Instant, node: number): void {
    this.#put({ ...this.#rows.get(node)!, status: 'dead', since: now });
  }

  /** What the start says of itself. Returns false when it is no news, or of another start than the one that is known. */
  describe(node: number, start: string, description: Description): boolean {
    const row = this.#rows.get(node);
    if (row?.start !== start || (row.description && row.description.sequence >= description.sequence)) return false;
    this.#put({ ...row, description });
    return true;
  }

  remove(node: number): void {
    const row = this.#rows.get(node);
    if (row !== undefined) this.#stir(row);
    this.#rows.delete(node);
  }

  /** As it is told to others. */
  claim(node: number, described: boolean): Claim {
    const { start, incarnation, status, suspecters, description } = this.#rows.get(node)!;
    return { node, start, incarnation, status, by: suspecters, description: described ? description : undefined };
  }

  bucketHash(bucket: number): number {
    return this.#hashes.get(bucket) ?? 0;
  }

  /** Those of a comparison that are not the same here. */
  differing(buckets: readonly BucketHash[]): readonly number[] {
    return buckets.filter(({ bucket, hash }) => this.bucketHash(bucket) !== hash).map(({ bucket }) => bucket);
  }

  /** Ascending by number. */
  digest(bucket: number): readonly DigestEntry[] {
    const entries: DigestEntry[] = [];
    for (let node = bucket << BUCKET_BITS; node < (bucket + 1) << BUCKET_BITS; node++) {
      const row = this.#rows.get(node);
      if (row) entries.push({ node, start: row.start, incarnation: row.incarnation, status: row.status, sequence: row.description?.sequence ?? 0 });
    }
    return entries;
  }

  /** What is newer here than in another's digest, and what is newer there. */
  compare(bucket: number, entries: readonly DigestEntry[]): { readonly here: readonly number[]; readonly there: readonly number[] } {
    const here: number[] = [];
    const there: number[] = [];
    const theirs = new Map(entries.map((entry) => [entry.node, entry]));
    for (const mine of this.digest(bucket)) {
      const other = theirs.get(mine.node);
      if (!other || isNewer(mine, other)) here.push(mine.node);
    }
    for (const entry of entries) {
      const row = this.#rows.get(entry.node);
      if (!row || isNewer(entry, { ...row, sequence: row.description?.sequence ?? 0 })) there.push(entry.node);
    }
    return { here, there };
  }

  #put(member: Member): void {
    const before = this.#rows.get(member.node);
    this.#rows.set(member.node, member);
    // A suspicion changes no hash.
    if (before !== undefined && before.start === member.start && before.incarnation === member.incarnation && before.description?.sequence === member.description?.sequence && (before.status === 'dead') === (member.status === 'dead')) return;
    if (before !== undefined) this.#stir(before);
    this.#stir(member);
  }

  /** A row's hash goes into its bucket's, or out of it. */
  #stir(row: Member): void {
    const bucket = row.node >> BUCKET_BITS;
    this.#hashes.set(bucket, (this.bucketHash(bucket) ^ hashOf(row)) >>> 0);
  }
}

type Version = Life & { readonly status: Status; readonly sequence: number };

/** True when `a` has something that `b` has not. */
function isNewer(a: Version, b: Version): boolean {
  const order = compareLives(a, b);
  // A start's description outlives its refutations.
  if (a.start === b.start && a.sequence > b.sequence) return true;
  return order > 0 || (order === 0 && STATUSES.indexOf(a.status) > STATUSES.indexOf(b.status));
}
