import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readAddresses, readDefaultRoute, readRulesetShape } from './present-state.ts';

/** iproute2 6.1.0, a gateway's two interfaces. */
const ADDRESSES = '[{"ifindex":2,"link_index":2,"ifname":"eth0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,"qdisc":"noqueue","operstate":"UP","group":"default","txqlen":1000,"link_type":"ether","address":"62:05:03:92:f8:d9","broadcast":"ff:ff:ff:ff:ff:ff","link_netnsid":0,"addr_info":[{"family":"inet","local":"192.168.0.1","prefixlen":24,"scope":"global","label":"eth0","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet","local":"192.168.0.253","prefixlen":32,"scope":"global","label":"eth0","valid_life_time":4294967295,"preferred_life_time":4294967295},{"family":"inet6","local":"fe80::6005:3ff:fe92:f8d9","prefixlen":64,"scope":"link","tentative":true,"valid_life_time":4294967295,"preferred_life_time":4294967295}]}]';
const ROUTES = '[{"dst":"default","gateway":"203.0.113.1","dev":"eth1","flags":[]},{"dst":"default","gateway":"192.168.0.9","dev":"eth0","metric":100,"flags":[]},{"dst":"192.168.0.0/24","dev":"eth0","protocol":"kernel","scope":"link","prefsrc":"192.168.0.1","flags":[]}]';
/** nftables 1.0.6: a table of ours with two chains, and one of somebody else's. Its JSON tells no time-out below a second. */
const RULESET = '{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, {"table": {"family": "inet", "name": "metamaster_gateway", "handle": 4}}, {"set": {"family": "inet", "name": "gate", "table": "metamaster_gateway", "type": "ether_type", "handle": 4, "size": 4, "flags": ["timeout"]}}, {"chain": {"family": "inet", "table": "metamaster_gateway", "name": "forward", "handle": 2, "type": "filter", "hook": "forward", "prio": -10, "policy": "accept"}}, {"chain": {"family": "inet", "table": "metamaster_gateway", "name": "version_1f46397634ce", "handle": 7}}, {"rule": {"family": "inet", "table": "metamaster_gateway", "chain": "forward", "handle": 5, "expr": [{"drop": null}]}}, {"table": {"family": "ip", "name": "nat", "handle": 9}}, {"chain": {"family": "ip", "table": "nat", "name": "forward", "handle": 2}}]}';

describe('what the tools print', () => {
  test('addresses', () => {
    expect(readAddresses(ADDRESSES)).toEqual([{ interface: 'eth0', address: '192.168.0.1', prefix: 24 }, { interface: 'eth0', address: '192.168.0.253', prefix: 32 }]);
  });

  test.each([
    ['the one without a metric', ROUTES, { via: '203.0.113.1', interface: 'eth1' }],
    ['none', '[{"dst":"192.168.0.0/24","dev":"eth0"}]', 'none'],
    ['no route at all: ip prints nothing', '', 'none'],
    ['one on a link', '[{"dst":"default","dev":"ppp0","scope":"link"}]', { via: '0.0.0.0', interface: 'ppp0' }],
  ])('the default route: %s', (_name, text, expected) => expect(readDefaultRoute(text)).toEqual(expected));

  test.each([
    ['ours alone', RULESET, 'inet forward 1; inet version_1f46397634ce 0'],
    ['nothing', '{"nftables": [{"metainfo": {"version": "1.0.6"}}]}', ''],
    ['a table that was emptied', '{"nftables": [{"table": {"family": "inet", "name": "metamaster_gateway", "handle": 4}}]}', 'empty'],
  ])('the ruleset: %s', (_name, text, expected) => expect(readRulesetShape(text)).toBe(expected));
});

test('what is cut short or of another form is no picture of an empty machine', () => {
  for (const text of ['{}', 'null', '[1]', '"x"']) expect([readAddresses(text), readDefaultRoute(text)]).toEqual([undefined, undefined]);
  fc.assert(fc.property(fc.nat(ROUTES.length - 2), (cut) => {
    for (const [text, read] of [[ADDRESSES, readAddresses], [ROUTES, readDefaultRoute], [RULESET, readRulesetShape]] as const) expect(read(text.slice(0, cut + 1))).toBeUndefined();
  }));
});

test('fuzz: no JSON makes a reader throw', () => {
  fc.assert(fc.property(fc.json(), (text) => {
    readAddresses(text);
    readDefaultRoute(text);
    readRulesetShape(text);
    readRulesetShape(`{"nftables": ${text}}`);
  }));
});
