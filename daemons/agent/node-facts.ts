// The small facts that a node tells of itself beside whether it serves and which registry it follows: the membership carries them as text.

import { nodeOfNumber } from '../core/roster.ts';
import type { SystemLoad } from '../core/system-load.ts';
import type { NodeConfig } from './node-config.ts';

/** Facts by their names, as the membership takes them. */
export type NodeFacts = ReadonlyMap<string, string>;

/** How often load and memory are measured. They need not be newer: at 1,000 nodes each tells them once in 50 s. */
export const LOAD_INTERVAL_MS = 10_000;

const ROLES = 'roles';

/**
 * `roles`: `boot`, or `none` of a node that is drained or stands down. `load`: of the last minute, for each processor, with one digit, so that what hardly
 * changes is not told. `memory`: per cent that is still to be had.
 */
export function nodeFacts({ roster, number, standDown }: NodeConfig, { load1, processors, memoryFreeBytes, memoryBytes }: SystemLoad): NodeFacts {
  const takesPart = standDown === undefined && nodeOfNumber(roster, number)?.drained !== true;
  return new Map([
    [ROLES, takesPart ? 'boot' : 'none'],
    ['load', (load1 / processors).toFixed(1)],
    ['memory', String(Math.round((100 * memoryFreeBytes) / memoryBytes))],
  ]);
}

/** Others are told at once of roles; of the rest when its turn comes. */
export const isUrgent = (before: NodeFacts | undefined, now: NodeFacts): boolean => before?.get(ROLES) !== now.get(ROLES);
