// The SAN's login as the second initrd of a blade.

import { gzipSync } from 'node:zlib';
import type { ChapLogin } from './core/chap.ts';
import { sanLoginArchive } from './http-boot/san-login-handout.ts';

/**
 * The archive, compressed: not to save room, but because the kernel takes an archive as it stands only where the offset is a multiple of
 * four (init/initramfs.c, unpack_to_rootfs), and a compressed one at any. The EFI stub puts initrds together without a gap, and the
 * first of them has whatever length its compression gave it.
 */
export function sanLoginImage(login: ChapLogin): Uint8Array {
  return gzipSync(sanLoginArchive(login));
}
