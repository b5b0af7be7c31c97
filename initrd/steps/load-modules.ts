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

/** Loads modules. @throws StepError naming those that are not to be had */
export function requireModules(host: BootHost, required: readonly string[]): void {
  const here = present(host);
  if (required.every((name) => here(name))) return;
  host.run(['modprobe', '-a', '-q', ...required]);
  // A module that registers nothing under /sys/module may still be built in: modprobe knows.
  const failed = required.filter((name) => !here(name) && host.run(['modprobe', '-q', name]).code !== 0);
  if (failed.length > 0) {
    throw new StepError(
      'MM-BOOT-MODULES',
      `modules not to be had: ${failed.join(', ')}`,
      'Check the spelling in sifm=; a network-boot initrd carries the usual server cards only: add the module to the recipe, or boot from the DVD, which carries all.',
    );
  }
}

/**
 * Loads what the hardware asks for, what the boot cannot go on without, and what is wanted if it is there. Those of `meanwhile` are
 * loaded while the boot goes on: what comes to need them requires them again.
 * @throws StepError naming the required modules that are not to be had
 */
export function loadModules(host: BootHost, { required, wanted, meanwhile }: { required: readonly string[]; wanted: readonly string[]; meanwhile: readonly string[] }): void {
  loadForDevices(host, new Set());
  requireModules(host, required);
  if (wanted.length > 0) host.run(['modprobe', '-a', '-q', ...wanted]);
  if (meanwhile.length > 0) host.start(['modprobe', '-a', '-q', ...meanwhile]);
}
