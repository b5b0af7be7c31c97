// The registry's lease with the real sanlock, on a file. What takes a dead owner's minute is in sanlock-takeover.test.ts.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../core/problem.ts';
import { registryLease } from '../storage/lease-layout.ts';
import { initLease, initLockspace } from '../storage/sanlock-text.ts';
import { run } from './run.ts';
import { withRegistryLease } from './sanlock.ts';
import { LeaseBench, NO_SANLOCK } from './sanlock.test-kit.ts';

/** Joining takes 3 s, leaving 2 s, each time. */
const LONG = 60_000;

async function codesOf(attempt: Promise<unknown>): Promise<string[]> {
  const error = await attempt.then(() => undefined, (thrown: unknown) => thrown);
  if (!(error instanceof InputError)) throw error ?? new Error('it succeeded');
  return error.problems.map(({ code }) => code);
}

describe.skipIf(NO_SANLOCK !== undefined)(`the registry's lease${NO_SANLOCK === undefined ? '' : ` (skipped: ${NO_SANLOCK})`}`, () => {
  let bench: LeaseBench;
  beforeAll(async () => {
    bench = new LeaseBench();
    await run(initLease(bench.area, registryLease(bench.area)));
    await run(initLockspace(bench.area));
  });
  afterAll(() => bench.remove());

  test('has a version that grows, starts the daemon, and is given back with the lockspace', async () => {
    const versions: number[] = [];
    for (const hostId of [1, 2, 1]) versions.push(await withRegistryLease(bench.host(hostId), async ({ leaseVersion }) => leaseVersion));
    expect(versions).toEqual([1, 2, 3]);
    for (const hostId of [1, 2]) expect(bench.sanlock(hostId, 'client', 'status')).not.toMatch(/^[sr] /m);
  }, LONG);

  test('is one host\'s at a time: the other waits, says for whom, and finds a higher version', async () => {
    const order: string[] = [];
    const said: string[] = [];
    const { promise: firstHas, resolve: has } = Promise.withResolvers<void>();
    const first = withRegistryLease(bench.host(1), async ({ leaseVersion }) => {
      has();
      await new Promise((resolve) => setTimeout(resolve, 8000));
      order.push('first');
      return leaseVersion;
    });
    await firstHas;
    const second = withRegistryLease(bench.host(2, said), async ({ leaseVersion }) => {
      order.push('second');
      return leaseVersion;
    });
    const [a, b] = await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
    expect(b).toBeGreaterThan(a);
    expect(said.some((line) => /^waiting for the registry's lease, held by host 1, \d+ s$/.test(line))).toBe(true);
  }, LONG);

  test('is one process\'s at a time on one host as well', async () => {
    let inside = 0;
    const enter = async (): Promise<void> => {
      inside++;
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(inside).toBe(1);
      inside--;
    };
    await Promise.all([withRegistryLease(bench.host(1), enter), withRegistryLease(bench.host(1), enter)]);
  }, LONG);

  test('that stays with another is waited for only so long', async () => {
    const { promise: firstHas, resolve: has } = Promise.withResolvers<void>();
    const { promise: mayGo, resolve: go } = Promise.withResolvers<void>();
    const first = withRegistryLease(bench.host(1), async () => {
      has();
      await mayGo;
    });
    await firstHas;
    expect(await codesOf(withRegistryLease({ ...bench.host(2), limits: { acquireMs: 1000 } }, () => Promise.resolve()))).toEqual(['MM-LEASE-HELD']);
    go();
    await first;
  }, LONG);

  test('is free again when the process that writes is killed in the middle', async () => {
    const options = bench.host(1);
    const writer = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'sanlock-writer.test-kit.ts'), JSON.stringify({ ...options, say: undefined })], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(writer.stdout.setEncoding('utf8'), 'data')) as [string];
    expect(line).toMatch(/^holds \d+\n$/);
    writer.kill('SIGKILL');
    await once(writer, 'close');
    const began = performance.now();
    const version = await withRegistryLease(bench.host(2), async ({ leaseVersion }) => leaseVersion);
    expect(version).toBeGreaterThan(Number(line.split(' ')[1]));
    // Joining and leaving, and no wait for a dead host: the daemon lives and gave it back.
    expect(performance.now() - began).toBeLessThan(15_000);
    // The killed process left its host in the lockspace: the next one takes it out.
    expect(bench.sanlock(1, 'client', 'status')).toMatch(/^s /m);
    await withRegistryLease(bench.host(1), () => Promise.resolve());
    expect(bench.sanlock(1, 'client', 'status')).not.toMatch(/^s /m);
  }, LONG);

  test('that is lost in the middle is told, and the writer sees it at once', async () => {
    const attempt = withRegistryLease(bench.host(1), async ({ lost }) => {
      const held = /^p (\d+) *$/m.exec(bench.sanlock(1, 'client', 'status'));
      process.kill(Number(held![1]), 'SIGTERM'); // as sanlock does when it could not renew
      await new Promise((resolve) => lost.addEventListener('abort', resolve));
    });
    expect(await codesOf(attempt)).toEqual(['MM-LEASE-LOST']);
  }, LONG);

  test('passes on what the work throws, and is given back all the same', async () => {
    await expect(withRegistryLease(bench.host(1), () => Promise.reject(new Error('no room')))).rejects.toThrow('no room');
    expect(bench.sanlock(1, 'client', 'status')).not.toMatch(/^[sr] /m);
  }, LONG);

  test('a daemon that wants a watchdog and finds none gives no lease', async () => {
    const options = bench.host(3);
    expect(await codesOf(withRegistryLease({ ...options, startDaemon: options.startDaemon.with(3, '1') }, () => Promise.resolve()))).toEqual(['MM-LEASE-WATCHDOG']);
  }, LONG);
});

describe.skipIf(NO_SANLOCK !== undefined)(`what is wrong before any daemon is started${NO_SANLOCK === undefined ? '' : ` (skipped: ${NO_SANLOCK})`}`, () => {
  let bench: LeaseBench;
  beforeAll(() => { bench = new LeaseBench(); });
  afterAll(() => bench.remove());
  const attempt = (more = {}) => codesOf(withRegistryLease({ ...bench.host(1), ...more }, () => Promise.resolve()));

  test('an area that was never made, one whose resource is missing, and another cluster\'s', async () => {
    expect(await attempt()).toEqual(['MM-LEASE-NONE']);
    await run(initLockspace(bench.area));
    expect(await attempt()).toEqual(['MM-LEASE-FOREIGN']);
    await run(initLease(bench.area, registryLease(bench.area)));
    expect(await attempt({ area: { ...bench.area, lockspace: 'mm-another' } })).toEqual(['MM-LEASE-FOREIGN']);
    expect(bench.daemon(1)).toBeUndefined();
  });

  test('a daemon that cannot be started, or does not answer', async () => {
    expect(await attempt({ startDaemon: ['false'] })).toEqual(['MM-LEASE-DAEMON']);
    expect(await attempt({ startDaemon: ['true'], limits: { daemonMs: 500 } })).toEqual(['MM-LEASE-DAEMON']);
  });

  test('no sanlock at all', async () => {
    expect(await attempt({ env: { PATH: '/nowhere' } })).toEqual(['MM-LEASE-PROGRAM']);
  });
});
