// How busy this machine is. By Node's own calls, some microseconds each: systeminformation takes the same numbers from the same files of the kernel,
// and would be more than the rest of metamasterd's bundle together.

import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import type { SystemLoad } from '../core/system-load.ts';

export function systemLoad(): SystemLoad {
  return { load1: loadavg()[0]!, processors: availableParallelism(), memoryFreeBytes: freemem(), memoryBytes: totalmem() };
}
