// Crash-safe at every step: each operation's write stream, cut at every flush and with parts of what was not flushed lost, and every
// disk that this leaves judged by the project's own readers. A violation says how to look at its case alone.

import { env } from 'node:process';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { makeDisc } from '../../scripts/install/install.test-kit.ts';
import { firstBoot, handBackOperation, nextBoot } from './boot-operations.test-kit.ts';
import { checkpointOperations } from './checkpoint-operations.test-kit.ts';
import { handOverOperations } from './hand-over-operations.test-kit.ts';
import { installOperations } from './install-operations.test-kit.ts';
import { newVolumeOperations } from './new-volume-operations.test-kit.ts';
import { checkOperation, formatTallies, type Operation, type Tally } from './operation.test-kit.ts';
import { quarantineOperations } from './quarantine-operations.test-kit.ts';
import { registryOperations } from './registry-operations.test-kit.ts';
import { restoreOperations } from './restore-operations.test-kit.ts';
import { storeOperations } from './store-operations.test-kit.ts';

// What needs device-mapper (mkfs, resize2fs) is run in name only.
vi.mock('../../daemons/host/run.ts', () => ({ run: async () => ({ code: 0, output: '', errorOutput: '' }) }));

const seed = Number(env['CRASH_SEED'] ?? 20_261_121);
/** `CRASH_CASE="reset:17"`: this case alone. */
const [, onlyName, onlyNumber] = /^(.*):(\d+)$/.exec(env['CRASH_CASE'] ?? '') ?? [];
const CASES_LEAST = 1000;

const disc = makeDisc();
const operations = [...await installOperations(disc.places), ...registryOperations(), ...storeOperations(), ...checkpointOperations(), ...handOverOperations(), ...newVolumeOperations(), ...restoreOperations(), ...await quarantineOperations(), await firstBoot('none'), await firstBoot('volatile'), await nextBoot('none'), await nextBoot('volatile'), await handBackOperation('none'), await handBackOperation('volatile')].filter(({ name }) => onlyName === undefined || name === onlyName);
const tallies: Tally[] = [];

afterAll(() => {
  disc.remove();
  console.log(`\n${formatTallies(tallies)}\n`);
});

describe(`a power cut (seed ${seed})`, () => {
  test.each(operations)('during: $name', { timeout: 120_000 }, async (operation) => {
    const tally = await checkOperation(operation, seed, onlyNumber === undefined ? undefined : Number(onlyNumber));
    tallies.push(tally);
    expect(tally.violations).toEqual([]);
    expect(tally.cases).toBeGreaterThan(0);
  });

  test.skipIf(onlyName !== undefined)(`leaves at least ${CASES_LEAST} different disks, of every kind`, () => {
    expect(tallies.reduce((sum, { cases }) => sum + cases, 0)).toBeGreaterThanOrEqual(CASES_LEAST);
    for (const kind of ['old', 'completable', 'new'] as const) expect(tallies.some(({ outcomes }) => outcomes[kind] > 0), kind).toBe(true);
  });
});

describe('the check itself sees', () => {
  const SEED = 1;
  const without = (operation: Operation): Operation => ({ ...operation, events: operation.events.filter(({ kind }) => !kind.startsWith('flush')) });
  const named = async (name: string): Promise<Operation> => [
    ...registryOperations(), ...storeOperations(), ...checkpointOperations(), ...handOverOperations(), ...newVolumeOperations(), ...restoreOperations(), ...await quarantineOperations(),
  ].find((operation) => operation.name === name)!;

  test.each(['label, live to down', 'reset', 'reset, owner released', 'checkpoint', 'rollback', 'node added', 'quarantined store released', 'restore -d 3 --with-state', 'node replaced, quarantine'])('what a plan without its flushes would do: %s', { timeout: 120_000 }, async (name) => {
    const operation = without(await named(name));
    const { violations } = await checkOperation(operation, SEED);
    expect(violations.length).toBeGreaterThan(0);
    // The case can be looked at alone.
    const number = Number(/:(\d+)" /.exec(violations[0]!)![1]);
    expect((await checkOperation(operation, SEED, number)).violations).toEqual(violations.slice(0, 1));
  });

  test('a write into a neighbour\'s sectors', async () => {
    const operation = await named('revalidate');
    const stray = operation.events.map((event) => (event.kind === 'write' ? { ...event, runs: event.runs.map((run) => ({ ...run, offset: run.offset + 8 * 512 })) } : event));
    expect((await checkOperation({ ...operation, events: stray }, SEED)).violations[0]).toMatch(/somebody else's/);
  });
});
