// J6, wrong input on real blades: parameters, servers and states of the SAN that are wrong. Each is refused with its message on the console
// and in the log, nothing on the SAN changes by it; and where it is put right while the blade waits, the blade boots by itself.

import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Roster, SanAddress } from '../../daemons/core/roster.ts';
import type { ContainerFound } from '../../daemons/storage/container-on-disk.ts';
import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { bladeMac } from '../../scripts/virtual-rack/identity.ts';
import { checkNode } from './j1-spark-plug.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import { LoneServer, serverNode } from './lone-server.ts';
import { expectRefusal, type Refusal } from './refusal.ts';
import { CLAIM, DISK, LOGIN, REGISTRY, WRONG } from './wrong-rows.ts';
import {
  allSlotsTorn, differing, foreignOwner, labelGone, laterRegistry, newerVersion, oneExtentTooLarge, oneMacTwice, otherKernel, SanEdits, sanMarks, type SanMarks, shrink, storeGivenUp, withoutCard, withoutStore,
} from './wrong-san.ts';

const IMAGES = 'build/images/current';
/** Nobody else has this address: between the nodes' and the rack's own ones. */
const SERVER = { number: 250, address: '192.168.0.251' } as const;
/** Blades beyond the roster, that only a wrong server boots. */
const STRANGERS = [5, 7, 8] as const;
/** The blade of the registry's rows, and those that sleep meanwhile. */
const BLADE = 2;
const OTHERS = [1, 3] as const;
const LOAD_MS = 120_000;
const NOTICE_MS = 60_000;
const POLL_MS = 500;
/** Four MiB: the backup of the partition table and more. */
const SHRUNK_BYTES = 4 * 1024 * 1024;
const OTHER_KERNEL = '6.1.0-another';
const DEAD_CLOCK = '2000-01-01';

/** What the whole journey goes by. */
interface Bench {
  readonly cluster: Cluster;
  readonly journey: Journey;
  readonly bootFiles: string;
  readonly found: ContainerFound;
  /** Checksums of what must not change; of a node that runs, only of what it does not write itself. */
  readonly marks: (...running: readonly number[]) => SanMarks;
}

function prepare(cluster: Cluster, journey: Journey): Bench {
  const bootFiles = join(cluster.rack.identity.stateDir, 'wrong-input');
  rmSync(bootFiles, { recursive: true, force: true });
  mkdirSync(bootFiles, { recursive: true });
  for (const name of ['vmlinuz', 'initrd.img']) symlinkSync(resolve(IMAGES, name), join(bootFiles, name));
  const found = cluster.readSan();
  return { cluster, journey, bootFiles, found, marks: (...running) => cluster.withSan((read) => sanMarks(found, read, running)) };
}

const start = ({ cluster, bootFiles }: Bench, roster: Roster): Promise<LoneServer> =>
  LoneServer.start(cluster.rack, { name: 'lone-server', roster, number: SERVER.number, bootFiles });

/** The cluster's roster, with the lone server as one node more. */
const rightRoster = ({ found: { registry: { roster } } }: Bench): Roster => ({ ...roster, nodes: [...roster.nodes, serverNode(SERVER.number, SERVER.address)] });

/** Another cluster's roster, of blades that this cluster does not know. */
function wrongRoster({ cluster, found: { registry: { roster } } }: Bench, change: { san?: Partial<Record<keyof SanAddress, string>>; container?: string }): Roster {
  const blades = STRANGERS.map((blade) => ({ number: blade, name: `wrong${blade}`, macs: [bladeMac(cluster.rack.identity.id, blade)], address: `192.168.0.${100 + blade}` as Ipv4, loader: 'rom' as const }));
  return {
    ...roster, clusterName: 'wrong', container: change.container ?? roster.container, san: { ...roster.san, ...change.san } as SanAddress,
    nodes: [serverNode(SERVER.number, SERVER.address), ...blades],
  };
}

/** Switches a blade on and waits until kernel and initrd have been loaded: the server is not needed any more. */
async function load({ cluster: { rack } }: Bench, blade: number, clock?: string): Promise<void> {
  await rack.powerOn(blade, { clock });
  await rack.waitForConsole(blade, /mm-stage (?:http|tftp) initrd \S+/, { timeoutMs: LOAD_MS });
}

interface Noticed {
  readonly unknown: readonly { readonly mac: string }[];
  readonly foreign: readonly { readonly address: string }[];
}

