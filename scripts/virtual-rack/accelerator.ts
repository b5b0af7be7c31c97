// KVM or software emulation. The presence of /dev/kvm proves nothing: on some hosts a virtual machine starts and its kernel hangs.
// So a kernel is booted for a few seconds, and it counts only when it gets as far as looking for its root.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Accelerator } from './blade-argv.ts';
import { bootId, writeWhole } from './processes.ts';

/** A kernel without a root gets to its panic within two seconds under working KVM; ten leave room for a busy host. */
const PROBE_LIMIT_MS = 10_000;

/** The decision, and why. */
export interface AcceleratorChoice {
  readonly accelerator: Accelerator;
  readonly reason: string;
}

interface CachedProbe {
  /** Host boot, kernel path, size and time of change: another one, another probe. */
  readonly key: string;
  readonly works: boolean;
}

/** True when the output of a kernel without a root shows that it ran to the end of its boot. */
export const bootedToTheEnd = (output: string): boolean => /Kernel panic - not syncing|VFS: Unable to mount root|Cannot open root device/.test(output);

/** QEMU's argument list for the probe. */
export const probeArgv = (kernel: string): string[] => [
  'qemu-system-x86_64', '-no-user-config', '-nodefaults', '-display', 'none', '-no-reboot', '-machine', 'pc', '-accel', 'kvm', '-cpu', 'host', '-m', '256',
  '-serial', 'stdio', '-kernel', kernel, '-append', 'console=ttyS0 panic=-1',
];

function boots(kernel: string): Promise<boolean> {
  const [program, ...args] = probeArgv(kernel);
  return new Promise((resolve) => {
    const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), PROBE_LIMIT_MS);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
      if (bootedToTheEnd(output)) child.kill('SIGKILL');
    });
    child.on('error', () => resolve(false));
    child.on('close', () => {
      clearTimeout(timer);
      resolve(bootedToTheEnd(output));
    });
  });
}

/**
 * Chooses the accelerator: KVM when `/dev/kvm` is there and `kernel` boots under it, else software emulation.
 * The outcome is kept in the state directory for this boot of the host and this kernel.
 * @param progress is told when a probe is run, for it takes up to ten seconds
 */
export async function chooseAccelerator(stateDir: string, kernel: string | undefined, progress: (line: string) => void): Promise<AcceleratorChoice> {
  if (!existsSync('/dev/kvm')) return { accelerator: 'tcg', reason: 'no /dev/kvm' };
  if (kernel === undefined) return { accelerator: 'tcg', reason: 'KVM not tried: no kernel given (--kernel FILE)' };
  const file = statSync(kernel);
  const key = [bootId(), kernel, file.size, file.mtimeMs].join(' ');
  const cache = join(stateDir, 'kvm-probe.json');
  const cached = existsSync(cache) ? (JSON.parse(readFileSync(cache, 'utf8')) as CachedProbe) : undefined;
  let works = cached?.key === key ? cached.works : undefined;
  if (works === undefined) {
    progress(`trying KVM with ${kernel} (up to ${PROBE_LIMIT_MS / 1000} s)`);
    works = await boots(kernel);
    writeWhole(cache, JSON.stringify({ key, works } satisfies CachedProbe));
  }
  return works ? { accelerator: 'kvm', reason: 'a kernel boots under KVM' } : { accelerator: 'tcg', reason: 'a kernel does not boot under KVM' };
}
