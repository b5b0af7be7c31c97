// How far something long is, for a person.

import { MIB } from '../daemons/storage/block.ts';
import type { CommandHost } from './command-host.ts';

/** Between two lines. */
const PROGRESS_MS = 2000;

/** Tells on standard error how much of `bytes` is done, as what is added up grows, and lets whatever else waits run in between. */
export function progressOf(host: Pick<CommandHost, 'error' | 'now'>, what: string, bytes: number): (more: number) => Promise<void> {
  let [done, toldMs] = [0, host.now()];
  host.error(`  ${what}: ${Math.ceil(bytes / MIB)} MiB\n`);
  return async (more) => {
    done += more;
    if (host.now() - toldMs >= PROGRESS_MS) {
      toldMs = host.now();
      host.error(`  ${what}: ${Math.floor(done / MIB)} of ${Math.ceil(bytes / MIB)} MiB\n`);
    }
    await new Promise((resolve) => setImmediate(resolve));
  };
}
