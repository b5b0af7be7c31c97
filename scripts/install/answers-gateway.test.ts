import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { valueOf } from '../../daemons/core/problem.ts';
import { gatewayConfig } from '../../daemons/gateway/gateway-config.ts';
import { installRecord, parseAnswers, rosterOf } from './answers.ts';

const LEAST = {
  'container-name': 'foo', 'storage-ip': '192.168.5.252', 'iscsi-target': 'iqn.2001-04.com.example:rack', 'number-of-nodes': 4, 'cluster-hostname': 'node',
  nodes: [1, 2, 3, 4].map((number) => ({ mac: `52:54:00:00:00:0${number}` })), 'root-password-file': '/root/password',
};
const OUTSIDE = { 'public-IP': '203.0.113.9', 'public-netmask': '255.255.255.0', 'public-router': '203.0.113.1', 'public-interface': 'eth1' };
const OUTSIDE6 = { 'public-IP6': '2001:db8::9/64', 'public-router6': '2001:db8::1' };
const SUCCESSION = { 'primary-gateway-local-IP': '192.168.5.2', 'backup-gateway-local-IP': '192.168.5.1', 'further-gateway-nodes': [4, '3'] };
const WHOLE = { ...SUCCESSION, ...OUTSIDE };

const read = (change: object) => parseAnswers(JSON.stringify({ ...LEAST, ...change }), 'answers.json');
const complaints = (change: object): readonly string[] => {
  const result = read(change);
  return result.ok ? [] : result.problems.map(({ code, where }) => `${code.slice('MM-ANSWERS-'.length)} ${where}`);
};

/** What the gateway of the installed cluster makes of it. */
const settings = (change: object) => {
  const answers = valueOf(read(change));
  return gatewayConfig({ 'inside-interface': 'eth0', ...installRecord(answers) }, rosterOf(answers));
};

