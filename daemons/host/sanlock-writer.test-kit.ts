// For tests, a process of its own: takes the registry's lease by the options in its argument, says its version, and keeps it.

import process from 'node:process';
import { type LeaseOptions, withRegistryLease } from './sanlock.ts';

const options = JSON.parse(process.argv[2]!) as Omit<LeaseOptions, 'say'>;
await withRegistryLease({ ...options, say: () => undefined }, ({ leaseVersion }) => {
  process.stdout.write(`holds ${leaseVersion}\n`);
  return new Promise(() => undefined);
});
