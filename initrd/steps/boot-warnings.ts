// What a boot warns of and goes on with: nothing it does depends on the clock, and a root runs under another kernel than its own.

import type { Problem } from '../../daemons/core/problem.ts';

/** Clocks of a rack that differ by less are no news, time zones set by hand included. */
const CLOCK_TOLERANCE_MS = 24 * 3_600_000;
/** No registry stays unwritten for longer: every node that comes or goes writes it. */
const CLOCK_FUTURE_MS = 10 * 365 * CLOCK_TOLERANCE_MS;

/**
 * By how much a clock is off, seen from a moment that it must have passed and cannot have passed long ago; undefined when it is not.
 * One rule for a boot (the registry's writing) and for an installation (the making of the disc).
 * @param sinceUnixMs that moment
 */
export function clockOff(nowUnixMs: number, sinceUnixMs: number): string | undefined {
  const off = nowUnixMs - sinceUnixMs;
  if (off >= -CLOCK_TOLERANCE_MS && off <= CLOCK_FUTURE_MS) return undefined;
  return `${Math.round(Math.abs(off) / CLOCK_TOLERANCE_MS)} days ${off < 0 ? 'before' : 'after'} it`;
}

/**
 * A clock that is years off. The registry's time is the only other one that a blade knows here, and may itself have been written under
 * a wrong clock, which is why this is no more than a warning; volumes are claimed by counters, never by time.
 * @param nowUnixMs the blade's clock
 * @param writtenAtUnixMs when the registry was written; 0 when it does not say
 */
export function clockWarning(nowUnixMs: number, writtenAtUnixMs: number): Problem | undefined {
  const seen = writtenAtUnixMs === 0 ? undefined : clockOff(nowUnixMs, writtenAtUnixMs);
  if (seen === undefined) return undefined;
  return {
    code: 'MM-BOOT-CLOCK', where: "this blade's clock", rule: 'is not before the last writing of the registry, nor ten years behind it', seen,
    remedy: 'Set the clock in the firmware setup, and change the battery of the board. The boot goes on: only times in logs and certificates suffer.',
  };
}

/**
 * A kernel that is not the one of the root: a disc of another version than the cluster. The modules of this kernel are in the initrd
 * alone, so that what the root loads later (firewall, cluster file system) is missing until the next boot over the network.
 * @param running the release of the kernel that runs; undefined when it cannot be read
 * @param wanted the release that the root was installed with
 */
export function kernelWarning(running: string | undefined, wanted: string, boot: 'net' | 'dvd'): Problem | undefined {
  if (running === undefined || running === wanted) return undefined;
  return {
    code: 'MM-BOOT-VERSION', where: boot === 'dvd' ? 'the disc' : 'the boot files', rule: `bring the kernel of this cluster, ${wanted}`, seen: running,
    remedy: boot === 'dvd'
      ? 'The boot goes on into the root of the cluster, without the modules that it loads later. Use the disc that the cluster was installed with, or boot this blade again over the network once another node serves.'
      : 'The boot goes on, without the modules that the root loads later. The node that served this blade has boot files of another version: boot that node again, then this one.',
  };
}
