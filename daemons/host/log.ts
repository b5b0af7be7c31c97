// What a daemon says: JSON lines on stdout for the journal, and the stages of a boot on stderr for whoever watches the console.

import { type Logger, pino } from 'pino';
import type { LogEffect, LogLevel } from '../core/log-effect.ts';

export type { Logger };

/** A logger for one daemon. Lines are written at once: what was logged before a crash is there after it. */
export function createLog(daemon: string, level: LogLevel): Logger {
  return pino({ name: daemon, level, base: { name: daemon } }, pino.destination({ fd: 1, sync: true }));
}

/** Writes a machine's log effect. */
export function writeLog(log: Logger, effect: LogEffect): void {
  log[effect.level](effect.fields, effect.event);
}

/** One line `mm-stage <stage> <detail>` on the console: the grammar that the boot script and the initrd speak too. */
export function stage(name: string, detail: string): void {
  process.stderr.write(`mm-stage ${name} ${detail}\n`);
}
