import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseNodeConfig } from '../daemons/agent/node-config.ts';
import { parseChapLogin } from '../daemons/core/chap.ts';
import type { Mac } from '../daemons/core/mac.ts';
import { InputError, valueOf } from '../daemons/core/problem.ts';
import type { Uuid } from '../daemons/core/uuid.ts';
import { installInfoOf } from '../daemons/storage/install-info.ts';
import { parseInstallInfo } from '../daemons/storage/install-info-parse.ts';
import type { Registry, VolumeRecord } from '../daemons/storage/registry.ts';
import { installRecord, parseAnswers, rosterOf } from '../scripts/install/answers.ts';
import { addNode, removeNode } from '../daemons/storage/registry-edit-nodes.ts';
import { gatewayConfig } from '../daemons/gateway/gateway-config.ts';
import { changedFiles, GATEWAY_JSON, machineIdOf, renderIdentity, SECRET_FOLDERS, shadowWithRootHash, TIME_SOURCES } from './identity.ts';
import type { IdentityFile } from './identity.ts';

const PUBLIC_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';
const HASH = `$6$saltsalt$${'a'.repeat(86)}`;

const answers = valueOf(parseAnswers(JSON.stringify({
  'container-name': 'foo', 'storage-ip': '192.168.0.252', 'iscsi-target': 'iqn.2001-04.com.example:rack', 'number-of-nodes': 3, 'cluster-hostname': 'node', domain: 'example.com',
  nodes: [{ mac: '52:54:00:00:00:01' }, { macs: ['52:54:00:00:00:02', '52:54:00:00:01:02'] }, { mac: '52:54:00:00:00:03', loader: 'ours' }], 'write-cache': 'off', 'boot-vlan': 5,
  'root-password-hash': HASH, 'authorized-keys': [`${PUBLIC_KEY} admin`, `${PUBLIC_KEY} other`], 'kernel-parameters': 'console=ttyS0,115200 quiet',
  'public-IP': '203.0.113.9', 'public-netmask': '255.255.255.0', 'public-router': '203.0.113.1', 'public-DNS': '203.0.113.53',
  'public-interface': 'eth1', 'primary-gateway-local-IP': '192.168.0.1', 'backup-gateway-local-IP': '192.168.0.2',
}), 'answers.json'));

const uuidOf = (n: number): Uuid => `c12a7328-f81f-41d2-ba4b-${String(n).padStart(12, '0')}` as Uuid;
const volumes = [1, 2, 3].flatMap((node): VolumeRecord[] => [
  { name: `node${node}`, kind: 'store', uuid: uuidOf(node), sizeBytes: 2 ** 22, node, origin: 'default@1', chunkSectors: 16, extents: [{ start: 2 * node, count: 1 }] },
  { name: `state${node}`, kind: 'state', uuid: uuidOf(10 + node), sizeBytes: 2 ** 22, node, extents: [{ start: 2 * node + 1, count: 1 }] },
]);

const registry: Registry = {
  format: 'metamaster-registry', version: 1, clusterUuid: 'c12a7328-f81f-41d2-ba4b-00a0c93ec93b' as Uuid, roster: rosterOf(answers), origins: [], extentBytes: 2 ** 22, extentCount: 8, volumes,
  authorizedKeys: answers['authorized-keys'], install: installRecord(answers),
  secret: {
    rootPasswordHash: HASH, clusterKey: 'ab'.repeat(32),
    sshHostKeys: Object.fromEntries([1, 2, 3].map((number) => [String(number), { privateKey: `-----PRIVATE ${number}-----\n`, publicKey: `${PUBLIC_KEY.slice(0, -1)}${number} root@node${number}` }])),
  },
};

const render = (number: number, from = registry): readonly IdentityFile[] =>
  renderIdentity({ registry: from, node: from.roster.nodes[number - 1]!, generation: 7, bootNonce: '0123456789abcdef'.repeat(2), interfaceName: 'eth0', initiator: 'iqn.2026-11.metamaster:4c4c4544.525400000002' });
const files = render(2);
const textOf = (path: string, from = files): string => from.find((file) => file.path === path)!.text;

