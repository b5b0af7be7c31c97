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
 * Watches what two blades send and kills the first that has sent so many bytes: `BYTES TAP PID TAP PID`; prints its tap. A loop in
 * the rack's own namespace, for the whole transfer takes a quarter of a second.
 */
const TRIGGER = `
limit=$1
a=/sys/class/net/$2/statistics/rx_bytes
b=/sys/class/net/$4/statistics/rx_bytes
read a0 < $a; read b0 < $b
while :; do
  read now < $a; [ $((now - a0)) -gt $limit ] && kill -9 $3 && echo $2 && exit
  read now < $b; [ $((now - b0)) -gt $limit ] && kill -9 $5 && echo $4 && exit
done
`;
const TRIGGER_SECONDS = '120';

/** Powers a blade on, and cuts the power of whichever of nodes 1 and 2 serves it, in the middle. Returns the dead server. */
async function cutInMid(cluster: Cluster, blade: number, bytes: number): Promise<number> {
  const { rack } = cluster;
  const { blades } = await rack.status();
  const pid = (server: number) => String(blades.find((each) => each.number === server)?.pid);
  const argv = rack.inRoom('boot', ['timeout', TRIGGER_SECONDS, 'bash', '-c', TRIGGER, 'bash', String(bytes), 'b1', pid(1), 'b2', pid(2)]);
  const cut = run(argv);
  await rack.powerOn(blade);
  return Number((await cut).output.trim().slice(1));
}

export async function deathInMidBoot(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  for (const { what, bytes } of CUTS) {
    await journey.stage(`the server dies while it sends the ${what} to blade 3`, async () => {
      for (const node of [1, 2]) await rack.powerOn(node);
      for (const node of [1, 2]) await cluster.serving(node);
      await cluster.powerOff(3);
      const dead = await cutInMid(cluster, 3, bytes);
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
