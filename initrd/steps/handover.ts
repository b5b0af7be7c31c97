// The step `handover`: what the root needs to know of the boot. The mounts are moved by the stub that is PID 1, at the very end.

import type { BootHost } from '../boot-host.ts';
import type { BootState } from './boot-state.ts';

/** The record of the boot that daemons in the root read: /run/metamaster/boot.json (live.json in the live system). */
export interface BootRecord {
  readonly bootNonce: string;
  readonly hardwareId: string | undefined;
  readonly interfaceName: string | undefined;
  /** The address that the boot used; the node drops it when it is not its own. */
  readonly bootAddress: string;
  readonly node: number | undefined;
  readonly container: string | undefined;
  readonly target: string | undefined;
  readonly portal: string;
  readonly generation: number | undefined;
  readonly disk: string | undefined;
  readonly medium: string | undefined;
  readonly mode: string;
  readonly stages: BootState['stages'];
  /** What the boot warned of and went on with. */
  readonly warnings: readonly string[];
}

const WATCHDOG = '/dev/watchdog0';
/** Without a sign of life for so long the hardware resets the blade; several signs may be missed. */
const WATCHDOG_SECONDS = 30;
const SIGN_OF_LIFE_SECONDS = 5;

/**
 * Starts what keeps the hardware's watchdog quiet, where there is one. It runs from the initrd's memory for as long as the kernel
 * does: a SAN that is away must not look like a kernel that hangs, and everything in the root, systemd as well, may have to wait for
 * the SAN.
 */
export function startWatchdog(host: BootHost): void {
  if (host.exists(WATCHDOG)) host.start(['watchdog', '-T', String(WATCHDOG_SECONDS), '-t', String(SIGN_OF_LIFE_SECONDS), WATCHDOG]);
}

/** Writes the record; /run goes along into the root. */
export function writeBootRecord(host: BootHost, state: BootState): void {
  const { parameters } = state;
  const record: BootRecord = {
    bootNonce: state.bootNonce, hardwareId: state.hardwareId, interfaceName: state.interfaceName, bootAddress: parameters.sifIp,
    node: state.node?.number, container: parameters.container, target: parameters.target, portal: `${parameters.storageIp}:${parameters.storagePort}`,
    generation: state.generation, disk: state.disk, medium: state.liveMedium, mode: parameters.live ? parameters.mode : 'boot', stages: state.stages, warnings: state.warnings,
  };
  host.makeFolder('/run/metamaster');
  host.writeText(`/run/metamaster/${parameters.live ? 'live' : 'boot'}.json`, `${JSON.stringify(record, undefined, 1)}\n`, 0o644);
}
