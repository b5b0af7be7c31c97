import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NIL_UUID } from '../../daemons/core/uuid.ts';
import type { HandBackPlan } from '../../daemons/storage/hand-back.ts';
import { parseCommandLine } from '../command-line.ts';
import { ModelBlade } from '../model-blade.test-kit.ts';
import { ModelSan } from '../model-san.test-kit.ts';
import type { BootState } from './boot-state.ts';
import { STANDBY_FIFO, STANDBY_SCRIPT, startKeeper, startStandby, writeBootRecord } from './handover.ts';

const PLAN: HandBackPlan = { clusterUuid: NIL_UUID, node: 2, hardwareId: 'board/mac', bootNonce: 'ab'.repeat(16), target: 'iqn.2026-01.example:san', disk: '/dev/sda', volumes: [] };

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
  startKeeper(blade, PLAN);
  startKeeper(blade, { ...PLAN, multipath: 'debian-san' });
  const [alone, joined] = blade.argvs.filter(([program]) => program === 'unshare');
  expect(alone!.slice(0, 4)).toEqual(['unshare', '-m', 'sh', '-c']);
  expect(alone![4]).toMatch(/^cd \/run\/initramfs && mount -o move \/sysroot root .*exec setsid chroot \. \/busybox sh \/root\/usr\/lib\/metamaster\/san-keeper "\$@"$/);
  expect(alone!.slice(5)).toEqual(['sh']);
  expect(joined!.slice(5)).toEqual(['sh', 'debian-san']);
});

test('its memory is where systemd looks for it at the end of a shutdown, with the plan of the hand-back in it, and is mounted once', () => {
  const blade = new ModelBlade(new ModelSan());
  blade.files.set('/sysroot/usr/lib/metamaster/san-keeper', '');
  startKeeper(blade, PLAN);
  // The step is tried again.
  startKeeper(blade, PLAN);
  expect(blade.argvs.filter(([program]) => program === 'mount')).toEqual([['mount', '-t', 'ramfs', '-o', 'mode=700', 'ramfs', '/run/initramfs']]);
  expect([JSON.parse(blade.files.get('/run/initramfs/hand-back.json')!), blade.modes.get('/run/initramfs/hand-back.json')]).toEqual([PLAN, 0o600]);
});

test('a root without a keeper is not handed over to: nobody would mend its sessions', () => {
  expect(() => startKeeper(new ModelBlade(new ModelSan()), PLAN)).toThrow(/MM-BOOT-KEEPER: the root holds no/);
});

describe('the standby for a restart', () => {
  const stateOf = (): BootState => ({ parameters: parseCommandLine('mm.boot=net').parameters, bootNonce: 'ab'.repeat(16), stages: [], warnings: [] });

  test('is started once, on a FIFO of root\'s alone', () => {
    const blade = new ModelBlade(new ModelSan());
    const state = stateOf();
    startStandby(blade, state);
    expect(blade.argvs).toEqual([['mknod', '-m', '600', STANDBY_FIFO, 'p'], ['sh', '-c', STANDBY_SCRIPT, 'standby', STANDBY_FIFO, '/proc/sysrq-trigger', '/proc/self/oom_score_adj']]);
    // The step is tried again.
    blade.files.set(STANDBY_FIFO, '');
    startStandby(blade, state);
    expect(blade.argvs).toHaveLength(2);
    expect(state.warnings).toEqual([]);
  });

  test('a boot goes on without it, and says so', () => {
    const blade = new ModelBlade(new ModelSan());
    blade.override = ([program]) => (program === 'mknod' ? { code: 1, said: 'mknod: no room\n' } : undefined);
    const state = stateOf();
    startStandby(blade, state);
    expect(state.warnings).toEqual(['MM-BOOT-STANDBY: the standby for a restart could not be started: exit code 1: mknod: no room']);
    expect(blade.console.join()).toContain('MM-BOOT-STANDBY');
  });
});

/** The shell of the initrd; its own words are what is tried here. */
const BUSYBOX = process.env['METAMASTER_BUSYBOX'] ?? 'busybox';
const HAS_BUSYBOX = spawnSync(BUSYBOX, ['ash', '-c', 'read -t 0 x < /dev/null; true']).status === 0;

describe.skipIf(!HAS_BUSYBOX)('the standby as a process', () => {
  let folder = '';
  let fifo = -1;
  const path = (name: string): string => join(folder, name);
  const fired = (): boolean => readFileSync(path('trigger'), 'utf8') === 'b\n';
  const pause = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'standby-'));
    expect(spawnSync(BUSYBOX, ['mknod', '-m', '600', path('fifo'), 'p']).status).toBe(0);
    for (const name of ['trigger', 'oom']) writeFileSync(path(name), '');
    // As in the boot program: what the starter prints is gathered through a pipe, and it ends at once.
    const started = spawnSync(BUSYBOX, ['ash', '-c', STANDBY_SCRIPT, 'standby', path('fifo'), path('trigger'), path('oom')], { timeout: 5_000 });
    expect([started.status, started.stderr.toString()]).toEqual([0, '']);
    fifo = openSync(path('fifo'), constants.O_WRONLY | constants.O_NONBLOCK);
  });
  afterEach(async () => {
    // One that has restarted the blade is gone.
    if (!fired()) writeSync(fifo, 'now\n');
    closeSync(fifo);
    await expect.poll(fired, { timeout: 5_000 }).toBe(true);
    rmSync(folder, { recursive: true });
  });
  const tell = (text: string): void => void writeSync(fifo, text);

  test('listens, is kept from the killer of processes, and does nothing of itself', async () => {
    await pause(300);
    expect([fired(), readFileSync(path('oom'), 'utf8')]).toEqual([false, '-1000\n']);
  });

  test('restarts at the word, passing wrong lines over, although the name of its FIFO is gone', async () => {
    // switch_root removes what the initrd held; what is open stays.
    rmSync(path('fifo'));
    tell('nonsense\n\n99999999999999\n-1\n60\nnow\n');
    await expect.poll(fired, { timeout: 5_000 }).toBe(true);
  });

  test('restarts when nobody speaks any more, and not before', async () => {
    for (let i = 0; i < 3; i++) {
      tell('1\n');
      await pause(500);
    }
    expect(fired()).toBe(false);
    await expect.poll(fired, { timeout: 5_000 }).toBe(true);
  });

  test('wrong lines set no time and end nothing', async () => {
    tell('1x\n-t\n100000\n\n');
    await pause(1_500);
    expect(fired()).toBe(false);
  });

  test('when its shell is not to have what it needs, it says so by its exit code', async () => {
    const child = spawn(BUSYBOX, ['ash', '-c', STANDBY_SCRIPT, 'standby', path('fifo'), path('no/trigger'), path('oom')], { stdio: 'ignore' });
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect(code).not.toBe(0);
  });
});
