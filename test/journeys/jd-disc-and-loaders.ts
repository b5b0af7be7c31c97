// JD, the disc and the loaders: the one image boots from DVD and from a stick, on BIOS and on UEFI; a blade whose own iPXE is not
// used comes up through our loader by plain PXE; and where there is no HTTP, TFTP does.

import { run } from '../../daemons/host/run.ts';
import { PATIENCE, type Cluster } from '../../scripts/virtual-rack/cluster.ts';
import { checkNode, PLAIN_PXE } from './j1-spark-plug.ts';
import { expectEqual, expectThat, type Journey } from './journey.ts';

/** A blade beyond the roster: nothing of the cluster knows it. */
const BLADE = 5;

const DISC_BOOTS = [
  { what: 'from DVD on UEFI', uefi: true, stick: false },
  { what: 'from a USB stick on BIOS', uefi: false, stick: true },
  { what: 'from a USB stick on UEFI', uefi: true, stick: true },
] as const;

/** Refuses TCP to port 80 across the rack's bridge. */
const NO_HTTP = 'add table bridge nohttp; add chain bridge nohttp forward { type filter hook forward priority 0; }; add rule bridge nohttp forward ip protocol tcp tcp dport 80 drop';

export async function discAndLoaders(cluster: Cluster, journey: Journey): Promise<void> {
  const { rack } = cluster;
  for (const { what, uefi, stick } of DISC_BOOTS) {
    await journey.stage(`the disc boots ${what}`, async () => {
      await rack.dvdOut(BLADE);
      if (!stick) await rack.dvdIn(BLADE, cluster.disc);
      await rack.powerOn(BLADE, { uefi, ...(stick ? { stick: cluster.disc } : {}) });
      await rack.waitForConsole(BLADE, /Debug console/, { timeoutMs: PATIENCE.menuMs });
      await rack.type(BLADE, 'i');
      await cluster.liveShell(BLADE);
      await rack.type(BLADE, 'echo firmware=$(test -d /sys/firmware/efi && echo uefi || echo bios) medium=$(findmnt -nro SOURCE /run/metamaster/medium)\n');
      const { match } = await rack.waitForConsole(BLADE, /firmware=(uefi|bios) medium=(\S+)/, { timeoutMs: 30_000 });
      expectThat(`it runs ${what}`, match[1] === (uefi ? 'uefi' : 'bios') && match[2]!.startsWith(stick ? '/dev/sd' : '/dev/sr'), match[0]);
      await cluster.powerOff(BLADE);
      await rack.dvdOut(BLADE);
    });
  }
  await journey.stage('mm.debug opens the debug console before anything is done', async () => {
    await cluster.bootDiscEdited(BLADE, 'mm.debug');
    const opened = await rack.waitForConsole(BLADE, /debug console; Ctrl-D goes on/, { timeoutMs: PATIENCE.menuMs });
    await rack.type(BLADE, 'echo sessions=$(ls /sys/class/iscsi_session 2>/dev/null | wc -l)\n');
    await rack.waitForConsole(BLADE, /sessions=0/, { timeoutMs: 30_000, after: opened.end });
    await rack.type(BLADE, '\u0004');
    await rack.waitForConsole(BLADE, /mm-stage initrd identity failed: .*is not in the roster/, { timeoutMs: PATIENCE.menuMs, after: opened.end });
    await cluster.powerOff(BLADE);
    await rack.dvdOut(BLADE);
  });
  await journey.stage('blade 4, whose ROM is only good for plain PXE, loads undionly.kpxe by TFTP and boots', async () => {
    await rack.powerOn(PLAIN_PXE);
    await cluster.serving(PLAIN_PXE);
    const text = rack.consoleText(PLAIN_PXE);
    expectEqual('times that our loader was loaded', String([...text.matchAll(/undionly\.kpxe : \d+ bytes/g)].length), '1');
    const banners = new Set([...text.matchAll(/iPXE (\d+\.\d+\.\d+)/g)].map((match) => match[1]!));
    expectEqual("versions of iPXE: the ROM's and ours", String(banners.size), '2');
    await checkNode(cluster, PLAIN_PXE);
    await cluster.powerOff(PLAIN_PXE);
  });
  await journey.stage('without HTTP, blade 2 boots by TFTP', async () => {
    await cluster.powerOff(2);
    await run(rack.inRoom('boot', ['nft', NO_HTTP]));
    try {
      await rack.powerOn(2);
      await cluster.serving(2);
    } finally {
      await run(rack.inRoom('boot', ['nft', 'delete table bridge nohttp']));
    }
    expectThat('kernel and initrd came by TFTP', /mm-stage tftp kernel/.test(rack.consoleText(2)) && /mm-stage tftp initrd/.test(rack.consoleText(2)), rack.consoleText(2).slice(-1500));
  });
}
