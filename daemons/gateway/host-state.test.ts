import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import { type Ipv6, isIpv6 } from '../core/ipv6.ts';
import type { Roster } from '../core/roster.ts';
import { type GatewayConfig, noGateway } from './gateway-config.ts';
import { GATEWAY_CONFIG, GATEWAY_CONFIG6 } from './gateway.test-kit.ts';
import { type DefaultRoute, desiredHostState, type DesiredRole, hostOperations, type HostOperation, type HostState } from './host-state.ts';

const ROLES: readonly DesiredRole[] = ['holder', 'backup', 'standby', 'absent'];
const INSIDE_ONLY: GatewayConfig = { ...GATEWAY_CONFIG, publicSide: undefined, forwards: [] };
const CONFIGS = [GATEWAY_CONFIG, INSIDE_ONLY, GATEWAY_CONFIG6];
/** A machine on which nothing of ours has happened yet. */
const FRESH: HostState = { addresses: [{ interface: 'eth0', address: '192.168.0.1' as Ipv4, prefix: 24 }], defaultRoute: undefined, defaultRoute6: undefined, sysctls: { 'net/ipv4/ip_forward': '0' }, rulesetShape: '', conntrack: 'off' };

const routeOf = ({ via }: DefaultRoute): 'defaultRoute' | 'defaultRoute6' => (isIpv6(via) ? 'defaultRoute6' : 'defaultRoute');

/** The machine after one step, as the kernel has it: with the last address of an interface its routes go as well. */
function apply(state: HostState, operation: HostOperation): HostState {
  switch (operation.kind) {
    case 'ruleset': return { ...state, rulesetShape: operation.ruleset.shape };
    case 'sysctl': return { ...state, sysctls: { ...state.sysctls, [operation.path]: operation.value } };
    case 'conntrack': return { ...state, conntrack: operation.mode };
    case 'route-set': return { ...state, [routeOf(operation.route)]: operation.route };
    case 'route-remove': return { ...state, [routeOf(operation.route)]: undefined };
    case 'address-add': return { ...state, addresses: [...state.addresses.filter(({ address }) => address !== operation.address.address), operation.address] };
    case 'address-remove': {
      const addresses = state.addresses.filter(({ address }) => address !== operation.address.address);
      const alone = !isIpv6(operation.address.address) && !addresses.some((one) => one.interface === operation.address.interface && !isIpv6(one.address));
      return { ...state, addresses, defaultRoute: alone && state.defaultRoute?.interface === operation.address.interface ? undefined : state.defaultRoute };
    }
  }
}
const reached = (state: HostState, operations: readonly HostOperation[]): HostState => operations.reduce(apply, state);
const told = (operation: HostOperation): string => {
  switch (operation.kind) {
    case 'ruleset': return operation.ruleset.shape === '' ? 'ruleset off' : 'ruleset on';
    case 'sysctl': return `${operation.path}=${operation.value}`;
    case 'conntrack': return `conntrack ${operation.mode}`;
    case 'route-set': return `default via ${operation.route.via} dev ${operation.route.interface}`;
    case 'route-remove': return 'no default';
    case 'address-add': return `+${operation.address.address}/${operation.address.prefix} ${operation.address.interface}${operation.address.noSource === true ? ', no source' : ''}`;
    case 'address-remove': return `-${operation.address.address} ${operation.address.interface}`;
  }
};
const steps = (from: HostState, role: DesiredRole, config = GATEWAY_CONFIG): string[] => hostOperations(from, desiredHostState(config, role)).map(told);
const stateOf = (role: DesiredRole, config = GATEWAY_CONFIG): HostState => reached(FRESH, hostOperations(FRESH, desiredHostState(config, role)));

