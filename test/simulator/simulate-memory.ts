// How much memory is in use: for `--measure`.

import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What the heap holds that is still needed, in bytes. */
export function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // The first time may leave what finalizers held.
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
