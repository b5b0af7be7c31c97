import { expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import { rankServers } from '../core/rendezvous.ts';
import type { Roster } from '../core/roster.ts';
import { serverOrder } from './server-order.ts';

const macOf = (number: number) => `52:54:00:00:00:0${number}` as Mac;
const roster = {
  nodes: [1, 2, 3, 4].map((number) => ({ number, name: `node${number}`, macs: [macOf(number)], address: `10.1.0.${number}` as Ipv4, loader: 'rom' })),
} as unknown as Roster;

test('self first, then the live nodes by rank', () => {
  const ranked = rankServers(macOf(4), [1, 2, 3]).filter((number) => number !== 2);
  expect(serverOrder(roster, macOf(4), 2, [1, 2, 3])).toEqual(['10.1.0.2', ...ranked.map((number) => `10.1.0.${number}`)]);
});

test('alone, a node names itself, even when it is not said to be alive', () => {
  expect(serverOrder(roster, macOf(4), 1, [])).toEqual(['10.1.0.1']);
});

test('the client is no server of its own, a number that is not in the roster none at all', () => {
  expect(serverOrder(roster, macOf(4), 1, [1, 4, 9])).toEqual(['10.1.0.1']);
});

test('who is suspected comes last', () => {
  const ranked = rankServers(macOf(4), [1, 2, 3]).filter((number) => number !== 2);
  expect(serverOrder(roster, macOf(4), 2, [1, 2, 3], [ranked[0]!])).toEqual([2, ...ranked.toReversed()].map((number) => `10.1.0.${number}`));
});

test('drained nodes are left out, self among them, unless no other is left', () => {
  const [first, second, ...others] = roster.nodes;
  const drained: Roster = { ...roster, nodes: [{ ...first!, drained: true }, { ...second!, drained: true }, ...others] };
  expect(serverOrder(drained, macOf(4), 1, [1, 2, 3])).toEqual(['10.1.0.3']);
  expect(serverOrder(drained, macOf(4), 3, [1, 2, 3])).toEqual(['10.1.0.3']);
  expect(serverOrder(drained, macOf(3), 1, [1, 2, 3])).toEqual(['10.1.0.1', '10.1.0.2']);
});
