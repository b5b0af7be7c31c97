import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { InputError, valueOf } from '../../daemons/core/problem.ts';
import type { Problem } from '../../daemons/core/problem.ts';
import { answersJsonSchema, ANSWERS_SCHEMA } from './answers-schema.ts';
import { installRecord, parseAnswers, rosterOf } from './answers.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f admin';
const HASH = `$6$saltsalt$${'a'.repeat(86)}`;

const LEAST = {
  'container-name': 'foo', 'storage-ip': '192.168.5.252', 'iscsi-target': 'iqn.2001-04.com.example:rack', 'number-of-nodes': 2, 'cluster-hostname': 'node',
  nodes: [{ mac: '52:54:00:00:00:01' }, { mac: '52-54-00-00-00-02' }] as unknown, 'authorized-keys': [KEY],
};

const problems = (answers: object): readonly Problem[] => {
  const result = parseAnswers(JSON.stringify(answers), 'answers.json');
  return result.ok ? [] : result.problems;
};
const complaints = (change: object): readonly string[] => problems({ ...LEAST, ...change }).map(({ code, where }) => `${code} ${where}`);
const nodesWith = (...addresses: (string | undefined)[]): object => ({ 'number-of-nodes': addresses.length, nodes: addresses.map((address, at) => ({ mac: `52:54:00:00:00:0${at + 1}`, address })) });

describe('what is not given', () => {
  test('has the defaults of the report, derived addresses included', () => {
    expect(valueOf(parseAnswers(JSON.stringify(LEAST), 'answers.json'))).toEqual({
      'container-name': 'foo', 'storage-ip': '192.168.5.252', 'storage-port': 3260, 'storage-portals': [], 'storage-netmask': '255.255.255.0', 'iscsi-target': 'iqn.2001-04.com.example:rack',
      'meta-master-ip': '192.168.5.253', 'connection-kind': 'ethernet', 'number-of-nodes': 2, 'maximum-nodes': 64, 'volume-size': 5120, 'swap-size': 0, 'shared-size': 0, 'state-size': 256,
      'shared-fs-id': 'sharedfs', domain: 'cluster.internal', 'first-node-IP-netboot-netstorage': '192.168.5.1', 'cluster-hostname': 'node', 'kernel-parameters': '', 'authorized-keys': [KEY],
      'further-gateway-nodes': [], 'gateway-preemption': false, 'gateway-beat-ms': 12, 'port-forwards': [],
      nodes: [{ macs: ['52:54:00:00:00:01'], address: '192.168.5.1', loader: 'rom' }, { macs: ['52:54:00:00:00:02'], address: '192.168.5.2', loader: 'rom' }],
    });
  });

  test.each(['container-name', 'storage-ip', 'iscsi-target', 'number-of-nodes', 'cluster-hostname', 'nodes'])('%s is required', (key) => {
    const [problem, ...more] = problems({ ...LEAST, [key]: undefined });
    expect(more).toEqual([]);
    expect(problem).toMatchObject({ code: 'MM-ANSWERS-MISSING', where: key, seen: 'nothing' });
  });
});

