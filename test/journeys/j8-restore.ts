// J8, restore: a wrecked root is reset from another node, all roots are reset from the disc, one is reset with its state volume, and the
// configuration is rendered anew where the software shall stay; and the nodes that it is not about notice nothing.

import { setTimeout as sleep } from 'node:timers/promises';
import { PATIENCE, type Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import { checkNode } from './j1-spark-plug.ts';
import { Witnesses } from './witnesses.ts';

const NODES = [1, 2, 3] as const;
/** The node whose root is wrecked, and the one from which it is reset. */
const WRECKED = 3;
const FROM = 2;
/** On the state volume, which a reset keeps; and in the root, which it empties. */
const KEPT = '/var/lib/metamaster/kept-over-the-reset';
const LOST = '/root/lost-with-the-reset';
/** Software that was installed since. */
const SOFTWARE = '/usr/local/bin/installed-since';
/** A running node hears of a new registry by the beacons, and looks once a minute by itself. */
const FOLLOW_S = 90;
/** What the kernel was told to write is on the SAN by then. */
const WRITTEN_MS = 10_000;

interface Restored {
  readonly nodes: readonly { readonly node: number; readonly result: string; readonly problems: readonly string[] }[];
}

const exists = (cluster: Cluster, node: number, path: string): Promise<string> => cluster.ssh(node, `test -e ${path} && echo there || echo absent`);

async function leaveMarks(cluster: Cluster, node: number): Promise<void> {
  await cluster.ssh(node, `echo "kept by node ${node}" > ${KEPT}; echo lost > ${LOST}; sync`);
}

async function checkReset(cluster: Cluster, node: number): Promise<void> {
  await checkNode(cluster, node);
  expectEqual(`node ${node}: the file in its root`, await exists(cluster, node, LOST), 'absent');
  expectEqual(`node ${node}: the file on its state volume`, await cluster.ssh(node, `cat ${KEPT}`), `kept by node ${node}`);
}

export async function restore(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  await journey.stage(`node ${WRECKED}'s root is wrecked; node ${FROM} resets it, while the others are under load`, async () => {
    const witnesses = await Witnesses.start(cluster, NODES.filter((node) => node !== WRECKED));
    await leaveMarks(cluster, WRECKED);
    // The shell goes on with its own words; and the kernel's sync, for there is no program left that could ask for one.
    expectEqual('its programs', await cluster.ssh(WRECKED, 'rm -rf --one-file-system /usr; echo s > /proc/sysrq-trigger; [ -e /usr/bin/bash ] && echo there || echo gone'), 'gone');
    await sleep(WRITTEN_MS);
    await cluster.powerOff(WRECKED);
    const refused = await cluster.ssh(FROM, `metamaster restore -d 3 -n ${WRECKED} --yes 2>&1 || true`);
    expectThat('without a word on the fence it is refused', /MM-CLAIM-FOREIGN/.test(refused), refused);
    const start = performance.now();
    const { nodes } = JSON.parse(await cluster.ssh(FROM, `metamaster restore -d 3 -n ${WRECKED} --fenced ${WRECKED} --yes --json 2> /dev/null`)) as Restored;
    journey.measured['a reset of one node, watching included, s'] = Math.round((performance.now() - start) / 100) / 10;
    expectEqual('what the command says', nodes.map(({ node, result }) => `${node} ${result}`).join(), `${WRECKED} done`);
    await rack.powerOn(WRECKED);
    await cluster.serving(WRECKED);
    await checkReset(cluster, WRECKED);
    await witnesses.stop();
  });
  await journey.stage('every root is reset, from the disc', async () => {
    for (const node of NODES) await leaveMarks(cluster, node);
    await cluster.powerOff(...NODES);
    await cluster.bootDisc(1, 'r', { memory: '1G' });
    await cluster.liveShell(1);
    const before = rack.consoleText(1).length;
    await rack.type(1, 'metamaster restore -d 2 --fenced 1,2,3,4 --yes; echo "restore ended with $?"\n');
    const { match } = await rack.waitForConsole(1, /restore ended with (\d+)/, { timeoutMs: PATIENCE.installMs, after: before });
    expectEqual('exit code', match[1]!, '0');
    await cluster.powerOff(1);
  });
  await cluster.bootAll(NODES, (name, work) => journey.stage(name, async () => void (await work())));
  await journey.stage('every root is as the installation made it, and every state volume as it was', async () => {
    for (const node of NODES) await checkReset(cluster, node);
  });
  await journey.stage(`node ${WRECKED} is shut down in order and reset with its state volume, from node ${FROM}, without a word on any fence`, async () => {
    const witnesses = await Witnesses.start(cluster, NODES.filter((node) => node !== WRECKED));
    await leaveMarks(cluster, WRECKED);
    await cluster.shutDown(WRECKED);
    const { nodes } = JSON.parse(await cluster.ssh(FROM, `metamaster restore -d 3 -n ${WRECKED} --with-state --yes --json 2> /dev/null`)) as Restored;
    expectEqual('what the command says', nodes.map(({ node, result }) => `${node} ${result}`).join(), `${WRECKED} done`);
    await rack.powerOn(WRECKED);
    await cluster.serving(WRECKED);
    await checkNode(cluster, WRECKED);
    for (const path of [LOST, KEPT]) expectEqual(`node ${WRECKED}: ${path}`, await exists(cluster, WRECKED, path), 'absent');
    await cluster.ssh(WRECKED, `touch ${KEPT}`);
    for (const node of NODES) expectEqual(`node ${node}: its own file on its state volume`, await exists(cluster, node, KEPT), 'there');
    await witnesses.stop();
  });
  await journey.stage(`the configuration is rendered anew on all nodes, from node ${FROM}; the software stays`, async () => {
    const witnesses = await Witnesses.start(cluster, NODES);
    for (const node of NODES) await cluster.ssh(node, `echo software > ${SOFTWARE}; echo "10.9.8.7 somebody-else" > /etc/hosts`);
    const { nodes } = JSON.parse(await cluster.ssh(FROM, 'metamaster restore -d 1 --yes --json 2> /dev/null')) as Restored;
    expectEqual('what the command says', nodes.map(({ result }) => result).filter((result) => result !== 'done').join(), '');
    for (const node of NODES) {
      const hosts = await cluster.ssh(node, `for i in $(seq ${FOLLOW_S}); do grep -q somebody-else /etc/hosts || break; sleep 1; done; cat /etc/hosts`);
      expectThat(`node ${node}: its hosts file is the cluster's again`, NODES.every((other) => hosts.includes(`blade${other}`)) && !hosts.includes('somebody-else'), hosts);
      expectEqual(`node ${node}: the software`, await cluster.ssh(node, `cat ${SOFTWARE}`), 'software');
    }
    await witnesses.stop();
    for (const node of NODES) await cluster.ssh(node, `rm ${SOFTWARE} ${KEPT}`);
  });
}
