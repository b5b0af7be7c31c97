import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Instant } from '../core/machine.ts';
import type { Description } from '../wire/membership-packet.ts';
import { MemberTable } from './member-table.ts';

const now = 0 as Instant;
const S1 = '0000000000000001';
const S2 = '0000000000000002';
const description = (sequence: number): Description => ({ sequence, serving: true, present: true, rosterGeneration: 1, facts: new Map() });

describe('member table', () => {
  test.each<[string, string, number, string]>([
    ['a higher incarnation, whatever its start', S1, 6, 'newer'],
    ['the same life', S2, 5, 'same'],
    ['a lower one: a former life, perhaps recorded', S1, 4, 'older'],
    ['the same incarnation of a start that comes before', S1, 5, 'older'],
  ])('%s', (_name, start, incarnation, freshness) => {
    const table = new MemberTable();
    table.begin(now, 3, { start: S2, incarnation: 5 });
    expect(table.freshness(3, { start, incarnation })).toBe(freshness);
    expect(table.freshness(4, { start, incarnation })).toBe('newer');
  });

  test('a suspicion is shared by four at most, and told once of each', () => {
    const table = new MemberTable();
    table.begin(now, 3, { start: S1, incarnation: 1 });
    expect([table.suspect(now, 3, [9]), table.suspect(now, 3, [9]), table.suspect(now, 3, [4, 9]), table.suspect(now, 3, [1, 2, 5])]).toEqual([true, false, true, true]);
    expect(table.get(3)).toMatchObject({ status: 'suspect', suspecters: [1, 2, 4, 9] });
    expect(table.suspect(now, 3, [6])).toBe(false);
  });

  test('a description is of one start: a later one of the same start is taken, a later life of it keeps it, another start has none', () => {
    const table = new MemberTable();
    table.begin(now, 3, { start: S1, incarnation: 1 });
    expect([table.describe(3, S1, description(2)), table.describe(3, S1, description(2)), table.describe(3, S2, description(9)), table.describe(4, S1, description(9))]).toEqual([true, false, false, false]);
    table.begin(now, 3, { start: S1, incarnation: 2 });
    expect(table.get(3)!.description).toEqual(description(2));
    table.begin(now, 3, { start: S2, incarnation: 3 });
    expect(table.get(3)!.description).toBeUndefined();
  });

  test('property: what one has that the other has not is found by their digests, and once it is exchanged their hashes are the same', () => {
    const step = fc.record({ table: fc.nat(1), node: fc.integer({ min: 1, max: 130 }), start: fc.constantFrom(S1, S2), incarnation: fc.integer({ min: 1, max: 3 }), sequence: fc.integer({ min: 1, max: 3 }), dead: fc.boolean() });
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const tables = [new MemberTable(), new MemberTable()];
      const take = (table: MemberTable, node: number, life: { start: string; incarnation: number }, dead: boolean, described: Description | undefined): void => {
        const freshness = table.freshness(node, life);
        if (freshness === 'newer') table.begin(now, node, life);
        if (dead && freshness !== 'older') table.bury(now, node);
        if (described) table.describe(node, life.start, described);
      };
      for (const { table, node, start, incarnation, sequence, dead } of steps) take(tables[table]!, node, { start, incarnation }, dead, description(sequence));
      const [one, other] = tables as [MemberTable, MemberTable];
      for (const bucket of [0, 1, 2]) {
        const { here, there } = one.compare(bucket, other.digest(bucket));
        const isSame = other.differing([{ bucket, hash: one.bucketHash(bucket) }]).length === 0;
        expect(here.length + there.length === 0).toBe(isSame);
        for (const [from, to, nodes] of [[one, other, here], [other, one, there]] as const) {
          for (const node of nodes) {
            const claim = from.claim(node, true);
            take(to, node, claim, claim.status === 'dead', claim.description);
          }
        }
        expect(other.differing([{ bucket, hash: one.bucketHash(bucket) }])).toEqual([]);
      }
    }), { numRuns: 200 });
  });
});
