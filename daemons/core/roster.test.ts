import { describe, expect, test } from 'vitest';
import type { Ipv4 } from './ipv4.ts';
import type { Mac } from './mac.ts';
import { barOfMac, barOfMachine, nodeOfMac, nodeOfNumber, unbarCommand, withoutDrained } from './roster.ts';
import type { Roster, RosterNode } from './roster.ts';

const node = (number: number, ...macs: string[]): RosterNode => ({ number, name: `node${number}`, macs: macs as Mac[], address: `192.168.0.${number}` as Ipv4, loader: 'rom' });

const roster: Roster = {
  clusterName: 'rack', container: 'foo', domain: 'example.com', netmask: '255.255.255.0' as Ipv4, metaMasterAddress: '192.168.0.253' as Ipv4, kernelParameters: '',
  san: { address: '192.168.0.252' as Ipv4, port: 3260, target: 'iqn.2001-04.com.example:rack' },
  // Numbers are stable and may have gaps: the position in the list says nothing.
  nodes: [node(1, '52:54:00:00:00:01'), node(7, '52:54:00:00:00:07', '52:54:00:00:01:07'), node(3, '52:54:00:00:00:03')],
};

describe('look-ups', () => {
  test.each([['52:54:00:00:00:01', 1], ['52:54:00:00:00:07', 7], ['52:54:00:00:01:07', 7], ['52:54:00:00:00:03', 3], ['52:54:00:00:00:09', undefined]])('%s belongs to node %s', (mac, number) => {
    expect(nodeOfMac(roster, mac as Mac)?.number).toBe(number);
  });

  test('a barred machine by any of its MAC addresses', () => {
    const machine = { node: 1, macs: ['52:54:00:00:00:0a', '52:54:00:00:00:0b'] as Mac[], sinceUnixMs: 1 };
    expect(barOfMac({ ...roster, barred: [machine] }, '52:54:00:00:00:0b' as Mac)).toBe(machine);
    expect(barOfMac({ ...roster, barred: [machine] }, '52:54:00:00:00:01' as Mac)).toBeUndefined();
    expect(barOfMac(roster, '52:54:00:00:00:0b' as Mac)).toBeUndefined();
  });

  test.each([[1, 'node1'], [7, 'node7'], [3, 'node3'], [2, undefined], [0, undefined]])('number %i is %s', (number, name) => expect(nodeOfNumber(roster, number)?.name).toBe(name));
});

describe('a barred machine', () => {
  const [A, B, OTHER] = ['52:54:00:00:00:0a', '52:54:00:00:00:0b', '52:54:00:00:00:0c'] as Mac[] as [Mac, Mac, Mac];
  const known = { node: 1, macs: [A, B], hardwareId: `4c4c4544-0000-0000-0000-00000000000a/${A}`, sinceUnixMs: 1 };
  const unknown = { node: 7, macs: ['52:54:00:00:00:0d' as Mac], sinceUnixMs: 2 };
  const barred = { ...roster, barred: [unknown, known] };

  test.each<[string, Mac[], string | undefined, unknown]>([
    ['by one of its cards among others', [OTHER, B], 'no-uuid/52:54:00:00:00:0c', known],
    ['by its hardware alone, in whatever letters', [OTHER], known.hardwareId.toUpperCase(), known],
    ['with the mainboard of another: some boards share a UUID', [OTHER], `4c4c4544-0000-0000-0000-00000000000a/${OTHER}`, undefined],
    ['of which nothing is known', [], undefined, undefined],
    ['whose bar names no hardware', [OTHER], '', undefined],
  ])('%s', (_name, macs, hardwareId, bar) => expect(barOfMachine(barred, macs, hardwareId)).toBe(bar));

  test('is let in by any of its MAC addresses', () => expect(unbarCommand(known)).toBe('metamaster node unbar 52:54:00:00:00:0a'));
});

test.each([
  [[1, 3, 7], [1, 7]],
  [[3], [3]],
  [[], []],
  [[3, 9], [9]],
])('of %j serve %j, for node 3 is drained', (numbers, serving) => {
  const drained = { ...roster, nodes: [...roster.nodes.slice(0, 2), { ...node(3), drained: true as const }] };
  expect(withoutDrained(drained, numbers)).toEqual(serving);
});
