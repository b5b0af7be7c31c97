import { expect, test } from 'vitest';
import { bindWithRetry } from './bind-retry.ts';

const failure = (code: string) => Object.assign(new Error(`bind ${code}`), { code });

test('waits longer and longer, and says so once a reason', async () => {
  const failures = ['EADDRNOTAVAIL', 'EADDRNOTAVAIL', 'EADDRINUSE', ...Array<string>(6).fill('EADDRINUSE')];
  const pauses: number[] = [];
  const told: string[] = [];
  const open = async () => {
    const code = failures.shift();
    if (code !== undefined) throw failure(code);
    return 'bound';
  };
  const sleep = async (ms: number) => void pauses.push(ms);
  expect(await bindWithRetry(open, (reason) => told.push(reason), sleep)).toBe('bound');
  expect(pauses).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000, 2000]);
  expect(told).toEqual(['bind EADDRNOTAVAIL', 'bind EADDRINUSE']);
});

test('an error that does not pass is thrown at once', async () => {
  await expect(bindWithRetry(async () => Promise.reject(failure('EACCES')), () => {})).rejects.toThrow('EACCES');
});
