// One of the workers of simulate-jobs.ts.

import { parentPort } from 'node:worker_threads';
import { exploreSeed, newExploration } from './explore.ts';
import type { SeedDone, SeedJob } from './simulate-jobs.ts';

const port = parentPort!;
port.on('message', ({ seed, size }: SeedJob) => {
  const explored = newExploration();
  const done: SeedDone = { explored, failure: exploreSeed(seed, size, explored) };
  port.postMessage(done);
});
