import { beforeEach, describe, expect, test } from 'vitest';
import { judgeReload } from '../../daemons/agent/config-reload.ts';
import { type NodeConfig, parseNodeConfigText } from '../../daemons/agent/node-config.ts';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import type { BarredMachine, RosterNode } from '../../daemons/core/roster.ts';
import { readContainer } from '../../daemons/storage/container-on-disk.ts';
import { allocate } from '../../daemons/storage/extents.ts';
import { encodeRegistry, type Registry, storeOf } from '../../daemons/storage/registry.ts';
import { withVolumes } from '../../daemons/storage/registry-edit-volumes.ts';
import { planRegistryWrite } from '../../daemons/storage/registry-layout.ts';
import { SAMPLE_DISK_BYTES, SAMPLE_SUPERBLOCK, sampleRegistry, sampleSan, sampleUuid } from '../../daemons/storage/sample-san.test-kit.ts';
import { encodeServing } from '../../daemons/wire/serving-record.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import { FOLLOWED_CONFIG, FOLLOWED_KEYS, IDENTITY_OUTCOME, IDENTITY_REQUEST, RegistryFollower, type Superseded, WRITTEN_GENERATION } from './follow-registry.ts';
import type { BootRecord } from './handover.ts';
import { SERVING_FILE } from './restart-blade.ts';
import { performWrite } from './write-identity.ts';

const NODE3: RosterNode = { number: 3, name: 'node3', macs: ['52:54:00:00:00:03' as Mac], address: '10.0.0.3' as Ipv4, loader: 'rom' };
const PROGRAM = '/usr/lib/metamaster/storage-agent.js';

let san: ModelSan;
let blade: ModelBlade;
let record: BootRecord;
let follower: RegistryFollower;
let reads: number;

/** The registry with these nodes, each with volumes of its own. */
function withNodes(registry: Registry, nodes: readonly RosterNode[]): Registry {
  const volumes = registry.volumes.filter(({ node }) => node === undefined || nodes.some(({ number }) => number === node));
  for (const { number } of nodes.filter((each) => !volumes.some(({ node }) => node === each.number))) {
    for (const kind of ['store', 'state'] as const) {
      const like = registry.volumes.find((volume) => volume.kind === kind)!;
      const extents = allocate(registry.extentCount, volumes, like.sizeBytes, registry.extentBytes);
      if (!extents.ok) throw new Error(extents.problems[0]!.rule);
      volumes.push({ ...like, uuid: sampleUuid(200 + volumes.length), name: `${kind === 'store' ? 'node' : 'state'}${number}`, node: number, extents: extents.value });
    }
  }
  return { ...registry, roster: { ...registry.roster, nodes }, volumes };
}
/** Volumes that the agent was told to stop over. */
const stoppedOver: string[] = [];
const SUPERSEDED: Superseded = { mapped: sampleRegistry().volumes.filter(({ node }) => node === 2), stop: ({ name }) => void stoppedOver.push(name) };
const read = () => readContainer((offset, length) => san.disk.read(offset, length), SAMPLE_DISK_BYTES, 'debian');

/** Somebody writes the registry anew. */
function change(generation: number, registry: Registry): void {
  const found = read();
  if (!found.ok) throw new Error(found.problems[0]!.rule);
  const write = planRegistryWrite({ superblock: SAMPLE_SUPERBLOCK, headers: found.value.headers, writer: 0, leaseVersion: 0, generation, body: encodeRegistry(registry) });
  if (!write.ok) throw new Error(write.problems[0]!.rule);
  san.disk.apply(write.value, sampleSan(san.registry).registryAt);
}

const hint = (newestGeneration: number): void => void blade.files.set(SERVING_FILE, encodeServing({ node: 2, serving: [], newestGeneration }));

/** So many rounds of the agent. */
async function rounds(count: number, reading: typeof read = read): Promise<void> {
  for (let i = 0; i < count; i++) {
    follower.look(() => {
      reads++;
      return reading();
    });
    await blade.sleep(5_000);
  }
}

