import { expect, test } from 'vitest';
import type { Mac } from '../core/mac.ts';
import type { Roster } from '../core/roster.ts';
import { ROSTER } from '../dhcp/test-roster.ts';
import { blade } from './facts.test-kit.ts';
import { cardProblems } from './roster-cards.ts';

const node1 = ROSTER.nodes[0]!;
const [first, second] = blade(1).nics as [ReturnType<typeof blade>['nics'][number], ReturnType<typeof blade>['nics'][number]];

test('cards that are all in the roster are well', () => expect(cardProblems(ROSTER, node1, blade(1))).toEqual([]));

test('a second card that may boot and is not in the roster is told, with how to add it; one on USB is none', () => {
  const roster: Roster = { ...ROSTER, nodes: [{ ...node1, macs: [first.mac!] }, ...ROSTER.nodes.slice(1)] };
  const usb = { name: 'usb0', mac: '02:00:00:00:00:99' as Mac, driver: 'cdc_ether' };
  expect(cardProblems(roster, roster.nodes[0]!, blade(1, { nics: [first, second, usb] }))).toEqual([
    { code: 'MM-HARDWARE-MAC', where: 'node1: eth1', rule: expect.any(String) as string, seen: second.mac, remedy: expect.stringContaining(`add ${second.mac}`) as string },
  ]);
});

test('a card of another node, and an address that no card has', () => {
  const problems = cardProblems(ROSTER, node1, blade(1, { nics: [first, { ...second, mac: '52:54:00:12:01:02' as Mac }] }));
  expect(problems.map(({ code, seen }) => [code, seen])).toEqual([['MM-HARDWARE-MAC-OTHER', '52:54:00:12:01:02'], ['MM-HARDWARE-MAC-GONE', '52:54:00:12:01:01']]);
  expect(problems[0]!.rule).toContain('node2');
});