describe('the steps', () => {
  test('a machine that becomes a candidate: the gate before anything is forwarded', () => {
    expect(steps(FRESH, 'standby')).toEqual([
      'ruleset on', 'net/ipv4/ip_forward=1', 'net/netfilter/nf_conntrack_tcp_be_liberal=1',
      'net/ipv4/conf/eth0/arp_announce=2', 'net/ipv4/conf/eth0/arp_ignore=1', 'net/ipv4/conf/eth0/send_redirects=0',
      'net/ipv4/conf/eth1/arp_announce=2', 'net/ipv4/conf/eth1/arp_ignore=1', 'net/ipv4/conf/eth1/send_redirects=0',
      'net/ipv4/conf/eth1/rp_filter=1',
      'default via 192.168.0.253 dev eth0',
    ]);
  });

  test.each<[string, DesiredRole, DesiredRole, string[]]>([
    ['the takeover: connection states first, then addresses', 'backup', 'holder', ['conntrack lead', '+192.168.0.253/32 eth0', '+203.0.113.10/24 eth1', 'default via 203.0.113.1 dev eth1']],
    ['the way back: conntrackd stops, the addresses go, then it follows', 'holder', 'backup', ['conntrack off', '-192.168.0.253 eth0', '-203.0.113.10 eth1', 'default via 192.168.0.253 dev eth0', 'conntrack follow']],
    ['a further candidate becomes backup', 'standby', 'backup', ['conntrack follow']],
    ['a holder is no candidate any more: the gate goes last', 'holder', 'absent', ['net/ipv4/ip_forward=0', 'conntrack off', '-192.168.0.253 eth0', '-203.0.113.10 eth1', 'default via 192.168.0.253 dev eth0', 'ruleset off']],
  ])('%s', (_name, from, to, expected) => expect(steps(stateOf(from), to)).toEqual(expected));

  test('with IPv6: its card outside wakes when the gate stands, and all of it comes behind IPv4\'s', () => {
    expect(steps(FRESH, 'standby', GATEWAY_CONFIG6).slice(-6)).toEqual([
      'net/ipv4/conf/eth1/rp_filter=1', 'default via 192.168.0.253 dev eth0',
      'net/ipv6/conf/eth1/accept_ra=0', 'net/ipv6/conf/all/forwarding=1', 'net/ipv6/conf/eth1/disable_ipv6=0', 'default via fd01:203:405::1:0 dev eth0',
    ]);
  });

  test.each<[string, DesiredRole, DesiredRole, string[]]>([
    ['the takeover', 'backup', 'holder', [
      'conntrack lead', '+192.168.0.253/32 eth0', '+203.0.113.10/24 eth1', 'default via 203.0.113.1 dev eth1',
      '+fd01:203:405::1:0/128 eth0, no source', '+2001:db8::10/64 eth1', 'default via 2001:db8::1 dev eth1',
    ]],
    ['the way back', 'holder', 'standby', [
      'conntrack off', '-192.168.0.253 eth0', '-203.0.113.10 eth1', '-fd01:203:405::1:0 eth0', '-2001:db8::10 eth1', 'default via 192.168.0.253 dev eth0', 'default via fd01:203:405::1:0 dev eth0',
    ]],
    ['a standby is no candidate any more', 'standby', 'absent', ['net/ipv4/ip_forward=0', 'net/ipv6/conf/all/forwarding=0', 'net/ipv6/conf/eth1/disable_ipv6=1', 'ruleset off']],
  ])('with IPv6: %s', (_name, from, to, expected) => expect(steps(stateOf(from, GATEWAY_CONFIG6), to, GATEWAY_CONFIG6)).toEqual(expected));

  test('without IPv6 nothing of it is touched, whatever is there', () => {
    const there: HostState = { ...FRESH, addresses: [{ interface: 'eth1', address: '2001:db8::10' as Ipv6, prefix: 64 }], defaultRoute6: { via: 'fd01:203:405::1:0' as Ipv6, interface: 'eth0' } };
    for (const role of ROLES) expect(steps(there, role).filter((step) => step.includes('::') || step.includes('ipv6'))).toEqual([]);
  });

  test('a cluster that has no gateway any more: nobody is a way out', () => {
    const before = { ...stateOf('absent'), sysctls: { 'net/ipv4/ip_forward': '0' } };
    const roster = { metaMasterAddress: GATEWAY_CONFIG.movingAddress, netmask: '255.255.255.0', domain: GATEWAY_CONFIG.domain } as Roster;
    expect(steps(before, 'absent', noGateway(roster, 'eth0'))).toEqual(['no default']);
  });

  test('an address of ours on the wrong interface moves; those of others stay', () => {
    const wrong = { ...stateOf('holder'), addresses: [{ interface: 'eth2', address: '192.168.0.253' as Ipv4, prefix: 32 }, { interface: 'eth0', address: '192.168.0.99' as Ipv4, prefix: 32 }, { interface: 'eth1', address: '203.0.113.10' as Ipv4, prefix: 24 }] };
    expect(steps(wrong, 'holder')).toEqual(['conntrack off', '-192.168.0.253 eth2', 'conntrack lead', '+192.168.0.253/32 eth0']);
  });

  test('without an outside network a default route of somebody else\'s stays', () => {
    const routed = { ...FRESH, defaultRoute: { via: '192.168.0.9' as Ipv4, interface: 'eth0' } };
    for (const role of ROLES) expect(steps(routed, role, INSIDE_ONLY).filter((step) => step.includes('default'))).toEqual([]);
  });
});

