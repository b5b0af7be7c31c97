import { expect, test } from 'vitest';
import { parseCommandLine } from '../command-line.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import type { BootState } from './boot-state.ts';
import { startKeeper, writeBootRecord } from './handover.ts';

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

test('the keeper is started from the root, in a mount namespace of its own, and told of the multipath device', () => {
  const blade = new ModelBlade(new ModelSan());
  blade.files.set('/sysroot/usr/lib/metamaster/san-keeper', '');
  startKeeper(blade, undefined);
  startKeeper(blade, 'debian-san');
  const [alone, joined] = blade.argvs;
  expect(alone!.slice(0, 4)).toEqual(['unshare', '-m', 'sh', '-c']);
  expect(alone![4]).toMatch(/mount -t ramfs .*mount -o move \/sysroot root .*exec setsid chroot \. \/busybox sh \/root\/usr\/lib\/metamaster\/san-keeper "\$@"$/);
  expect(alone!.slice(5)).toEqual(['sh']);
  expect(joined!.slice(5)).toEqual(['sh', 'debian-san']);
});

test('a root without a keeper is not handed over to: nobody would mend its sessions', () => {
  expect(() => startKeeper(new ModelBlade(new ModelSan()), undefined)).toThrow(/MM-BOOT-KEEPER: the root holds no/);
});