describe('renderIdentity', () => {
  test('lays down these files, the secret ones for root alone', () => {
    expect(files.map(({ path, mode }) => `${mode.toString(8)} ${path}`)).toEqual([
      '644 /etc/chrony/conf.d/metamaster.conf', '644 /etc/chrony/sources.d/metamaster.sources', '644 /etc/hostname', '644 /etc/hosts', '644 /etc/install/INSTALL.info', '600 /etc/iscsi/initiatorname.iscsi', '444 /etc/machine-id', '600 /etc/metamaster/cluster-key', '644 /etc/metamaster/gateway.json', '644 /etc/metamaster/node.json', '600 /etc/metamaster/san-login.json', '644 /etc/resolv.conf',
      '600 /etc/ssh/ssh_host_ed25519_key', '644 /etc/ssh/ssh_host_ed25519_key.pub', '644 /etc/ssh/ssh_known_hosts', '600 /root/.ssh/authorized_keys',
    ]);
    expect(SECRET_FOLDERS).toEqual(['/root/.ssh']);
  });

  test('every file that others may read is free of secrets', () => {
    for (const { path, text } of files.filter(({ mode }) => (mode & 0o077) !== 0)) for (const secret of ['PRIVATE', registry.secret.clusterKey, HASH]) expect(text, path).not.toContain(secret);
  });

  test('golden texts', () => {
    expect(textOf('/etc/hostname')).toBe('node2\n');
    expect(textOf('/etc/hosts')).toBe(`127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
192.168.0.1 node1.example.com node1
192.168.0.2 node2.example.com node2
192.168.0.3 node3.example.com node3
192.168.0.253 metamaster.example.com metamaster
192.168.0.252 san.example.com san
`);
    expect(textOf('/etc/resolv.conf')).toBe('search example.com\nnameserver 192.168.0.253\nnameserver 203.0.113.53\noptions timeout:1 attempts:2\n');
    expect(textOf('/etc/iscsi/initiatorname.iscsi')).toBe('InitiatorName=iqn.2026-11.metamaster:4c4c4544.525400000002\n');
    expect(textOf('/etc/metamaster/cluster-key')).toBe(`${'ab'.repeat(32)}\n`);
    expect(textOf('/etc/ssh/ssh_host_ed25519_key')).toBe('-----PRIVATE 2-----\n');
    expect(textOf('/etc/ssh/ssh_host_ed25519_key.pub')).toBe(`${PUBLIC_KEY.slice(0, -1)}2 root@node2\n`);
    expect(textOf('/root/.ssh/authorized_keys')).toBe(`${PUBLIC_KEY} admin\n${PUBLIC_KEY} other\n`);
    expect(textOf('/etc/ssh/ssh_known_hosts').split('\n')).toEqual([1, 2, 3].map((n) => `node${n},node${n}.example.com,192.168.0.${n} ${PUBLIC_KEY.slice(0, -1)}${n}`).concat(''));
  });

  test('the SAN\'s login is there for root alone, and empty where there is none', () => {
    const chap = { user: 'rack', password: 'topsecret-topsecret' };
    const withChap = { ...registry, roster: { ...registry.roster, san: { ...registry.roster.san, chap: 'one-way' as const } }, secret: { ...registry.secret, chap } };
    expect(textOf('/etc/metamaster/san-login.json')).toBe('{}\n');
    expect(parseChapLogin(textOf('/etc/metamaster/san-login.json', render(2, withChap)), 'f')).toEqual({ ok: true, value: chap });
    expect(render(2, withChap).filter(({ text }) => text.includes(chap.password)).map(({ path, mode }) => [path, mode])).toEqual([['/etc/metamaster/san-login.json', 0o600]]);
    expect(valueOf(parseNodeConfig(JSON.parse(textOf('/etc/metamaster/node.json', render(2, withChap))))).roster.san.chap).toBe('one-way');
  });

  test('node.json is what the daemons read', () => {
    expect(valueOf(parseNodeConfig(JSON.parse(textOf('/etc/metamaster/node.json'))))).toEqual({ number: 2, roster: registry.roster, interface: 'eth0', rosterGeneration: 7, bootNonce: '0123456789abcdef0123456789abcdef' });
  });

  test('gateway.json is what the gateway reads; who is no candidate has no use for it', () => {
    const given = JSON.parse(textOf(GATEWAY_JSON)) as Record<string, unknown>;
    expect(valueOf(gatewayConfig(given, registry.roster))).toMatchObject({ candidates: [1, 2], insideInterface: 'eth0', publicSide: { interface: 'eth1', address: '203.0.113.9' } });
    expect([1, 2, 3].map((number) => render(number).filter(({ leaving }) => leaving === true).map(({ path }) => path))).toEqual([[], [], [GATEWAY_JSON]]);
    expect(changedFiles(render(3), () => undefined).some(({ path }) => path === GATEWAY_JSON)).toBe(false);
  });

  test('INSTALL.info is the registry\'s, the same on every node', () => {
    expect(valueOf(parseInstallInfo(textOf('/etc/install/INSTALL.info')))).toEqual(installInfoOf(registry));
    expect(textOf('/etc/install/INSTALL.info', render(3))).toBe(textOf('/etc/install/INSTALL.info'));
  });

  test('INSTALL.info with a way to log in can be installed from again: the same cluster', () => {
    const login = `[answers]\nauthorized-keys = ${JSON.stringify(answers['authorized-keys'])}\nroot-password-hash = ${HASH}\n`;
    expect(valueOf(parseAnswers(textOf('/etc/install/INSTALL.info').replace('[answers]\n', login), 'INSTALL.info'))).toEqual(answers);
    expect(parseAnswers(textOf('/etc/install/INSTALL.info').replace('[san]', '[sam]'), 'f')).toMatchObject({ ok: false, problems: [{ code: 'MM-INFO-SECTION' }, { code: 'MM-INFO-MISSING' }] });
  });

  test('only what is the node\'s own differs from node to node', () => {
    const other = render(1);
    expect(changedFiles(files, (path) => textOf(path, other)).map(({ path }) => path)).toEqual(['/etc/chrony/sources.d/metamaster.sources', '/etc/hostname', '/etc/machine-id', '/etc/metamaster/node.json', '/etc/ssh/ssh_host_ed25519_key', '/etc/ssh/ssh_host_ed25519_key.pub']);
  });

  test('a node with the name of a service keeps it', () => {
    const [first, ...others] = registry.roster.nodes;
    const hosts = textOf('/etc/hosts', render(2, { ...registry, roster: { ...registry.roster, nodes: [{ ...first!, name: 'san' }, ...others] } }));
    expect(hosts.match(/ san$/gm)).toHaveLength(1);
    expect(hosts).toContain('192.168.0.1 san.example.com san\n');
  });

  test('without a host key it is refused, and no key is shown', () => {
    const { 2: _, ...left } = registry.secret.sshHostKeys;
    const attempt = (): unknown => render(2, { ...registry, secret: { ...registry.secret, sshHostKeys: left } });
    expect(attempt).toThrow(InputError);
    expect(attempt).toThrow('MM-IDENTITY-HOST-KEY: secret.sshHostKeys.2');
    expect(attempt).not.toThrow('PRIVATE');
  });
});