describe('whatever the machine is like', () => {
  const addresses = fc.subarray([
    { interface: 'eth0', address: '192.168.0.1' as Ipv4, prefix: 24 }, { interface: 'eth0', address: '192.168.0.253' as Ipv4, prefix: 32 }, { interface: 'eth0', address: '203.0.113.10' as Ipv4, prefix: 32 },
    { interface: 'eth1', address: '203.0.113.10' as Ipv4, prefix: 24 }, { interface: 'eth1', address: '203.0.113.77' as Ipv4, prefix: 24 },
  ]).filter((list) => new Set(list.map(({ address }) => address)).size === list.length);
  const states: fc.Arbitrary<HostState> = fc.record({
    addresses, conntrack: fc.constantFrom('off', 'follow', 'lead'),
    defaultRoute: fc.constantFrom(undefined, { via: '203.0.113.1' as Ipv4, interface: 'eth1' }, { via: '192.168.0.253' as Ipv4, interface: 'eth0' }),
    defaultRoute6: fc.constantFrom(undefined, { via: '2001:db8::1' as Ipv6, interface: 'eth1' }, { via: 'fe80::1' as Ipv6, interface: 'eth0' }),
    sysctls: fc.dictionary(fc.constantFrom('net/ipv4/ip_forward', 'net/ipv4/conf/eth0/arp_ignore', 'net/ipv6/conf/all/forwarding'), fc.constantFrom('0', '1')),
    rulesetShape: fc.constantFrom('', 'empty', desiredHostState(GATEWAY_CONFIG, 'holder').rulesetShape),
  });
  const roles = fc.constantFrom(...ROLES);
  const configs = fc.constantFrom(...CONFIGS);

  test('from any step of any change on which the machine crashed, the wanted state is reached, and then nothing is left to do', () => {
    fc.assert(
      fc.property(states, configs, roles, roles, fc.nat(20), (start, config, first, then, done) => {
        const broken = reached(start, hostOperations(start, desiredHostState(config, first)).slice(0, done));
        const desired = desiredHostState(config, then);
        const end = reached(broken, hostOperations(broken, desired));
        expect(hostOperations(end, desired)).toEqual([]);
        expect(end.addresses.filter(({ address }) => desired.moving.includes(address))).toHaveLength(desired.addresses.length);
        expect([end.rulesetShape, end.conntrack]).toEqual([desired.rulesetShape, desired.conntrack]);
        expect(end.addresses.filter(({ address }) => !desired.moving.includes(address))).toEqual(start.addresses.filter(({ address }) => !desired.moving.includes(address)));
      }),
    );
  });

  test('no address comes up before the states are there and the gate stands; none goes while conntrackd leads', () => {
    fc.assert(
      fc.property(states, configs, roles, (start, config, role) => {
        const desired = desiredHostState(config, role);
        let state = start;
        for (const operation of hostOperations(start, desired)) {
          if (operation.kind === 'address-add') expect([state.conntrack, state.rulesetShape]).toEqual([desired.conntrack, desired.rulesetShape]);
          if (operation.kind === 'address-remove') expect(state.conntrack).not.toBe('lead');
          if (operation.kind === 'sysctl' && /ip_forward$|all\/forwarding$/.test(operation.path) && operation.value === '1') expect(state.rulesetShape).toBe(desired.rulesetShape);
          state = apply(state, operation);
        }
      }),
    );
  });
});
