import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Mac } from '../core/mac.ts';
import { answerOrder, isMyTurn } from './answer-rank.ts';
import { drainedRoster, ROSTER } from './test-roster.ts';

const MAC = '52:54:00:12:00:01' as Mac;
const CLIENT = 99;
const of = (live: readonly number[], suspects: readonly number[] = []) => ({ live, suspects });
const liveSets = fc.uniqueArray(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 12 });

describe('whose turn it is', () => {
  test.each([
    ['rank 0, first request', 0, 0, true],
    ['rank 1, first request', 1, 0, false],
    ['rank 1, first retransmission', 1, 1, true],
    ['rank 2, first retransmission', 2, 1, false],
    ['rank 9, second retransmission', 9, 2, true],
    ['not alive, first request', -1, 0, false],
    ['not alive, second retransmission', -1, 2, true],
  ])('%s', (_name, rank, tries, expected) => expect(isMyTurn(rank, tries)).toBe(expected));

  test('every turn puts the next server in front and loses none', () => {
    fc.assert(
      fc.property(liveSets, fc.nat(30), (live, turn) => {
        const order = answerOrder(ROSTER, MAC, CLIENT, of(live), 0);
        const turned = answerOrder(ROSTER, MAC, CLIENT, of(live), turn);
        expect(turned[0]).toBe(order[turn % order.length]);
        expect([...turned].sort()).toEqual([...live].sort());
      }),
    );
  });

  test('who is suspected stands behind all others, whatever the turn, and loses nobody else its place', () => {
    fc.assert(
      fc.property(liveSets, fc.nat(30), fc.array(fc.nat(11)), (live, turn, picks) => {
        const suspects = picks.flatMap((pick) => live[pick] ?? []);
        const well = live.filter((node) => !suspects.includes(node));
        const order = answerOrder(ROSTER, MAC, CLIENT, of(live, suspects), turn);
        expect(order.toSorted()).toEqual(live.toSorted());
        if (well.length > 0) expect(order.slice(0, well.length)).toEqual(answerOrder(ROSTER, MAC, CLIENT, of(well), turn));
      }),
    );
  });

  test('the blade that asks is no server', () => expect(answerOrder(ROSTER, MAC, 2, of([1, 2, 3]), 0).sort()).toEqual([1, 3]));

  test('nobody alive is no order', () => expect(answerOrder(ROSTER, MAC, CLIENT, of([]), 3)).toEqual([]));

  test('drained nodes come in only where nobody else is left beside the blade that asks', () => {
    const drained = drainedRoster([3, 4]);
    expect(answerOrder(drained, MAC, CLIENT, of([1, 2, 3, 4]), 0).sort()).toEqual([1, 2]);
    expect(answerOrder(drained, MAC, 1, of([1, 3, 4]), 0).sort()).toEqual([3, 4]);
  });
});
