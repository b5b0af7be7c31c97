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

/** All of them, in the order in which they stand in a boot volume. */
export const BOOT_FILE_NAMES = [KERNEL, INITRD, BIOS_LOADER, UEFI_LOADER] as const;

/** Written by the server for each blade, and therefore in no boot volume: the script that iPXE runs. */
export const BOOT_SCRIPT = 'boot.ipxe';
/** Likewise: what iPXE since 2022 fetches by itself from where it came. */
export const AUTOEXEC_SCRIPT = 'autoexec.ipxe';

/** The small initrd with the SAN's login, which is made for each blade that may have it (daemons/http-boot/san-login-handout.ts). */
export const SAN_LOGIN_IMAGE = 'san-login.img';
