import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ipv4 } from '../core/ipv4.ts';
import type { Mac } from '../core/mac.ts';
import { valueOf } from '../core/problem.ts';
import type { RosterNode } from '../core/roster.ts';
import { formatInstallInfo, installInfoOf } from './install-info.ts';
import { isInstallInfo, parseInstallInfo } from './install-info-parse.ts';
import type { Registry } from './registry.ts';
import { sampleRegistry } from './sample-san.test-kit.ts';

const registry = sampleRegistry();
const whole = formatInstallInfo(registry);

/** All that is wrong, as `code where: seen`. */
function wrong(text: string): string[] {
  const read = parseInstallInfo(text);
  return read.ok ? [] : read.problems.map(({ code, where, seen }) => `${code} ${where}: ${seen}`);
}
const lineOf = (text: string, start: string): number => text.split('\n').findIndex((line) => line.startsWith(start)) + 1;

describe('INSTALL.info', () => {
  test('golden text', () => {
    expect(whole).toBe(`# How this cluster was installed, and what it is now. Rendered from the registry at each boot: changes made here are lost.
# Passwords and keys are not in this file.

[cluster]
name = sample
uuid = 00000000-0000-4000-8000-000000000001
container = debian
domain = cluster.example
netmask = 255.255.255.0
meta-master-ip = 10.0.0.253
kernel-parameters = console=ttyS0,115200
container-bytes = 41943040
shared-bytes = 2097152

[san]
target = iqn.2026-01.example:san
portals = 10.0.1.1:3260

[answers]
volume-size = 4
domain = cluster.example
stonith = false
name-servers = ["10.0.0.9"]

[origin default@1]
name = default
version = 1
uuid = 00000000-0000-4000-8000-000000000064
kernel = 6.12.48+deb13-amd64
image-bytes = 4194304
image-sha256 = ${'ab'.repeat(32)}

[node 1]
name = node1
macs = 52:54:00:00:00:01
address = 10.0.0.1
loader = rom
origin = default@1
store-bytes = ${registry.volumes.find(({ name }) => name === 'node1')!.sizeBytes}
state-bytes = 2097152
swap-bytes = 2097152

[node 2]
name = node2
macs = 52:54:00:00:00:02
address = 10.0.0.2
loader = rom
origin = default@1
store-bytes = ${registry.volumes.find(({ name }) => name === 'node2')!.sizeBytes}
state-bytes = 2097152
`);
  });

  test('holds no secret', () => {
    const { secret } = registry;
    for (const hidden of ['PRIVATE', 'PUBLIC-1', secret.clusterKey, secret.rootPasswordHash, ...registry.authorizedKeys]) expect(whole).not.toContain(hidden);
  });

  test('is told from answers in YAML or JSON', () => {
    expect([whole, `\uFEFF\n # x\r\n[node 3]\r\n`, '[answers]\n'].map(isInstallInfo)).toEqual([true, true, true]);
    expect(['', 'container-name: foo\n', '{"a": 1}', '["a"]\n', '# x\n[cluster, "b"]\n', 'a = 1\n[cluster]\n'].map(isInstallInfo)).toEqual([false, false, false, false, false, false]);
  });
});

