// What makes views the same that news has missed: two nodes compare hashes of their views, bucket by bucket, then digests of a few that differ, then
// exchange what is newer on either side. Each message is one datagram, and causes a bounded number of others (Demers et al., 1987: push and pull).

import { BUCKET_BITS, SYNC_BUCKETS_MAX, WANTED_MAX } from '../wire/membership-packet.ts';
import type { MembershipBody } from '../wire/membership-packet.ts';
import type { Courier } from './courier.ts';
import type { MemberTable } from './member-table.ts';
import { SYNC_DIGESTS_MAX } from './membership-limits.ts';
import type { SeededChance } from './seeded-chance.ts';

export class AntiEntropy {
  readonly #table: MemberTable;
  readonly #courier: Courier;
  readonly #chance: SeededChance;
  #buckets: readonly number[] = [];
  #round = 0;

  constructor(table: MemberTable, courier: Courier, chance: SeededChance) {
    this.#table = table;
    this.#courier = courier;
    this.#chance = chance;
  }

  useRoster(numbers: Iterable<number>): void {
    this.#buckets = [...new Set(Array.from(numbers, (node) => node >> BUCKET_BITS))].sort((a, b) => a - b);
  }

  /** Begins a comparison. Of a roster with more buckets than one message holds, the next piece each time. */
  begin(to: number): void {
    const pieces = Math.max(1, Math.ceil(this.#buckets.length / SYNC_BUCKETS_MAX));
    const from = (this.#round % pieces) * SYNC_BUCKETS_MAX;
    this.#round += 1;
    const buckets = this.#buckets.slice(from, from + SYNC_BUCKETS_MAX).map((bucket) => ({ bucket, hash: this.#table.bucketHash(bucket) }));
    this.#courier.send(to, { kind: 'sync', buckets });
  }

  /** Another's hashes. */
  hearSync(from: number, { buckets }: Extract<MembershipBody, { kind: 'sync' }>): void {
    const known = new Set(this.#buckets);
    const differing = this.#table.differing(buckets).filter((bucket) => known.has(bucket));
    for (const bucket of this.#chance.some(differing, SYNC_DIGESTS_MAX)) this.#courier.send(from, { kind: 'digest', bucket, entries: this.#table.digest(bucket) });
  }

  /** Another's digest of a bucket that differs. Returns true when there was something to give or to ask for. */
  hearDigest(from: number, { bucket, entries }: Extract<MembershipBody, { kind: 'digest' }>, numbers: ReadonlySet<number>): boolean {
    const { here, there } = this.#table.compare(bucket, entries);
    const wanted = there.filter((node) => numbers.has(node)).slice(0, WANTED_MAX);
    if (here.length > 0) this.#courier.records(from, here);
    if (wanted.length > 0) this.#courier.send(from, { kind: 'want', nodes: wanted });
    return here.length + wanted.length > 0;
  }
}
