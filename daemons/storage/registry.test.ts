import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeUtf8, encodeUtf8 } from '../core/bytes.ts';
import type { Mac } from '../core/mac.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Registry, VolumeRecord } from './registry.ts';
import { decodeRegistry, encodeRegistry, originOfVolume, stateVolumeOf, storeOf, swapVolumeOf, withoutSecrets } from './registry.ts';
import { sampleRegistry, sampleUuid } from './sample-san.test-kit.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- the tests put wrong things in every place
type Loose = any;

/** What is reported after a change of the sample, as `path: rule`; empty when it is accepted. */
function complaints(change: (registry: Loose) => void): string[] {
  const registry = JSON.parse(canonicalJson(sampleRegistry()));
  change(registry);
  const result = decodeRegistry(encodeUtf8(JSON.stringify(registry)));
  return result.ok ? [] : result.problems.map((problem) => `${problem.where}: ${problem.rule}`);
}
const places = (change: (registry: Loose) => void): string[] => complaints(change).map((line) => line.slice(0, line.indexOf(':')));
const volume = (registry: Loose, name: string): Loose => registry.volumes.find((one: VolumeRecord) => one.name === name);

describe('encoding', () => {
  test('round trip, and the same bytes whatever the order of properties', () => {
    const registry = sampleRegistry();
    const bytes = encodeRegistry(registry);
    expect(decodeRegistry(bytes)).toEqual({ ok: true, value: registry });
    const turned = Object.fromEntries(Object.entries(registry).toReversed()) as unknown as Registry;
    expect(encodeRegistry(turned)).toEqual(bytes);
  });
  test('canonical: sorted keys, no white space', () => {
    expect(canonicalJson({ b: [1, 'ä', null], a: { d: undefined, c: true } })).toBe('{"a":{"c":true},"b":[1,"ä",null]}');
    expect(decodeUtf8(encodeRegistry(sampleRegistry()))!.startsWith('{"authorizedKeys":["ssh-ed25519 AAAAC3Nza administrator"],"clusterUuid":"00000000-0000-4000-8000-000000000001","extentBytes":1048576,')).toBe(true);
  });
  test('without its secrets it holds none of them', () => {
    const text = JSON.stringify(withoutSecrets(sampleRegistry()));
    for (const secret of ['$y$', '0123456789abcdef0123', 'PRIVATE']) expect(text).not.toContain(secret);
    expect(text).toContain('cluster.example');
  });
  test('what a node looks for', () => {
    const registry = sampleRegistry();
    expect(storeOf(registry, 2)?.name).toBe('node2');
    expect(stateVolumeOf(registry, 2)?.name).toBe('state2');
    expect(storeOf(registry, 3)).toBeUndefined();
    expect(originOfVolume(registry, 'default@1')?.version).toBe(1);
  });
});

describe('refused as a whole', () => {
  const code = (bytes: Uint8Array): string => {
    const result = decodeRegistry(bytes);
    return result.ok ? 'fine' : result.problems[0]!.code;
  };
  test.each([
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'MM-REGISTRY-TEXT'],
    ['no JSON', encodeUtf8('{"secret":'), 'MM-REGISTRY-TEXT'],
    ['nested without end', encodeUtf8('['.repeat(200_000)), 'MM-REGISTRY-TEXT'],
    ['no object', encodeUtf8('null'), 'MM-REGISTRY-FORMAT'],
    ['a list', encodeUtf8('[]'), 'MM-REGISTRY-FORMAT'],
    ['a newer version', encodeUtf8('{"format":"metamaster-registry","version":2,"somethingNew":1}'), 'MM-REGISTRY-VERSION'],
    ['another format', encodeUtf8('{"format":"something","version":2}'), 'MM-REGISTRY-FORMAT'],
  ])('%s', (_, bytes, wanted) => expect(code(bytes)).toBe(wanted));
});

