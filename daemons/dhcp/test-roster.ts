// A small rack for the tests of this room.

import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import type { Roster, RosterNode } from '../core/roster.ts';

const node = (number: number, loader: RosterNode['loader'] = 'rom'): RosterNode => ({
  number,
  name: `node${number}`,
  macs: [`52:54:00:12:00:0${number}` as Mac, `52:54:00:12:01:0${number}` as Mac],
  address: `10.7.0.${number}` as Ipv4,
  loader,
});

/** Four nodes, 10.7.0.1 to 10.7.0.4 with MACs 52:54:00:12:00:01 and so on; the fourth replaces its iPXE by ours. */
export const ROSTER: Roster = {
  clusterName: 'rack',
  container: 'main',
  domain: 'rack.test',
  netmask: '255.255.255.0' as Ipv4,
  metaMasterAddress: '10.7.0.253' as Ipv4,
  san: { address: '10.8.0.1' as Ipv4, port: 3260, target: 'iqn.2026-01.test:rack' },
  kernelParameters: '',
  nodes: [node(1), node(2), node(3), node(4, 'ours')],
};

/** The same rack, of which these nodes are drained. */
export const drainedRoster = (numbers: readonly number[], roster: Roster = ROSTER): Roster => ({
  ...roster, nodes: roster.nodes.map((one) => (numbers.includes(one.number) ? Object.assign(structuredClone(one), { drained: true as const }) : one)),
});
