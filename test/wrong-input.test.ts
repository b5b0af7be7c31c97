// Everything that is wrong, in one table: for each wrong input its message with place and remedy, what the blade (or the command) does,
// and that not one byte of the SAN changes. Boots run on the model of a blade, on a copy of an installed SAN.

import { expect, test } from 'vitest';
import { encodeLatin1, encodeUtf8, viewOf } from '../daemons/core/bytes.ts';
import type { Ipv4 } from '../daemons/core/ipv4.ts';
import type { Mac } from '../daemons/core/mac.ts';
import type { Instant } from '../daemons/core/machine.ts';
import { InputError, problemLine, valueOf, type Problem, type Result } from '../daemons/core/problem.ts';
import { DhcpServer, type DhcpEffect } from '../daemons/dhcp/dhcp-server.ts';
import { hear, message, requested, serverId, UNKNOWN } from '../daemons/dhcp/test-messages.ts';
import { ROSTER } from '../daemons/dhcp/test-roster.ts';
import { macToBytes } from '../daemons/core/mac.ts';
import { MIB } from '../daemons/storage/block.ts';
import { twiceWrittenSan } from '../daemons/storage/damaged-registry.test-kit.ts';
import type { MemoryDisk } from '../daemons/storage/memory-disk.test-kit.ts';
import { encodeRegistry, withoutSecrets, type Registry } from '../daemons/storage/registry.ts';
import { examineForRebuild, planRebuild } from '../daemons/storage/registry-rebuild.ts';
import { planRegistryWrite } from '../daemons/storage/registry-layout.ts';
import { SAMPLE_DISK_BYTES, SAMPLE_SUPERBLOCK, sampleLabel, sampleSan } from '../daemons/storage/sample-san.test-kit.ts';
import { SNAPSHOT_MAGIC } from '../daemons/storage/snapshot-store.ts';
import { DATA_OFFSET_BYTES, encodeLabel, LABEL_OFFSETS } from '../daemons/storage/volume-label.ts';
import { EDK2_DISCOVER } from '../daemons/wire/dhcp-golden.ts';
import { MESSAGE, OPTION, uint8Value } from '../daemons/wire/dhcp-options.ts';
import { BOOT_REPLY, decodeDhcp, encodeDhcp } from '../daemons/wire/dhcp-packet.ts';
import { parseCommandLine } from '../initrd/command-line.ts';
import { commandLineOf, ModelBlade } from '../initrd/model-blade.test-kit.ts';
import { bootRegistry, differingSectors, ModelSan } from '../initrd/model-san.test-kit.ts';
import { plannedAddresses, planProbes, probeProblems, readArping } from '../scripts/install/address-probe.ts';
import { parseAnswers } from '../scripts/install/answers.ts';
import { decodeAnswersFile } from '../scripts/install/answers-encoding.ts';
import { discoverMessages, foreignDhcpProblem, leadsAway, readOffers } from '../scripts/install/foreign-dhcp.ts';
import { installClockWarning } from '../scripts/install/install-clock.ts';
import { EXTENT_BYTES, planLayout } from '../scripts/install/layout.ts';
import { DISK_BYTES, sampleAnswers, sampleRequest } from '../scripts/install/install.test-kit.ts';
import { CATALOGUE } from '../scripts/messages/catalogue.ts';

/** `waits`: tells it and tries again; `goes on`: warns; `stops`: does nothing until somebody mends it; `refuses`: a command or a server that does not do it. */
type Deed = 'waits' | 'goes on' | 'stops' | 'refuses';

interface Outcome {
  readonly does: Deed;
  /** What stands on the console or in the log. */
  readonly said: string;
  /** Sectors of the SAN that changed, beyond what the same boot changes when nothing is wrong. */
  readonly changed: readonly number[];
}

interface BootWish {
  readonly line?: string;
  readonly mac?: string;
  readonly clockUnixMs?: number;
  readonly kernel?: string;
  readonly taken?: string;
  readonly diskBytes?: number;
  /** The SAN; by default a good one. */
  readonly disk?: MemoryDisk;
}

const NODE2 = commandLineOf(2);
const KERNEL = bootRegistry().origins[0]!.kernelRelease;
const WRITTEN = 1_700_000_000_000;

