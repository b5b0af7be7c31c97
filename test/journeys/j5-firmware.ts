// J5, firmware of other kinds: UEFI by its own PXE and by HTTP Boot, without any iPXE of the card's; and a blade whose boot network
// is on its second card.

import type { PowerOnOptions } from '../../scripts/virtual-rack/rack-blade.ts';
import type { Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { expectThat, type Journey } from './journey.ts';
import { checkNode } from './j1-spark-plug.ts';

const BLADE = 3;

/** Boots the blade as other hardware; `proof` is what its console must show on the way. */
async function bootAs(cluster: Cluster, journey: Journey, what: string, hardware: PowerOnOptions, proof: RegExp): Promise<void> {
  await journey.stage(what, async () => {
    await cluster.powerOff(BLADE);
    await cluster.rack.powerOn(BLADE, hardware);
    journey.measured[`${what}, power-on to serving, s`] = Math.round((await cluster.serving(BLADE)) * 10) / 10;
    const text = cluster.rack.consoleText(BLADE);
    expectThat(`${what}: the way it took`, proof.test(text), text.slice(0, 3000));
    await checkNode(cluster, BLADE);
  });
}

export async function firmwareOfAllKinds(cluster: Cluster, journey: Journey): Promise<void> {
  await bootAs(cluster, journey, "UEFI, the firmware's own PXE", { uefi: true, rom: 'none', boot: 'network' }, /PXE over IPv4[\s\S]*mm-stage http initrd/);
  await bootAs(cluster, journey, 'UEFI, HTTP Boot', { uefi: true, rom: 'none', boot: 'network', networkBoot: 'http' }, /HTTP Boot over IPv4[\s\S]*mm-stage http initrd/);
  await bootAs(cluster, journey, 'BIOS, the boot network on the second card', { outside: true, outsideFirst: true, boot: 'network' }, /mm-stage http initrd/);
  await journey.stage('blade 3 as it was', async () => {
    await cluster.powerOff(BLADE);
    await cluster.rack.powerOn(BLADE);
    await cluster.serving(BLADE);
  });
}
