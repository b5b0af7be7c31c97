// JC, a SAN whose write cache is volatile, and nobody says otherwise: when it was restarted every node restarts, and one of them serves all
// the while. A cable that was pulled is no restart. At the end the SAN has no cache again, as the other journeys want it.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import { bootId, checkUnharmed, startLoad, stopLoad } from './j7-san-outages.ts';
import { checkNode } from './j1-spark-plug.ts';

const NODES = [1, 2, 3] as const;
/** The one that stays: the lowest number of those that serve. */
const STAYS = 1;
const GOES = [2, 3] as const;
const CABLE_S = 20;
/** The SAN's power is away for so long. */
const POWER_S = 10;
/** From the SAN's return until a node has logged in again, looked, and says that it restarts. */
const NOTICE_MS = 120_000;
/** After a cable was plugged in again every agent has looked within this time. */
const SETTLE_MS = 60_000;
/** A boot beside two others in software emulation. */
const AGAIN_MS = 300_000;
/** The agent's first look, after everything that starts before it. */
const LOOK_S = 90;
const RESTARTING = /mm-stage restarting MM-AGENT-TARGET-RESTARTED/;

/** Switches all blades off, gives the SAN a write cache or takes it away, and boots all. */
async function bootBehind(cluster: Cluster, journey: Journey, writeCache: boolean): Promise<void> {
  await journey.stage(`the SAN is started with its write cache ${writeCache ? 'on' : 'off'}`, async () => {
    await cluster.powerOff(...NODES);
    await cluster.rack.sanStop();
    await cluster.rack.sanStart({ writeCache });
  });
  await cluster.bootAll(NODES, (name, work) => journey.stage(name, async () => void (await work())));
}

async function checkWatched(cluster: Cluster, node: number): Promise<void> {
  expectEqual(`node ${node}: what the disk says of its cache`, await cluster.ssh(node, 'cat /sys/block/sd*/queue/write_cache | sort -u'), 'write back');
  const seen = JSON.parse(await cluster.ssh(node, `for i in $(seq ${LOOK_S}); do [ -s /run/metamaster/target.json ] && grep -q '"own":true' /run/metamaster/target.json && break; sleep 1; done; cat /run/metamaster/target.json`)) as { seen?: { connection?: string; keys?: { own: boolean } } };
  expectThat(`node ${node}: its key is registered, and its connection known`, seen.seen?.keys?.own === true && seen.seen.connection !== undefined, seen);
  expectEqual(`node ${node}: standbys that listen`, await cluster.ssh(node, "cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' ' | grep -c '[s]tandby /run/metamaster/restart' || true"), '1');
}

async function cableIsNoRestart(cluster: Cluster): Promise<void> {
  const before = new Map<number, { bootId: string }>();
  for (const node of NODES) {
    await startLoad(cluster, node);
    before.set(node, { bootId: await bootId(cluster, node) });
  }
  await cluster.rack.sanCable(false);
  await sleep(CABLE_S * 1000);
  await cluster.rack.sanCable(true);
  // Long enough for every agent to have looked again: checkUnharmed waits for the root only, which may be back earlier.
  await sleep(SETTLE_MS);
  for (const node of NODES) {
    await checkUnharmed(cluster, node, before.get(node)!);
    await stopLoad(cluster, node);
  }
}

async function restartUnderLoad(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  const before = new Map<number, string>();
  for (const node of NODES) {
    await startLoad(cluster, node);
    before.set(node, await bootId(cluster, node));
  }
  const from = new Map(NODES.map((node) => [node, rack.consoleText(node).length]));
  const since = (node: number): string => rack.consoleText(node).slice(from.get(node as 1 | 2 | 3)!);
  const wait = (node: 1 | 2 | 3, pattern: RegExp, timeoutMs: number) => rack.waitForConsole(node, pattern, { timeoutMs, after: from.get(node)! });
  await rack.sanStop();
  await sleep(POWER_S * 1000);
  await rack.sanStart();
  const back = performance.now();
  for (const node of NODES) await wait(node, RESTARTING, NOTICE_MS);
  for (const node of GOES) {
    await wait(node, /restarting now: node 1 stays meanwhile[\s\S]*^# reset/m, NOTICE_MS);
    journey.measured[`node ${node} is reset after the SAN is back, s`] = Math.round((performance.now() - back) / 100) / 10;
  }
  await wait(STAYS, /it stays until another serves/, NOTICE_MS);
  const first = await Promise.any(GOES.map(async (node) => wait(node, /^# reset[\s\S]*mm-stage serving/m, AGAIN_MS).then(() => node)));
  journey.measured[`node ${first} serves again after the SAN is back, s`] = Math.round((performance.now() - back) / 100) / 10;
  // Nobody else served when it asked.
  expectThat(`node ${first} was booted by node ${STAYS}`, since(first).includes(`mm-stage http kernel 192.168.0.${STAYS}`) || since(first).includes(`mm-stage tftp kernel 192.168.0.${STAYS}`), since(first).slice(-2_000));
  await wait(STAYS, /restarting now: node [23] serves since[\s\S]*^# reset[\s\S]*mm-stage serving/m, AGAIN_MS);
  journey.measured[`node ${STAYS} serves again after the SAN is back, s`] = Math.round((performance.now() - back) / 100) / 10;
  for (const node of GOES) await wait(node, /^# reset[\s\S]*mm-stage serving/m, AGAIN_MS);
  for (const node of NODES) {
    // One restart may show as several resets: the kernel tries one way after another until it ends.
    expectEqual(`node ${node}: restarts`, String(since(node).match(/: restarting now: /g)?.length ?? 0), '1');
    expectThat(`node ${node} booted anew`, (await bootId(cluster, node)) !== before.get(node), before.get(node));
    await checkNode(cluster, node);
    await stopLoad(cluster, node);
  }
}

export async function cacheLost(cluster: Cluster, journey: Journey): Promise<void> {
  const answer = cluster.readSan().registry.install['write-cache'];
  expectThat('nobody has said that the SAN keeps its cache (a cluster of an earlier version has to be installed again)', answer === undefined, answer);
  await bootBehind(cluster, journey, true);
  await journey.stage('every node has its key at the target, and a standby', async () => {
    for (const node of NODES) await checkWatched(cluster, node);
  });
  await journey.stage(`the SAN's cable is pulled for ${CABLE_S} s under load: nobody restarts`, () => cableIsNoRestart(cluster));
  await journey.stage('the SAN is restarted under load: two nodes restart at once, the third when one of them serves', () => restartUnderLoad(cluster, journey));
  await bootBehind(cluster, journey, false);
}