function bladeOf(wish: BootWish, san: ModelSan): ModelBlade {
  if (wish.diskBytes !== undefined) san.diskBytes = wish.diskBytes;
  const blade = new ModelBlade(san, { commandLine: wish.line ?? NODE2, ...(wish.mac === undefined ? {} : { mac: wish.mac }), ...(wish.clockUnixMs === undefined ? {} : { clockUnixMs: wish.clockUnixMs }) });
  blade.files.set('/proc/sys/kernel/osrelease', `${wish.kernel ?? KERNEL}\n`);
  if (wish.taken !== undefined) blade.taken.add(wish.taken);
  return blade;
}

async function boot(wish: BootWish): Promise<Outcome> {
  const before = (wish.disk ?? sampleSan(bootRegistry()).disk).clone();
  const san = new ModelSan(before.clone());
  const blade = bladeOf(wish, san);
  const end = await blade.boot(2);
  const changed = differingSectors(san.disk, before);
  const said = blade.console.join('\n');
  if (end === 'stuck') {
    // It tries again, and leaves more time each time.
    expect(blade.pauses).toEqual([1000, 2000, 4000]);
    expect(said).toMatch(/FAILED \(try 3\)/);
    return { does: 'waits', said, changed };
  }
  const good = new ModelSan(sampleSan(bootRegistry()).disk);
  const goodBefore = good.disk.clone();
  await new ModelBlade(good).boot();
  const usual = new Set(differingSectors(good.disk, goodBefore));
  expect(end).toBe('handover');
  // What is warned of outlives the console.
  expect((JSON.parse(blade.files.get('/run/metamaster/boot.json')!) as { warnings: string[] }).warnings).not.toEqual([]);
  return { does: 'goes on', said, changed: changed.filter((sector) => !usual.has(sector)) };
}

/** The good SAN with another registry in its second slot. */
function withRegistry(registry: Registry | Uint8Array, writtenAtUnixMs = 0): MemoryDisk {
  const { disk, registryAt } = sampleSan(bootRegistry());
  const body = registry instanceof Uint8Array ? registry : encodeRegistry(registry);
  disk.apply(valueOf(planRegistryWrite({ superblock: SAMPLE_SUPERBLOCK, headers: [], keep: 0, writer: 0, leaseVersion: 0, generation: 2, body, writtenAtUnixMs })), registryAt);
  return disk;
}

function damagedSlots(...slots: (0 | 1)[]): MemoryDisk {
  const san = twiceWrittenSan(bootRegistry());
  for (const slot of slots) san.damage(slot, 'body');
  return san.disk;
}

/** Node 2's store as a live one whose header says this. */
function withStore(valid: boolean): MemoryDisk {
  const registry = bootRegistry();
  const { disk, at } = sampleSan(registry);
  const label = encodeLabel({ ...sampleLabel(registry, registry.volumes.find(({ name }) => name === 'node2')!), state: 'down' });
  for (const offset of LABEL_OFFSETS) disk.write(at('node2', offset), label);
  const header = new Uint8Array(4096);
  [SNAPSHOT_MAGIC, valid ? 1 : 0, 1, 16].forEach((word, i) => viewOf(header).setUint32(4 * i, word, true));
  disk.write(at('node2', DATA_OFFSET_BYTES), header);
  return disk;
}

function withoutLabel(name: string): MemoryDisk {
  const { disk, at } = sampleSan(bootRegistry());
  for (const offset of LABEL_OFFSETS) disk.write(at(name, offset), new Uint8Array(4096));
  return disk;
}

const refused = (result: Result<unknown>): Outcome => ({ does: result.ok ? 'goes on' : 'refuses', said: result.ok ? '' : result.problems.map(problemLine).join('\n'), changed: [] });

const LEAST = {
  'container-name': 'foo', 'storage-ip': '192.168.5.252', 'iscsi-target': 'iqn.2001-04.com.example:rack', 'number-of-nodes': 2, 'cluster-hostname': 'node',
  nodes: [{ mac: '52:54:00:00:00:01' }, { mac: '52:54:00:00:00:02' }] as readonly object[], 'root-password-file': '/root/password',
};
const answers = (change: object): Outcome => refused(parseAnswers(JSON.stringify({ ...LEAST, ...change }), 'answers.yaml'));
const answersFile = (bytes: Uint8Array): Outcome => refused(decodeAnswersFile(bytes, 'answers.yaml'));
const utf16 = (text: string): Uint8Array => Uint8Array.of(...[...text].flatMap((char) => [char.charCodeAt(0), 0]));

