// The step `modules`: what the hardware asks for by its aliases, then what the boot cannot do without.

import type { BootHost } from '../boot-host.ts';
import { StepError } from '../boot-host.ts';

/** Buses whose devices name the modules they want; virtio's devices appear only after its PCI driver is loaded. */
const BUSES = ['pci', 'virtio', 'usb', 'scsi', 'platform'] as const;
const ROUNDS = 3;

function aliases(host: BootHost): string[] {
  return BUSES.flatMap((bus) =>
    host.list(`/sys/bus/${bus}/devices`).map((device) => host.readText(`/sys/bus/${bus}/devices/${device}/modalias`)?.trim() ?? '').filter((alias) => alias !== ''));
}

/** Names of the modules that are loaded or part of the kernel. */
function present(host: BootHost): (name: string) => boolean {
  return (name) => host.exists(`/sys/module/${name.replaceAll('-', '_')}`);
}

/**
 * Loads what devices ask for that have come up since the last look: USB names its devices a second after its controller's driver.
 * @param asked the aliases that were asked for already; added to
 */
export function loadForDevices(host: BootHost, asked: Set<string>): void {
  for (let round = 0; round < ROUNDS; round++) {
    const fresh = aliases(host).filter((alias) => !asked.has(alias));
    if (fresh.length === 0) return;
    for (const alias of fresh) asked.add(alias);
    host.run(['modprobe', '-a', '-q', ...fresh]);
  }
}

/** @throws StepError naming the modules that are needed and not to be had */
export function loadModules(host: BootHost, required: readonly string[], wanted: readonly string[]): void {
  loadForDevices(host, new Set());
  host.run(['modprobe', '-a', '-q', ...required, ...wanted]);
  const here = present(host);
  const missing = required.filter((name) => !here(name));
  // A module that registers nothing under /sys/module may still be built in: modprobe knows.
  const failed = missing.filter((name) => host.run(['modprobe', '-q', name]).code !== 0);
  if (failed.length > 0) {
    throw new StepError(
      `modules not to be had: ${failed.join(', ')}`,
      'Check the spelling in sifm=; a network-boot initrd carries the usual server cards only: add the module to the recipe, or boot from the DVD, which carries all.',
    );
  }
}
