// J2, no master: whichever blade is the last one alive, it boots the others.

import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { expectThat, type Journey } from './journey.ts';
import { checkNode } from './j1-spark-plug.ts';

/** Which node answered a blade's DHCP at its last boot, by the blade's own console. */
export function bootedBy(text: string): string {
  return [...text.matchAll(/mm-stage dhcp \S+ from (\S+)/g)].at(-1)?.[1] ?? 'nobody';
}

const NODES = [1, 2, 3] as const;

export async function noMaster(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  for (const survivor of NODES) {
    const others = NODES.filter((node) => node !== survivor);
    await journey.stage(`only blade ${survivor} is left; the others come up from it`, async () => {
      await cluster.powerOff(...others);
      for (const node of others) await rack.powerOn(node);
      for (const node of others) await cluster.serving(node);
      // One of them may have been served by the other, which was up before it: then that one was served by the survivor.
      const servers = others.map((node) => bootedBy(rack.consoleText(node)));
      expectThat(`blade ${survivor} booted the first of the others`, servers.includes(`192.168.0.${survivor}`), servers);
      for (const node of others) await checkNode(cluster, node);
      journey.note(others.map((node, i) => `blade ${node} from ${servers[i]}`).join(', '));
    });
  }
}