/** An installation whose last volume is `more` extents larger than what is left. */
function tooLarge(more: number): Outcome {
  const free = (shared: number): number => {
    const { registry } = valueOf(planLayout(sampleRequest(2, DISK_BYTES, [`shared-size: ${shared}`])));
    return registry.extentCount - registry.volumes.reduce((sum, volume) => sum + volume.extents.reduce((count, extent) => count + extent.count, 0), 0);
  };
  const largest = 256 + (free(256) * EXTENT_BYTES) / MIB;
  expect(free(largest)).toBe(0);
  return refused(planLayout(sampleRequest(2, DISK_BYTES, [`shared-size: ${largest + (more * EXTENT_BYTES) / MIB}`])));
}

function heard(bytes: Uint8Array, prepare: (machine: DhcpServer) => void = () => undefined): Outcome {
  const machine = new DhcpServer({ roster: ROSTER, self: 1 });
  const effects: readonly DhcpEffect[] = hear(machine, 0, bytes);
  prepare(machine);
  const said = [...effects.flatMap((effect) => (effect.kind === 'log' ? [JSON.stringify(effect)] : [])), JSON.stringify(machine.foreign()), JSON.stringify(machine.unknown())].join('\n');
  return { does: effects.some(({ kind }) => kind === 'send') ? 'goes on' : 'refuses', said, changed: [] };
}

const ofProblems = (problems: readonly Problem[]): Outcome => ({ does: problems.length === 0 ? 'goes on' : 'refuses', said: problems.map(problemLine).join('\n'), changed: [] });
const ofWarning = (warning: Problem | undefined): Outcome => ({ does: 'goes on', said: warning === undefined ? '' : problemLine(warning), changed: [] });

/** An installation on whose network arping prints this when it is asked for the second node's address, 10.1.1.1 of 52:54:00:00:00:01. */
function probedFor(output: string): Outcome {
  const answers = sampleAnswers(2);
  const planned = plannedAddresses(answers).find(({ address }) => address === '10.1.1.1')!;
  return ofProblems(probeProblems([{ planned, outcome: readArping({ output, errorOutput: '' }) }], answers, 'eth0'));
}

/** An installation on whose network a DHCP server answers with this. */
function offered(file: string): Outcome {
  const [discover] = discoverMessages('52:54:00:00:00:01' as Mac, 7);
  const bytes = encodeDhcp({ ...decodeDhcp(discover!)!, op: BOOT_REPLY, file, yiaddr: '10.1.9.9' as Ipv4, options: new Map([[OPTION.messageType, uint8Value(MESSAGE.offer)], serverId('10.1.0.66')]) });
  const [offer] = readOffers([{ bytes, from: '10.1.0.66' as Ipv4, mac: undefined }], 7);
  return leadsAway(offer!) ? ofProblems([foreignDhcpProblem(offer!)]) : ofWarning(foreignDhcpProblem(offer!));
}

const registry = bootRegistry();
const dvd = NODE2.replace('mm.boot=net', 'mm.boot=dvd');

