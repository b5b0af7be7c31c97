import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import type { Roster } from '../core/roster.ts';
import { gatewayConfig, type GatewayAnswers } from './gateway-config.ts';

const ROSTER: Roster = {
  clusterName: 'rack', container: 'debian', domain: 'cluster.example.com', netmask: '255.255.255.0' as Ipv4, metaMasterAddress: '192.168.0.253' as Ipv4,
  san: { address: '192.168.0.252' as Ipv4, port: 3260, target: 'iqn.2026-11.metamaster:san' }, kernelParameters: '',
  nodes: [1, 2, 3].map((number) => ({ number, name: `node${number}`, macs: [`52:54:00:00:00:0${number}` as Mac], address: `192.168.0.${number}` as Ipv4, loader: 'rom' })),
};
const ANSWERS: GatewayAnswers = {
  'primary-gateway-local-IP': '192.168.0.2', 'backup-gateway-local-IP': '192.168.0.1', 'spare-local-IP': '192.168.0.253', 'inside-interface': 'eth0', 'public-interface': 'eth1',
  'public-IP': '203.0.113.10', 'public-netmask': '255.255.255.0', 'public-router': '203.0.113.1', 'public-DNS': '203.0.113.53', domain: 'cluster.example.com',
};
const codesOf = (answers: GatewayAnswers): string[] => {
  const result = gatewayConfig(answers, ROSTER);
  return result.ok ? [] : result.problems.map(({ code, where }) => `${code} ${where}`);
};

test('the answers of the manual, with the defaults of ours', () => {
  expect(gatewayConfig(ANSWERS, ROSTER)).toEqual({
    ok: true,
    value: {
      candidates: [2, 1], movingAddress: '192.168.0.253', insideInterface: 'eth0', insidePrefix: 24, domain: 'cluster.example.com', forwards: [], services: [{ protocol: 'tcp', port: 22 }], preemption: false, beatMs: 12,
      publicSide: { address: '203.0.113.10', prefix: 24, router: '203.0.113.1', dns: '203.0.113.53', interface: 'eth1' },
    },
  });
});

test('further candidates, forwards, preemption, another beat', () => {
  const result = gatewayConfig({ ...ANSWERS, 'further-gateway-nodes': ['3'], 'port-forwards': ['tcp/443=192.168.0.3:8443'], 'gateway-preemption': true, 'gateway-beat-ms': 100 }, ROSTER);
  expect(result).toMatchObject({ value: { candidates: [2, 1, 3], forwards: [{ protocol: 'tcp', port: 443, to: '192.168.0.3', toPort: 8443 }], preemption: true, beatMs: 100 } });
});

test('without a candidate there is no gateway; without an outside network only the inside address moves', () => {
  expect(gatewayConfig({ domain: 'cluster.example.com' }, ROSTER)).toEqual({ ok: true, value: undefined });
  const inside = Object.fromEntries(Object.entries(ANSWERS).filter(([key]) => !key.startsWith('public-')));
  expect(gatewayConfig(inside, ROSTER)).toMatchObject({ ok: true, value: { publicSide: undefined } });
});

const IPV6: GatewayAnswers = { 'public-IP6': '2001:DB8::10/64', 'public-router6': 'fe80::1' };

test('with IPv6: the address that moves inside follows from the cluster\'s name', () => {
  expect(gatewayConfig({ ...ANSWERS, ...IPV6 }, { ...ROSTER, clusterName: 'abc' })).toMatchObject({
    value: { ipv6: { movingAddress: 'fdba:7816:bf8f::1:0', inside: { address: 'fdba:7816:bf8f::', prefix: 64 }, address: '2001:db8::10', prefix: 64, router: 'fe80::1' } },
  });
});

