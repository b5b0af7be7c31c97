// JR, what a blade says: each stage of its boot reaches the other nodes, and so do its kernel's last lines when it dies; the hardware's
// watchdog then boots it anew.

import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import { checkNode } from './j1-spark-plug.ts';

const DYING = 2;
const WITNESS = 1;
/** The watchdog's 30 s, and a boot. */
const AGAIN_MS = 180_000;

interface ShownBoot {
  readonly outcome: string;
  readonly stages: readonly { readonly stage: string; readonly server?: string }[];
}

async function shown(cluster: Cluster, boot: number): Promise<ShownBoot> {
  return JSON.parse(await cluster.ssh(WITNESS, `metamaster boot show ${DYING} --json --boot ${boot}`)) as ShownBoot;
}

export async function bootReports(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  await journey.stage('a boot, as another node saw it', async () => {
    await cluster.powerOff(DYING);
    await rack.powerOn(DYING);
    await cluster.serving(DYING);
    await cluster.ssh(DYING, 'true');
    const boot = await shown(cluster, 1);
    expectEqual('how it went', boot.outcome, 'serving');
    const stages = boot.stages.map(({ stage }) => stage);
    // Once it serves, nothing of the boot may follow; on an emulated processor, while all services start, it may fall silent and be heard again.
    const end = stages.indexOf('serving') + 1;
    expectThat('behind serving no stage, but silence that ended', /^( silent serving)*$/.test(stages.slice(end).map((stage) => ` ${stage}`).join('')), stages);
    expectEqual('its stages', stages.slice(0, end).join(' '), 'dhcp script kernel initrd modules interface login registry paths identity claim snapshot check mount configure swap handover root serving');
    expectThat('the server of each file', boot.stages.filter(({ stage }) => ['kernel', 'initrd'].includes(stage)).every(({ server }) => /^192\.168\.0\.[13]$/.test(server ?? '')), boot.stages);
  });
  await journey.stage('a kernel that panics: its last words on another node, a reset by the watchdog, a boot', async () => {
    const { length } = rack.consoleText(DYING);
    // The answer never comes.
    await cluster.ssh(DYING, '(sleep 1; echo c > /proc/sysrq-trigger) > /dev/null 2>&1 & true');
    await rack.waitForConsole(DYING, /watchdog fired[\s\S]*mm-stage serving/, { timeoutMs: AGAIN_MS, after: length });
    const words = (await cluster.ssh(WITNESS, `metamaster boot show ${DYING} --boot 2`)).split('\n');
    expectThat('the last kernel lines', words.some((line) => line.includes('Kernel panic - not syncing: sysrq triggered crash')), words.slice(-40).join('\n'));
    await checkNode(cluster, DYING);
  });
}