/** Texts and numbers as a registry may hold them. */
const anyParts = fc.record({
  // JSON, as which the registry is kept, knows no -0.
  install: fc.dictionary(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/), fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^ ?["[#\\a-c0-9.=eE+-]{0,8} ?$/), fc.constantFrom('true', 'false', '0', '-1e3', ''), fc.boolean(), fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0), fc.integer(), fc.array(fc.string({ unit: 'binary' }))), { noNullPrototype: true }),
  clusterName: fc.stringMatching(/^["[# a-z=0-9é\u2028-]{1,20}$/),
  kernelParameters: fc.stringMatching(/^["# a-z=,0-9]{0,40}$/),
  names: fc.tuple(fc.constantFrom('1', 'true', 'a-b', 'node1'), fc.constantFrom('2', 'node2')),
  macs: fc.array(fc.integer({ min: 1, max: 0xffff }), { minLength: 1, maxLength: 8 }),
  vlan: fc.option(fc.integer({ min: 1, max: 4094 }), { nil: undefined }),
  portals: fc.option(fc.array(fc.record({ address: fc.constantFrom('10.0.1.1', '10.0.1.2', '127.0.0.1') as fc.Arbitrary<Ipv4>, port: fc.integer({ min: 1, max: 65535 }) })), { nil: undefined }),
  chap: fc.constantFrom(undefined, 'one-way' as const, 'mutual' as const),
  loader: fc.constantFrom('rom' as const, 'ours' as const),
});

type Parts = typeof anyParts extends fc.Arbitrary<infer T> ? T : never;

function registryOf({ install, clusterName, kernelParameters, names, macs, vlan, portals, chap, loader }: Parts): Registry {
  const [first, second] = registry.roster.nodes as [RosterNode, RosterNode];
  const cards = macs.map((n) => `52:54:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}` as Mac);
  const san = { ...registry.roster.san, ...(portals === undefined ? {} : { portals }), ...(chap === undefined ? {} : { chap }) };
  const roster = { ...registry.roster, clusterName, kernelParameters, ...(vlan === undefined ? {} : { vlan }), san, nodes: [{ ...first, name: names[0], macs: cards, loader }, { ...second, name: names[1], loader }] };
  return { ...registry, install, roster };
}

const anyRegistry = anyParts.map(registryOf);

describe('read back', () => {
  test('it says what the registry says, whatever that is', () => {
    fc.assert(fc.property(anyRegistry, (any) => {
      expect(valueOf(parseInstallInfo(formatInstallInfo(any)))).toEqual(installInfoOf(any));
    }));
  });

  test('also with the line ends, spaces, comments and spellings of an editor', () => {
    const edited = `\uFEFF${whole.replaceAll('\n', '\r\n').replaceAll(' = ', '   =').replace('[node 1]', '  [ node 1 ]  \r\n# the first').replace('macs   =52:54:00:00:00:01', 'macs = 52-54-00-00-00-01').replace('10.0.1.1:3260', '10.0.1.1').replace('name   =node2', 'name = "node2"')}`;
    expect(valueOf(parseInstallInfo(edited))).toEqual(installInfoOf(registry));
  });

  test('any text gives a value or problems with lines, and never throws', () => {
    const lines = whole.split('\n');
    const line = fc.oneof(fc.constantFrom(...lines), fc.string(), fc.stringMatching(/^[[\]a-z ="#1-3-]{0,20}$/));
    fc.assert(fc.property(fc.array(line, { maxLength: 40 }), (some) => {
      const read = parseInstallInfo(some.join('\n'));
      if (!read.ok) for (const { where } of read.problems) expect(where).toMatch(/^INSTALL\.info:\d+/);
    }));
  });
});

describe('what is wrong is told together, with its line', () => {
  test('unknown, missing, repeated, and values', () => {
    const text = whole.replace('domain = cluster.example', 'domian = cluster.example').replace('address = 10.0.0.1\n', 'address = 10.0.0.1\naddress = 10.0.0.9\n').replace('loader = rom', 'loader = rum').replace('[node 2]', '[node 9999]').replace('macs = 52:54:00:00:00:02', 'macs = 52:54:00:00:00:02,');
    expect(wrong(text)).toEqual([
      `MM-INFO-REPEATED INSTALL.info:${lineOf(text, 'address = 10.0.0.9')}, [node 1] address: it stands in line ${lineOf(text, 'address = 10.0.0.1')} too`,
      'MM-INFO-MISSING INSTALL.info:4, [cluster] domain: nothing',
      'MM-INFO-UNKNOWN INSTALL.info:8, [cluster]: "domian"',
      `MM-INFO-VALUE INSTALL.info:${lineOf(text, 'loader = rum')}, [node 1] loader: "rum"`,
      `MM-INFO-VALUE INSTALL.info:${lineOf(text, '[node 9999]')}, [node 9999]: 9999`,
      `MM-INFO-VALUE INSTALL.info:${lineOf(text, 'macs = 52:54:00:00:00:02,')}, [node 9999] macs: "52:54:00:00:00:02,"`,
    ]);
  });

  test.each([
    ['nonsense in a line', (text: string) => text.replace('[san]\n', '[san]\nnonsense\n'), ['MM-INFO-LINE INSTALL.info:16: a line of 8 characters']],
    ['a key in front of every section', (text: string) => `a = 1\n${text}`, ['MM-INFO-LINE INSTALL.info:1: a line of 5 characters']],
    ['an unknown section, whose lines are not told as well', (text: string) => text.replace('[san]', '[sam]'), ['MM-INFO-SECTION INSTALL.info:15: "[sam]"', 'MM-INFO-MISSING INSTALL.info:51, [san]: nothing']],
    ['a node without a number', (text: string) => text.replace('[node 2]', '[node]'), ['MM-INFO-SECTION INSTALL.info:43: "[node]"']],
    ['a node that is there twice', (text: string) => text.replace('[node 2]', '[node 1]'), ['MM-INFO-REPEATED INSTALL.info:43, [node 1]: it begins in line 33 too']],
    ['no node at all', (text: string) => text.slice(0, text.indexOf('[node 1]')), ['MM-INFO-MISSING INSTALL.info:33, [node 1]: nothing']],
    ['a size that is none', (text: string) => text.replace('shared-bytes = 2097152', 'shared-bytes = 2 GiB'), ['MM-INFO-VALUE INSTALL.info:13, [cluster] shared-bytes: "2 GiB"']],
    ['a port that is none', (text: string) => text.replace(':3260', ':99999'), ['MM-INFO-VALUE INSTALL.info:17, [san] portals: "10.0.1.1:99999"']],
    ['an answer whose bracket is open; what it says may be a secret', (text: string) => text.replace('["10.0.0.9"]', '["$6$salt'), ['MM-INFO-VALUE INSTALL.info:23, [answers] name-servers: a value of 9 characters']],
    ['an answer of a name that no table has', (text: string) => text.replace('stonith', '__proto__'), ['MM-INFO-UNKNOWN INSTALL.info:22, [answers]: "__proto__"']],
  ])('%s', (_, change, expected) => expect(wrong(change(whole))).toEqual(expected));
});
