import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { answeringNode, runningNodes, type OwnerCounters } from './running-nodes.ts';

const still: OwnerCounters = new Map([
  ['node1.store', { node: 1, counter: 7, bootNonce: 'a' }],
  ['node3.store', { node: 3, counter: 9, bootNonce: 'b' }],
]);

describe('a forced installation over a cluster', () => {
  test('goes on when every owner record stood still', () => expect(runningNodes(still, new Map(still), '/dev/sda')).toBeUndefined());

  test.each([
    ['a counter moved', new Map(still).set('node3.store', { node: 3, counter: 10, bootNonce: 'b' }), 'node 3 does'],
    ['another boot claimed the volume', new Map(still).set('node1.store', { node: 1, counter: 7, bootNonce: 'c' }), 'node 1 does'],
    ['a node appeared', new Map(still).set('node2.state', { node: 2, counter: 1, bootNonce: 'd' }), 'node 2 does'],
  ])('is refused when %s', (_, after, seen) => expect(runningNodes(still, after, '/dev/sda')).toMatchObject({ code: 'MM-INSTALL-RUNNING', seen }));

  test('names every running node once', () => {
    const after: OwnerCounters = new Map([...still].map(([name, owner]) => [name, { ...owner, counter: owner.counter + 1 }]));
    expect(runningNodes(still, after, '/dev/sda')?.seen).toBe('node 1, 3 do');
  });
});

test('a blade that answers for its own address runs as well: the same refusal', () => {
  expect(answeringNode('nodes[2].address', '10.1.1.2' as Ipv4, 3, '52:54:00:00:00:03' as Mac)).toMatchObject({ code: 'MM-INSTALL-RUNNING', where: 'nodes[2].address', seen: 'node 3, whose own network card 52:54:00:00:00:03 answers for 10.1.1.2' });
});
