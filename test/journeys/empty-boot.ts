// The yardstick of boot times: the same kernel, in the same emulated blade, into an initrd that holds nothing but a shell that says
// so. Everything a real boot takes longer than that is ours to explain.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpioArchive } from '../../initrd/cpio-image.ts';
import { TCG_CPU, TRANSLATION_CACHE_MIB } from '../../scripts/virtual-rack/blade-argv.ts';

const SAID = 'the empty initrd is reached';
const LIMIT_MS = 120_000;

/**
 * Boots the kernel of `images` into an empty initrd and returns the seconds from QEMU's start to its first line.
 * @param images the folder with `vmlinuz` and `payload/`
 * @throws Error when it is not reached within two minutes
 */
export async function emptyBootSeconds(images: string, folder: string): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const initrd = join(folder, 'empty-initrd.cpio');
  const busybox = readFileSync(join(images, 'payload/usr/bin/busybox'));
  const script = `#!/bin/busybox sh\necho "${SAID}"\n/bin/busybox poweroff -f\n`;
  writeFileSync(initrd, cpioArchive([
    { kind: 'file', path: 'init', mode: 0o755, bytes: Buffer.from(script) }, { kind: 'file', path: 'bin/busybox', mode: 0o755, bytes: busybox },
    { kind: 'folder', path: 'dev' }, { kind: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
  ], 0));
  const start = performance.now();
  const child = spawn('qemu-system-x86_64', [
    '-no-user-config', '-nodefaults', '-display', 'none', '-machine', 'pc,graphics=off', '-accel', `tcg,tb-size=${TRANSLATION_CACHE_MIB}`, '-cpu', TCG_CPU,
    '-m', '1G', '-serial', 'stdio', '-kernel', join(images, 'vmlinuz'), '-initrd', initrd, '-append', 'console=ttyS0,115200 quiet', '-no-reboot',
  ], { stdio: ['ignore', 'pipe', 'ignore'] });
  return new Promise((resolve, reject) => {
    let text = '';
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      if (!text.includes(SAID)) return;
      resolve((performance.now() - start) / 1000);
      child.kill('SIGKILL');
    });
    child.on('close', () => {
      clearTimeout(limit);
      reject(new Error(`the empty initrd was not reached; the console said: ${text.slice(-300)}`));
    });
    child.on('error', reject);
  });
}
