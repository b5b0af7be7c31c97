import { expect, test } from 'vitest';
import { parseCommandLine } from '../command-line.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import type { BootState } from './boot-state.ts';
import { startWatchdog, writeBootRecord } from './handover.ts';

function recordOf(commandLine: string): { path: string; record: Record<string, unknown> } {
  const blade = new ModelBlade(new ModelSan());
  const state: BootState = { parameters: parseCommandLine(commandLine).parameters, bootNonce: 'ab'.repeat(16), stages: [{ step: 'modules', endedSeconds: 1.5, tries: 2 }], warnings: ['MM-BOOT-CLOCK: off'] };
  writeBootRecord(blade, state);
  const [path] = [...blade.modes.keys()];
  return { path: path!, record: JSON.parse(blade.files.get(path!)!) as Record<string, unknown> };
}

test('a boot into the cluster leaves boot.json, with how long each step took, how often it was tried, and what was warned of', () => {
  const { path, record } = recordOf('ivid=iqn.2026-01.example:san root=/dev/evms/defaultdebian mm.boot=net');
  expect(path).toBe('/run/metamaster/boot.json');
  expect(record).toMatchObject({ mode: 'boot', container: 'debian', stages: [{ step: 'modules', endedSeconds: 1.5, tries: 2 }], warnings: ['MM-BOOT-CLOCK: off'] });
});

test('a live system leaves live.json with its mode, so that nothing takes it for a node', () => {
  const { path, record } = recordOf('mm.mode=restore');
  expect(path).toBe('/run/metamaster/live.json');
  expect(record).toMatchObject({ mode: 'restore' });
  expect(record['node']).toBeUndefined();
});

test('no secret stands in it', async () => {
  const blade = new ModelBlade(new ModelSan());
  await blade.boot();
  const text = blade.files.get('/run/metamaster/boot.json')!;
  const { secret } = blade.state!.registry!;
  for (const word of [secret.clusterKey, secret.rootPasswordHash, 'PRIVATE']) expect(text).not.toContain(word);
});

test('a watchdog that is there is fed by a program of the initrd; where there is none, nothing is started', () => {
  const blade = new ModelBlade(new ModelSan());
  startWatchdog(blade);
  expect(blade.argvs).toEqual([]);
  blade.files.set('/dev/watchdog0', '');
  startWatchdog(blade);
  expect(blade.argvs).toEqual([['watchdog', '-T', '30', '-t', '5', '/dev/watchdog0']]);
});
