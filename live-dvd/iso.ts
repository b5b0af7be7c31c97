// The disc: one hybrid image for DVD and USB stick, BIOS and UEFI, with GRUB's menu in front of kernel, initrd and root payload.

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ARM64_FILE_NAMES, BOOT_FILE_NAMES, KERNEL } from '../daemons/core/boot-file-names.ts';
import type { Recipe } from './recipe.ts';
import { runTool, type Trees } from './trees.ts';

/** The volume label by which the initrd finds its medium. */
export const DISC_LABEL = 'METAMASTER';

/** GRUB's modules in its core images: what the menu, the serial line and the file system need, and nothing that is fetched later. */
const GRUB_MODULES = ['iso9660', 'normal', 'configfile', 'linux', 'serial', 'terminal', 'terminfo', 'test', 'echo', 'ls', 'search', 'search_label', 'sleep', 'reboot', 'halt', 'cat', 'minicmd'];
const BIOS_MODULES = ['biosdisk', 'part_msdos', 'part_gpt', 'vga_text', 'at_keyboard'];
const UEFI_MODULES = ['part_msdos', 'part_gpt', 'fat', 'all_video', 'efi_gop', 'gzio'];
const EFI_IMAGE_KIB = 4096;

/** What the disc is made of. */
export interface DiscInputs {
  readonly trees: Trees;
  readonly recipe: Recipe;
  readonly folder: string;
  readonly menu: string;
  /** The report's parameters as the menu shows them, e.g. `root=/dev/evms/defaultdebian storage_ip=…`. */
  readonly parameters: string;
  /** The kernel's own parameters. */
  readonly kernelParameters: string;
  readonly menuSeconds: number;
  readonly logFile: string;
}

/** Makes `metamaster.iso` in the recipe's folder. @throws CommandError */
export async function buildDisc(inputs: DiscInputs): Promise<string> {
  const { folder, recipe, trees } = inputs;
  const env = { SOURCE_DATE_EPOCH: String(recipe.epoch), MTOOLS_SKIP_CHECK: '1', TZ: 'UTC' };
  const options = { logFile: inputs.logFile, env };
  const disc = join(folder, 'disc');
  rmSync(disc, { recursive: true, force: true });
  mkdirSync(join(disc, 'boot/grub'), { recursive: true });
  mkdirSync(join(disc, 'metamaster'));
  for (const file of [KERNEL, 'initrd-dvd.img']) cpSync(join(folder, file), join(disc, 'boot', file));
  for (const file of [...BOOT_FILE_NAMES, ...(recipe.arm64 === undefined ? [] : ARM64_FILE_NAMES), 'root.json']) cpSync(join(folder, file), join(disc, 'metamaster', file));
  cpSync(join(folder, 'root.squashfs'), join(disc, 'metamaster/root.squashfs'));
  const menu = readFileSync(inputs.menu, 'utf8').replaceAll('@PARAMETERS@', inputs.parameters)
    .replaceAll('@KERNEL@', inputs.kernelParameters).replaceAll('@TIMEOUT@', String(inputs.menuSeconds)).replace(/^# @.*\n/m, '');
  writeFileSync(join(disc, 'boot/grub/grub.cfg'), menu);
  writeFileSync(join(folder, 'embedded.cfg'), `search --no-floppy --label ${DISC_LABEL} --set=root\nset prefix=($root)/boot/grub\nconfigfile /boot/grub/grub.cfg\n`);
  const image = (format: string, output: string, modules: readonly string[]) =>
    runTool(trees, folder, ['grub-mkimage', '-O', format, '-c', '/work/embedded.cfg', '-p', '/boot/grub', '-o', output, ...GRUB_MODULES, ...modules], options);
  await image('i386-pc-eltorito', '/work/disc/boot/grub/eltorito.img', BIOS_MODULES);
  await image('x86_64-efi', '/work/bootx64.efi', UEFI_MODULES);
  rmSync(join(folder, 'disc/boot/efi.img'), { force: true });
  const dos = (...argv: readonly string[]) => runTool(trees, folder, argv, options);
  await dos('mformat', '-C', '-i', '/work/disc/boot/efi.img', '-T', String(EFI_IMAGE_KIB * 2), '-h', '16', '-s', '32', '-N', '4d4d4d4d', '-v', 'METAEFI', '::');
  await dos('mmd', '-i', '/work/disc/boot/efi.img', '::/EFI', '::/EFI/BOOT');
  await dos('mcopy', '-i', '/work/disc/boot/efi.img', '/work/bootx64.efi', '::/EFI/BOOT/BOOTX64.EFI');
  const date = new Date(recipe.epoch * 1000).toISOString().replaceAll(/[-:T]|\..*/g, '');
  await runTool(trees, folder, [
    'xorriso', '-as', 'mkisofs', '-quiet', '-r', '-J', '-V', DISC_LABEL, `--modification-date=${date}00`, `--set_all_file_dates`, `${date}00`,
    '-b', 'boot/grub/eltorito.img', '-c', 'boot/boot.cat', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table', '--grub2-boot-info',
    '--grub2-mbr', '/usr/lib/grub/i386-pc/boot_hybrid.img', '--protective-msdos-label',
    '-eltorito-alt-boot', '-e', 'boot/efi.img', '-no-emul-boot', '-isohybrid-gpt-basdat',
    '-o', '/work/metamaster.iso', '/work/disc',
  ], options);
  rmSync(disc, { recursive: true });
  return join(folder, 'metamaster.iso');
}