/** What is wrong, the code, what is done, what the text must name (what, where, remedy), and how it comes about. */
const TABLE: readonly (readonly [what: string, code: string, does: Deed, names: readonly RegExp[], run: () => Outcome | Promise<Outcome>])[] = [
  ['a wrong SAN address', 'MM-BOOT-LOGIN-UNREACHED', 'waits', [/10\.0\.0\.251, port 3260/, /what to do: Check storage_ip=/], () => boot({ line: NODE2.replace('10.0.0.252', '10.0.0.251') })],
  ['a wrong SAN port', 'MM-BOOT-LOGIN-PORT', 'waits', [/port 3261/, /storage_port=/], () => boot({ line: `${NODE2} storage_port=3261` })],
  ['a wrong ivid', 'MM-BOOT-LOGIN-TARGET', 'waits', [/iqn\.2026-01\.example:sam at 10\.0\.0\.252/, /what to do: .*check ivid=/], () => boot({ line: NODE2.replace('example:san', 'example:sam') })],
  ['an ivid that is no name', 'MM-CMDLINE-VALUE', 'stops', [/ivid: must be an iSCSI name/, /"san"/, /Give the target's name/], () => {
    const { problems } = parseCommandLine(NODE2.replace('iqn.2026-01.example:san', 'san'));
    return { does: problems.length > 0 ? 'stops' : 'goes on', said: problems.map(problemLine).join('\n'), changed: [] };
  }],
  ['a wrong container name', 'MM-CONTAINER-NONE', 'waits', [/a container 'debain'; seen debian/, /what to do: Name one that is there/], () => boot({ line: NODE2.replace('defaultdebian', 'defaultdebain') })],
  ['a volume whose label is gone', 'MM-BLOCK-MAGIC', 'waits', [/node2, label in block 0/, /what to do: .*restore what is missing/], () => boot({ disk: withoutLabel('node2') })],
  ['a volume that the registry lacks', 'MM-REGISTRY-RELATION', 'waits', [/exactly one state volume for node 2; seen 0/, /what to do: .*export/], () =>
    boot({ disk: withRegistry({ ...registry, volumes: registry.volumes.filter(({ name }) => name !== 'state2') }) })],
  ['a LUN that shrank', 'MM-GPT-DISK-SMALLER', 'waits', [/seen 65536 sectors/, /what to do: .*give it its size back/], () => boot({ diskBytes: 32 * MIB })],
  ['a LUN that shrank, its table adapted: the registry has more extents than the disk', 'MM-SAN-CONTAINER', 'waits', [/bytes for 4000 extents/, /what to do: .*its size back/], () => boot({ disk: withRegistry({ ...registry, extentCount: 4000 }) })],
  ['one registry slot torn', 'MM-REGISTRY-BODY', 'goes on', [/registry slot 0\/1/, /next older slot counts/], () => boot({ disk: damagedSlots(1) })],
  ['all registry slots torn', 'MM-REGISTRY-NONE', 'waits', [/2 with damaged bodies/, /what to do: .*san rebuild/], () => boot({ disk: damagedSlots(0, 1) })],
  ['a registry of a newer version', 'MM-REGISTRY-VERSION', 'waits', [/version 1 at most; seen version 9/, /what to do: A newer metamaster wrote it: use that release/], () =>
    boot({ disk: withRegistry(encodeUtf8(JSON.stringify({ ...registry, version: 9 }))) })],
  ['a disc of another version than the cluster', 'MM-BOOT-VERSION', 'goes on', [/6\.1\.0/, new RegExp(KERNEL.replaceAll(/[.+]/g, '\\$&')), /the disc/, /over the network/], () => boot({ line: dvd, kernel: '6.1.0-metamaster' })],
  ['a clock that died', 'MM-BOOT-CLOCK', 'goes on', [/days before it/, /Set the clock/], () => boot({ clockUnixMs: 0, disk: withRegistry(registry, WRITTEN) })],
  ['a clock a century ahead', 'MM-BOOT-CLOCK', 'goes on', [/days after it/, /Set the clock/], () => boot({ clockUnixMs: WRITTEN + 100 * 365 * 86_400_000, disk: withRegistry(registry, WRITTEN) })],
  ['an unknown blade', 'MM-BOOT-STRANGER', 'waits', [/52:54:00:00:00:77/, /2 node2 52:54:00:00:00:02/, /what to do: Add the blade/], () => boot({ mac: '52:54:00:00:00:77' })],
  ['an address that is in use, from a disc', 'MM-BOOT-ADDRESS-IN-USE', 'waits', [/10\.0\.0\.2 is in use/, /what to do: Give a free one with sifip=/], () => boot({ line: dvd, taken: '10.0.0.2' })],
  ['a store that overflowed', 'MM-BOOT-STORE-FULL', 'waits', [/store node2/, /marked invalid by the kernel, \d+ of \d+ chunks of 8 KiB free/, /what to do: Reset it with .*more room/], () => boot({ disk: withStore(false) })],
  ['two nodes with one MAC address', 'MM-ANSWERS-SAME-MAC', 'refuses', [/nodes\[1\]/, /nodes\[0\] has this one; seen 52:54:00:00:00:01/, /Correct one/], () => answers({ nodes: [{ mac: '52:54:00:00:00:01' }, { mac: '52:54:00:00:00:01' }] })],
  ['networks that overlap', 'MM-ANSWERS-OVERLAP', 'refuses', [/public-netmask/, /192\.168\.0\.0 with netmask 255\.255\.0\.0/, /move one of the two networks/], () =>
    answers({ 'primary-gateway-local-IP': '192.168.5.1', 'public-interface': 'eth1', 'public-IP': '192.168.77.9', 'public-netmask': '255.255.0.0', 'public-router': '192.168.77.1' })],
  ['an address that is given twice', 'MM-ANSWERS-SAME-ADDRESS', 'refuses', [/nodes\[1\]\.address/, /storage-ip is this one/, /Give a free address/], () =>
    answers({ nodes: [{ mac: '52:54:00:00:00:01' }, { mac: '52:54:00:00:00:02', address: '192.168.5.252' }] })],
  ['a volume too large by one extent', 'MM-EXTENTS-ROOM', 'refuses', [/volume shared/, /extents free/, /smaller volume/], () => tooLarge(1)],
  ['answers in UTF-16', 'MM-ANSWERS-ENCODING', 'refuses', [/a zero byte at byte 1 /, /UTF-16/, /Save it as UTF-8/], () => answersFile(utf16('domain: x'))],
  ['answers in Latin-1', 'MM-ANSWERS-ENCODING', 'refuses', [/0xe9, which is not UTF-8, at byte 11 \(line 1/, /iconv -f ISO-8859-1/], () => answersFile(encodeLatin1('domain: caf\u00e9'))],
  ['answers with a zero byte', 'MM-ANSWERS-ENCODING', 'refuses', [/a zero byte at byte 9 \(line 2/, /Save it as UTF-8/], () => answersFile(encodeLatin1('a: b\nc: d\0'))],
  ['a node\'s address that another machine has', 'MM-INSTALL-ADDRESS-USED', 'refuses', [/nodes\[1\]\.address: 10\.1\.1\.1 must be free/, /seen an answer from 52:54:00:99:00:01/, /Give the machine with that network card another address/], () =>
    probedFor('Unicast reply from 10.1.1.1 [52:54:00:99:00:01]  0.712ms\nSent 1 probes (1 broadcast(s))\nReceived 1 response(s)\n')],
  ['a blade of the answers that runs', 'MM-INSTALL-RUNNING', 'refuses', [/nodes\[1\]\.address/, /node 2, whose own network card 52:54:00:00:00:01 answers for 10\.1\.1\.1/, /Switch this blade off first/], () =>
    probedFor('Unicast reply from 10.1.1.1 [52:54:00:00:00:01]  0.712ms\nSent 1 probes (1 broadcast(s))\nReceived 1 response(s)\n')],
  ['an interface that cannot ask for addresses', 'MM-INSTALL-ADDRESS-PROBE', 'refuses', [/eth0/, /Interface "eth0" is not ARPable/, /--no-address-probe/], () => probedFor('Interface "eth0" is not ARPable\n')],
  ['a live system with a node\'s address', 'MM-INSTALL-OWN-ADDRESS', 'refuses', [/nodes\[1\]\.address/, /10\.1\.1\.1, which this blade has on eth0/, /sifip=/], () =>
    ofProblems(planProbes(sampleAnswers(2), [{ name: 'eth0', mac: '52:54:00:00:00:00' as Mac, addresses: ['10.1.1.1' as Ipv4] }]).problems)],
  ['a foreign DHCP server with a boot file, at an installation', 'MM-INSTALL-FOREIGN-DHCP', 'refuses', [/DHCP server 10\.1\.0\.66/, /an offer of 10\.1\.9\.9, no next-server, boot file pxelinux\.0/, /Switch it off.*--accept-foreign-dhcp/], () => offered('pxelinux.0')],
  ['a foreign DHCP server with nothing to boot, at an installation', 'MM-INSTALL-FOREIGN-DHCP', 'goes on', [/no boot file/, /leave the cluster's MAC addresses alone/], () => offered('')],
  ['a clock that died, at an installation', 'MM-INSTALL-CLOCK', 'goes on', [/not before the disc was made, 2023-11-14/, /days before it/, /date -s/], () => ofWarning(installClockWarning(0, WRITTEN))],
  ['a foreign DHCP server', 'MM-DHCP-FOREIGN', 'refuses', [/"server":"10\.7\.0\.66"/, /"mac":"52:54:00:66:66:66"/], () =>
    heard(message(EDK2_DISCOVER, MESSAGE.offer, { op: 2 }, [serverId('10.7.0.66')]), (machine) => machine.step(1 as Instant, { kind: 'mac-found', address: '10.7.0.66', mac: '52:54:00:66:66:66' as Mac }))],
  ['an unknown blade that asks for an address', 'MM-DHCP-UNKNOWN', 'refuses', [new RegExp(`"mac":"${UNKNOWN}".*"count":1`)], () => heard(message(EDK2_DISCOVER, MESSAGE.discover, { chaddr: macToBytes(UNKNOWN) }))],
  ['an address in use, which a blade declines', 'MM-DHCP-ADDRESS-IN-USE', 'refuses', [/10\.7\.0\.2/, /another machine uses this address/], () => heard(message(EDK2_DISCOVER, MESSAGE.decline, {}, [serverId('10.7.0.1'), requested('10.7.0.2')]))],
];

test.each(TABLE)('%s: %s, and it %s', async (_, code, does, names, run) => {
  const outcome = await run();
  expect(outcome.said).toContain(code);
  for (const name of names) expect(outcome.said).toMatch(name);
  expect(outcome.does).toBe(does);
  expect(outcome.changed, 'sectors of the SAN that changed').toEqual([]);
  expect(Object.hasOwn(CATALOGUE, code), 'it has an entry in docs/troubleshooting.md').toBe(true);
  // For programs that read the console: the code stands in the line of the stage, too.
  if (does === 'waits') expect(outcome.said).toMatch(new RegExp(`^mm-stage initrd [a-z]+ failed: ${code}: `, 'm'));
});

test('the table\'s own faults are the only ones: with none of them a boot comes to its end and warns of nothing, and a volume of just the right size fits', async () => {
  const blade = bladeOf({ clockUnixMs: WRITTEN }, new ModelSan(withRegistry(registry, WRITTEN)));
  expect(await blade.boot()).toBe('handover');
  expect(blade.console.filter((line) => /MM-/.test(line))).toEqual([]);
  expect(tooLarge(0).does).toBe('goes on');
  expect((await boot({ disk: withStore(true), line: dvd, kernel: '6.1.0' })).does).toBe('goes on');
});

test('a blade that waits for a registry boots by itself once it was rebuilt from a copy, and the rebuild wrote nothing but slots', async () => {
  const san = twiceWrittenSan(bootRegistry());
  const before = san.disk.clone();
  san.damage(0, 'both');
  san.damage(1, 'both');
  const model = new ModelSan(san.disk);
  const blade = bladeOf({}, model);
  blade.onPause = (tries) => {
    if (tries !== 2) return;
    const findings = valueOf(examineForRebuild(san.disk.read, SAMPLE_DISK_BYTES, 'debian'));
    const { steps } = valueOf(planRebuild({ findings, read: san.disk.read, copy: { registry: withoutSecrets(san.registry), secret: san.registry.secret }, force: false }));
    san.disk.apply(steps, san.registryAt);
    const slots = (sector: number): boolean => sector * 512 >= san.registryAt && sector * 512 < san.registryAt + MIB;
    expect(differingSectors(san.disk, before).every(slots)).toBe(true);
  };
  expect(await blade.boot(3)).toBe('handover');
  expect(blade.console.join('\n')).toContain('MM-REGISTRY-NONE');
});

test('a blade that is not in the roster boots by itself once it is, and warns of nothing twice', async () => {
  const known = registry.roster.nodes[1]!;
  const without: Registry = { ...registry, roster: { ...registry.roster, nodes: [registry.roster.nodes[0]!, { ...known, macs: ['52:54:00:00:00:99' as Mac] }] } };
  const disk = withRegistry(without, WRITTEN + 10 * 86_400_000);
  const model = new ModelSan(disk);
  const blade = bladeOf({ clockUnixMs: WRITTEN }, model);
  blade.onPause = (tries) => {
    if (tries === 3) for (const [sector, bytes] of withRegistry(registry, WRITTEN + 10 * 86_400_000).sectors) model.disk.sectors.set(sector, bytes);
  };
  expect(await blade.boot(3), blade.console.join('\n')).toBe('handover');
  expect(blade.console.filter((line) => line.includes('mm-stage initrd identity failed: MM-BOOT-STRANGER'))).toHaveLength(3);
  expect(blade.console.filter((line) => line.includes('MM-BOOT-CLOCK'))).toHaveLength(1);
});

test('a message of several problems is thrown with all of them', () => {
  const result = parseAnswers(JSON.stringify({ ...LEAST, 'storage-ip': 'x', domain: 'y z' }), 'answers.yaml');
  expect(() => valueOf(result)).toThrow(InputError);
  expect(result.ok || result.problems.map(({ where }) => where)).toEqual(['storage-ip', 'domain']);
});
