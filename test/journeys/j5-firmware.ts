// J5, firmware of other kinds: UEFI of two releases by its own PXE and by HTTP Boot, without any iPXE of the card's; our loader then finds
// `autoexec.ipxe` by itself, where it came from; and a blade whose boot network is on its second card.

import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { PowerOnOptions } from '../../scripts/virtual-rack/rack-blade.ts';
import { addressOf, type Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';
import { checkNode } from './j1-spark-plug.ts';

const BLADE = 3;
/** Whoever serves it. */
const SERVERS = [1, 2];
const UEFI = { uefi: true, rom: 'none', boot: 'network' } as const;
const LOADER = 'snponly.efi';
const AUTOEXEC = 'autoexec.ipxe';

/** Boots the blade as other hardware; `proof` is what its console must show on the way. */
async function bootAs(cluster: Cluster, journey: Journey, what: string, hardware: PowerOnOptions, proof: RegExp, more: () => Promise<void> = async () => undefined): Promise<void> {
  await journey.stage(what, async () => {
    await cluster.powerOff(BLADE);
    await cluster.rack.powerOn(BLADE, hardware);
    journey.measured[`${what}, power-on to serving, s`] = Math.round((await cluster.serving(BLADE)) * 10) / 10;
    const text = cluster.rack.consoleText(BLADE);
    expectThat(`${what}: the way it took`, proof.test(text), text.slice(0, 3000));
    await checkNode(cluster, BLADE);
    await more();
  });
}

/** A file that was delivered whole, as the server's journal has it. */
interface Delivered {
  readonly by: 'tftp' | 'http';
  readonly file: string;
  readonly bytes: number;
}

/** What a node's metamasterd delivered to the blade since a time of that node's clock, in order. */
async function deliveredBy(cluster: Cluster, server: number, sinceUnixMs: number): Promise<Delivered[]> {
  const text = await cluster.ssh(server, 'journalctl -u metamasterd -o cat --no-pager');
  return text.split('\n').filter((line) => line.startsWith('{')).flatMap((line): Delivered[] => {
    const entry = JSON.parse(line) as Readonly<Record<string, unknown>> & { time: number; bytes: number };
    if (entry.time < sinceUnixMs || entry['address'] !== addressOf(BLADE)) return [];
    if (entry['msg'] === 'tftp.transfer' && entry['outcome'] === 'complete') return [{ by: 'tftp', file: String(entry['file']), bytes: entry.bytes }];
    if (entry['msg'] === 'http.answer' && entry['status'] === 200 && entry['complete'] === true && entry.bytes > 0) return [{ by: 'http', file: String(entry['url']).replace(/^\/+/, '').replace(/\?.*$/, ''), bytes: entry.bytes }];
    return [];
  });
}

/**
 * A UEFI boot, and the proof by the servers' own journals: the firmware was given our loader, which is that of the images, and the loader
 * asked for `autoexec.ipxe` and was given it, by the same protocol and before the kernel. Nothing but iPXE itself knows that name.
 */
async function bootByUefi(cluster: Cluster, journey: Journey, what: string, hardware: PowerOnOptions, by: 'tftp' | 'http'): Promise<void> {
  const since = new Map<number, number>();
  for (const server of SERVERS) since.set(server, Number(await cluster.ssh(server, 'date +%s%3N')));
  const console = by === 'tftp' ? /PXE over IPv4[\s\S]*mm-stage http initrd/ : /HTTP Boot over IPv4[\s\S]*mm-stage http initrd/;
  await bootAs(cluster, journey, what, hardware, console, async () => {
    const delivered: Delivered[] = [];
    for (const server of SERVERS) delivered.push(...(await deliveredBy(cluster, server, since.get(server)!)));
    const loader = delivered.find(({ file }) => file === LOADER);
    expectEqual(`${what}: our loader, delivered by`, loader?.by ?? 'nobody', by);
    expectEqual(`${what}: its size, that of the images' iPXE`, String(loader?.bytes), String(statSync(join(dirname(cluster.disc), LOADER)).size));
    const autoexec = delivered.filter(({ file }) => file === AUTOEXEC);
    expectThat(`${what}: the loader fetched ${AUTOEXEC} by ${by}`, autoexec.some((each) => each.by === by), delivered);
    journey.note(`${what}: ${delivered.map((each) => `${each.file} by ${each.by}`).join(', ')}`);
  });
}

export async function firmwareOfAllKinds(cluster: Cluster, journey: Journey): Promise<void> {
  for (const firmware of ['debian-12', 'debian-13']) {
    await bootByUefi(cluster, journey, `UEFI of ${firmware}, the firmware's own PXE`, { ...UEFI, firmware }, 'tftp');
    await bootByUefi(cluster, journey, `UEFI of ${firmware}, HTTP Boot`, { ...UEFI, firmware, networkBoot: 'http' }, 'http');
  }
  await bootAs(cluster, journey, 'BIOS, the boot network on the second card', { outside: true, outsideFirst: true, boot: 'network' }, /mm-stage http initrd/);
  await journey.stage('blade 3 as it was', async () => {
    await cluster.powerOff(BLADE);
    await cluster.rack.powerOn(BLADE);
    await cluster.serving(BLADE);
  });
}
