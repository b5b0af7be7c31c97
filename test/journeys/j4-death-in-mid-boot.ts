// J4, death in mid-boot: the power of the serving blade is cut while it sends kernel or initrd; the other one still comes up.

import { run } from '../../daemons/host/run.ts';
import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { expectThat, type Journey } from './journey.ts';
import { bootedBy } from './j2-no-master.ts';
import { checkNode } from './j1-spark-plug.ts';

const MIB = 1024 * 1024;
/** How far the transfers have come when the power goes, in bytes that the server sent since the blade's power-on: in the kernel (12 MB), and behind it in the initrd. */
const CUTS = [{ what: 'kernel', bytes: 4 * MIB }, { what: 'initrd', bytes: 15 * MIB }] as const;

/**
 * Kills a process the moment its interface has received so many bytes more from its blade. A loop in the rack's own namespace:
 * the whole transfer takes a quarter of a second.
 */
const TRIGGER = `
i=/sys/class/net/$1/statistics/rx_bytes
read start < $i
until read now < $i; [ $((now - start)) -gt $2 ]; do :; done
kill -9 $3
read now < $i && echo $((now - start))
`;

/** Powers a blade on, finds out who serves it, and cuts that one's power in the middle. Returns the dead server. */
async function cutInMid(cluster: Cluster, blade: number, servers: readonly number[], bytes: number): Promise<number> {
  const { rack } = cluster;
  const status = await rack.status();
  const watches = servers.map(async (server) => {
    const { pid } = status.blades.find((each) => each.number === server)!;
    const argv = rack.inRoom('boot', ['timeout', '120', 'bash', '-c', TRIGGER, 'bash', `b${server}`, String(bytes), String(pid)]);
    return { server, ran: await run(argv, { accept: Array.from({ length: 256 }, (_, i) => i) }) };
  });
  await rack.powerOn(blade);
  const first = await Promise.race(watches);
  return first.server;
}

export async function deathInMidBoot(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  for (const { what, bytes } of CUTS) {
    await journey.stage(`the server dies while it sends the ${what} to blade 3`, async () => {
      for (const node of [1, 2]) await rack.powerOn(node);
      for (const node of [1, 2]) await cluster.serving(node);
      await cluster.powerOff(3);
      const dead = await cutInMid(cluster, 3, [1, 2], bytes);
      const other = dead === 1 ? 2 : 1;
      expectThat(`blade ${other} lives`, (await rack.status()).blades.find((each) => each.number === other)?.power === 'on', `blade ${other} is off`);
      await cluster.serving(3);
      const text = rack.consoleText(3);
      expectThat(`blade ${dead} had begun to serve`, text.includes(`http://192.168.0.${dead}/`), bootedBy(text));
      expectThat(`blade ${other} went on`, new RegExp(`mm-stage (http|tftp) initrd 192.168.0.${other}`).test(text), text.slice(-2000));
      await checkNode(cluster, 3);
      journey.note(`blade ${dead} died while it sent the ${what}; blade ${other} went on`);
    });
  }
  await journey.stage('all three again', async () => {
    for (const node of [1, 2]) await rack.powerOn(node);
    for (const node of [1, 2, 3]) await cluster.serving(node);
  });
}