describe('values', () => {
  test('everything that is wrong is told at once, each with its path', () => {
    expect(places((r) => {
      r.clusterUuid = 'x';
      r.roster.nodes[0].macs[0] = '01:00:00:00:00:00';
      r.roster.nodes[1].address = '10.0.0.256';
      r.roster.san.port = 0;
      delete r.extentBytes;
      r.volumes[0].extents[0].count = 0;
      r.volumes[1].surprise = 1;
      r.authorizedKeys = ['a\nb'];
      r.install['a b'] = 1;
    }).toSorted()).toEqual(['authorizedKeys[0]', 'clusterUuid', 'extentBytes', 'install', 'roster.nodes[0].macs[0]', 'roster.nodes[1].address', 'roster.san.port', 'volumes[0].extents[0].count', 'volumes[1].surprise']);
  });

  test.each<[string, (registry: Loose) => void, string]>([
    ['a container name', (r) => (r.roster.container = 'Debian'), 'roster.container'],
    ['a netmask', (r) => (r.roster.netmask = '255.0.255.0'), 'roster.netmask'],
    ['kernel parameters of two lines', (r) => (r.roster.kernelParameters = 'a\nb'), 'roster.kernelParameters'],
    ['a VLAN of 0', (r) => (r.roster.vlan = 0), 'roster.vlan'],
    ['a VLAN beyond the last', (r) => (r.roster.vlan = 4095), 'roster.vlan'],
    ['a target', (r) => (r.roster.san.target = 'san'), 'roster.san.target'],
    ['a node without a MAC address', (r) => (r.roster.nodes[0].macs = []), 'roster.nodes[0].macs'],
    ['a roster without nodes', (r) => (r.roster.nodes = []), 'roster.nodes'],
    ['a loader', (r) => (r.roster.nodes[0].loader = 'other'), 'roster.nodes[0].loader'],
    ['a host name', (r) => (r.roster.nodes[0].name = 'node_1'), 'roster.nodes[0].name'],
    ['a number of 0', (r) => (r.roster.nodes[0].number = 0), 'roster.nodes[0].number'],
    ['a volume name with a slash', (r) => (r.volumes[0].name = '../x'), 'volumes[0].name'],
    ['a kind', (r) => (r.volumes[0].kind = 'thing'), 'volumes[0].kind'],
    ['a chunk that is no power of two', (r) => (volume(r, 'node1').chunkSectors = 24), 'volumes[2].chunkSectors'],
    ['a nil UUID', (r) => (r.volumes[0].uuid = '00000000-0000-0000-0000-000000000000'), 'volumes[0].uuid'],
    ['a size with a fraction', (r) => (r.volumes[0].sizeBytes = 4096.5), 'volumes[0].sizeBytes'],
    ['a kernel release', (r) => (r.origins[0].kernelRelease = '6.12 x'), 'origins[0].kernelRelease'],
    ['an image hash', (r) => (r.origins[0].imageSha256 = 'AB'.repeat(32)), 'origins[0].imageSha256'],
    ['an answer that is an object', (r) => (r.install.x = {}), 'install.x'],
    ['an empty password hash', (r) => (r.secret.rootPasswordHash = ''), 'secret.rootPasswordHash'],
    ['a password hash with a colon', (r) => (r.secret.rootPasswordHash = 'x:0:0'), 'secret.rootPasswordHash'],
    ['a short key', (r) => (r.secret.clusterKey = 'abcd'), 'secret.clusterKey'],
    ['a host key without its private half', (r) => (r.secret.sshHostKeys.node1 = { publicKey: 'x' }), 'secret.sshHostKeys.node1.privateKey'],
  ])('%s', (_, change, path) => expect(places(change)).toEqual([path]));

  test('a MAC address and a UUID are taken in any spelling and kept in one', () => {
    const registry = JSON.parse(canonicalJson(sampleRegistry()));
    registry.roster.nodes[0].macs = ['52-54-00-AB-CD-EF'];
    registry.clusterUuid = 'AAAAAAAA-0000-4000-8000-000000000001';
    const result = decodeRegistry(encodeUtf8(JSON.stringify(registry)));
    expect(result.ok && [result.value.roster.nodes[0]!.macs[0], result.value.clusterUuid]).toEqual(['52:54:00:ab:cd:ef', 'aaaaaaaa-0000-4000-8000-000000000001']);
  });

  describe('CHAP', () => {
    const OWN = { user: 'rack', password: 'TOPSECRET-TOPSECRET' };
    const MUTUAL = { ...OWN, mutual: { user: 'san', password: 'TOPSECRET-OF-THE-SAN' } };
    const withChap = (kind: unknown, chap: unknown): ReturnType<typeof decodeRegistry> => {
      const registry = sampleRegistry();
      return decodeRegistry(encodeUtf8(JSON.stringify({ ...registry, roster: { ...registry.roster, san: { ...registry.roster.san, chap: kind } }, secret: { ...registry.secret, chap } })));
    };
    test.each([[undefined, undefined], ['one-way', OWN], ['mutual', MUTUAL]])('%s', (kind, chap) => expect(withChap(kind, chap)).toMatchObject({ ok: true, value: chap === undefined ? {} : { secret: { chap } } }));

    test.each<[string, unknown, unknown, readonly string[]]>([
      ['a login that the roster says nothing of', undefined, OWN, ['roster.san.chap']],
      ['a roster whose login is missing', 'one-way', undefined, ['roster.san.chap']],
      ['another kind than the roster says', 'one-way', MUTUAL, ['roster.san.chap']],
      ['one secret for both sides', 'mutual', { ...OWN, mutual: { ...OWN, user: 'san' } }, ['secret.chap.mutual.password']],
      ['a short secret', 'one-way', { user: 'rack', password: 'TOPSECRET' }, ['secret.chap.password']],
      ['a mutual login without a name', 'mutual', { ...OWN, mutual: { password: 'TOPSECRET-OF-THE-SAN' } }, ['secret.chap.mutual.user']],
    ])('%s is refused, and not shown', (_, kind, chap, places) => {
      const result = withChap(kind, chap);
      expect(result.ok ? [] : result.problems.map(({ where }) => where)).toEqual(places);
      expect(JSON.stringify(result)).not.toContain('TOPSECRET');
    });
  });

  test('no message shows a secret, whatever is wrong with it', () => {
    const result = decodeRegistry(encodeUtf8(JSON.stringify({ ...sampleRegistry(), secret: { rootPasswordHash: 'TOP SECRET', clusterKey: 'TOPSECRET', sshHostKeys: { 'TOP SECRET': 1, a: 'TOPSECRET', b: { privateKey: ['TOPSECRET'], publicKey: 1, 'TOPSECRET!': 2 } } } })));
    expect(!result.ok && result.problems.map(({ seen, rule }) => seen + rule).join()).not.toMatch(/TOP ?SECRET/);
    expect(!result.ok && result.problems.length).toBeGreaterThan(4);
  });

  test('a key called __proto__ is refused, and never becomes a prototype', () => {
    const text = JSON.stringify(sampleRegistry()).replace('"install":{', '"install":{"__proto__":{"polluted":true},');
    expect(decodeRegistry(encodeUtf8(text)).ok).toBe(false);
    expect(({} as Loose).polluted).toBeUndefined();
  });
});

