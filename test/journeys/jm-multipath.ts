// JM, a SAN with two portals: a node that loses the way to one of them, under load, goes on by the other, and comes back to both.
// JML, one that has only one of them at its boot: the other is used as soon as it is there.

import { setTimeout as sleep } from 'node:timers/promises';
import { SAN_ADDRESS, SECOND_SAN_ADDRESS } from '../../scripts/virtual-rack/network-plan.ts';
import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import { checkNode } from './j1-spark-plug.ts';
import { bootId, checkUnharmed, good, startLoad, stopLoad } from './j7-san-outages.ts';

const BLADE = 3;
/** Seconds for which a way is cut: a path is given up after about ten. */
const CUT_S = 30;
/** How long the load may stand still while one path is given up for the other. */
const FAIL_OVER_S = 25;
const BACK_S = 30;
/** The agent looks at every portal once a minute, and a login takes its time. */
const LOOKED_S = 100;

/** The state of each path, `A` or `F`, in the order of the portals. */
async function paths(cluster: Cluster, from: string): Promise<string> {
  const status = await cluster.ssh(BLADE, 'dmsetup status debian-san', from);
  return [...status.matchAll(/ \d+:\d+ ([AF]) /g)].map(([, state]) => state).join(' ');
}

async function until(cluster: Cluster, seconds: number, wanted: string, from: string): Promise<void> {
  let seen = '';
  for (const deadline = performance.now() + seconds * 1000; performance.now() < deadline; ) {
    seen = await paths(cluster, from);
    if (seen === wanted) return;
    await sleep(1000);
  }
  expectEqual(`paths within ${seconds} s`, seen, wanted);
}

export async function multipath(cluster: Cluster, journey: Journey): Promise<void> {
  await journey.stage(`blade ${BLADE} boots with both portals`, async () => {
    await cluster.powerOff(BLADE);
    await cluster.bootDiscEdited(BLADE, `mm.portals=${SECOND_SAN_ADDRESS}`);
    await cluster.serving(BLADE);
    await cluster.rack.dvdOut(BLADE);
    await checkNode(cluster, BLADE, { multipath: true });
    expectEqual('paths', await paths(cluster, SAN_ADDRESS), 'A A');
    const below = await cluster.ssh(BLADE, 'lsblk -snro NAME /dev/mapper/debian-node3 | grep -c "^debian-san$"');
    expectThat('the root lies on the multipath device', Number(below) > 0, below);
  });
  await journey.stage(`the way to the first portal is cut for ${CUT_S} s under load`, async () => {
    // The administrator comes by the second portal's address: the first one is cut.
    const from = SECOND_SAN_ADDRESS;
    await startLoad(cluster, BLADE, from);
    const before = { bootId: await bootId(cluster, BLADE) };
    await cluster.rack.cutPath(BLADE, SAN_ADDRESS, true);
    const start = performance.now();
    const written = await good(cluster, BLADE, from);
    await until(cluster, FAIL_OVER_S, 'F A', from);
    journey.measured['the first path is given up after, s'] = Math.round((performance.now() - start) / 100) / 10;
    for (let now = written; now <= written + 1; now = await good(cluster, BLADE, from)) {
      expectThat('the load goes on by the other path', performance.now() - start < FAIL_OVER_S * 1000, now);
      await sleep(500);
    }
    await sleep(Math.max(0, CUT_S * 1000 - (performance.now() - start)));
    await cluster.rack.cutPath(BLADE, SAN_ADDRESS, false);
    await until(cluster, BACK_S, 'A A', from);
    await checkUnharmed(cluster, BLADE, before);
    await stopLoad(cluster, BLADE);
    expectThat('the keeper says so', /MM-KEEPER-PATH-BACK/.test(await cluster.ssh(BLADE, 'dmesg')), 'nothing in dmesg');
  });
  await journey.stage('both ways are cut, then the second one is mended: a stall, then it goes on', async () => {
    await startLoad(cluster, BLADE);
    const before = { bootId: await bootId(cluster, BLADE) };
    for (const portal of [SAN_ADDRESS, SECOND_SAN_ADDRESS]) await cluster.rack.cutPath(BLADE, portal, true);
    await sleep(CUT_S * 1000);
    await cluster.rack.cutPath(BLADE, SECOND_SAN_ADDRESS, false);
    await until(cluster, BACK_S, 'F A', SECOND_SAN_ADDRESS);
    const written = await good(cluster, BLADE, SECOND_SAN_ADDRESS);
    await sleep(3000);
    expectThat('the load goes on by the second path alone', (await good(cluster, BLADE, SECOND_SAN_ADDRESS)) > written, written);
    await cluster.rack.cutPath(BLADE, SAN_ADDRESS, false);
    await until(cluster, BACK_S, 'A A', SAN_ADDRESS);
    await checkUnharmed(cluster, BLADE, before);
    await stopLoad(cluster, BLADE);
  });
  await asItWas(cluster, journey);
}

/** A portal that is missing at the boot, and comes later. */
export async function lateMultipath(cluster: Cluster, journey: Journey): Promise<void> {
  await journey.stage('a portal that was not there at the boot is told of, and used as soon as it is there', async () => {
    await cluster.powerOff(BLADE);
    await cluster.rack.cutPath(BLADE, SECOND_SAN_ADDRESS, true);
    await cluster.bootDiscEdited(BLADE, `mm.portals=${SECOND_SAN_ADDRESS}`);
    await cluster.serving(BLADE);
    await cluster.rack.dvdOut(BLADE);
    expectEqual('paths', await paths(cluster, SAN_ADDRESS), 'A');
    const told = await cluster.ssh(BLADE, `for i in $(seq ${LOOKED_S}); do journalctl -b -u metamaster-storage --no-pager | grep -o 'MM-AGENT-PATH.*again every minute' && break; sleep 1; done`);
    expectThat('the agent says which portal is missing', told.includes(SECOND_SAN_ADDRESS), told);
    await startLoad(cluster, BLADE);
    const before = { bootId: await bootId(cluster, BLADE) };
    await cluster.rack.cutPath(BLADE, SECOND_SAN_ADDRESS, false);
    await until(cluster, LOOKED_S, 'A A', SAN_ADDRESS);
    await checkUnharmed(cluster, BLADE, before);
    await stopLoad(cluster, BLADE);
  });
  await asItWas(cluster, journey);
}

async function asItWas(cluster: Cluster, journey: Journey): Promise<void> {
  await journey.stage(`blade ${BLADE} as it was`, async () => {
    await cluster.powerOff(BLADE);
    await cluster.rack.powerOn(BLADE);
    await cluster.serving(BLADE);
  });
}