/** Waits until node 1 has noticed something, and looks for it in its log and in what it tells an administrator. */
async function noticed({ cluster, journey }: Bench, what: string, code: string, who: string, seen: (status: Noticed) => boolean): Promise<void> {
  for (const deadline = performance.now() + NOTICE_MS; !seen(JSON.parse(await cluster.http(1, '/status')) as Noticed); ) {
    expectThat(`${what}: node 1 notices ${who}`, performance.now() < deadline, await cluster.http(1, '/status'));
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
  const line = await cluster.ssh(1, `for i in $(seq 20); do journalctl -u metamasterd -o cat --no-pager | grep -F ${code} | grep -F ${who} | tail -1 | grep . && exit; sleep 1; done; exit 1`);
  expectThat(`${what}: metamaster status lists ${who}`, (await cluster.ssh(1, 'metamaster status')).includes(who), who);
  journey.note(`${what}: node 1's log: ${line.slice(0, 200)}`);
}

/** With node 1 alone: a blade that nobody knows, and a foreign server that boots it with parameters that are wrong. */
async function strangers(bench: Bench): Promise<void> {
  const { cluster, journey, marks } = bench;
  const { rack } = cluster;
  const [, first, second] = STRANGERS;
  const mac = bladeMac(rack.identity.id, first);
  await journey.stage('an unknown blade: nobody boots it, and node 1 lists it', async () => {
    await cluster.powerOff(2, 3);
    await rack.powerOn(first);
    await noticed(bench, 'an unknown blade', 'MM-DHCP-UNKNOWN', mac, ({ unknown }) => unknown.some((each) => each.mac === mac));
    expectThat('nobody boots the unknown blade', !rack.consoleText(first).includes('mm-stage'), rack.consoleText(first).slice(-1000));
    await cluster.powerOff(first);
  });
  await journey.stage('a foreign DHCP server; its blades have a wrong SAN address and a wrong ivid', async () => {
    let server = await start(bench, wrongRoster(bench, { san: { address: WRONG.address } }));
    try {
      await load(bench, first);
      await noticed(bench, 'a foreign DHCP server', 'MM-DHCP-FOREIGN', SERVER.address, ({ foreign }) => foreign.some(({ address }) => address === SERVER.address));
      await server.stop();
      server = await start(bench, wrongRoster(bench, { san: { target: WRONG.target } }));
      await load(bench, second);
      await expectRefusal(cluster, journey, { blade: first, refusal: LOGIN.address, server, marks: () => marks(1) });
      await expectRefusal(cluster, journey, { blade: second, refusal: LOGIN.target, server, marks: () => marks(1) });
    } finally {
      await server.stop();
    }
    await cluster.powerOff(first, second);
  });
}

/** With all nodes off: a LUN that shrank, and a SAN in a network to which nothing leads. Leaves the SAN whole, and off. */
async function shrunk(bench: Bench): Promise<void> {
  const { cluster, journey, marks } = bench;
  const { rack } = cluster;
  const [lost] = STRANGERS;
  await journey.stage('a LUN that shrank; a SAN address in another network', async () => {
    await rack.sanStop();
    const giveBack = shrink(rack.sanPath, SHRUNK_BYTES);
    let server: LoneServer | undefined;
    try {
      await rack.sanStart();
      server = await start(bench, rightRoster(bench));
      await load(bench, 3);
      await server.stop();
      server = await start(bench, wrongRoster(bench, { san: { address: WRONG.network } }));
      await load(bench, lost);
      await expectRefusal(cluster, journey, { blade: 3, refusal: DISK.smaller, server, marks });
      await expectRefusal(cluster, journey, { blade: lost, refusal: LOGIN.network, server, marks });
      expectThat('it was warned of before anything else', /warning: .*MM-CMDLINE-NETWORK/.test(rack.consoleText(lost)), rack.consoleText(lost).slice(-1500));
    } finally {
      await server?.stop();
      await cluster.powerOff(3, lost);
      await rack.sanStop();
      giveBack();
    }
  });
}

/** One boot of one blade through every state of the SAN that is wrong, from a SAN that is off; each is put right or worse while it waits. */
async function oneBoot(bench: Bench, registryEdits: SanEdits): Promise<void> {
  const { cluster, journey, found, marks } = bench;
  const { rack } = cluster;
  const { registry } = found;
  const [other] = STRANGERS;
  const claims = { foreign: new SanEdits(rack.sanPath), invalid: new SanEdits(rack.sanPath), label: new SanEdits(rack.sanPath) };
  let server: LoneServer | undefined;
  const row = (refusal: Refusal, change?: () => void | Promise<unknown>, now = false, blade: number = BLADE): Promise<void> =>
    expectRefusal(cluster, journey, { blade, refusal, server: server!, marks, now, ...(change === undefined ? {} : { change }) });
  const write = (later: number, body: Uint8Array) => () => registryEdits.apply(laterRegistry(found, body, later));
  try {
    await journey.stage('a SAN without a service; when it is there, a wrong container name, and no whole registry', async () => {
      registryEdits.apply(allSlotsTorn(found));
      server = await start(bench, wrongRoster(bench, { container: WRONG.container }));
      await load(bench, other);
      await server.stop();
      server = await start(bench, rightRoster(bench));
      await load(bench, BLADE, DEAD_CLOCK);
      await row(LOGIN.port);
      await row(REGISTRY.torn, () => rack.sanStart());
      await row(DISK.container, undefined, false, other);
      await cluster.powerOff(other);
    });
    await journey.stage('registries that are whole and wrong', async () => {
      await row(REGISTRY.version, write(1, newerVersion(registry)), true);
      await row(REGISTRY.store, write(2, withoutStore(registry, 3)), true);
      await row(REGISTRY.extent, write(3, oneExtentTooLarge(registry, 3)), true);
      await row(REGISTRY.mac, write(4, oneMacTwice(registry, BLADE, 3)), true);
      await row(REGISTRY.stranger, write(5, withoutCard(registry, BLADE)), true);
    });
    await journey.stage('the roster is put right, the volumes are wrong', async () => {
      await row(CLAIM.foreign, () => {
        claims.foreign.apply(cluster.withSan((read) => foreignOwner(found, read, BLADE)));
        // Torn before the one before it is whole: for no moment there is a registry without the tear.
        registryEdits.apply(laterRegistry(found, otherKernel(registry, 'torn'), 7, true));
        write(6, otherKernel(registry, OTHER_KERNEL))();
      });
      await row(CLAIM.invalid, () => {
        claims.invalid.apply(cluster.withSan((read) => storeGivenUp(found, read, BLADE)));
        claims.foreign.undo();
      });
      await row(CLAIM.label, () => {
        claims.label.apply(labelGone(found, BLADE));
        claims.invalid.undo();
      });
    });
    await journey.stage('all is put right but for one torn slot, the clock and the kernel: the blade boots by itself, and warns', async () => {
      await server!.stop();
      claims.label.undo();
      await cluster.serving(BLADE);
      await checkNode(cluster, BLADE);
      await warned(bench);
    });
  } finally {
    await server?.stop();
    for (const edits of Object.values(claims)) edits.undo();
  }
}

/** Three warnings of the boot, on the console, in its record, and in the log of the node. */
async function warned({ cluster, journey }: Bench): Promise<void> {
  const { warnings } = JSON.parse(await cluster.ssh(BLADE, 'cat /run/metamaster/boot.json')) as { warnings: readonly string[] };
  for (const [code, names] of [['MM-REGISTRY-BODY', 'next older slot counts'], ['MM-BOOT-CLOCK', 'days before it'], ['MM-BOOT-VERSION', OTHER_KERNEL]] as const) {
    const line = warnings.find((warning) => warning.includes(code) && warning.includes(names));
    expectThat(`the record of the boot has ${code}`, line !== undefined, warnings);
    expectThat(`the console has ${code}`, cluster.rack.consoleText(BLADE).includes(`metamaster: warning: ${line!}`), line);
    await cluster.ssh(BLADE, `for i in $(seq 30); do journalctl -u metamaster-storage -o cat --no-pager | grep -qF ${code} && exit; sleep 1; done; exit 1`);
    journey.note(`blade ${BLADE} boots, and warns: ${line!.slice(0, 150)}`);
  }
}

export async function wrongInput(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  const bench = prepare(cluster, journey);
  await strangers(bench);
  await cluster.powerOff(1);
  const { before, origin } = await journey.stage('checksums of the SAN, all nodes off', async () => ({ before: bench.marks(), origin: cluster.originHash() }));
  const registryEdits = new SanEdits(rack.sanPath);
  try {
    await shrunk(bench);
    await oneBoot(bench, registryEdits);
  } finally {
    registryEdits.undo();
    await rack.sanStart();
  }
  await journey.stage('checksums again: what blade 2 booted from is its own, and all else as it was', async () => {
    const own = bench.found.registry.volumes.filter(({ node }) => node === BLADE).map(({ name }) => name);
    const changed = differing(before, bench.marks(BLADE)).filter((name) => !own.some((volume) => name.endsWith(` of ${volume}`)));
    expectEqual('what of the SAN changed', changed.join(', '), '');
    expectEqual('SHA-256 of the origin', cluster.originHash(), origin);
  });
  await journey.stage('all three as before', async () => {
    for (const node of OTHERS) await rack.powerOn(node);
    for (const node of OTHERS) await cluster.serving(node);
    await cluster.powerOff(BLADE);
    await rack.powerOn(BLADE);
    await cluster.serving(BLADE);
    for (const node of [1, 2, 3]) await checkNode(cluster, node);
  });
}