describe('the example of the documentation', () => {
  const text = readFileSync('docs/answers.example.yaml', 'utf8');
  const answers = valueOf(parseAnswers(text, 'answers.example.yaml'));

  test('is sound', () => expect(answers.nodes.map(({ address, macs, loader }) => [address, macs.length, loader])).toEqual([['192.168.0.1', 1, 'rom'], ['192.168.0.2', 2, 'rom'], ['192.168.0.30', 1, 'ours']]));

  test('names every answer, and shows the true defaults', () => {
    for (const key of Object.keys(ANSWERS_SCHEMA.shape)) if (key !== 'spare-local-IP') expect(text, key).toMatch(new RegExp(String.raw`^(# )?${key}:`, 'm'));
    const shown = parse([...text.matchAll(/^# ([a-zA-Z-]+: \S+)/gm)].map(([, line]) => line).filter((line) => !/^(store-size|container-size|boot-vlan|root-|chap-|first-node|meta-|ntp-|inside-|public-services)/.test(line!)).join('\n')) as Record<string, unknown>;
    expect(Object.keys(shown).length).toBeGreaterThan(8);
    expect(answers).toMatchObject(shown);
  });
});

describe('values', () => {
  test.each<[string, unknown]>([
    ['container-name', 'Foo'], ['container-name', 7], ['storage-ip', '192.168.5'], ['storage-ip', '127.0.0.1'], ['storage-port', 0], ['storage-port', '3260'], ['boot-vlan', 0], ['boot-vlan', 4095], ['boot-vlan', '5'], ['boot-vlan', 5.5], ['storage-port', 3260.5], ['storage-netmask', '255.0.255.0'],
    ['storage-netmask', '255.255.255.255'], ['iscsi-target', 'disk1'], ['write-cache', false], ['write-cache', 'on'], ['meta-master-ip', 'x'], ['connection-kind', 'token-ring'], ['number-of-nodes', 0], ['maximum-nodes', 2001],
    ['container-size', 1023], ['volume-size', 255], ['volume-size', '5120'], ['swap-size', -1], ['shared-size', 1], ['state-size', 0], ['store-size', 0], ['store-size', 1e300], ['shared-fs-id', ''], ['public-DNS', '8.8.8'], ['public-interface', 'eth0:1'], ['inside-interface', 'a'.repeat(16)], ['gateway-preemption', 'yes'], ['gateway-beat-ms', 9], ['gateway-beat-ms', 15.5], ['gateway-beat-ms', '15'], ['further-gateway-nodes', 3], ['port-forwards', 'tcp/1=1.2.3.4:5'], ['ntp-servers', 'ntp.example.com'], ['domain', 'Example.com'], ['domain', ''],
    ['first-node-IP-netboot-netstorage', '0.0.0.0'], ['cluster-hostname', 'node_'], ['cluster-hostname', 'n'.repeat(60)], ['nodes', 'x'], ['nodes', []], ['nodes', null], ['kernel-parameters', 'a\nb'], ['kernel-parameters', 'quiet root=/dev/sda'],
    ['kernel-parameters', 'quiet --- x'], ['kernel-parameters', 'mm.node=3'], ['kernel-parameters', '"storage_ip=1.2.3.4"'], ['root-password-hash', 'secret'], ['root-password-file', ''], ['authorized-keys', 'x'],
    ['chap-user', 'a b'], ['chap-user', ''], ['chap-password-file', ''], ['chap-mutual-user', 'ä'], ['chap-mutual-password-file', 'a\nb'],
  ])('%s: %j is one problem that names it, with rule, value and remedy', (key, value) => {
    const found = problems({ ...LEAST, [key]: value });
    expect(found).toEqual([{ code: 'MM-ANSWERS-VALUE', where: key, rule: expect.stringMatching(/./), seen: expect.stringMatching(/./), remedy: expect.stringMatching(/./) }]);
    if (!['root-password-hash', 'authorized-keys'].includes(key)) expect(found[0]!.seen).toContain(JSON.stringify(value).slice(0, 20));
  });

  test.each<[unknown, string]>([
    [{ mac: '01:00:5e:00:00:01' }, 'VALUE nodes[1].mac'], [{ mac: 525_400_000_002 }, 'VALUE nodes[1].mac'], [{ macs: [] }, 'VALUE nodes[1].macs'], [{ macs: ['52:54:00:00:00:02', 'x'] }, 'VALUE nodes[1].macs[1]'], [{}, 'MISSING nodes[1]'],
    [{ mac: '52:54:00:00:00:02', macs: ['52:54:00:00:00:03'] }, 'VALUE nodes[1]'], [{ mac: '52:54:00:00:00:02', address: 'x' }, 'VALUE nodes[1].address'], [{ mac: '52:54:00:00:00:02', loader: 'grub' }, 'VALUE nodes[1].loader'],
    [{ mac: '52:54:00:00:00:02', name: 'x' }, 'UNKNOWN nodes[1].name'], ['52:54:00:00:00:02', 'VALUE nodes[1]'], [null, 'VALUE nodes[1]'],
  ])('a node %j', (node, expected) => expect(complaints({ nodes: [{ mac: '52:54:00:00:00:01' }, node] })).toEqual([`MM-ANSWERS-${expected}`]));

  test('an unknown answer is named, with those there are', () => {
    const [problem] = problems({ ...LEAST, 'storage-adress': '1.2.3.4' });
    expect(problem).toMatchObject({ code: 'MM-ANSWERS-UNKNOWN', where: 'storage-adress', rule: expect.stringContaining('storage-ip') });
  });

  test('a secret is never shown, even when it is wrong', () => {
    const found = problems({ ...LEAST, 'root-password-hash': 'hunter2', 'authorized-keys': ['-----BEGIN OPENSSH PRIVATE KEY----- hunter2', 7] });
    expect(found.map(({ where, seen }) => [where, seen])).toEqual([['root-password-hash', 'a text of 7 characters'], ['authorized-keys[0]', 'a text of 43 characters'], ['authorized-keys[1]', 'a value of type number']]);
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });

  test('all problems come together, relations between sound answers included', () => {
    expect(complaints({ 'storage-port': 0, 'iscsi-target': 'x', 'number-of-nodes': 3, extra: 1, nodes: [{ mac: 'x' }, { mac: '52:54:00:00:00:02', address: '10.0.0.1' }] })).toEqual([
      'MM-ANSWERS-VALUE storage-port', 'MM-ANSWERS-VALUE iscsi-target', 'MM-ANSWERS-VALUE nodes[0].mac', 'MM-ANSWERS-UNKNOWN extra', 'MM-ANSWERS-COUNT number-of-nodes', 'MM-ANSWERS-NETWORK nodes[1].address',
    ]);
  });
});

describe('relations', () => {
  test('to a value that is wrong in itself nothing is said, and no default takes its place', () => {
    expect(complaints({ 'meta-master-ip': 'x', 'spare-local-IP': '192.168.5.9' })).toEqual(['MM-ANSWERS-VALUE meta-master-ip']);
    expect(complaints({ 'meta-master-ip': 'x', ...nodesWith('192.168.5.253') })).toEqual(['MM-ANSWERS-VALUE meta-master-ip']);
    expect(complaints({ 'first-node-IP-netboot-netstorage': 'x', 'primary-gateway-local-IP': '192.168.5.9' })).toEqual(['MM-ANSWERS-VALUE first-node-IP-netboot-netstorage']);
    expect(complaints({ 'storage-netmask': '24', 'meta-master-ip': '10.0.0.1' })).toEqual(['MM-ANSWERS-VALUE storage-netmask']);
  });

  test.each<[string, object, readonly string[]]>([
    ['too few nodes', { 'number-of-nodes': 3 }, ['COUNT number-of-nodes']],
    ['more nodes than the most', { 'maximum-nodes': 1 }, ['COUNT maximum-nodes']],
    ['one MAC twice, in two spellings', { nodes: [{ mac: '52:54:00:aa:00:01' }, { macs: ['52:54:00:00:00:02', '5254.00AA.0001'] }] }, ['SAME-MAC nodes[1]']],
    ['a node outside the network', nodesWith('192.168.5.1', '192.168.6.2'), ['NETWORK nodes[1].address']],
    ['a node on the broadcast address', nodesWith('192.168.5.255'), ['HOST nodes[0].address']],
    ['a node on the network\'s address', nodesWith('192.168.5.0'), ['HOST nodes[0].address']],
    ['a node on the SAN\'s address', nodesWith('192.168.5.252'), ['SAME-ADDRESS nodes[0].address']],
    ['a node on the meta-master\'s address', nodesWith('192.168.5.253'), ['SAME-ADDRESS nodes[0].address']],
    ['two nodes on one address', nodesWith('192.168.5.7', '192.168.5.7'), ['SAME-ADDRESS nodes[1].address']],
    ['a given address that a derived one meets', nodesWith('192.168.5.2', undefined), ['SAME-ADDRESS nodes[1].address']],
    ['derived addresses that meet the SAN', { 'first-node-IP-netboot-netstorage': '192.168.5.251' }, ['SAME-ADDRESS nodes[1].address']],
    ['a meta-master that is the SAN', { 'meta-master-ip': '192.168.5.252' }, ['SAME-ADDRESS meta-master-ip']],
    ['a meta-master elsewhere', { 'meta-master-ip': '10.0.0.1' }, ['NETWORK meta-master-ip']],
    ['a derived meta-master outside a small network', { 'storage-ip': '192.168.5.9', 'storage-netmask': '255.255.255.240' }, ['NETWORK meta-master-ip']],
    ['a SAN on the broadcast address', { 'storage-ip': '192.168.5.255' }, ['HOST storage-ip']],
    ['the spare address as another name of the meta-master', { 'spare-local-IP': '192.168.5.9' }, []],
    ['two different names of it', { 'spare-local-IP': '192.168.5.9', 'meta-master-ip': '192.168.5.10' }, ['SPARE spare-local-IP']],
    ['nobody can log in', { 'authorized-keys': [] }, ['LOGIN root-password-hash']],
    ['a hash is enough', { 'authorized-keys': undefined, 'root-password-hash': HASH }, []],
    ['a file is enough', { 'authorized-keys': undefined, 'root-password-file': '/root/password' }, []],
    ['CHAP by the blades alone', { 'chap-user': 'rack', 'chap-password-file': '/root/a' }, []],
    ['CHAP by both', { 'chap-user': 'rack', 'chap-password-file': '/root/a', 'chap-mutual-user': 'san', 'chap-mutual-password-file': '/root/b' }, []],
    ['a CHAP name without a secret', { 'chap-user': 'rack' }, ['MISSING chap-password-file']],
    ['a CHAP secret without a name', { 'chap-password-file': '/root/a' }, ['MISSING chap-user']],
    ['half of the SAN\'s own', { 'chap-user': 'rack', 'chap-password-file': '/root/a', 'chap-mutual-password-file': '/root/b' }, ['MISSING chap-mutual-user']],
    ['the SAN alone', { 'chap-mutual-user': 'san', 'chap-mutual-password-file': '/root/b' }, ['MISSING chap-user']],
    ['one secret for both', { 'chap-user': 'rack', 'chap-password-file': '/root/a', 'chap-mutual-user': 'san', 'chap-mutual-password-file': '/root/a' }, ['CHAP chap-mutual-password-file']],
    ['a CHAP name that is wrong in itself', { 'chap-user': 'a b', 'chap-password-file': '/root/a' }, ['VALUE chap-user']],
    ['a hash and a file', { 'root-password-hash': HASH, 'root-password-file': '/root/password' }, ['LOGIN root-password-file']],
  ])('%s', (_what, change, expected) => expect(complaints(change)).toEqual(expected.map((text) => `MM-ANSWERS-${text}`)));
});

describe('the file', () => {
  test('YAML and JSON say the same', () => expect(parseAnswers(stringify(LEAST), 'a.yaml')).toEqual(parseAnswers(JSON.stringify(LEAST, undefined, '\t'), 'a.json')));

  test.each([
    ['a: [1', 'a.yaml:1:'], ['a: 1\na: 2\n', 'a.yaml:2:1'], ['a: 1\n b: 2\n', 'a.yaml:'], ['a: !unknown 1', 'a.yaml:1:4'], ['', 'a.yaml'], ['- 1', 'a.yaml'], ['just text', 'a.yaml'], ['a: 1\n---\nb: 2\n', 'a.yaml:'],
    [`a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(11)}]\nc: &c [${'*b,'.repeat(11)}]\nd: [${'*c,'.repeat(11)}]`, 'a.yaml'],
  ])('%j is a syntax problem', (text, where) => {
    const result = parseAnswers(text, 'a.yaml');
    expect(result.ok).toBe(false);
    expect(result.ok ? [] : result.problems[0]).toMatchObject({ code: 'MM-ANSWERS-SYNTAX', where: expect.stringContaining(where) });
  });

  test('fuzz: any text and any values give answers or problems, never an error', () => {
    const value = fc.oneof(fc.constant(null), fc.string(), fc.integer(), fc.ipV4(), fc.boolean(), fc.jsonValue());
    const change = fc.dictionary(fc.constantFrom(...Object.keys(ANSWERS_SCHEMA.shape), '__proto__', 'x'), value, { maxKeys: 5 });
    const node = fc.oneof(value, fc.dictionary(fc.constantFrom('mac', 'macs', 'address', 'loader', 'x'), value));
    fc.assert(fc.property(change, fc.array(node, { maxLength: 3 }), (some, nodes) => { expect(parseAnswers(JSON.stringify({ ...LEAST, nodes, ...some }), 'a').ok).toBeTypeOf('boolean'); }), { numRuns: 300 });
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', ':', ' ', '\n', '-', '[', ']', '{', '}', '&', '*', '!', '"', "'", '|', '\t', '#', ',') }), (text) => { expect(parseAnswers(text, 'a').ok).toBe(false); }), { numRuns: 300 });
  });
});

describe('what is made of the answers', () => {
  const answers = valueOf(parseAnswers(JSON.stringify({ ...LEAST, 'root-password-hash': HASH, 'write-cache': 'nonvolatile', domain: 'example.com', 'kernel-parameters': 'quiet' }), 'a.json'));

  test('the roster', () => {
    expect(rosterOf(answers)).toEqual({
      clusterName: 'node', container: 'foo', domain: 'example.com', netmask: '255.255.255.0', metaMasterAddress: '192.168.5.253', kernelParameters: 'quiet',
      san: { address: '192.168.5.252', port: 3260, target: 'iqn.2001-04.com.example:rack' },
      nodes: [
        { number: 1, name: 'node1', macs: ['52:54:00:00:00:01'], address: '192.168.5.1', loader: 'rom' },
        { number: 2, name: 'node2', macs: ['52:54:00:00:00:02'], address: '192.168.5.2', loader: 'rom' },
      ],
    });
  });

  test('a VLAN is in the roster and in the record; without one neither names it', () => {
    const tagged = valueOf(parseAnswers(JSON.stringify({ ...LEAST, 'root-password-hash': HASH, 'boot-vlan': 5 }), 'a.json'));
    expect([rosterOf(tagged).vlan, installRecord(tagged)['boot-vlan']]).toEqual([5, 5]);
    expect([Object.hasOwn(rosterOf(answers), 'vlan'), Object.hasOwn(installRecord(answers), 'boot-vlan')]).toEqual([false, false]);
    expect(complaints({ 'boot-vlan': 5, 'connection-kind': 'infiniband' })).toEqual(['MM-ANSWERS-VLAN boot-vlan']);
  });

  test('the record has the answers by their names and no secret', () => {
    const record = installRecord(answers);
    expect(record).toMatchObject({ 'container-name': 'foo', 'write-cache': 'nonvolatile', 'volume-size': 5120, 'meta-master-ip': '192.168.5.253' });
    expect(JSON.stringify(record)).not.toMatch(/\$6\$|ssh-ed25519|password/);
    for (const value of Object.values(record)) expect(Array.isArray(value) || ['string', 'number', 'boolean'].includes(typeof value)).toBe(true);
  });

  test('CHAP: the roster says that there is some, and the record nothing', () => {
    const withChap = (more: object) => valueOf(parseAnswers(JSON.stringify({ ...LEAST, 'chap-user': 'rack-user', 'chap-password-file': '/root/chap', ...more }), 'a.json'));
    expect(rosterOf(withChap({})).san.chap).toBe('one-way');
    const mutual = withChap({ 'chap-mutual-user': 'san-user', 'chap-mutual-password-file': '/root/chap2' });
    expect(rosterOf(mutual).san.chap).toBe('mutual');
    expect(JSON.stringify([rosterOf(mutual), installRecord(mutual)])).not.toMatch(/rack-user|san-user|\/root/);
  });

  test('an error for the console says everything', () => {
    expect(() => valueOf(parseAnswers(JSON.stringify({ ...LEAST, 'storage-port': 0 }), 'a.json'))).toThrow(InputError);
    expect(() => valueOf(parseAnswers(JSON.stringify({ ...LEAST, 'storage-port': 0 }), 'a.json'))).toThrow('MM-ANSWERS-VALUE: storage-port: must be a TCP port, 1 to 65535; seen 0. Leave it out for 3260.');
  });
});

test('the JSON Schema asks for what the reader asks for', () => {
  const schema = answersJsonSchema() as { required: string[]; properties: Record<string, { description?: string; default?: unknown }>; additionalProperties: boolean };
  expect(schema.required.toSorted()).toEqual(['cluster-hostname', 'container-name', 'iscsi-target', 'nodes', 'number-of-nodes', 'storage-ip']);
  expect(schema.additionalProperties).toBe(false);
  expect(schema.properties['storage-port']).toMatchObject({ type: 'integer', default: 3260, minimum: 1, maximum: 65535 });
  for (const [key, { description }] of Object.entries(schema.properties)) expect(description, key).toMatch(/^must /);
});