describe('relations', () => {
  test.each<[string, object, readonly string[]]>([
    ['the whole of it', WHOLE, []],
    ['a succession without an outside network', SUCCESSION, []],
    ['a gateway that is no node', { ...OUTSIDE, 'primary-gateway-local-IP': '192.168.5.9' }, ['GATEWAY primary-gateway-local-IP']],
    ['one gateway as its own backup', { 'primary-gateway-local-IP': '192.168.5.1', 'backup-gateway-local-IP': '192.168.5.1' }, ['GATEWAY backup-gateway-local-IP']],
    ['the backup again among the further ones', { ...SUCCESSION, 'further-gateway-nodes': [3, 1] }, ['GATEWAY further-gateway-nodes[1]']],
    ['a further one twice', { ...SUCCESSION, 'further-gateway-nodes': [3, 4, '3'] }, ['GATEWAY further-gateway-nodes[2]']],
    ['a further one that is no node', { ...SUCCESSION, 'further-gateway-nodes': [5] }, ['GATEWAY further-gateway-nodes[0]']],
    ['a further one that is no number', { ...SUCCESSION, 'further-gateway-nodes': ['node3'] }, ['VALUE further-gateway-nodes[0]']],
    ['a backup of nobody', { 'backup-gateway-local-IP': '192.168.5.1' }, ['MISSING primary-gateway-local-IP']],
    ['heirs of nobody', { 'further-gateway-nodes': [3] }, ['MISSING primary-gateway-local-IP']],
    ['an outside network to which nobody leads', OUTSIDE, ['MISSING primary-gateway-local-IP']],
    ['half an outside network', { ...SUCCESSION, 'public-IP': '203.0.113.9' }, ['MISSING public-netmask', 'MISSING public-router', 'MISSING public-interface']],
    ['a name server alone', { ...SUCCESSION, 'public-DNS': '203.0.113.53' }, ['MISSING public-IP', 'MISSING public-netmask', 'MISSING public-router', 'MISSING public-interface']],
    ['a router elsewhere', { ...WHOLE, 'public-router': '203.0.114.1' }, ['PUBLIC public-router']],
    ['a router that is the gateway', { ...WHOLE, 'public-router': '203.0.113.9' }, ['PUBLIC public-router']],
    ['a router on the broadcast address', { ...WHOLE, 'public-router': '203.0.113.255' }, ['HOST public-router']],
    ['an outside that is inside', { ...WHOLE, 'public-IP': '192.168.5.9', 'public-router': '192.168.5.10' }, ['PUBLIC public-IP']],
    ['an outside so wide that the storage network lies in it', { ...WHOLE, 'public-IP': '192.168.77.9', 'public-netmask': '255.255.0.0', 'public-router': '192.168.77.1' }, ['OVERLAP public-netmask']],
    ['a storage network so wide that the outside lies in it', { ...WHOLE, 'storage-netmask': '255.255.0.0', 'first-node-IP-netboot-netstorage': '192.168.5.1', 'public-IP': '192.168.77.9', 'public-router': '192.168.77.1' }, ['PUBLIC public-IP']],
    ['an outside that is the neighbour', { ...WHOLE, 'public-IP': '192.168.4.9', 'public-router': '192.168.4.1' }, []],
    ['IPv6 besides', { ...WHOLE, ...OUTSIDE6 }, []],
    ['IPv6 through a link-local router', { ...WHOLE, ...OUTSIDE6, 'public-router6': 'fe80::1' }, []],
    ['half of IPv6', { ...WHOLE, 'public-IP6': '2001:db8::9/64' }, ['MISSING public-router6']],
    ['IPv6 without IPv4', { ...SUCCESSION, ...OUTSIDE6 }, ['MISSING public-IP']],
    ['an IPv6 address without its prefix length', { ...WHOLE, ...OUTSIDE6, 'public-IP6': '2001:db8::9' }, ['VALUE public-IP6']],
    ['an IPv4 router for IPv6', { ...WHOLE, ...OUTSIDE6, 'public-router6': '203.0.113.1' }, ['VALUE public-router6']],
    ['an IPv6 router elsewhere', { ...WHOLE, ...OUTSIDE6, 'public-router6': '2001:db9::1' }, ['PUBLIC public-router6']],
    // The SHA-256 of "node" begins with 545ea53846.
    ['an IPv6 outside that is the inside', { ...WHOLE, 'public-IP6': 'fd54:5ea5:3846::9/64', 'public-router6': 'fe80::1' }, ['PUBLIC public-IP6']],
    ['one interface for both', { ...WHOLE, 'inside-interface': 'eth1' }, ['INTERFACE public-interface']],
    ['two interfaces', { ...WHOLE, 'inside-interface': 'eth0.5' }, []],
    ['forwards to two nodes', { ...WHOLE, 'port-forwards': ['tcp/443=192.168.5.3:8443', 'udp/443=192.168.5.4:443'] }, []],
    ['a forward out of the cluster', { ...WHOLE, 'port-forwards': ['tcp/443=192.168.6.3:8443'] }, ['FORWARD port-forwards[0]']],
    ['a forward to everybody', { ...WHOLE, 'port-forwards': ['tcp/443=192.168.5.255:8443'] }, ['FORWARD port-forwards[0]']],
    ['a forward to the gateway itself', { ...WHOLE, 'port-forwards': ['tcp/443=192.168.5.253:8443'] }, ['FORWARD port-forwards[0]']],
    ['one port twice', { ...WHOLE, 'port-forwards': ['tcp/443=192.168.5.3:8443', 'tcp/443=192.168.5.4:443'] }, ['FORWARD port-forwards[1]']],
    ['forwards from nowhere', { ...SUCCESSION, 'port-forwards': ['tcp/443=192.168.5.3:8443'] }, ['FORWARD port-forwards']],
    ['a forward of another form', { ...WHOLE, 'port-forwards': ['443=192.168.5.3:8443'] }, ['VALUE port-forwards[0]']],
    ['a port that is none', { ...WHOLE, 'port-forwards': ['tcp/65536=192.168.5.3:8443'] }, ['VALUE port-forwards[0]']],
    ['ports that are open', { ...WHOLE, 'public-services': ['tcp/22', 'udp/22'] }, []],
    ['no port that is open', { ...WHOLE, 'public-services': [] }, []],
    ['an open port that is forwarded', { ...WHOLE, 'port-forwards': ['tcp/443=192.168.5.3:8443'], 'public-services': ['tcp/443', 'udp/443'] }, ['SERVICE public-services[0]']],
    ['an open port twice', { ...WHOLE, 'public-services': ['tcp/22', 'tcp/22'] }, ['SERVICE public-services[1]']],
    ['open ports towards nowhere', { ...SUCCESSION, 'public-services': ['tcp/22'] }, ['SERVICE public-services']],
    ['an open port of another form', { ...WHOLE, 'public-services': ['22'] }, ['VALUE public-services[0]']],
    ['a time server by name and one by address', { 'ntp-servers': ['ntp.example.com', '203.0.113.7'] }, []],
    ['a time server that is neither', { 'ntp-servers': ['ntp.example.com', 'a b'] }, ['VALUE ntp-servers[1]']],
  ])('%s', (_what, change, expected) => expect(complaints(change)).toEqual(expected));
});

