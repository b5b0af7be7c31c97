// J3, snapshots: every node has its own root, the origin stays as it is, and a store has one owner.

import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import { checkNode } from './j1-spark-plug.ts';

const MARK = '/root/only-on-node-2';
/** A blade beyond the rack's roster: other MAC, other mainboard. */
const STRANGER = 6;
const REFUSED_MS = 120_000;

/** Everything of node 2 on the SAN that only its owner may write, without the owner record that its renewals change. */
function storeOfNode2(cluster: Cluster): string {
  const found = cluster.readSan();
  const store = found.registry.volumes.find((volume) => volume.kind === 'store' && volume.node === 2)!;
  return cluster.hashVolume(found, { ...store, sizeBytes: 4096 });
}

export async function snapshots(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  const before = await journey.stage('checksum of the origin, on the SAN', async () => cluster.originHash());
  await journey.stage('a file of node 2 is not seen on node 3, and survives a reboot', async () => {
    await cluster.ssh(2, `echo mine > ${MARK}; sync`);
    expectEqual('the file on node 2', await cluster.ssh(2, `cat ${MARK}`), 'mine');
    expectEqual('the file on node 3', await cluster.ssh(3, `test -e ${MARK} && echo there || echo absent`), 'absent');
    await cluster.powerOff(2);
    await rack.powerOn(2, { memory: '256M' });
    await cluster.serving(2);
    expectEqual('the file on node 2 after its reboot', await cluster.ssh(2, `cat ${MARK}`), 'mine');
    expectEqual('the file on node 3 after that', await cluster.ssh(3, `test -e ${MARK} && echo there || echo absent`), 'absent');
    expectThat('node 2 booted with 256 MiB', Number(await cluster.ssh(2, "awk '/MemTotal/ {print $2}' /proc/meminfo")) < 262_144, 'more memory');
  });
  await journey.stage('each node maps its own snapshot only', async () => {
    for (const node of [1, 2, 3]) await checkNode(cluster, node);
  });
  const label = storeOfNode2(cluster);
  await journey.stage("a second blade claims node 2's store while node 2 runs, and is refused", async () => {
    await cluster.bootDiscEdited(STRANGER, 'mm.node=2');
    const { match } = await rack.waitForConsole(STRANGER, /mm-stage initrd claim failed: (.*)/, { timeoutMs: REFUSED_MS });
    expectThat('the refusal names the foreign owner', match[1]!.includes('MM-CLAIM-FOREIGN'), match[1]);
    journey.note(match[1]!);
  });
  await journey.stage('Esc opens the debug console in the middle of that, and Ctrl-D goes on', async () => {
    await rack.type(STRANGER, '\u001b');
    const opened = await rack.waitForConsole(STRANGER, /debug console; Ctrl-D goes on/, { timeoutMs: 60_000 });
    await rack.type(STRANGER, 'ls /dev/mapper; echo mapped=$(ls /dev/mapper | wc -l)\n');
    const mapped = await rack.waitForConsole(STRANGER, /mapped=(\d+)/, { timeoutMs: 30_000, after: opened.end });
    expectEqual('devices that the refused blade has mapped, besides the control one', mapped.match[1]!, '1');
    await rack.type(STRANGER, '\u0004');
    await rack.waitForConsole(STRANGER, /going on/, { timeoutMs: 30_000, after: mapped.end });
    await rack.waitForConsole(STRANGER, /mm-stage initrd claim failed/, { timeoutMs: REFUSED_MS, after: mapped.end });
    await cluster.powerOff(STRANGER);
    await rack.dvdOut(STRANGER);
    expectEqual("the label of node 2's store", storeOfNode2(cluster), label);
    expectEqual('the file on node 2, after all', await cluster.ssh(2, `cat ${MARK}`), 'mine');
  });
  await journey.stage('checksum of the origin again', async () => {
    expectEqual('SHA-256 of the origin', cluster.originHash(), before);
  });
}