test.each<[string, GatewayAnswers, string[]]>([
  ['IPv6 without a router', { 'public-IP6': '2001:db8::10/64' }, ['MM-GATEWAY-MISSING public-router6']],
  ['a router by IPv6 alone', { 'public-router6': '2001:db8::1' }, ['MM-GATEWAY-MISSING public-IP6']],
  ['IPv6 without IPv4', { ...IPV6, 'public-IP': undefined, 'public-netmask': undefined, 'public-router': undefined, 'public-DNS': undefined }, ['MM-GATEWAY-MISSING public-IP']],
  ['an IPv6 address without its network', { ...IPV6, 'public-IP6': '2001:db8::10' }, ['MM-GATEWAY-ANSWER public-IP6']],
  ['a link-local address outside', { ...IPV6, 'public-IP6': 'fe80::10/64' }, ['MM-GATEWAY-ANSWER public-IP6']],
  ['the IPv6 network\'s own address', { ...IPV6, 'public-IP6': '2001:db8::/64' }, ['MM-GATEWAY-ANSWER public-IP6']],
  ['an IPv6 router elsewhere', { ...IPV6, 'public-router6': '2001:db8:1::1' }, ['MM-GATEWAY-PUBLIC public-router6']],
  ['an IPv6 router that is the gateway', { ...IPV6, 'public-router6': '2001:db8::10' }, ['MM-GATEWAY-PUBLIC public-router6']],
  ['an IPv6 outside that is the inside', { ...IPV6, 'public-IP6': 'fd8e:9d1a:8d5b::10/64' }, ['MM-GATEWAY-PUBLIC public-IP6']],
  ['an IPv6 outside around the inside', { ...IPV6, 'public-IP6': 'fd8e::10/16' }, ['MM-GATEWAY-PUBLIC public-IP6']],
  ['one address alone, behind a link-local router', { ...IPV6, 'public-IP6': '2001:db8::10/128' }, []],
  ['a primary that is no node', { 'primary-gateway-local-IP': '192.168.0.9' }, ['MM-GATEWAY-CANDIDATE primary-gateway-local-IP']],
  ['one node twice', { 'backup-gateway-local-IP': '192.168.0.2' }, ['MM-GATEWAY-CANDIDATE backup-gateway-local-IP']],
  ['a further one that is named already', { 'further-gateway-nodes': ['1'] }, ['MM-GATEWAY-CANDIDATE further-gateway-nodes']],
  ['a further one that is no node', { 'further-gateway-nodes': ['7'] }, ['MM-GATEWAY-CANDIDATE further-gateway-nodes']],
  ['another spare address than the roster\'s', { 'spare-local-IP': '192.168.0.77' }, ['MM-GATEWAY-SPARE spare-local-IP']],
  ['no address at all', { 'public-IP': 'gateway' }, ['MM-GATEWAY-ANSWER public-IP']],
  ['half an outside network', { 'public-router': undefined }, ['MM-GATEWAY-MISSING public-router']],
  ['a router elsewhere', { 'public-router': '203.0.114.1' }, ['MM-GATEWAY-PUBLIC public-router']],
  ['a router that is the gateway', { 'public-router': '203.0.113.10' }, ['MM-GATEWAY-PUBLIC public-router']],
  ['the network\'s own address', { 'public-IP': '203.0.113.0' }, ['MM-GATEWAY-PUBLIC public-IP']],
  ['an outside that is the inside', { 'public-IP': '192.168.0.40', 'public-router': '192.168.0.41' }, ['MM-GATEWAY-PUBLIC public-IP']],
  ['an outside around the inside', { 'public-IP': '192.168.9.40', 'public-router': '192.168.9.41', 'public-netmask': '255.255.0.0' }, ['MM-GATEWAY-PUBLIC public-IP']],
  ['one card for both', { 'public-interface': 'eth0' }, ['MM-GATEWAY-ANSWER public-interface']],
  ['a beat that is too fast', { 'gateway-beat-ms': 5 }, ['MM-GATEWAY-ANSWER gateway-beat-ms']],
  ['preemption as a word', { 'gateway-preemption': 'yes' }, ['MM-GATEWAY-ANSWER gateway-preemption']],
  ['a forward out of the cluster', { 'port-forwards': ['tcp/80=10.0.0.1:80'] }, ['MM-GATEWAY-FORWARD port-forwards[0]']],
  ['a forward that would be a rule of its own', { 'port-forwards': ['tcp/80=192.168.0.1:80; drop'] }, ['MM-GATEWAY-FORWARD port-forwards[0]']],
  ['one port forwarded twice', { 'port-forwards': ['tcp/80=192.168.0.1:80', 'tcp/80=192.168.0.2:80'] }, ['MM-GATEWAY-FORWARD port-forwards[1]']],
  ['an open port of another form', { 'public-services': ['tcp/22; accept'] }, ['MM-GATEWAY-SERVICE public-services[0]']],
  ['an open port that is forwarded', { 'port-forwards': ['tcp/22=192.168.0.1:22'], 'public-services': ['tcp/22'] }, ['MM-GATEWAY-SERVICE public-services[0]']],
  ['an open port twice', { 'public-services': ['udp/53', 'udp/53'] }, ['MM-GATEWAY-SERVICE public-services[1]']],
  ['several at once', { 'public-IP': 'x', 'public-netmask': 'y', domain: 'Z' }, ['MM-GATEWAY-ANSWER domain', 'MM-GATEWAY-ANSWER public-IP', 'MM-GATEWAY-ANSWER public-netmask']],
])('%s', (_name, change, expected) => expect(codesOf({ ...ANSWERS, ...change })).toEqual(expected));

test.each<[string, GatewayAnswers, readonly object[]]>([
  ['SSH where nothing is answered', {}, [{ protocol: 'tcp', port: 22 }]], ['none where none is answered', { 'public-services': [] }, []],
  ['none where SSH goes on to a node', { 'port-forwards': ['tcp/22=192.168.0.1:22'] }, []], ['what is answered alone', { 'public-services': ['udp/53'] }, [{ protocol: 'udp', port: 53 }]],
])('what is open: %s', (_name, change, services) => expect(gatewayConfig({ ...ANSWERS, ...change }, ROSTER)).toMatchObject({ value: { services } }));

test('fuzz: whatever the registry holds, there is a value or a problem', () => {
  const keys = [...Object.keys(ANSWERS), ...Object.keys(IPV6), 'further-gateway-nodes', 'port-forwards', 'public-services', 'gateway-preemption', 'gateway-beat-ms'];
  const answers = fc.dictionary(fc.constantFrom(...keys), fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.array(fc.string()), fc.ipV4(), fc.ipV6(), fc.ipV6().map((text) => `${text}/64`)));
  fc.assert(fc.property(answers, (changed) => {
    const result = gatewayConfig({ ...ANSWERS, ...changed }, ROSTER);
    if (!result.ok) expect(result.problems.length).toBeGreaterThan(0);
  }));
});