describe('nodes come and go', () => {
  const HOST_KEY = { privateKey: '-----PRIVATE 4-----\n', publicKey: `${PUBLIC_KEY.slice(0, -1)}4 root@node4\n` };
  const origin: Registry['origins'][number] = { name: 'default', version: 1, uuid: uuidOf(30), volume: 'default@1', bootVolume: 'boot@1', imageBytes: 4096, imageSha256: 'ab'.repeat(32), kernelRelease: '6.12.0' };
  const shared: readonly VolumeRecord[] = [
    { name: 'default@1', kind: 'origin', uuid: uuidOf(31), sizeBytes: 2 ** 22, extents: [{ start: 8, count: 1 }] }, { name: 'boot@1', kind: 'boot', uuid: uuidOf(32), sizeBytes: 2 ** 22, extents: [{ start: 9, count: 1 }] },
  ];
  const grown = valueOf(addNode({ ...registry, extentCount: 16, origins: [origin], volumes: [...shared, ...volumes] }, {
    macs: ['52:54:00:00:00:04' as Mac], hostKey: HOST_KEY, uuids: { store: uuidOf(21), state: uuidOf(22), swap: uuidOf(23) }, writers: 9,
  }));
  const shrunken = valueOf(removeNode(grown, { node: 1, volumes: 'released', ownersGone: [uuidOf(1), uuidOf(11)] }));
  const of = (from: Registry, number: number): readonly IdentityFile[] =>
    renderIdentity({ registry: from, node: from.roster.nodes.find((node) => node.number === number)!, generation: 8, bootNonce: '0123456789abcdef'.repeat(2), interfaceName: 'eth0', initiator: 'iqn.2026-11.metamaster:x' });
  const known = (from: Registry, number: number): string => textOf('/etc/ssh/ssh_known_hosts', of(from, number));

  test('every node knows every node\'s host key, by each of its names, and nobody else\'s', () => {
    for (const [from, numbers] of [[registry, [1, 2, 3]], [grown, [1, 2, 3, 4]], [shrunken, [2, 3, 4]]] as const) {
      for (const number of numbers) {
        expect(known(from, number).split('\n')).toEqual([...numbers.map((n) => `node${n},node${n}.example.com,192.168.0.${n} ${PUBLIC_KEY.slice(0, -1)}${n}`), '']);
        // The key that a node shows is the one that the others know.
        expect(known(from, number)).toContain(textOf('/etc/ssh/ssh_host_ed25519_key.pub', of(from, number)).split(' ').slice(0, 2).join(' '));
      }
    }
  });

  test('ssh-keygen finds them', () => {
    const folder = mkdtempSync(join(tmpdir(), 'known-hosts-'));
    try {
      const file = join(folder, 'known_hosts');
      const finds = (name: string): boolean => spawnSync('ssh-keygen', ['-F', name, '-f', file]).status === 0;
      writeFileSync(file, known(grown, 2));
      expect(['node4', 'node4.example.com', '192.168.0.4', 'node1'].map(finds)).toEqual([true, true, true, true]);
      writeFileSync(file, known(shrunken, 2));
      expect(['node4', 'node1', '192.168.0.1'].map(finds)).toEqual([true, false, false]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('the gateway\'s succession and the time service follow', () => {
    const given = JSON.parse(textOf(GATEWAY_JSON, of(shrunken, 2))) as Record<string, unknown>;
    expect(valueOf(gatewayConfig(given, shrunken.roster))).toMatchObject({ candidates: [2] });
    const asked = (from: Registry): readonly string[] => textOf(TIME_SOURCES, of(from, 2)).split('\n').filter((line) => line.startsWith('server 192'));
    expect([asked(grown), asked(shrunken)]).toEqual([[1, 3, 4], [3, 4]].map((nodes) => nodes.map((n) => `server 192.168.0.${n} iburst`)));
  });
});

describe('machineIdOf', () => {
  test('golden: it must stay the same for ever, the journal and DHCP go by it', () => expect(machineIdOf('c12a7328-f81f-41d2-ba4b-00a0c93ec93b', 2)).toBe('444bd047cfa844adea139609d782a5db'));

  test('has 32 hexadecimal digits, and each node and cluster its own', () => {
    const ids = ['c12a7328-f81f-41d2-ba4b-00a0c93ec93b', 'c12a7328-f81f-41d2-ba4b-00a0c93ec93c'].flatMap((uuid) => Array.from({ length: 200 }, (_, i) => machineIdOf(uuid, i + 1)));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(ids).size).toBe(400);
  });
});

describe('changedFiles', () => {
  test('gives what is missing or differs, and nothing the second time', () => {
    const disk = new Map<string, string>([['/etc/hostname', 'node2\n'], ['/etc/hosts', 'old\n']]);
    const changed = changedFiles(files, (path) => disk.get(path));
    expect(changed.map(({ path }) => path)).toEqual(files.map(({ path }) => path).filter((path) => path !== '/etc/hostname'));
    for (const { path, text } of changed) disk.set(path, text);
    expect(changedFiles(files, (path) => disk.get(path))).toEqual([]);
  });

  test('an empty file is not a missing one', () => expect(changedFiles([{ path: '/a', mode: 0o644, text: '' }], () => undefined)).toHaveLength(1));
});

describe('shadowWithRootHash', () => {
  const SHADOW = 'daemon:*:19000:0:99999:7:::\nroot:*:19000:0:99999:7:::\ntoor:x:::::::\n';

  test('replaces root\'s field alone', () => expect(shadowWithRootHash(SHADOW, HASH)).toBe(`daemon:*:19000:0:99999:7:::\nroot:${HASH}:19000:0:99999:7:::\ntoor:x:::::::\n`));
  test('an empty field too', () => expect(shadowWithRootHash('root::1::::::\n', '!')).toBe('root:!:1::::::\n'));
  test('a file without root gets a line', () => expect(shadowWithRootHash('toor:x:::::::\n', '!')).toBe('root:!:::::::\ntoor:x:::::::\n'));
  test.each(['', 'a:b', 'a\nroot:x', 'a b'])('%j has no place there, and is not shown', (hash) => {
    expect(() => shadowWithRootHash(SHADOW, hash)).toThrow(`a password hash of ${hash.length} characters`);
  });

  test('twice is once, and every other line stays, whatever the hash', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[!-9;-~]{1,40}$/), (hash) => {
        const once = shadowWithRootHash(SHADOW, hash);
        expect(shadowWithRootHash(once, hash)).toBe(once);
        expect(once.split('\n').map((line) => line.split(':')[1])).toEqual(['*', hash, 'x', undefined]);
      }),
    );
  });
});
