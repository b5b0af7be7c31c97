import { expect, test } from 'vitest';
import type { Mac } from '../core/mac.ts';
import type { Instant } from '../core/machine.ts';
import type { NodeConfig } from './node-config.ts';
import { FOREIGN_DHCP_REMEDY, LAG_TOLD_AFTER_MS, ROSTER_LAG_REMEDY, statusOf } from './status.ts';

test('the whole status', () => {
  const roster = { clusterName: 'rack', nodes: [{ number: 1, name: 'node1', macs: ['52:54:00:00:00:01'] }, { number: 3, name: 'node3', macs: [], drained: true }] };
  const config = { number: 1, rosterGeneration: 7, roster } as unknown as NodeConfig;
  const status = statusOf(5000 as Instant, {
    config,
    startedAt: 1000 as Instant,
    serving: true,
    alive: [1, 2, 3],
    live: [1, 2],
    suspects: [2],
    members: [
      { node: 3, status: 'alive', since: 2000 as Instant, description: { present: false, facts: new Map() } },
      { node: 2, status: 'suspect', since: 4500.4 as Instant, description: undefined },
      { node: 1, status: 'alive', since: 1000 as Instant, description: { present: true, facts: new Map([['load', '0.1']]) } },
    ],
    generations: [{ node: 1, generation: 7, behindSince: undefined }, { node: 2, generation: 6, behindSince: (5000 - LAG_TOLD_AFTER_MS) as Instant }, { node: 3, generation: 6, behindSince: (5001 - LAG_TOLD_AFTER_MS) as Instant }],
    stages: [
      { mac: '52:54:00:00:00:01' as Mac, step: 'kernel', detail: 'by HTTP', at: 4000 as Instant },
      { mac: '52:54:00:00:00:99' as Mac, step: 'dhcp', detail: '', at: 4999.6 as Instant },
    ],
    unknown: [{ mac: '52:54:00:00:00:99' as Mac, lastAt: 3000 as Instant, count: 4, detail: 'bios-rom' }],
    barred: [{ mac: '52:54:00:00:00:88' as Mac, lastAt: 1000 as Instant, count: 2, detail: 'DISCOVER', node: 2, sinceUnixMs: 77, remedy: 'unbar it' }],
    foreign: [
      { address: '10.0.0.66', mac: '52:54:00:66:66:66' as Mac, lastAt: 2000 as Instant, count: 2, detail: 'OFFER' },
      { address: '10.0.0.67', mac: undefined, lastAt: 4000 as Instant, count: 1, detail: 'OFFER' },
    ],
    files: new Map([['vmlinuz', { bytes: new Uint8Array(3), sha256: 'ab' }]]),
  });
  expect(status).toEqual({
    cluster: 'rack',
    node: 1,
    name: 'node1',
    rosterGeneration: 7,
    serving: true,
    standDown: null,
    upMs: 4000,
    alive: [1, 2, 3],
    live: [1, 2],
    suspects: [2],
    members: [{ node: 1, state: 'alive', forMs: 4000, facts: { load: '0.1' } }, { node: 2, state: 'suspect', forMs: 500, facts: {} }, { node: 3, state: 'left', forMs: 3000, facts: {} }],
    drained: [3],
    generations: [{ node: 1, generation: 7, behindMs: null }, { node: 2, generation: 6, behindMs: LAG_TOLD_AFTER_MS }, { node: 3, generation: 6, behindMs: LAG_TOLD_AFTER_MS - 1 }],
    lagging: [{ code: 'MM-ROSTER-LAG', node: 2, generation: 6, behindMs: LAG_TOLD_AFTER_MS, remedy: ROSTER_LAG_REMEDY }],
    blades: [
      { mac: '52:54:00:00:00:01', node: 1, step: 'kernel', detail: 'by HTTP', agoMs: 1000 },
      { mac: '52:54:00:00:00:99', node: null, step: 'dhcp', detail: '', agoMs: 0 },
    ],
    unknown: [{ mac: '52:54:00:00:00:99', count: 4, detail: 'bios-rom', agoMs: 2000 }],
    barred: [{ code: 'MM-DHCP-BARRED', mac: '52:54:00:00:00:88', formerNode: 2, sinceUnixMs: 77, count: 2, detail: 'DISCOVER', agoMs: 4000, remedy: 'unbar it' }],
    foreign: [
      { code: 'MM-DHCP-FOREIGN', address: '10.0.0.66', mac: '52:54:00:66:66:66', count: 2, detail: 'OFFER', agoMs: 3000, remedy: FOREIGN_DHCP_REMEDY },
      { code: 'MM-DHCP-FOREIGN', address: '10.0.0.67', mac: null, count: 1, detail: 'OFFER', agoMs: 1000, remedy: FOREIGN_DHCP_REMEDY },
    ],
    files: [{ name: 'vmlinuz', bytes: 3, sha256: 'ab' }],
  });
});
