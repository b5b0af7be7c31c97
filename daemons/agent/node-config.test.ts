import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseNodeConfig } from './node-config.ts';

const node = (number: number) => ({ number, name: `node${number}`, macs: [`52:54:00:00:00:0${number}`], address: `10.1.0.${number}`, loader: 'rom' });
const roster = {
  clusterName: 'rack', container: 'rack', domain: 'rack.local', netmask: '255.255.255.0', metaMasterAddress: '10.1.0.253',
  san: { address: '10.1.0.250', port: 3260, target: 'iqn.2007-01.it.example:san' }, kernelParameters: 'quiet', nodes: [node(1), node(2)],
};
const config = { number: 1, interface: 'eth0', rosterGeneration: 7, bootNonce: 'ab'.repeat(16), roster };

/** The places that are complained of. */
function wrong(json: unknown): string[] {
  const result = parseNodeConfig(json);
  return result.ok ? [] : result.problems.map((problem) => problem.where);
}

test('a good file is read as it stands', () => {
  expect(parseNodeConfig(config)).toEqual({ ok: true, value: config });
});

test('a node on a VLAN: the interface has a dot in its name, and the roster names the VLAN', () => {
  const tagged = { ...config, interface: 'eth0.4094', roster: { ...roster, vlan: 4094 } };
  expect(parseNodeConfig(tagged)).toEqual({ ok: true, value: tagged });
});

test('what replaces, bars and drains blades is read as it stands', () => {
  const barred = [{ node: 2, macs: ['52:54:00:00:00:09'], hardwareId: '4c4c4544-0000-1000-8000-000000000002/52:54:00:00:00:09', sinceUnixMs: 5 }, { node: 7, macs: ['52:54:00:00:00:0a'], sinceUnixMs: 6 }];
  const changing = { ...config, roster: { ...roster, nodes: [node(1), { ...node(2), drained: true }], barred, replacement: [{ node: 2, policy: 'ask', sinceUnixMs: 7, untilUnixMs: 8 }] } };
  expect(parseNodeConfig(changing)).toEqual({ ok: true, value: changing });
});

test('MAC addresses are brought into one spelling', () => {
  const result = parseNodeConfig({ ...config, roster: { ...roster, nodes: [{ ...node(1), macs: ['5254.0000.00AA'] }] } });
  expect(result.ok && result.value.roster.nodes[0]!.macs).toEqual(['52:54:00:00:00:aa']);
});

test('all problems are reported together', () => {
  const bad = { number: 0, interface: 'eth0/..', rosterGeneration: -1, bootNonce: 'x', roster: { ...roster, netmask: '255.0.255.0', san: { ...roster.san, port: '3260' }, nodes: [node(1), { ...node(2), loader: 'theirs', macs: [] }] } };
  const places = ['bootNonce', 'interface', 'number', 'roster.netmask', 'roster.nodes[1].loader', 'roster.nodes[1].macs', 'roster.san.port', 'rosterGeneration'];
  expect(wrong(bad).toSorted()).toEqual(places);
});

test.each([
  ['no object', 7, ''],
  ['no roster', { ...config, roster: undefined }, 'roster'],
  ['a number that is nobody\'s', { ...config, number: 3 }, 'number'],
  ['two nodes of one number', { ...config, roster: { ...roster, nodes: [node(1), { ...node(2), number: 1 }] } }, 'roster.nodes[1].number'],
  ['two nodes of one name', { ...config, roster: { ...roster, nodes: [node(1), { ...node(2), name: 'node1' }] } }, 'roster.nodes[1].name'],
  ['two nodes of one MAC', { ...config, roster: { ...roster, nodes: [node(1), { ...node(2), macs: node(1).macs }] } }, 'roster.nodes[1].macs[0]'],
  ['two nodes of one address', { ...config, roster: { ...roster, nodes: [node(1), { ...node(2), address: '10.1.0.1' }] } }, 'roster.nodes[1].address'],
  ['a node with the moving address', { ...config, roster: { ...roster, nodes: [node(1), { ...node(2), address: '10.1.0.253' }] } }, 'roster.nodes[1].address'],
  ['a node with the address of the SAN', { ...config, roster: { ...roster, nodes: [node(1), { ...node(2), address: '10.1.0.250' }] } }, 'roster.nodes[1].address'],
  ['a node of another network', { ...config, roster: { ...roster, nodes: [node(1), { ...node(2), address: '10.2.0.2' }] } }, 'roster.nodes[1].address'],
  ['a barred machine with a node\'s MAC', { ...config, roster: { ...roster, barred: [{ node: 2, macs: node(1).macs, sinceUnixMs: 5 }] } }, 'roster.barred[0].macs[0]'],
  ['two lines of kernel parameters', { ...config, roster: { ...roster, kernelParameters: 'a\nb' } }, 'roster.kernelParameters'],
])('%s', (_name, json, where) => expect(wrong(json)).toContain(where));

test('fuzz: whatever JSON stands in the file, it is read or refused with a reason, never thrown upon', () => {
  const shapes = fc.oneof(fc.jsonValue(), fc.record({ number: fc.jsonValue(), roster: fc.record({ nodes: fc.array(fc.jsonValue()), san: fc.jsonValue() }) }));
  fc.assert(fc.property(shapes, (json) => {
    expect(wrong(json)).not.toEqual([]);
  }));
});