const said = (): string[] => blade.console.filter((line) => line.startsWith('storage-agent: ')).map((line) => line.slice('storage-agent: '.length));
const started = (): readonly (readonly string[])[] => blade.argvs.filter((argv) => argv.includes('write-identity'));
/** The process that writes does its work, in the model's root, and ends. */
function writerEnds(): void {
  performWrite(blade, IDENTITY_REQUEST, IDENTITY_OUTCOME, '/sysroot');
  blade.feedRuns = false;
}

beforeEach(async () => {
  san = new ModelSan();
  blade = new ModelBlade(san);
  expect(await blade.boot()).toBe('handover');
  record = JSON.parse(blade.files.get('/run/metamaster/boot.json')!) as BootRecord;
  follower = new RegistryFollower(blade, record, PROGRAM, SUPERSEDED);
  reads = 0;
  blade.modes.clear();
});

describe('when the registry is read', () => {
  test('once a minute without a hint, and what has not changed changes nothing', async () => {
    await rounds(25);
    expect(reads).toBe(3);
    expect([said(), started(), [...blade.modes.keys()]]).toEqual([[], [], []]);
  });

  test('at once when a node speaks of a newer one', async () => {
    await rounds(1);
    change(2, withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
    await rounds(1);
    expect(reads).toBe(1);
    hint(2);
    await rounds(3);
    expect(reads).toBe(2);
    expect(said()).toEqual(["follows generation 2 of the registry, before it 1: 3 nodes"]);
  });

  test('at once when a command on this node has written it', async () => {
    await rounds(1);
    change(2, withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
    blade.files.set(WRITTEN_GENERATION, '2\n');
    await rounds(3);
    expect([reads, said()]).toEqual([2, ['follows generation 2 of the registry, before it 1: 3 nodes']]);
    blade.files.set(WRITTEN_GENERATION, 'nonsense');
    await rounds(3);
    expect(reads).toBe(2);
  });

  test('once for a hint that the registry does not bear out, and then by the minute', async () => {
    hint(9);
    await rounds(5);
    expect(reads).toBe(1);
    hint(10);
    await rounds(5);
    expect(reads).toBe(2);
  });

  test('again at the next round when the SAN does not answer, which is said once', async () => {
    hint(2);
    await rounds(3, () => { throw new Error('/dev/sdb: a direct read failed: Input/output error'); });
    expect(reads).toBe(3);
    expect(said()).toEqual(['MM-AGENT-REGISTRY: the registry could not be followed; this node keeps generation 1: /dev/sdb: a direct read failed: Input/output error']);
    await rounds(1);
    expect([reads, said().length]).toEqual([4, 1]);
  });

  test('an agent that was started again begins with what the boot knew, and finds nothing to do where it was done', async () => {
    change(2, withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
    await rounds(1);
    writerEnds();
    await rounds(1);
    const config = blade.files.get(FOLLOWED_CONFIG);
    follower = new RegistryFollower(blade, record, PROGRAM, SUPERSEDED);
    blade.feedRuns = true;
    await rounds(1);
    writerEnds();
    await rounds(1);
    expect(blade.files.get(FOLLOWED_CONFIG)).toBe(config);
    expect(said().filter((line) => line.startsWith('wrote'))).toHaveLength(1);
  });
});

describe('a newer registry', () => {
  const followed = async (registry: Registry): Promise<void> => {
    change(2, registry);
    await rounds(1);
  };

  test('is told to metamasterd by a file in memory, for everybody to read and without a secret, before anything of the root is touched', async () => {
    await followed(withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
    const config = parseNodeConfigText(blade.files.get(FOLLOWED_CONFIG)!, FOLLOWED_CONFIG);
    expect(config).toMatchObject({ ok: true, value: { number: 2, rosterGeneration: 2, bootNonce: record.bootNonce, interface: 'eth0', roster: { nodes: [{}, {}, { name: 'node3' }] } } });
    expect(Object.fromEntries(blade.modes)).toEqual({ [FOLLOWED_KEYS]: 0o600, [FOLLOWED_CONFIG]: 0o644, [IDENTITY_REQUEST]: 0o600 });
    expect(blade.files.get(FOLLOWED_CONFIG)).not.toContain(san.registry.secret.clusterKey);
  });

  test('moves the way out of a node that is no candidate, for a candidate\'s is gatewayd\'s; whose settings are written where there are some', async () => {
    const outside = { ...san.registry.install, 'primary-gateway-local-IP': '10.0.0.2', 'public-IP': '203.0.113.9', 'public-interface': 'eth1' };
    const routes = (): readonly (readonly string[])[] => blade.argvs.filter((argv) => argv.includes('default') && argv.includes('-4'));
    const before = routes().length;
    const written = (): unknown => JSON.parse(blade.files.get('/sysroot/etc/metamaster/gateway.json') ?? 'null');
    await followed({ ...san.registry, install: outside });
    writerEnds();
    await rounds(1);
    expect([routes().length, written()]).toMatchObject([before, { 'inside-interface': 'eth0', 'primary-gateway-local-IP': '10.0.0.2', 'public-IP': '203.0.113.9', 'public-interface': 'eth1' }]);
    change(3, { ...san.registry, install: { ...outside, 'primary-gateway-local-IP': '10.0.0.1' } });
    await rounds(13);
    writerEnds();
    await rounds(1);
    // The gateway that runs is told that it is another node's by now.
    expect(written()).toMatchObject({ 'primary-gateway-local-IP': '10.0.0.1' });
    expect(routes().slice(before)).toEqual([['ip', '-4', 'route', 'replace', 'default', 'via', san.registry.roster.metaMasterAddress, 'dev', 'eth0']]);
  });

  test('starts the card on the outside network of a candidate that comes later, once', async () => {
    const outside = { ...san.registry.install, 'primary-gateway-local-IP': '10.0.0.2', 'public-IP': '203.0.113.9', 'public-interface': 'eth1' };
    const starts = (): number => blade.argvs.filter((argv) => argv.join(' ') === 'ip link set dev eth1 up').length;
    await followed({ ...san.registry, install: outside });
    await rounds(13);
    expect(starts()).toBe(0);
    blade.files.set('/sys/class/net/eth1/address', '52:54:00:00:01:01\n');
    await rounds(13);
    const started = starts();
    expect(started).toBeGreaterThan(0);
    blade.files.set('/sys/class/net/eth1/flags', '0x1003\n');
    await rounds(13);
    blade.files.set('/sys/class/net/eth1/flags', '0x1002\n');
    await rounds(26);
    expect(starts()).toBe(started);
  });

  test('is written into the root by another process, whose work is waited for by nobody', async () => {
    await followed(withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
    expect(started()).toEqual([['qjs', '--no-unhandled-rejection', '-m', PROGRAM, 'write-identity', IDENTITY_REQUEST, IDENTITY_OUTCOME]]);
    await rounds(20);
    expect(started()).toHaveLength(1);
    writerEnds();
    await rounds(1);
    expect(blade.files.get('/sysroot/etc/hosts')).toContain('10.0.0.3 node3.cluster.example node3\n');
    expect(blade.files.get('/sysroot/etc/metamaster/node.json')).toBe(blade.files.get(FOLLOWED_CONFIG));
    expect(blade.files.has(IDENTITY_REQUEST)).toBe(false);
    expect(said().at(-1)).toBe('wrote /etc/chrony/sources.d/metamaster.sources, /etc/hosts, /etc/install/INSTALL.info, /etc/metamaster/node.json');
    await rounds(20);
    expect(started()).toHaveLength(1);
  });

  test('that is followed by another while the process hangs: the newest is written when it has ended', async () => {
    await followed(withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
    change(3, withNodes(san.registry, san.registry.roster.nodes.map((node) => (node.number === 1 ? { ...node, name: 'first' } : node))));
    hint(3);
    await rounds(2);
    expect(parseNodeConfigText(blade.files.get(FOLLOWED_CONFIG)!, '')).toMatchObject({ value: { rosterGeneration: 3 } });
    writerEnds();
    await rounds(1);
    writerEnds();
    await rounds(1);
    expect(started()).toHaveLength(2);
    expect(blade.files.get('/sysroot/etc/hosts')).toContain('10.0.0.1 first.cluster.example first\n');
    expect(blade.files.get('/sysroot/etc/hosts')).not.toContain('node3');
  });

  test('what could not be written is said once, and tried again after a minute', async () => {
    blade.feedRuns = false;
    await followed(withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
    await rounds(30);
    expect(started()).toHaveLength(3);
    expect(said().filter((line) => line.startsWith('MM-AGENT-FILES'))).toEqual(['MM-AGENT-FILES: the files of this node were not all written; it is tried again: the process that writes ended without a word']);
    await rounds(6);
    writerEnds();
    await rounds(30);
    expect(started()).toHaveLength(4);
  });

  test('with another login of the SAN: metamasterd has its own copy, and its restart is asked for', async () => {
    const { roster, secret } = san.registry;
    await followed({ ...san.registry, roster: { ...roster, san: { ...roster.san, chap: 'one-way' } }, secret: { ...secret, chap: { user: 'rack', password: 'fedcba9876543210' } } });
    writerEnds();
    await rounds(1);
    expect(said().at(-1)).toBe('MM-AGENT-CREDENTIAL: /etc/metamaster/san-login.json changed, and metamasterd still uses what it was started with: `systemctl restart metamasterd`');
    expect(blade.console.join()).not.toContain('fedcba');
  });

  test('with another key of the cluster: metamasterd has it in memory, for itself alone, before it hears of the generation; no restart is asked for', async () => {
    const NEXT = 'fedcba9876543210'.repeat(4);
    const order: string[] = [];
    blade.override = (argv) => {
      if (argv[0] === 'chown') order.push(argv.join(' '), String(blade.files.has(FOLLOWED_CONFIG)));
      return undefined;
    };
    await followed({ ...san.registry, secret: { ...san.registry.secret, nextClusterKey: NEXT } });
    expect(order).toEqual([`chown metamaster:metamaster ${FOLLOWED_KEYS}.new`, 'false']);
    expect([blade.files.get(FOLLOWED_KEYS), blade.modes.get(FOLLOWED_KEYS)]).toEqual([`${san.registry.secret.clusterKey}\n${NEXT}\n`, 0o600]);
    writerEnds();
    await rounds(1);
    expect(said().at(-1)).toBe('wrote /etc/metamaster/cluster-key, /etc/metamaster/node.json');
    expect(blade.console.join()).not.toContain('fedcba');
  });

  test('whose keys cannot be given to metamasterd is not followed, and looked at again', async () => {
    blade.override = (argv) => (argv[0] === 'chown' ? { code: 1, said: 'chown: invalid user' } : undefined);
    await followed(withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
    expect([said(), blade.files.has(FOLLOWED_CONFIG), blade.files.has(FOLLOWED_KEYS)]).toEqual([[expect.stringContaining('the keys cannot be given to metamasterd: chown: invalid user')], false, false]);
    blade.override = () => undefined;
    await rounds(13);
    expect(said().at(-1)).toMatch(/^follows generation 2/);
  });

  const others = (): readonly RosterNode[] => san.registry.roster.nodes.filter(({ number }) => number !== 2);
  const own = (): RosterNode => san.registry.roster.nodes.find(({ number }) => number === 2)!;
  const barred = (bar: Partial<BarredMachine>): Registry => ({ ...san.registry, roster: { ...san.registry.roster, barred: [{ node: 2, macs: ['52:54:00:00:00:98' as Mac], sinceUnixMs: 1_795_219_200_000, ...bar }] } });
  const TOLD_BARRED = 'MM-AGENT-BARRED: this machine was node 2 of sample until it was replaced, and is barred since 2026-11-21T00:00:00.000Z. Switch it off with `systemctl poweroff`, or let it in again with `metamaster node unbar';

  test.each<[string, () => Registry, string]>([
    ['in which one of its cards is barred', () => barred({ macs: ['52:54:00:00:01:02' as Mac] }), `${TOLD_BARRED} 52:54:00:00:01:02`],
    ['in which its hardware is barred', () => barred({ hardwareId: '4c4c4544-0000-0000-0000-000000000002/52:54:00:00:00:02' }), `${TOLD_BARRED} 52:54:00:00:00:98`],
    ['in which it is barred and its number is another blade\'s', () => { const registry = withNodes(san.registry, [...others(), { ...own(), macs: ['52:54:00:00:00:99' as Mac] }]); return { ...registry, roster: { ...registry.roster, barred: barred({ macs: ['52:54:00:00:00:02' as Mac] }).roster.barred! } }; }, `${TOLD_BARRED} 52:54:00:00:00:02`],
    ['without this node', () => withNodes(san.registry, others()), 'MM-AGENT-REPLACED: node 2, which this blade was booted as, is not in the roster any more. Switch'],
    ['that gives its number to another blade', () => withNodes(san.registry, [...others(), { ...own(), macs: ['52:54:00:00:00:99' as Mac] }]), 'MM-AGENT-REPLACED: the roster gives node 2 to the cards 52:54:00:00:00:99, and this blade has 52:54:00:00:00:02,'],
  ])('%s: metamasterd is told to serve nobody, console and journal are told once, no file of the root is touched, and it ends with the next that has it in', async (_name, registry, why) => {
    blade.files.delete('/sys/class/net/lo/address');
    blade.files.set('/sys/class/net/eth1/address', '52:54:00:00:01:02\n');
    const running = parseNodeConfigText(blade.files.get('/sysroot/etc/metamaster/node.json')!, '');
    await followed(registry());
    await rounds(30);
    expect(said()).toEqual([expect.stringContaining(why)]);
    expect(blade.files.get('/dev/console')).toContain(`metamaster: ${why}`);
    expect(blade.files.get('/dev/console')).toContain('It serves no boots any more.');
    expect([...blade.modes.keys()]).toEqual([FOLLOWED_CONFIG, '/dev/console']);
    expect(started()).toEqual([]);
    expect(judgeReload((running.ok && running.value) as NodeConfig, blade.files.get(FOLLOWED_CONFIG)!, '')).toMatchObject({ kind: 'follow', config: { number: 2, rosterGeneration: 2, standDown: expect.stringContaining(why) } });
    change(3, registry());
    blade.files.delete('/dev/console');
    await rounds(13);
    expect([said().length, blade.files.has('/dev/console')], 'what is known is not told again').toEqual([1, false]);
    expect(JSON.parse(blade.files.get(FOLLOWED_CONFIG)!)).toMatchObject({ rosterGeneration: 3 });
    change(4, withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
    await rounds(13);
    expect(said().at(-1)).toBe('follows generation 4 of the registry, before it 3: 3 nodes');
    expect(parseNodeConfigText(blade.files.get(FOLLOWED_CONFIG)!, '')).toMatchObject({ ok: true, value: { rosterGeneration: 4 } });
  });

  test('a machine that is barred, and whose store is in quarantine, stops at once: its address may be another machine\'s by now', async () => {
    const store = storeOf(san.registry, 2)!;
    const moved = (registry: Registry): Registry => withVolumes({ ...registry, volumes: registry.volumes.map((volume) => (volume.uuid === store.uuid ? { ...volume, retired: 'quarantined' } : volume)) }, [{ ...store, name: 'node2-2', uuid: sampleUuid(600) }]);
    stoppedOver.length = 0;
    blade.files.delete('/sys/class/net/lo/address');
    await followed(moved(san.registry));
    await rounds(13);
    expect(stoppedOver, 'a store that was given new room for this very machine, at its next boot').toEqual([]);
    change(3, moved(barred({ hardwareId: '4c4c4544-0000-0000-0000-000000000002/52:54:00:00:00:02' })));
    await rounds(13);
    expect(new Set(stoppedOver)).toEqual(new Set([store.name]));
  });

  test.each<[string, () => Registry, string]>([
    ['that gives it another address', () => withNodes(san.registry, [...others(), { ...own(), address: '10.0.0.77' as Ipv4 }]), 'the roster gives this node the address 10.0.0.77, which it does not have. Boot it again.'],
    ['without its host key', () => ({ ...san.registry, secret: { ...san.registry.secret, sshHostKeys: {} } }), 'MM-IDENTITY-HOST-KEY'],
  ])('%s changes no file, and is said once', async (_name, registry, why) => {
    blade.files.delete('/sys/class/net/lo/address');
    blade.files.set('/sys/class/net/eth1/address', '52:54:00:00:01:02\n');
    await followed(registry());
    await rounds(30);
    expect([...blade.modes.keys()]).toEqual([]);
    expect(started()).toEqual([]);
    expect(said()).toEqual([expect.stringContaining(`MM-AGENT-ROSTER: generation 2 of the registry is not followed, and no file is changed: ${why}`)]);
    change(3, withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
    await rounds(13);
    expect(said().at(-1)).toBe('follows generation 3 of the registry, before it 2: 3 nodes');
  });

  test('a number that was given on the command line is kept by a blade with other cards', async () => {
    follower = new RegistryFollower(blade, { ...record, numberGiven: true }, PROGRAM, SUPERSEDED);
    await followed(withNodes(san.registry, [...others(), { ...own(), macs: ['52:54:00:00:00:99' as Mac] }]));
    expect(said()).toEqual(['follows generation 2 of the registry, before it 1: 2 nodes']);
  });

  test('in which this node is no more ends what was still to be written of a former one', async () => {
    blade.feedRuns = false;
    await followed(withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
    change(3, withNodes(san.registry, others()));
    hint(3);
    await rounds(30);
    expect(started()).toHaveLength(1);
    expect(said().at(-1)).toContain('MM-AGENT-REPLACED: node 2');
  });

  test('addresses that cannot be had are a reason to look again, not to refuse', async () => {
    blade.override = (argv) => (argv[0] === 'ip' ? { code: 127, said: 'ip cannot be started' } : undefined);
    await followed(withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
    expect(said()).toEqual([expect.stringContaining('MM-AGENT-REGISTRY: the registry could not be followed')]);
    blade.override = () => undefined;
    await rounds(13);
    expect(said().at(-1)).toMatch(/^follows generation 2/);
  });
});

test.each<[string, () => void, string]>([
  ['damaged', () => san.disk.write(sampleSan(san.registry).registryAt, new Uint8Array(4 * 2 ** 20)), 'MM-AGENT-REGISTRY: the registry cannot be used; this node keeps generation 2: MM-'],
  ['older', () => san.disk.write(0, new ModelSan().disk.read(0, 8 * 2 ** 20)), 'MM-AGENT-REGISTRY: the registry has generation 1, older than 2, which this node keeps'],
])('a registry that is %s changes nothing, and is said once', async (_name, spoil, line) => {
  change(2, withNodes(san.registry, [...san.registry.roster.nodes, NODE3]));
  await rounds(1);
  blade.modes.clear();
  const before = said().length;
  spoil();
  await rounds(40);
  expect(said().slice(before)).toEqual([expect.stringContaining(line)]);
  expect([...blade.modes.keys()]).toEqual([]);
});
