// J1, the spark plug: from an empty SAN and one disc to three nodes that no longer need the disc.

import { addressOf, CLUSTER, PATIENCE, type Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { EmptyBoot } from './empty-boot.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';

/** Checks that a node is whole: its name, its own snapshot as root, its own address only, and that it serves. */
export async function checkNode(cluster: Cluster, node: number, { multipath = false } = {}): Promise<void> {
  const answers = (await cluster.ssh(node, "hostname; findmnt -nro SOURCE /; ip -4 -o addr show scope global | awk '{print $4}' | tr '\\n' ' '; echo; dmsetup ls | cut -f1 | sort | tr '\\n' ' '")).split('\n');
  expectEqual(`node ${node}: name`, answers[0] ?? '', `${CLUSTER.name}${node}`);
  expectEqual(`node ${node}: root`, answers[1] ?? '', `/dev/mapper/${CLUSTER.container}-node${node}`);
  expectThat(`node ${node}: has its own address`, (answers[2] ?? '').split(' ').includes(`${addressOf(node)}/24`), answers[2]);
  const mapped = ['boot@1', 'default@1', `node${node}`, ...(multipath ? ['san'] : []), `state${node}`, `store${node}`, `swap${node}`].map((name) => `${CLUSTER.container}-${name}`).join(' ');
  expectEqual(`node ${node}: maps only its own volumes`, (answers[3] ?? '').trim(), mapped);
  expectEqual(`node ${node}: its swap volume is on`, await cluster.ssh(node, "grep -c '^/dev/mapper/.*-swap' /proc/swaps"), '1');
  const status = JSON.parse(await cluster.http(node, '/status')) as { name: string; serving: boolean };
  expectEqual(`node ${node}: who answers there`, `${status.name}, serving: ${status.serving}`, `${CLUSTER.name}${node}, serving: true`);
}

/** When a blade reported which stage, in seconds since its power-on: the table of the README. */
async function bootTable(cluster: Cluster, node: number): Promise<Record<string, number>> {
  const blade = (await cluster.rack.status()).blades.find((each) => each.number === node);
  const table: Record<string, number> = {};
  for (const { stage, detail, seconds } of blade?.reports ?? []) {
    const name = `${stage} ${detail.split(' ').filter((word) => !word.includes('.') && word !== 'from').join(' ')}`.trim();
    table[name] ??= seconds;
  }
  return table;
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

/**
 * How much longer than an empty initrd a node takes from power-on, over the same network and in the same run; by turns, for the machine
 * is never the same twice. Nothing is decided by it.
 */
async function bootTimes(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  const settled = (node: number) => cluster.ssh(node, 'systemctl is-system-running --wait || true');
  const runs: { empty: number; node: number; table: Record<string, number> }[] = [];
  const yardstick = await EmptyBoot.start(rack, YARDSTICK, 'build/images/current');
  try {
    for (const node of [1, 2, 3]) await settled(node);
    for (let turn = 0; turn < TURNS; turn++) {
      const empty = await yardstick.seconds();
      await cluster.powerOff(MEASURED);
      await rack.powerOn(MEASURED);
      const node = await cluster.serving(MEASURED);
      runs.push({ empty, node, table: await bootTable(cluster, MEASURED) });
      await settled(MEASURED);
    }
  } finally {
    await yardstick.stop();
  }
  const empty = median(runs.map((run) => run.empty));
  const middle = median(runs.map((run) => run.node));
  journey.measured[`empty initrd, power-on to its first line, s (median of ${TURNS})`] = round(empty);
  journey.measured[`a node, power-on to serving, s (median of ${TURNS})`] = round(middle);
  journey.measured['a node, in empty boots'] = round(middle / empty);
  for (const [stage, at] of Object.entries(runs.find(({ node }) => node === middle)!.table)) journey.measured[`a node at ${stage}, s`] = round(at);
}

const round = (seconds: number): number => Math.round(seconds * 10) / 10;

/** The fourth node's ROM is only used as a plain PXE ROM; journey JD switches it on. */
export const PLAIN_PXE = 4;
/** The blade that no node knows; it boots the yardstick's empty initrd. */
const YARDSTICK = 5;
/** The node whose boot is measured, and how often. */
const MEASURED = 3;
const TURNS = 3;

export async function sparkPlug(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  await journey.stage('rack with an empty SAN', async () => {
    await rack.down({ wipe: true });
    await rack.up({ blades: YARDSTICK, memory: '1G', kernel: 'build/images/current/vmlinuz' });
  });
  await journey.stage('blade 1: live system from the DVD, Install cluster', async () => {
    await cluster.bootDisc(1, 'i');
    await cluster.liveShell(1);
  });
  await journey.stage('installation', async () => {
    await cluster.typeFile(1, '/root/answers.yaml', await cluster.answers([1, 2, 3, PLAIN_PXE], PLAIN_PXE));
    // Killed in the middle, it is started again with the same command.
    await rack.type(1, 'umask 077; echo rack > /root/password; metamaster install --answers /root/answers.yaml --yes\n');
    const { end } = await rack.waitForConsole(1, /\] origin \[#/, { timeoutMs: PATIENCE.installMs });
    await rack.type(1, '\u0003');
    await rack.waitForConsole(1, /root@metamaster-live:~#/, { timeoutMs: PATIENCE.liveMs, after: end });
    expectEqual('nodes of the broken-off installation', String(cluster.installedNodes()), 'undefined');
    await cluster.runInstaller(1);
    expectThat('the second start finds what the first one left', /broken off; it is begun again/.test(rack.consoleText(1)), rack.consoleText(1).slice(-1500));
  });
  await journey.stage('blade 1: Boot cluster from the DVD, into its own root', async () => {
    await cluster.powerOff(1);
    await cluster.bootDisc(1, 'b');
    journey.measured['node 1 from the DVD, power-on to serving, s'] = round(await cluster.serving(1));
    await rack.dvdOut(1);
    await checkNode(cluster, 1);
  });
  for (const node of [2, 3]) {
    await journey.stage(`blade ${node}: from the network`, async () => {
      await rack.powerOn(node);
      journey.measured[`node ${node}, first boot, power-on to serving, s`] = round(await cluster.serving(node));
      await checkNode(cluster, node);
    });
  }
  await journey.stage('blade 1: once more, from the network', async () => {
    await cluster.powerOff(1);
    await rack.powerOn(1);
    journey.measured['node 1, from the network, power-on to serving, s'] = round(await cluster.serving(1));
    await checkNode(cluster, 1);
  });
  await journey.stage('boot times: the same kernel into an empty initrd, and a node, by turns', () => bootTimes(cluster, journey));
}
