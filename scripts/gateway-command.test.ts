import { expect, test } from 'vitest';
import type { GatewayStatus } from '../daemons/gateway-control.ts';
import { gatewayCommand, gatewayText, switchPlan } from './gateway-command.ts';

const STATUS: GatewayStatus = {
  node: 1, role: 'holder', epoch: 4, holder: 1, backup: 2, stands: true, uplink: true, drained: false, fault: undefined, latestMs: 0.42, interfaces: { inside: 'eth0', outside: 'eth1' },
  peers: [{ node: 2, role: 'candidate', uplink: true, alive: true, silentOn: [] }, { node: 3, role: 'idle', uplink: false, alive: true, silentOn: ['outside'] }],
  takeovers: [{ epoch: 4, node: 1, reason: 'silence', former: 2, lastBeatUnixMs: 1_000_000_000_000, suspectedUnixMs: 1_000_000_000_038, decidedUnixMs: 1_000_000_000_060, addressUnixMs: 1_000_000_000_062.5, arpUnixMs: 1_000_000_000_063, firstPacketUnixMs: null }],
};
const BACKUP: GatewayStatus = { ...STATUS, node: 2, role: 'backup', peers: [{ node: 1, role: 'holder', uplink: true, alive: true, silentOn: [] }] };

test('the status for a person', () => {
  expect(gatewayText(STATUS, { open: ['tcp/22'], dropped: { input: 12, forward: 0 } })).toBe(`gateway  node 1, epoch 4; next node 2
here     node 1 is holder; it stands; way out: usable; its waits ended 0.4 ms late at worst
outside  open here: tcp/22; dropped since the packet filter was loaded: 12 packets to this node, 0 to pass through

other candidates:
  node 2  candidate  way out usable
  node 3  idle       way out dead    not heard on: outside

takeovers by this node, in milliseconds from the decision:
  2001-09-09T01:46:40.060Z  epoch 4  silence of node 2  last beat -60.0 ms  suspected -22.0 ms  address +2.5 ms  ARP +3.0 ms  first packet -
`);
});

test.each<[string, GatewayStatus, number | undefined, object]>([
  ['the holder, to its backup', STATUS, undefined, { next: 2 }],
  ['the holder, to one that does not stand', STATUS, 3, { refused: 'node 3 does not stand as a candidate' }],
  ['the holder, to itself', STATUS, 1, { refused: 'node 1 is the gateway already' }],
  ['the holder, alone', { ...STATUS, backup: undefined }, undefined, { refused: 'no other candidate stands' }],
  ['another candidate, to itself', BACKUP, undefined, { next: 2 }],
  ['another candidate, to a third one', BACKUP, 3, { refused: 'only the gateway can hand over to node 3' }],
])('a switch told beforehand: %s', (_name, status, to, expected) => expect(switchPlan(status, to)).toEqual(expected));

test.each([
  [['fly'], 'MM-GATEWAY-ARGUMENTS: gateway'], [[], 'MM-GATEWAY-ARGUMENTS: gateway'], [['switch', '--to', '0'], 'MM-GATEWAY-ARGUMENTS: --to'], [['status', '--to', '2'], 'MM-GATEWAY-ARGUMENTS: --to'],
  [['switch', '--undo'], 'MM-GATEWAY-ARGUMENTS: --undo'], [['status', '--socket', '/nowhere/control.sock'], 'MM-GATEWAY-NO-DAEMON: /nowhere/control.sock'],
])('%j is refused', async (argv, message) => {
  await expect(gatewayCommand(argv)).rejects.toThrow(message);
});
