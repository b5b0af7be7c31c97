// J12, the way out: on a rack of its own, whose three blades have a second card on a network outside. The node that holds the gateway loses
// power in the middle of another one's download; the download goes on by the next node, on the same connection, and not a byte is wrong.

import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { writeFile } from 'node:fs/promises';
import { run } from '../../daemons/host/run.ts';
import { logPath } from '../../scripts/virtual-rack/rack-state.ts';
import { addressOf, Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { OUTSIDE_ADDRESS, PREFIX_LENGTH } from '../../scripts/virtual-rack/network-plan.ts';
import { streamSha256 } from '../../scripts/virtual-rack/outside-stream.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';

const NODES = [1, 2, 3];
const MOVING = '192.168.0.253';
const PUBLIC = '198.51.100.10';
/** Behind the router (TEST-NET-3, RFC 5737): no node has a route to it but the default one. */
const WEB = '203.0.113.80';
/** Emulated blades stand still for longer than a rack's ever do: dead after two seconds. */
const BEAT_MS = 500;
const ANSWERS = [
  ...NODES.slice(0, 2).map((node, at) => `${['primary', 'backup'][at]}-gateway-local-IP: ${addressOf(node)}`), `further-gateway-nodes: [${NODES.slice(2).join(', ')}]`, `gateway-beat-ms: ${BEAT_MS}`,
  'public-interface: eth1', `public-IP: ${PUBLIC}`, 'public-netmask: 255.255.255.0', `public-router: ${OUTSIDE_ADDRESS}`,
];
const STREAM_BYTES = 16 * 1024 * 1024;
/** The download takes a minute: time enough to cut a power in the middle of it. */
const STREAM_BYTES_PER_SECOND = 256 * 1024;
const STREAM = `/stream/${STREAM_BYTES}/${STREAM_BYTES_PER_SECOND}`;
/** gatewayd starts behind the boot services, and a blade that is emulated is slow. */
const HOLDER_S = 120;
const WEB_S = 60;
const DOWNLOAD_S = 300;
/** /run is smaller than the stream. */
const FILE = '/dev/shm/download';

/** Reads with busybox: its answer stands in a file with how it ended; and writes twice a second down how much there is. */
const DOWNLOAD = `
( busybox wget -q -T ${DOWNLOAD_S} -O ${FILE} http://${WEB}${STREAM} 2> ${FILE}.errors; echo $? > ${FILE}.result; mv ${FILE}.result ${FILE}.ended ) &
while [ ! -e ${FILE}.ended ]; do echo "$(cut -d' ' -f1 /proc/uptime) $(stat -c %s ${FILE} 2> /dev/null || echo 0)" >> ${FILE}.sizes; sleep 0.5; done
`;

/** A web server outside, behind the rack's router; it says who asked for what. */
class Web {
  readonly asked: string[] = [];
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
    createInterface({ input: child.stdout! }).on('line', (line) => this.asked.push(line));
  }

  static async start({ rack }: Cluster): Promise<Web> {
    await run(rack.inRoom('out', ['ip', 'address', 'replace', `${WEB}/32`, 'dev', 'lo']));
    const [program, ...argv] = rack.inRoom('out', [process.execPath, join(import.meta.dirname, '../../scripts/virtual-rack/outside-web.ts'), WEB, '80']);
    return new Web(spawn(program!, argv, { stdio: ['ignore', 'pipe', 'inherit'] }));
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((done) => this.#process.once('exit', done));
    this.#process.kill();
    await ended;
  }
}

/** Those of the nodes that have both addresses that move; half a holder is none. */
async function holders(cluster: Cluster, nodes: readonly number[]): Promise<readonly number[]> {
  const has = await Promise.all(nodes.map((node) => cluster.ssh(node, `ip -4 -o addr show | grep -cE 'inet (${MOVING}|${PUBLIC})/' || true`)));
  return nodes.filter((_, at) => has[at] === '2');
}

async function soleHolder(cluster: Cluster, nodes: readonly number[]): Promise<number> {
  let seen: readonly number[] = [];
  for (const deadline = performance.now() + HOLDER_S * 1000; performance.now() < deadline; await sleep(1000)) {
    seen = await holders(cluster, nodes);
    if (seen.length === 1) return seen[0]!;
  }
  expectThat(`one node holds the gateway within ${HOLDER_S} s`, false, seen);
  return 0;
}

const bytesThere = async (cluster: Cluster, node: number): Promise<number> => Number(await cluster.ssh(node, `stat -c %s ${FILE} 2> /dev/null || echo 0`));

/** The longest time in seconds in which nothing came. */
function longestPause(sizes: string): number {
  const looks = sizes.trim().split('\n').map((line) => line.split(' ').map(Number) as [number, number]);
  const grown = looks.filter(([, bytes], at) => at === 0 || bytes > looks[at - 1]![1]);
  return Math.max(...grown.slice(1).map(([at], i) => at - grown[i]![0]));
}

async function outsideIsReached(cluster: Cluster, node: number): Promise<void> {
  const said = await cluster.ssh(node, `for i in $(seq ${WEB_S}); do busybox wget -q -T 5 -O - http://${WEB}/ && break; sleep 1; done`);
  expectEqual(`whom the world sees when node ${node} asks`, said, `outside: you are ${PUBLIC}`);
}

async function downloadOutlives(cluster: Cluster, journey: Journey, web: Web, holder: number): Promise<number> {
  // The one who is last in the succession: it is neither the holder nor the next one.
  const client = NODES.findLast((node) => node !== holder)!;
  await cluster.ssh(client, `printf %s '${DOWNLOAD.replaceAll("'", `'\\''`)}' > /run/download.sh; setsid sh /run/download.sh > /dev/null 2>&1 < /dev/null &`);
  for (const deadline = performance.now() + DOWNLOAD_S * 1000; (await bytesThere(cluster, client)) < STREAM_BYTES / 4; await sleep(500)) {
    expectThat('the download goes on', performance.now() < deadline, await bytesThere(cluster, client));
  }
  await cluster.powerOff(holder);
  const cutAt = await bytesThere(cluster, client);
  expectThat('the power went in the middle of it', cutAt > 0 && cutAt < STREAM_BYTES, cutAt);
  const ended = await cluster.ssh(client, `for i in $(seq ${DOWNLOAD_S}); do [ -e ${FILE}.ended ] && break; sleep 1; done; cat ${FILE}.ended`);
  expectThat('the download ended well', ended === '0', `${ended} ${await cluster.ssh(client, `cat ${FILE}.errors`)}`);
  expectEqual('what was downloaded', (await cluster.ssh(client, `sha256sum ${FILE}`)).split(' ')[0]!, streamSha256(STREAM_BYTES));
  const requests = web.asked.filter((line) => line.includes(STREAM));
  expectThat('it was asked for once, by the public address: one connection', requests.length === 1 && requests[0]!.includes(` ${PUBLIC} `), requests);
  journey.measured['the longest pause of the download, s'] = Math.round(longestPause(await cluster.ssh(client, `cat ${FILE}.sizes`)) * 10) / 10;
  await cluster.ssh(client, `rm ${FILE} ${FILE}.errors ${FILE}.ended ${FILE}.sizes`);
  return client;
}

/** The default route of a node that is not the holder, and of the holder. */
async function routesAre(cluster: Cluster, nodes: readonly number[], holder: number): Promise<void> {
  for (const node of nodes) {
    const wanted = node === holder ? `default via ${OUTSIDE_ADDRESS} dev eth1` : `default via ${MOVING} dev eth0`;
    const seen = await cluster.ssh(node, `for i in $(seq ${WEB_S}); do ip -4 route show default | grep -q '${wanted}' && break; sleep 1; done; ip -4 route show default`);
    expectThat(`node ${node}: its way out is ${wanted}`, seen.startsWith(wanted), seen);
  }
}

/** After a failure: what the gateways say, beside the consoles' logs. */
async function keepJournals(cluster: Cluster): Promise<void> {
  for (const node of NODES) {
    const said = await cluster.ssh(node, 'journalctl -o short-unix --no-pager -u gatewayd -u metamasterd; metamaster gateway status; ip addr; ip route; nft list ruleset').catch((error: unknown) => String(error));
    await writeFile(logPath(cluster.rack.identity, `blade-${node}.gateway`), said);
  }
}

async function journeyOn(cluster: Cluster, journey: Journey, web: Web): Promise<void> {
  const first = await journey.stage('one node holds the gateway; by it all reach the world outside', async () => {
    const holder = await soleHolder(cluster, NODES);
    for (const node of NODES) await outsideIsReached(cluster, node);
    await routesAre(cluster, NODES, holder);
    return holder;
  });
  const left = NODES.filter((node) => node !== first);
  const second = await journey.stage(`node ${first}, which holds the gateway, loses power in the middle of a download: it completes`, async () => {
    const client = await downloadOutlives(cluster, journey, web, first);
    const holder = await soleHolder(cluster, left);
    await outsideIsReached(cluster, client);
    await routesAre(cluster, left, holder);
    return holder;
  });
  await journey.stage(`node ${first} is back, and does not take the gateway back`, async () => {
    await cluster.rack.powerOn(first, { outside: true });
    await cluster.serving(first);
    await outsideIsReached(cluster, first);
    expectEqual('who holds the gateway', String(await soleHolder(cluster, NODES)), String(second));
    await routesAre(cluster, NODES, second);
  });
}

export async function gateway({ disc }: Cluster, journey: Journey): Promise<void> {
  const cluster = new Cluster({ name: 'gateway', disc });
  const { rack } = cluster;
  let web: Web | undefined;
  let passed = false;
  try {
    await journey.stage(`a rack with a network outside (${OUTSIDE_ADDRESS}/${PREFIX_LENGTH}, a router and what is behind it), and a cluster with a gateway`, async () => {
      await rack.down({ wipe: true });
      await rack.up({ blades: NODES.length, memory: '768M', kernel: 'build/images/current/vmlinuz' });
      web = await Web.start(cluster);
      await cluster.install(NODES, undefined, ANSWERS);
    });
    await cluster.bootAll(NODES, async (name, work) => void (await journey.stage(name, work)), { outside: true });
    await journeyOn(cluster, journey, web!);
    passed = true;
  } finally {
    await web?.stop();
    // After a failure the consoles' logs stay: build/rack/gateway/logs.
    if (!passed) await keepJournals(cluster);
    await rack.down({ wipe: passed });
  }
}