test('the gateway reads what was answered', () => {
  expect(settings({ ...WHOLE, ...OUTSIDE6, 'port-forwards': ['tcp/443=192.168.5.3:8443'], 'gateway-preemption': true, 'gateway-beat-ms': 50 })).toMatchObject({
    ok: true, value: {
      candidates: [2, 1, 4, 3], movingAddress: '192.168.5.253', insideInterface: 'eth0', insidePrefix: 24, preemption: true, beatMs: 50,
      publicSide: { address: '203.0.113.9', prefix: 24, router: '203.0.113.1', interface: 'eth1' }, ipv6: { address: '2001:db8::9', prefix: 64, router: '2001:db8::1', movingAddress: 'fd54:5ea5:3846::1:0' }, forwards: [{ protocol: 'tcp', port: 443, to: '192.168.5.3', toPort: 8443 }],
    },
  });
});

test('property: what the installer takes, the gateway takes', () => {
  const address = fc.constantFrom('192.168.5.1', '192.168.5.2', '192.168.5.4', '192.168.5.9', '192.168.5.253', '203.0.113.1', '203.0.113.9', '203.0.113.255', '203.0.112.7');
  const addresses: Record<string, fc.Arbitrary<string>> = Object.fromEntries(['primary-gateway-local-IP', 'backup-gateway-local-IP', 'spare-local-IP', 'public-IP', 'public-router', 'public-DNS'].map((key) => [key, address]));
  const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    ...addresses,
    'public-IP6': fc.constantFrom('2001:db8::9/64', '2001:db8::9/16', 'fd54::9/16', 'fd54:5ea5:3846::9/64'), 'public-router6': fc.constantFrom('fe80::1', '2001:db8::1', '2001:db9::1'),
    'public-netmask': fc.constantFrom('255.255.255.0', '255.255.0.0', '255.255.255.252', '128.0.0.0'), 'public-interface': fc.constantFrom('eth1', 'eth2'), 'inside-interface': fc.constantFrom('eth0', 'eth1'),
    'further-gateway-nodes': fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }), 'gateway-preemption': fc.boolean(), 'gateway-beat-ms': fc.integer({ min: 0, max: 1100 }),
    'public-services': fc.array(fc.constantFrom('tcp/22', 'tcp/443', 'udp/1'), { maxLength: 2 }),
    'port-forwards': fc.array(fc.tuple(fc.constantFrom('tcp', 'udp'), fc.constantFrom(1, 443), address).map(([protocol, port, to]) => `${protocol}/${port}=${to}:80`), { maxLength: 3 }),
  };
  // Most draws contradict themselves; from a sound one a change or two often leads to another sound one.
  const change = fc.constantFrom(...Object.keys(values)).chain((key) => fc.tuple(fc.constant(key), fc.option(values[key]!, { nil: undefined, freq: 4 })));
  let taken = 0;
  // That the outside is not where a node was booted by (eth0 here) is seen on the node alone.
  fc.assert(fc.property(fc.array(change, { maxLength: 2 }), (changes) => {
    const answers = { ...WHOLE, ...OUTSIDE6, ...Object.fromEntries(changes) };
    if (!read(answers).ok) return;
    taken++;
    expect(settings(answers)).toMatchObject({ ok: true });
  }), { numRuns: 500 });
  expect(taken).toBeGreaterThan(50);
});
