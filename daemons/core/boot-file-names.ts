// The files that every node serves to the blades, by the names under which the image build makes them, the disc and the boot
// volumes hold them, and the loaders ask for them.

/** The kernel of a network boot. */
export const KERNEL = 'vmlinuz';
/** The initrd of a network boot. */
export const INITRD = 'initrd.img';
/** The loader for a plain BIOS PXE ROM, by TFTP. */
export const BIOS_LOADER = 'undionly.kpxe';
/** The loader for x64 UEFI, by TFTP or HTTP. */
export const UEFI_LOADER = 'snponly.efi';

/** The files that every recipe brings, in the order in which they stand in a boot volume. */
export const BOOT_FILE_NAMES = [KERNEL, INITRD, BIOS_LOADER, UEFI_LOADER] as const;

/** The kernel of a network boot on arm64. */
export const ARM64_KERNEL = 'vmlinuz-arm64';
/** The initrd of a network boot on arm64. */
export const ARM64_INITRD = 'initrd-arm64.img';
/** The loader for arm64 UEFI, by TFTP or HTTP; Debian has no `snponly.efi` for arm64. */
export const ARM64_LOADER = 'ipxe-arm64.efi';

/** What a recipe may bring besides: all of them or none, for each is useless without the others. They stand behind the rest. */
export const ARM64_FILE_NAMES = [ARM64_KERNEL, ARM64_INITRD, ARM64_LOADER] as const;

/** True where the files for arm64 are all there. */
export function hasArm64Files(has: (name: string) => boolean): boolean {
  return ARM64_FILE_NAMES.every((name) => has(name));
}

/** The files for arm64 that are missing where some of them are there; none where all or none of them are. */
export function missingArm64Files(has: (name: string) => boolean): readonly string[] {
  const missing = ARM64_FILE_NAMES.filter((name) => !has(name));
  return missing.length < ARM64_FILE_NAMES.length ? missing : [];
}

/** Written by the server for each blade, and therefore in no boot volume: the script that iPXE runs. */
export const BOOT_SCRIPT = 'boot.ipxe';
/** Likewise: what iPXE since 2022 fetches by itself from where it came. */
export const AUTOEXEC_SCRIPT = 'autoexec.ipxe';

/** The small initrd with the SAN's login, which is made for each blade that may have it (daemons/http-boot/san-login-handout.ts). */
export const SAN_LOGIN_IMAGE = 'san-login.img';