describe('relations', () => {
  test.each<[string, (registry: Loose) => void, string[]]>([
    ['two nodes of one number', (r) => (r.roster.nodes[1].number = 1), ['roster.nodes[1].number', 'volumes[4].node', 'volumes[5].node']],
    ['two nodes of one name', (r) => (r.roster.nodes[1].name = 'node1'), ['roster.nodes[1].name']],
    ['two nodes of one MAC address', (r) => r.roster.nodes[1].macs.push('52:54:00:00:00:01'), ['roster.nodes[1].macs[1]']],
    ['two nodes of one address', (r) => (r.roster.nodes[1].address = '10.0.0.1'), ['roster.nodes[1].address']],
    ['the meta-master\'s address is a node\'s', (r) => (r.roster.metaMasterAddress = '10.0.0.2'), ['roster.nodes[1].address']],
    ['the SAN\'s address is a node\'s', (r) => (r.roster.san.address = '10.0.0.2'), ['roster.nodes[1].address']],
    ['a node in another network', (r) => (r.roster.nodes[1].address = '10.0.9.2'), ['roster.nodes[1].address']],
    ['a node with the broadcast address', (r) => (r.roster.nodes[1].address = '10.0.0.255'), ['roster.nodes[1].address']],
    ['a node without a store', (r) => (r.volumes = r.volumes.filter((v: Loose) => v.name !== 'node2')), ['roster.nodes[1]']],
    ['a node without a state volume', (r) => (r.volumes = r.volumes.filter((v: Loose) => v.name !== 'state2')), ['roster.nodes[1]']],
    ['a node with two stores', (r) => r.volumes.push({ ...volume(r, 'node2'), name: 'other', uuid: sampleUuid(200), extents: [{ start: 30, count: 6 }] }), ['roster.nodes[1]']],
    ['a node with two swap volumes', (r) => r.volumes.push({ ...volume(r, 'swap1'), name: 'other', uuid: sampleUuid(200), extents: [{ start: 30, count: 6 }] }), ['roster.nodes[0]']],
    ['a store of a node that is not there', (r) => r.volumes.push({ ...volume(r, 'node2'), node: 9, name: 'other', uuid: sampleUuid(200), extents: [{ start: 30, count: 6 }] }), ['volumes[8].node']],
    ['a store of no origin', (r) => (volume(r, 'node1').origin = 'default@2'), ['volumes[2].origin']],
    ['a store without a chunk', (r) => delete volume(r, 'node1').chunkSectors, ['volumes[2].chunkSectors']],
    ['a store with no room for data', (r) => (volume(r, 'node1').sizeBytes = 1048576), ['volumes[2].sizeBytes']],
    ['a shared volume with a node and a chunk', (r) => Object.assign(volume(r, 'shared'), { node: 1, chunkSectors: 16 }), ['volumes[7].node', 'volumes[7].chunkSectors']],
    ['a size in broken blocks', (r) => (r.volumes[0].sizeBytes -= 512), ['origins[0].imageBytes', 'volumes[0].sizeBytes']],
    ['a volume larger than its extents', (r) => (r.volumes[1].sizeBytes += 4096), ['volumes[1].extents']],
    ['an extent outside the container', (r) => (r.volumes[1].extents = [{ start: 40, count: 1 }]), ['volumes[1].extents[0]']],
    ['an extent of another volume', (r) => (r.volumes[1].extents = [{ start: 2, count: 1 }]), ['volumes[1].extents[0]']],
    ['an extent twice in one volume', (r) => (r.volumes[0].extents = [{ start: 0, count: 4 }, { start: 3, count: 1 }]), ['volumes[0].extents[1]']],
    ['a shared volume that is quarantined', (r) => (volume(r, 'shared').retired = 'quarantined'), ['volumes[7].retired']],
    ['a state volume that is kept for a rollback', (r) => r.volumes.push({ ...volume(r, 'state2'), name: 'other', uuid: sampleUuid(200), extents: [{ start: 30, count: 6 }], retired: 'rollback' }), ['volumes[8].retired']],
    ['a node whose state volume is quarantined', (r) => (volume(r, 'state2').retired = 'quarantined'), ['roster.nodes[1]']],
    ['a quarantined volume without the number of its former node', (r) => r.volumes.push({ ...volume(r, 'swap1'), node: undefined, name: 'other', uuid: sampleUuid(200), extents: [{ start: 30, count: 6 }], retired: 'quarantined' }), ['volumes[8].node']],
    ['two volumes of one name', (r) => (volume(r, 'shared').name = 'swap1'), ['volumes[7].name']],
    ['two volumes of one UUID', (r) => (r.volumes[7].uuid = r.volumes[6].uuid), ['volumes[7].uuid']],
    ['an origin on a volume that is none', (r) => (r.origins[0].bootVolume = 'shared'), ['origins[0].bootVolume']],
    ['an image larger than its volume', (r) => (r.origins[0].imageBytes = 4194305), ['origins[0].imageBytes']],
    ['extents of broken blocks', (r) => (r.extentBytes = 1048577), ['extentBytes']],
  ])('%s', (_, change, paths) => expect(places(change)).toEqual(paths));

  test('during an upgrade a node has the store of its former origin as well', () => {
    expect(places((r) => {
      r.volumes.push({ ...volume(r, 'node2'), name: 'node2-old', uuid: sampleUuid(200), extents: [{ start: 30, count: 6 }], retired: 'rollback' });
    })).toEqual([]);
  });

  test('bars, replacements and a drained node stand beside the rest, and are gone without a trace', () => {
    const registry = sampleRegistry();
    const changed: Registry = {
      ...registry, roster: {
        ...registry.roster, nodes: [registry.roster.nodes[0]!, { ...registry.roster.nodes[1]!, drained: true }],
        barred: [{ node: 9, macs: ['52:54:00:00:00:09' as Mac], hardwareId: 'x'.repeat(128), sinceUnixMs: 1 }], replacement: [{ node: 1, policy: 'auto', sinceUnixMs: 1, untilUnixMs: 2 }],
      },
    };
    expect(decodeRegistry(encodeRegistry(changed))).toEqual({ ok: true, value: changed });
    const text = decodeUtf8(encodeRegistry(registry))!;
    expect(text).not.toMatch(/barred|replacement|drained/);
    const read = decodeRegistry(encodeUtf8(text));
    expect(read.ok && decodeUtf8(encodeRegistry(read.value))).toBe(text);
  });

  test('store, state and swap of a node that is no more stay quarantined, and nobody finds them as its volumes', () => {
    const registry = sampleRegistry();
    const lost = { ...registry, roster: { ...registry.roster, nodes: [registry.roster.nodes[1]!] }, volumes: registry.volumes.map((one) => (one.node === 1 ? { ...one, retired: 'quarantined' as const } : one)) };
    expect(decodeRegistry(encodeRegistry(lost))).toEqual({ ok: true, value: lost });
    expect([storeOf(registry, 1), stateVolumeOf(registry, 1), swapVolumeOf(registry, 1)].map((one) => one?.name)).toEqual(['node1', 'state1', 'swap1']);
    expect([storeOf(lost, 1), stateVolumeOf(lost, 1), swapVolumeOf(lost, 1)]).toEqual([undefined, undefined, undefined]);
  });

  test('a quarantined store may outlive its node and its origin; there is no rollback of a swap volume', () => {
    expect(places((r) => {
      r.volumes.push({ ...volume(r, 'node2'), node: 9, origin: 'default@0', name: 'lost', uuid: sampleUuid(200), extents: [{ start: 30, count: 6 }], retired: 'quarantined' });
    })).toEqual([]);
    expect(places((r) => (volume(r, 'swap1').retired = 'rollback'))).toEqual(['volumes[6].retired']);
  });

  test('any overlap of two runs is found', () => {
    const run = fc.record({ start: fc.nat(20), count: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 6 }), (runs) => {
        const claimed = runs.flatMap(({ start, count }) => Array.from({ length: count }, (_, i) => start + i));
        const overlap = new Set(claimed).size < claimed.length;
        const told = complaints((r) => {
          r.extentCount = 100;
          r.volumes.forEach((one: Loose) => one.extents.forEach((extent: Loose) => (extent.start += 41)));
          r.volumes.push({ kind: 'shared', name: 'x', uuid: sampleUuid(300), sizeBytes: 4096, extents: runs });
        });
        expect(told.some((line) => line.includes('overlaps'))).toBe(overlap);
      }),
      { numRuns: 60 },
    );
  });
});

describe('fuzz', () => {
  test('foreign bytes never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(decodeRegistry(bytes).ok).toBe(false);
    }));
  });
  test('any JSON in any one place never throws, and what decodes encodes to what decodes to the same', () => {
    const registry = sampleRegistry();
    const paths = (value: unknown, at: (string | number)[]): (string | number)[][] => (typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([key, item]) => [at.concat(key)].concat(paths(item, at.concat(key)))) : []);
    fc.assert(
      fc.property(fc.constantFrom(...paths(registry, [])), fc.jsonValue(), (path, value) => {
        const copy: Loose = JSON.parse(JSON.stringify(registry));
        const parent = path.slice(0, -1).reduce((at: Loose, key) => at[key], copy);
        parent[path.at(-1)!] = value;
        const result = decodeRegistry(encodeUtf8(JSON.stringify(copy)));
        if (result.ok) expect(decodeRegistry(encodeRegistry(result.value))).toEqual(result);
        else for (const problem of result.problems) expect(problem.seen.length).toBeLessThanOrEqual(81);
      }),
      { numRuns: 400 },
    );
  });
});
