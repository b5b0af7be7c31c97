import { expect, test } from 'vitest';
import type { Status } from '../../daemons/agent/status.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { InputError, valueOf } from '../../daemons/core/problem.ts';
import { macOf, NOW, roomyRegistry } from '../../daemons/storage/registry-edit.test-kit.ts';
import { replaceHardware } from '../../daemons/storage/registry-edit-hardware.ts';
import { strangersNow, waitForStranger } from './strangers.ts';

/** Node 2 was another machine, which is barred. */
const { roster } = valueOf(replaceHardware(roomyRegistry(), { node: 2, macs: [macOf(3)], atUnixMs: NOW }));
const asked = (mac: Mac, agoMs = 0) => ({ mac, agoMs, count: 1, detail: 'bios-rom' });
const status = (...unknown: Status['unknown']): Status => ({ unknown }) as unknown as Status;

test('strangers are those of the last minute that are no node\'s and not barred, the latest first', () => {
  const heard = status(asked(macOf(8), 60_000), asked(macOf(9), 60_001), asked(macOf(1)), asked(macOf(2)), asked(macOf(3)), asked(macOf(7), 5));
  expect(strangersNow(heard, roster).map(({ mac }) => mac)).toEqual([macOf(7), macOf(8)]);
});

async function wait(waitMs: number, looks: readonly Status[]): Promise<{ said: string; waitedMs: number; error: string }> {
  let now = 1000;
  let error = '';
  const left = [...looks];
  const host = { now: () => now, sleep: async (ms: number) => void (now += ms), error: (text: string) => void (error += text) };
  const said = await waitForStranger(host, async () => (left.length > 1 ? left.shift()! : left[0]!), roster, waitMs).catch((thrown: unknown) => {
    if (thrown instanceof InputError) return thrown.problems[0]!.code;
    throw thrown;
  });
  return { said, waitedMs: now - 1000, error };
}

test('one that asks is it; two are asked about at once; a barred one is waited past', async () => {
  expect(await wait(60_000, [status(), status(asked(macOf(2))), status(asked(macOf(9)))])).toMatchObject({ said: macOf(9), waitedMs: 4000 });
  expect(await wait(60_000, [status(), status(asked(macOf(8)), asked(macOf(9)))])).toMatchObject({ said: 'MM-NODE-SEVERAL', waitedMs: 2000 });
});

test('nobody: it ends when the time is over, to the millisecond, and tells of itself every 10 s', async () => {
  const { said, waitedMs, error } = await wait(25_500, [status()]);
  expect([said, waitedMs, error.match(/: \d+ s of/g)]).toEqual(['MM-NODE-NOBODY', 25_500, [': 0 s of', ': 10 s of', ': 20 s of']]);
  expect(await wait(0, [status()])).toMatchObject({ said: 'MM-NODE-NOBODY', waitedMs: 0 });
});
