import { expect, test } from 'vitest';
import type { NodeConfig } from './agent/node-config.ts';
import { BootContent } from './boot-content.ts';
import { decodeUtf8 } from './core/bytes.ts';
import type { Ipv4 } from './core/ipv4.ts';
import type { Mac } from './core/mac.ts';
import type { Roster } from './core/roster.ts';
import { drainedRoster, ROSTER } from './dhcp/test-roster.ts';

const configOf = (roster: Roster, rosterGeneration: number): NodeConfig => ({ number: 1, roster, interface: 'eth0', rosterGeneration, bootNonce: 'ab'.repeat(16) });
const [THREE, FIVE] = ['52:54:00:12:00:03', '52:54:00:12:00:05'] as Mac[] as [Mac, Mac];
const [AT_THREE, AT_FIVE] = ['10.7.0.3', '10.7.0.5'] as Ipv4[] as [Ipv4, Ipv4];
const CHANGED: Roster = {
  ...ROSTER, kernelParameters: 'quiet', san: { ...ROSTER.san, chap: 'one-way' },
  nodes: [...ROSTER.nodes.filter(({ number }) => number !== 3), { number: 5, name: 'node5', macs: [FIVE], address: AT_FIVE, loader: 'rom' }],
};

test('another roster: scripts, the servers that they name and the hand-out of the login follow, also in what the web server was given before', () => {
  const content = new BootContent({ config: configOf(ROSTER, 1), files: new Map(), sanLogin: (mac) => ({ given: false, mac, reason: 'no-dhcp-answer' }) });
  const http = content.http(() => ({}));
  expect(http.scriptFor({ mac: THREE })).toContain('mm.servers=10.7.0.1,');
  expect([http.scriptFor({ mac: FIVE }), http.sanLogin, content.macAt(AT_THREE)]).toEqual([undefined, undefined, THREE]);
  content.useConfig(configOf(CHANGED, 2));
  expect([http.scriptFor({ mac: THREE }), http.scriptFor({ address: AT_THREE }), content.macAt(AT_THREE), content.macAt(AT_FIVE)]).toEqual([undefined, undefined, undefined, FIVE]);
  const script = http.scriptFor({ mac: FIVE })!;
  expect(script).toContain('# node5, node 5 of rack');
  expect(script).toContain(' quiet ');
  expect(/mm\.servers=(\S+)/.exec(script)![1]!.split(',').sort()).toEqual(['10.7.0.1', '10.7.0.2', '10.7.0.4']);
  expect(decodeUtf8(content.tftpFile('boot.ipxe', AT_FIVE)!)).toBe(script);
  expect(http.sanLogin?.(FIVE, AT_FIVE)).toEqual({ given: false, mac: FIVE, reason: 'no-dhcp-answer' });
});

test('a barred machine has the script that refuses it, and a machine that stood down has none for anybody', () => {
  const barred: Roster = { ...ROSTER, barred: [{ node: 3, macs: [FIVE], sinceUnixMs: 1 }] };
  const content = new BootContent({ config: configOf(barred, 1), files: new Map([['vmlinuz', { bytes: new Uint8Array(1), sha256: '' }]]) });
  const http = content.http(() => ({}));
  expect(http.barredScript(FIVE)).toContain('MM-BOOT-BARRED: this machine was node 3');
  expect([http.barredScript(THREE), http.closed(), content.tftpFile('vmlinuz', AT_FIVE)?.length]).toEqual([undefined, undefined, 1]);
  content.useConfig({ ...configOf(barred, 2), standDown: 'MM-AGENT-BARRED: x' });
  expect([http.closed(), content.tftpFile('vmlinuz', AT_THREE), content.tftpFile('boot.ipxe', AT_THREE)]).toEqual(['MM-AGENT-BARRED: x', undefined, undefined]);
});

test('the script of a drained node names the others, and itself only where there is no other', () => {
  let live = [1, 2];
  const content = new BootContent({ config: configOf(drainedRoster([1]), 1), files: new Map(), live: () => ({ nodes: live, suspects: [] }) });
  const servers = () => /mm\.servers=(\S+)/.exec(content.http(() => ({})).scriptFor({ mac: THREE })!)![1];
  expect(servers()).toBe('10.7.0.2');
  live = [1];
  expect(servers()).toBe('10.7.0.1');
});
