// JE, the end: `scripts/rack down` leaves nothing behind, no process, no namespace, no mount, no socket; and two racks do not meet.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { run } from '../../daemons/host/run.ts';
import { openRack } from '../../scripts/virtual-rack/rack.ts';
import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';

/** Command lines of running processes that name the rack; a zombie has none. */
function processesOf(id: string): string[] {
  const lines = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    } catch {
      return ''; // ended while we looked
    }
  });
  return lines.filter((line) => line.includes(`mm-${id}`));
}

export async function nothingLeft(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  const { id } = rack.identity;
  await journey.stage('a second rack beside the first one comes and goes', async () => {
    const other = openRack({ name: 'beside' });
    expectThat('its name is another', other.identity.id !== id, id);
    await other.up({ blades: 1, memory: '256M' });
    expectEqual('the SANs that run', String((await rack.sanStatus()).running && (await other.sanStatus()).running), 'true');
    await other.down({ wipe: true });
    expectEqual('namespaces of the second rack', (await run(['ip', 'netns', 'list'])).output.split('\n').filter((line) => line.includes(other.identity.id)).join(), '');
    expectEqual("the first rack's SAN", String((await rack.sanStatus()).running), 'true');
  });
  await journey.stage('down leaves nothing', async () => {
    await rack.down();
    expectEqual('processes', processesOf(id).join('; '), '');
    expectEqual('namespaces', (await run(['ip', 'netns', 'list'])).output.split('\n').filter((line) => line.includes(id)).join(), '');
    expectEqual('mounts', readFileSync('/proc/self/mounts', 'utf8').split('\n').filter((line) => line.includes(`mm-${id}`)).join(), '');
    expectEqual('sockets', String(existsSync(`/run/mm-${id}`)), 'false');
  });
}
