// J1, the spark plug: from an empty SAN and one disc to three nodes that no longer need the disc.

import { addressOf, CLUSTER, PATIENCE, type Cluster } from './cluster.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';

/** Checks that a node is whole: its name, its own snapshot as root, its own address only, and that it serves. */
export async function checkNode(cluster: Cluster, node: number): Promise<void> {
  const answers = (await cluster.ssh(node, "hostname; findmnt -nro SOURCE /; ip -4 -o addr show dev eth0 | awk '{print $4}' | tr '\\n' ' '; echo; dmsetup ls | cut -f1 | sort | tr '\\n' ' '")).split('\n');
  expectEqual(`node ${node}: name`, answers[0] ?? '', `${CLUSTER.name}${node}`);
  expectEqual(`node ${node}: root`, answers[1] ?? '', `/dev/mapper/${CLUSTER.container}-node${node}`);
  expectThat(`node ${node}: has its own address`, (answers[2] ?? '').split(' ').includes(`${addressOf(node)}/24`), answers[2]);
  const mapped = ['boot@1', 'default@1', `node${node}`, `state${node}`, `store${node}`].map((name) => `${CLUSTER.container}-${name}`).join(' ');
  expectEqual(`node ${node}: maps only its own volumes`, (answers[3] ?? '').trim(), mapped);
  const status = JSON.parse(await cluster.http(node, '/status')) as { name: string; serving: boolean };
  expectEqual(`node ${node}: who answers there`, `${status.name}, serving: ${status.serving}`, `${CLUSTER.name}${node}, serving: true`);
}

/** The times of a node's own boot, as it told them on its console. */
function bootTimes(text: string): string {
  return [...text.matchAll(/mm-stage (.*)/g)].map((match) => match[1]).join(' → ');
}

export async function sparkPlug(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  await journey.stage('rack with an empty SAN', async () => {
    await rack.down({ wipe: true });
    await rack.up({ blades: 3, memory: '1G' });
  });
  await journey.stage('blade 1: live system from the DVD, Install cluster', async () => {
    await cluster.bootDisc(1, 'i');
    await cluster.liveShell(1);
  });
  await journey.stage('installation', async () => {
    await cluster.typeFile(1, '/root/answers.yaml', await cluster.answers([1, 2, 3]));
    await rack.type(1, 'umask 077; echo rack > /root/password; metamaster install --answers /root/answers.yaml --yes; echo "install ended with $?"\n');
    const { match } = await rack.waitForConsole(1, /install ended with (\d+)/, { timeoutMs: PATIENCE.installMs });
    expectEqual('exit code of the installation', match[1] ?? '', '0');
  });
  await journey.stage('blade 1: Boot cluster from the DVD, into its own root', async () => {
    await cluster.powerOff(1);
    await cluster.bootDisc(1, 'b');
    journey.measured['node 1 from the DVD, power-on to serving, s'] = await cluster.serving(1);
    await rack.dvdOut(1);
    await checkNode(cluster, 1);
  });
  for (const node of [2, 3]) {
    await journey.stage(`blade ${node}: from the network`, async () => {
      await rack.powerOn(node);
      journey.measured[`node ${node} from the network, power-on to serving, s`] = await cluster.serving(node);
      await checkNode(cluster, node);
    });
  }
  await journey.stage('blade 1: once more, from the network', async () => {
    await cluster.powerOff(1);
    await rack.powerOn(1);
    journey.measured['node 1 from the network, power-on to serving, s'] = await cluster.serving(1);
    await checkNode(cluster, 1);
    journey.note(bootTimes(rack.consoleText(1)));
  });
}
