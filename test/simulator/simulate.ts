// `npm run simulate -- --seeds 1000 --nodes 100`: runs the pure cores on a simulated LAN and looks whether the invariants hold.

import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { type Exploration, formatExploration, formatFailure, type Size } from './explore.ts';
import { SHORTEST_MS } from './fault-schedule.ts';
import { COST_HEAD, formatCost, measureMembership } from './measure.ts';
import { PROTOCOLS } from './protocols.ts';
import { NODES_MAX } from './rack-roster.ts';
import { parseScenario, play, withTranscript } from './scenario.ts';
import { SEED_MAX } from './seeds.ts';
import { exploreSeeds, JOBS_MAX, jobsOfThisMachine } from './simulate-jobs.ts';
import { heapBytes } from './simulate-memory.ts';

const HELP = `npm run simulate -- [--seeds N] [--nodes N] [--minutes N] [--seed N] [--jobs N]
npm run simulate -- --measure N,N,… [--seed N]
npm run simulate -- --scenario FILE [--update]

  --seeds N       so many runs (100; 1 with --seed), from a fresh seed on; it is printed
  --nodes N       nodes of the rack (5)
  --minutes N     simulated minutes of each run (1): 15 s in which all is calm, then faults, and 18 s without new ones, in which everything
                  must settle. In a minute faults come for 27 s, and a seed that fails has a short story; in 5 for 267 s: more of them meet
  --seed N        the first seed: the same seed, nodes and minutes give the same run
  --jobs N        so many runs at the same time (as many as there are processors)
  --measure N,N   what the membership of so many nodes costs each of them, and how soon a death is noticed, as a table
  --scenario F    plays a story of test/scenarios, prints what happened and checks what it expects
  --update        and writes what happened into the file

Exit code 1: an invariant does not hold, or a scenario's expectation; 2: an argument is wrong.`;

const PROGRESS_EVERY_MS = 10_000;
const [FAILED, USAGE] = [1, 2];

function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) throw new RangeError(`--${name} wants a whole number from ${min} to ${max}, not ${text}`);
  return value;
}

async function explore(first: number, seeds: number, size: Size, jobs: number): Promise<number> {
  const beganAt = performance.now();
  let toldAt = beganAt;
  const { membership, services, rom } = PROTOCOLS;
  process.stdout.write(`seeds ${first} to ${first + seeds - 1}; ${[membership, ...services, rom].map(({ name }) => name).join(', ')}\n`);
  const onProgress = (into: Exploration): void => {
    if (performance.now() - toldAt < PROGRESS_EVERY_MS) return;
    toldAt = performance.now();
    process.stderr.write(`${into.seeds} of ${seeds} seeds\n`);
  };
  const { into, failure } = await exploreSeeds({ first, seeds, size, jobs, onProgress });
  const summary = formatExploration(into, size, performance.now() - beganAt);
  process.stdout.write(failure === undefined ? `${summary}\nevery invariant held\n` : `${formatFailure(failure, size)}\n\n${summary}\n`);
  return failure === undefined ? 0 : FAILED;
}

function measure(text: string, seed: number): number {
  const sizes = text.split(',').map((one) => whole('measure', one, 2, NODES_MAX));
  process.stdout.write(`${COST_HEAD}\n`);
  for (const nodes of sizes) process.stdout.write(`${formatCost(measureMembership(nodes, seed, heapBytes))}\n`);
  return 0;
}

function tell(path: string, update: boolean): number {
  const scenario = parseScenario(readFileSync(path, 'utf8'));
  const { problems, transcript } = play(scenario);
  process.stdout.write(transcript);
  for (const problem of problems) process.stdout.write(`NOT SO: ${problem}\n`);
  if (update) writeFileSync(path, withTranscript(scenario, transcript));
  return problems.length > 0 ? FAILED : 0;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' }, nodes: { type: 'string', default: '5' }, minutes: { type: 'string', default: '1' }, seed: { type: 'string' }, jobs: { type: 'string' },
      measure: { type: 'string' }, scenario: { type: 'string' }, update: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  if (values.scenario !== undefined) return tell(values.scenario, values.update);
  if (values.measure !== undefined) return measure(values.measure, whole('seed', values.seed ?? '1', 0, 2 * SEED_MAX));
  const untilMs = Math.round(Number(values.minutes) * 60_000);
  if (!(untilMs >= SHORTEST_MS)) throw new RangeError(`--minutes wants at least ${SHORTEST_MS / 60_000}, not ${values.minutes}`);
  const first = values.seed === undefined ? randomInt(SEED_MAX) : whole('seed', values.seed, 0, 2 * SEED_MAX);
  const seeds = whole('seeds', values.seeds ?? (values.seed === undefined ? '100' : '1'), 1, SEED_MAX);
  const jobs = values.jobs === undefined ? jobsOfThisMachine() : whole('jobs', values.jobs, 1, JOBS_MAX);
  return explore(first, seeds, { nodes: whole('nodes', values.nodes, 2, NODES_MAX), untilMs }, jobs);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`simulate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = USAGE;
}
