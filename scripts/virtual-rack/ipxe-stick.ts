// A USB stick with an iPXE that tags its card: what an administrator would make for a blade whose own boot program knows no VLANs. The iPXE
// is Debian's, as it lies in the tools tree of the images; for UEFI, where a stick needs no more than a FAT with a file of the right name.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool, type Trees } from '../../live-dvd/trees.ts';

/** iPXE with drivers of its own, in the tools tree: `snponly.efi` uses the card that it was loaded from, and a stick is none. */
const LOADER = '/usr/lib/ipxe/ipxe.efi';
const AUTOEXEC = 'autoexec.ipxe';
const SECTORS_PER_KIB = 2;
/** Room for an iPXE of 1 MiB. */
const STICK_KIB = 4096;
const PAUSE_S = 2;
/** As long as the boot script's own. */
const FETCH_TIMEOUT_MS = 5000;

/**
 * The script of such a stick. It asks DHCP on the VLAN until a node answers, and goes on with the node's script. That one follows the
 * open device; and it puts `mm-parameters` on the kernel's command line, where a cluster does not name the VLAN by its answer `boot-vlan`.
 */
export function vlanScript(vlan: number): string {
  const device = `net0-${vlan}`;
  const lines = [
    '#!ipxe',
    `set mm-parameters mm.vlan=${vlan}`,
    ':again',
    `vcreate --tag ${vlan} net0 || goto wait`,
    // Its drivers receive 1514 bytes at most, tag included: so it must not promise a peer more than this.
    `set ${device}/mtu 1496 ||`,
    `dhcp ${device} || goto wait`,
    `chain --replace --autofree --timeout ${FETCH_TIMEOUT_MS} http://\${next-server}/boot.ipxe?mac=\${${device}/mac:hexhyp} ||`,
    ':wait',
    `sleep ${PAUSE_S} ||`,
    'goto again',
  ];
  return `${lines.join('\n')}\n`;
}

/** The commands that make the image, run where the folder of image and script is /work. */
export function stickCommands(image: string, script: string): string[][] {
  const path = `/work/${image}`;
  return [
    // One FAT without a partition table, as firmware takes it from a removable medium (UEFI 2.10 section 13.3.3).
    ['mformat', '-C', '-i', path, '-T', String(STICK_KIB * SECTORS_PER_KIB), '-h', '16', '-s', '32', '-v', 'IPXE', '::'],
    ['mmd', '-i', path, '::/EFI', '::/EFI/BOOT'],
    ['mcopy', '-i', path, LOADER, '::/EFI/BOOT/BOOTX64.EFI'],
    // iPXE looks in the loader's folder first, then in the root.
    ['mcopy', '-i', path, `/work/${script}`, `::/${AUTOEXEC}`],
  ];
}

/** Makes the image anew in a folder; returns its path. @throws CommandError */
export async function buildIpxeStick(trees: Trees, folder: string, name: string, script: string): Promise<string> {
  const [image, source] = [`${name}.img`, `${name}.ipxe`];
  rmSync(join(folder, image), { force: true });
  writeFileSync(join(folder, source), script);
  for (const argv of stickCommands(image, source)) await runTool(trees, folder, argv, { env: { MTOOLS_SKIP_CHECK: '1', TZ: 'UTC' } });
  return join(folder, image);
}
