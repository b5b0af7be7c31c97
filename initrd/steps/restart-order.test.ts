import { expect, test } from 'vitest';
import type { ServingRecord } from '../../daemons/wire/serving-record.ts';
import { restartOrder, type RestartSituation, STAY_LIMIT_MS } from './restart-order.ts';

/** Incarnations by one digit each: `1a 2b` is node 1 as it was before, node 2 anew. */
const seen = (node: number, text: string): ServingRecord => ({ node, newestGeneration: 1, serving: text.split(' ').filter((word) => word !== '').map((word) => ({ node: Number(word.slice(0, -1)), incarnation: word.at(-1)!.repeat(16) })) });
const order = (node: number, before: string, now: string, waitedMs = 0): string => {
  const situation: RestartSituation = { before: seen(node, before), now: seen(node, now), waitedMs };
  const { kind, ...rest } = restartOrder(situation);
  return 'why' in rest ? `${kind}: ${rest.why}` : kind;
};

test.each([
  ['the lowest of three stays', 1, '1a 2a 3a', '1a 2a 3a', 'stay'],
  ['the second goes', 2, '1a 2a 3a', '1a 2a 3a', 'now: node 1 stays meanwhile'],
  ['the third goes', 3, '1a 2a 3a', '1a 2a 3a', 'now: node 1 stays meanwhile'],
  ['the lowest stays while the others are gone', 1, '1a 2a 3a', '1a', 'stay'],
  ['and goes when one serves anew', 1, '1a 2a 3a', '1a 2b', 'now: node 2 serves since'],
  ['the lowest of those that live stays', 2, '1a 2a 3a', '2a 3a', 'stay'],
  ['a node that was off before and has booted since counts', 1, '1a', '1a 7b', 'now: node 7 serves since'],
  ['a node that does not serve has nothing to stay for', 1, '1a 2a', '2a', 'now: this node does not serve'],
  ['one that is alone stays', 4, '4a', '4a', 'stay'],
  ['two that were cut off from each other, as each sees it alone', 2, '1a 2a', '2a', 'stay'],
  ['and as they see each other again', 2, '1a 2a', '1a 2a', 'now: node 1 stays meanwhile'],
])('%s', (_name, node, before, now, wanted) => expect(order(node, before, now)).toBe(wanted));

test('waiting has an end', () => {
  expect(order(1, '1a 2a', '1a', STAY_LIMIT_MS - 1)).toBe('stay');
  expect(order(1, '1a 2a', '1a', STAY_LIMIT_MS)).toBe('now: no other node has come to serve within 30 minutes');
});

test('without a record of who serves there is nobody to stay for; without one of before, the present is taken for it', () => {
  expect(restartOrder({ before: seen(1, '1a'), now: undefined, waitedMs: 0 })).toEqual({ kind: 'now', why: 'this node does not serve' });
  expect(restartOrder({ before: undefined, now: seen(1, '1a 2a'), waitedMs: 0 })).toEqual({ kind: 'stay' });
});

test('of any rack whose nodes see the same, exactly one stays', () => {
  for (const numbers of [[1], [2, 5], [1, 2, 3], [3, 9, 11, 40]]) {
    const text = numbers.map((node) => `${node}a`).join(' ');
    expect(numbers.filter((node) => order(node, text, text) === 'stay')).toEqual([numbers[0]]);
  }
});
