// Seeds on several processors: workers take one seed after the other, each run is as it would be alone, and of several failures the one of the
// lowest seed is told, so that the same seeds fail in the same way with any number of workers.

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { addExploration, type Exploration, type Failure, newExploration, type Size } from './explore.ts';

export const JOBS_MAX = 256;
export const jobsOfThisMachine = (): number => Math.min(JOBS_MAX, availableParallelism());
/** Packets and events die young; with V8's own 16 MB some live until they are moved. */
const YOUNG_MB = 64;
/** The tables of a checker have a row for each pair of nodes. */
const OLD_MB = 8192;

/** What a worker is told: run this seed. */
export interface SeedJob {
  readonly seed: number;
  readonly size: Size;
}

/** And what it answers. */
export interface SeedDone {
  readonly explored: Exploration;
  readonly failure: Failure | undefined;
}

export interface JobsOptions {
  readonly first: number;
  readonly seeds: number;
  readonly size: Size;
  readonly jobs: number;
  /** After each run. */
  readonly onProgress: (into: Exploration) => void;
}

const give = (port: Worker, job: SeedJob): void => port.postMessage(job);

/** Runs the seeds, as far as none fails: after a failure those below it are still run to their end. */
export function exploreSeeds({ first, seeds, size, jobs, onProgress }: JobsOptions): Promise<{ readonly into: Exploration; readonly failure: Failure | undefined }> {
  const into = newExploration();
  const state: { next: number; failure: Failure | undefined; working: number } = { next: first, failure: undefined, working: Math.min(jobs, seeds) };
  return new Promise((resolve, reject) => {
    const giveNext = (worker: Worker): void => {
      if (state.next < first + seeds && state.failure === undefined) {
        give(worker, { seed: state.next++, size });
        return;
      }
      state.working -= 1;
      void worker.terminate();
      if (state.working === 0) resolve({ into, failure: state.failure });
    };
    for (let job = state.working; job > 0; job--) {
      const worker = new Worker(new URL('simulate-worker.ts', import.meta.url), { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB, maxOldGenerationSizeMb: OLD_MB } });
      worker.on('error', reject);
      worker.on('message', ({ explored, failure }: SeedDone) => {
        addExploration(into, explored);
        if (failure !== undefined && !(state.failure !== undefined && state.failure.seed < failure.seed)) state.failure = failure;
        onProgress(into);
        giveNext(worker);
      });
      giveNext(worker);
    }
  });
}
