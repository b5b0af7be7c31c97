import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { gatewayConfig } from '../gateway/gateway-config.ts';
import { installRecord, parseAnswers, rosterOf } from '../../scripts/install/answers.ts';
import { gatewayAnswers, gatewayCandidates, gatewayLosses, wayOut, wayOut6, withoutGatewayNode } from './gateway-answers.ts';

const read = (change: object = {}) => {
  const answers = valueOf(parseAnswers(JSON.stringify({
    'container-name': 'foo', 'storage-ip': '192.168.0.252', 'iscsi-target': 'iqn.2001-04.com.example:rack', 'number-of-nodes': 5, 'cluster-hostname': 'node', 'root-password-file': '/x',
    nodes: [1, 2, 3, 4, 5].map((number) => ({ mac: `52:54:00:00:00:0${number}` })), 'primary-gateway-local-IP': '192.168.0.2', 'backup-gateway-local-IP': '192.168.0.1', 'further-gateway-nodes': [4, 3],
    'public-IP': '203.0.113.9', 'public-netmask': '255.255.255.0', 'public-router': '203.0.113.1', 'public-interface': 'eth1', 'port-forwards': ['tcp/80=192.168.0.5:80', 'tcp/443=192.168.0.1:443'], ...change,
  }), 'a'));
  return { install: installRecord(answers), roster: rosterOf(answers) };
};
const { install, roster } = read();

/** The cluster when these have left, one after the other. */
function after(...leaving: readonly number[]) {
  return leaving.reduce((now, number) => ({
    install: withoutGatewayNode(now.install, now.roster, now.roster.nodes.find((node) => node.number === number)!),
    roster: { ...now.roster, nodes: now.roster.nodes.filter((node) => node.number !== number) },
  }), { install: install as Parameters<typeof withoutGatewayNode>[0], roster });
}

test('the succession: primary, backup, and the further ones in their order', () => {
  expect(gatewayCandidates(install, roster)).toEqual([2, 1, 4, 3]);
  expect(gatewayCandidates({ ...install, 'backup-gateway-local-IP': '192.168.0.77', 'further-gateway-nodes': ['9', '2', '3'] }, roster)).toEqual([2, 3]);
  expect(gatewayCandidates({}, roster)).toEqual([]);
});

describe('a node leaves', () => {
  test.each<[string, readonly number[], readonly number[]]>([
    ['the primary: its backup is primary', [2], [1, 4, 3]], ['the backup: the next one is', [1], [2, 4, 3]], ['one further behind', [4], [2, 1, 3]], ['one that is no candidate', [5], [2, 1, 4, 3]],
    ['one after the other', [2, 4, 1], [3]], ['all candidates', [1, 2, 3, 4], []],
  ])('%s', (_what, leaving, expected) => {
    const now = after(...leaving);
    expect(gatewayCandidates(now.install, now.roster)).toEqual(expected);
    const config = valueOf(gatewayConfig(gatewayAnswers(now.install, 'eth0'), now.roster));
    expect(config?.candidates ?? []).toEqual(expected);
  });

  test('no port is forwarded to an address that the next node may be given', () => {
    expect(after(5).install['port-forwards']).toEqual(['tcp/443=192.168.0.1:443']);
    expect(after(3).install['port-forwards']).toBe(install['port-forwards']);
  });

  test('who removes it is told what the gateway loses', () => {
    const lossesOf = (number: number, now = after()): readonly string[] => gatewayLosses(now.install, now.roster, now.roster.nodes.find((node) => node.number === number)!);
    expect(lossesOf(1)).toEqual(['the gateway\'s succession is node 2, node 4, node 3', 'the port forward tcp/443=192.168.0.1:443 is gone']);
    expect(lossesOf(5)).toEqual(['the port forward tcp/80=192.168.0.5:80 is gone']);
    expect(lossesOf(3, after(1, 2, 4))).toEqual(['no node is left that can be the gateway']);
    expect(lossesOf(4, { ...after(), install: withoutGatewayNode(install, roster, roster.nodes[3]!) })).toEqual([]);
  });

  test('of whom nothing is said changes nothing', () => expect(withoutGatewayNode({ domain: 'x' }, roster, roster.nodes[2]!)).toEqual({ domain: 'x' }));
});

test('the way out is the address that moves, where there is an outside and somebody who leads there', () => {
  expect(wayOut(install, roster)).toBe('192.168.0.253');
  expect(wayOut(after(1, 2, 3, 4).install, after(1, 2, 3, 4).roster)).toBeUndefined();
  expect(wayOut({ ...install, 'public-IP': undefined } as never, roster)).toBeUndefined();
  const with6 = { ...install, 'public-IP6': '2001:db8::9/64' };
  expect(wayOut6(with6, { ...roster, clusterName: 'abc' })).toBe('fdba:7816:bf8f::1:0');
  expect([wayOut6(install, roster), wayOut6({ ...with6, 'public-IP': undefined } as never, roster)]).toEqual([undefined, undefined]);
});

test('a candidate is handed what concerns the gateway, and the interface that it was booted by unless one is named', () => {
  expect(gatewayAnswers(install, 'eth0.5')).toMatchObject({ 'inside-interface': 'eth0.5', 'public-interface': 'eth1' });
  expect(gatewayAnswers({ ...install, 'inside-interface': 'eth2' }, 'eth0.5')['inside-interface']).toBe('eth2');
  expect(Object.keys(gatewayAnswers(install, 'eth0'))).not.toContain('container-name');
});
