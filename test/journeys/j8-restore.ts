// J8, restore: a wrecked root is reset from another node, all roots are reset from the disc, one is reset with its state volume, and the
// configuration is rendered anew where the software shall stay; an OCFS2 is made on the shared volume, which a node mounts by hand; and the
// nodes that it is not about notice nothing.

import { setTimeout as sleep } from 'node:timers/promises';
import { linearTable } from '../../daemons/storage/dm-table.ts';
import { o2cbClusterName } from '../../daemons/storage/ocfs2-text.ts';
import { addressOf, PATIENCE, type Cluster } from '../../scripts/virtual-rack/cluster.ts';
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
/** A running node hears of a new registry from the others, and looks once a minute by itself. */
const FOLLOW_S = 90;
/** What the kernel was told to write is on the SAN by then. */
const WRITTEN_MS = 10_000;

/** The shared volume as node `FROM` maps and mounts it by hand; and how much of its front makes it blank again. */
const SHARED = { device: 'shared-by-hand', folder: '/mnt/shared-by-hand', dlm: '/mnt/dlm-by-hand', config: '/etc/ocfs2/cluster.conf', blankMib: 4 } as const;
/** o2cb's own, for its messages between nodes. */
const O2NET_PORT = 7777;

interface Restored {
  readonly nodes: readonly { readonly node: number; readonly result: string; readonly problems: readonly string[] }[];
}

interface Formatted {
  readonly shared: { readonly result: string; readonly holds: string; readonly problems: readonly string[] };
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

/** o2cb's file: each value behind a tab, sections with an empty line between them. */
function clusterConf(name: string, nodes: readonly { readonly number: number; readonly name: string }[]): string {
  const section = (kind: string, values: Readonly<Record<string, string | number>>): string => `${kind}:\n${Object.entries(values).map(([key, value]) => `\t${key} = ${value}\n`).join('')}`;
  return [
    section('cluster', { heartbeat_mode: 'local', node_count: nodes.length, name }),
    ...nodes.map((node) => section('node', { number: node.number, cluster: name, ip_port: O2NET_PORT, ip_address: addressOf(node.number), name: node.name })),
  ].join('\n');
}

/** Words of a shell that write a text to the standard output. */
const wordsOf = (text: string): string => `echo ${Buffer.from(text).toString('base64')} | base64 -d`;

/** The command that maps the shared volume on a node, over the disk that its storage agent uses. */
async function mapShared(cluster: Cluster, node: number): Promise<string> {
  const { registry, ranges } = cluster.readSan();
  const { disk } = JSON.parse(await cluster.ssh(node, 'cat /run/metamaster/san.json')) as { disk: string };
  const volume = registry.volumes.find(({ kind }) => kind === 'shared')!;
  return `${wordsOf(`${linearTable(volume.extents, registry.extentBytes, disk, ranges.container.firstSector)}\n`)} | dmsetup create ${SHARED.device}`;
}

/** Mounts the shared volume on a node as an administrator does, without a service; `use` runs with it mounted, and nothing of it is left. */
async function withShared(cluster: Cluster, node: number, use: () => Promise<void>): Promise<void> {
  const { registry } = cluster.readSan();
  const name = o2cbClusterName(registry.roster.clusterName);
  const hostname = await cluster.ssh(node, 'hostname');
  // The kernel's node is the one whose name is the machine's.
  const conf = clusterConf(name, registry.roster.nodes.map((one) => (one.number === node ? { number: node, name: hostname } : one)));
  await cluster.ssh(node, [
    'set -e', `mkdir -p ${SHARED.folder} ${SHARED.dlm} /etc/ocfs2`, `${wordsOf(conf)} > ${SHARED.config}`,
    'modprobe -a ocfs2_stack_o2cb ocfs2_dlmfs ocfs2', 'mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config', `mount -t ocfs2_dlmfs ocfs2_dlmfs ${SHARED.dlm}`,
    'echo o2cb > /sys/fs/ocfs2/cluster_stack', `o2cb register-cluster ${name}`, await mapShared(cluster, node),
    `mount -t ocfs2 /dev/mapper/${SHARED.device} ${SHARED.folder}`,
  ].join('; '));
  await use();
  await cluster.ssh(node, [
    'set -e', `umount ${SHARED.folder}`, `o2cb unregister-cluster ${name}`, `dmsetup remove --retry ${SHARED.device}`, `umount ${SHARED.dlm}`, `rmdir ${SHARED.folder} ${SHARED.dlm}`, `rm ${SHARED.config}`,
  ].join('; '));
  expectEqual(`node ${node}: the clusters that its kernel still knows`, await cluster.ssh(node, 'ls /sys/kernel/config/cluster'), '');
}

/** Makes the shared volume what it was before: blank. */
async function blankShared(cluster: Cluster, node: number): Promise<void> {
  await cluster.ssh(node, `set -e; ${await mapShared(cluster, node)}; dd if=/dev/zero of=/dev/mapper/${SHARED.device} bs=1M count=${SHARED.blankMib} conv=fsync 2> /dev/null; dmsetup remove --retry ${SHARED.device}`);
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
  });  await journey.stage(`node ${FROM} makes an OCFS2 on the blank shared volume while all run, mounts it by hand and writes; in use, and with others up, it is not made anew`, async () => {
    const witnesses = await Witnesses.start(cluster, NODES.filter((node) => node !== FROM));
    const start = performance.now();
    const { shared } = JSON.parse(await cluster.ssh(FROM, 'metamaster restore -s --yes --json 2> /dev/null')) as Formatted;
    journey.measured['an OCFS2 on the shared volume, s'] = Math.round((performance.now() - start) / 100) / 10;
    expectEqual('what the command says', `${shared.holds} ${shared.result} ${shared.problems.join()}`.trim(), 'blank done');
    const words = 'written on the shared volume';
    await withShared(cluster, FROM, async () => {
      expectEqual('what was written to it', await cluster.ssh(FROM, `echo "${words}" > ${SHARED.folder}/file; sync; echo 3 > /proc/sys/vm/drop_caches; cat ${SHARED.folder}/file`), words);
      const mapped = await cluster.ssh(FROM, 'metamaster restore -s --yes 2>&1 || true');
      expectThat('while this node has it mounted it is refused', /MM-SHARED-MOUNTED/.test(mapped) && mapped.includes(SHARED.device), mapped);
    });
    const refused = await cluster.ssh(FROM, 'metamaster restore -s --yes 2>&1 || true');
    expectThat('while other nodes run it is refused', NODES.every((node) => refused.includes(`MM-SHARED-NODE: node ${node}:`) === (node !== FROM)), refused);
    await withShared(cluster, FROM, async () => {
      expectEqual('what was written before', await cluster.ssh(FROM, `cat ${SHARED.folder}/file`), words);
    });
    await blankShared(cluster, FROM);
    await witnesses.stop();
  });
}
