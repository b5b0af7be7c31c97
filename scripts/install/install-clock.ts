// A live system whose clock is years off: registry, labels and certificates would carry its times.

import type { Problem } from '../../daemons/core/problem.ts';
import { clockOff } from '../../initrd/steps/boot-warnings.ts';

/**
 * The warning about this machine's clock; undefined when it may be right.
 * @param nowUnixMs the machine's clock
 * @param epochUnixMs when what the disc holds was made, by its recipe
 */
export function installClockWarning(nowUnixMs: number, epochUnixMs: number): Problem | undefined {
  const seen = clockOff(nowUnixMs, epochUnixMs);
  if (seen === undefined) return undefined;
  return {
    code: 'MM-INSTALL-CLOCK', where: "this machine's clock", rule: `is not before the disc was made, ${new Date(epochUnixMs).toISOString().slice(0, 10)}, nor ten years behind that`, seen,
    remedy: 'Break off, set it with `date -s "YEAR-MONTH-DAY HOUR:MINUTE"` and in the firmware setup, and begin again: registry and labels carry its time. Nothing else depends on it.',
  };
}
