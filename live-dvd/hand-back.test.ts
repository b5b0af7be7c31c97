// The stub that ends an orderly shutdown, under busybox's own shell: what is tried is that the blade goes down as it was told, whatever
// becomes of the hand-back. Only what would switch this machine off, and QuickJS, are stand-ins. Then the whole of it, with nothing else than
// what the keeper copies into memory.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { valueOf } from '../daemons/core/problem.ts';
import { BLOCK_BYTES, SECTOR_BYTES } from '../daemons/storage/block.ts';
import type { HandBackPlan } from '../daemons/storage/hand-back.ts';
import { MemoryDisk } from '../daemons/storage/memory-disk.test-kit.ts';
import { encodeOwner, OWNER_OFFSET } from '../daemons/storage/owner-record.ts';
import { sampleLabel, sampleRegistry } from '../daemons/storage/sample-san.test-kit.ts';
import { chooseLabel, LABEL_OFFSETS, labelSteps } from '../daemons/storage/volume-label.ts';
import { keeperFiles } from './root-image.ts';

const STUB = join(import.meta.dirname, 'overlay/usr/lib/metamaster/hand-back');
const source = readFileSync(STUB, 'utf8');
/** Its whole path: the stub has a PATH of its own. */
const BUSYBOX = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', process.env['METAMASTER_BUSYBOX'] ?? 'busybox']).stdout.toString().trim();
const HAS_BUSYBOX = BUSYBOX !== '' && spawnSync(BUSYBOX, ['ash', '-c', 'read -t 0 x < /dev/null; true']).status === 0;
const WAIT = { timeout: 10_000, interval: 50 };

test('systemd-shutdown can start it: a program whose shell lies beside it, under the name by which the keeper links it', () => {
  expect(source.split('\n')[0]).toBe('#!/busybox sh');
  expect(statSync(STUB).mode & 0o777).toBe(0o755);
  const keeper = readFileSync(join(import.meta.dirname, 'overlay/usr/lib/metamaster/san-keeper'), 'utf8');
  // Relative, for systemd looks for it below /run/initramfs; and only when all that it needs is there.
  expect(keeper).toContain('[ $fetched -ne 0 ] || $bb ln -sf usr/lib/metamaster/hand-back shutdown\n');
  const image = readFileSync(join(import.meta.dirname, 'root-image.ts'), 'utf8');
  for (const file of ['usr/lib/metamaster/hand-back', 'usr/lib/metamaster/hand-back.js', 'usr/sbin/dmsetup', 'usr/bin/qjs']) expect(image).toContain(`'${file}'`);
});

describe.skipIf(!HAS_BUSYBOX)('the stub as a process', () => {
  let folder = '';
  let child: ChildProcess | undefined;
  let output = '';
  const path = (name: string): string => join(folder, name);
  const script = (name: string, text: string): void => writeFileSync(path(name), `#!/bin/sh\nPATH=$PATH:/usr/bin:/bin\n${text}\n`, { mode: 0o755 });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hand-back-'));
    mkdirSync(path('bin'));
    writeFileSync(path('trigger'), '');
    // What switches a machine off is written down, and all else is busybox's.
    script('bb', `[ "\${0##*/}" = bb ] || set -- "\${0##*/}" "$@"\ncase $1 in poweroff | halt | reboot) echo "$*" >> ${path('told')} ;; *) exec ${BUSYBOX} "$@" ;; esac`);
    output = '';
  });
  afterEach(() => {
    if (child?.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    child = undefined;
    rmSync(folder, { recursive: true });
  });

  /** Starts it with every path in the folder; `qjs` is the stand-in for the program. */
  function start(how: string, qjs: string, { limitSeconds = 20, obeySeconds = 20 } = {}): void {
    script('bin/qjs', qjs);
    const values: Readonly<Record<string, string>> = {
      bb: path('bb'), programs: path('bin'), ended: path('ended'), quiet: path('quiet'), trigger: path('trigger'), LIMIT_SECONDS: String(limitSeconds), OBEY_SECONDS: String(obeySeconds),
    };
    const text = Object.entries(values).reduce((script, [name, value]) => script.replace(new RegExp(`^${name}=.*$`, 'm'), `${name}=${value}`), source);
    // This machine must never be what is switched off.
    expect(text).not.toMatch(/\/proc|\/busybox (?!sh)|=\/busybox/);
    writeFileSync(path('stub'), text);
    child = spawn(BUSYBOX, ['sh', path('stub'), how], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (data: Buffer) => void (output += data.toString()));
  }
  const told = (): string => (existsSync(path('told')) ? readFileSync(path('told'), 'utf8') : '');
  const triggered = (): string => readFileSync(path('trigger'), 'utf8');

  test.each([['poweroff', 'poweroff'], ['halt', 'halt'], ['reboot', 'reboot'], ['kexec', 'reboot']])('told to %s, it runs the program, whose words are on the console, and then %s, at once, once', async (how, verb) => {
    start(how, `echo "qjs $*"; echo given back; touch ${path('ran')}`);
    await vi.waitFor(() => expect(told()).toBe(`${verb} -f -n\n`), WAIT);
    expect(existsSync(path('ran'))).toBe(true);
    expect(output).toBe('qjs --no-unhandled-rejection -m /usr/lib/metamaster/hand-back.js\ngiven back\n');
    expect([triggered(), child!.exitCode]).toEqual(['', null]);
  });

  test('the program finds the programs that it runs by name', async () => {
    start('poweroff', `dd if=/dev/zero of=${path('block')} bs=8 count=1 2> /dev/null`);
    await vi.waitFor(() => expect(told()).not.toBe(''), WAIT);
    expect(statSync(path('block')).size).toBe(8);
    for (const applet of ['dd', 'umount']) expect([lstatSync(path(`bin/${applet}`)).isSymbolicLink(), readlinkSync(path(`bin/${applet}`))]).toEqual([true, path('bb')]);
  });

  test('a program that fails, or cannot be started, is told of, and the blade goes down', async () => {
    start('poweroff', 'echo "boom"; exit 3');
    await vi.waitFor(() => expect(told()).toBe('poweroff -f -n\n'), WAIT);
    expect(output).toBe('boom\nmetamaster: MM-DOWN-PROGRAM: the volumes were not given back: the program ended with code 3; the blade goes down now\n');
  });

  test('a program that hangs is left where it is when its time is up, and is not waited for again', async () => {
    start('reboot', 'exec sleep 60', { limitSeconds: 1 });
    expect(told()).toBe('');
    await vi.waitFor(() => expect(told()).toBe('reboot -f -n\n'), WAIT);
    expect(output).toContain('MM-DOWN-LIMIT: not all volumes were given back within 1 s');
  });

  test.each([['poweroff', 'o\n'], ['reboot', 'b\n'], ['halt', '']])('on a kernel that does not %s when it is told, the trigger gets %j; and the stub never ends', async (how, forced) => {
    start(how, 'exit 0', { obeySeconds: 1 });
    await vi.waitFor(() => expect(told()).toBe(`${how} -f -n\n`), WAIT);
    expect(triggered()).toBe('');
    if (forced !== '') await vi.waitFor(() => expect(triggered()).toBe(forced), WAIT);
    else await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect([triggered(), child!.exitCode, child!.signalCode]).toEqual([forced, null, null]);
  });
});

describe.skipIf(!HAS_BUSYBOX)('the keeper', () => {
  test('holds nothing of the root while it runs: not even its own script', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'keeper-'));
    const keeper = readFileSync(join(import.meta.dirname, 'overlay/usr/lib/metamaster/san-keeper'), 'utf8');
    const lastLine = keeper.trimEnd().split('\n').at(-1)!;
    expect(lastLine).toMatch(/^\{ exec .*; keep; \} &$/);
    // As it ends: what goes on is started by the last line of a script that is read from the root.
    const file = join(folder, 'script');
    writeFileSync(file, `keep() { echo $$ > ${folder}/started; read -r -t 20 _ <> ${folder}/never; }\nmkfifo ${folder}/never\n${lastLine}\necho "$!" > ${folder}/pid\n`);
    spawnSync(BUSYBOX, ['sh', file], { stdio: 'ignore' });
    await vi.waitFor(() => expect(existsSync(join(folder, 'started'))).toBe(true), WAIT);
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    const open = spawnSync('ls', ['-l', `/proc/${pid}/fd`]).stdout.toString();
    process.kill(pid);
    rmSync(folder, { recursive: true });
    expect(open).toContain('never');
    expect(open).not.toContain(file);
  });
});

/** Without images there are no programs of the nodes; and what they find in memory must be all that they find. */
const PAYLOAD = join(import.meta.dirname, '../build/images/debian-13/payload');
const CAN_CONFINE = existsSync(PAYLOAD) && spawnSync('unshare', ['-r', '-p', '-f', '-R', PAYLOAD, '/usr/bin/busybox', 'true']).status === 0;

test.skipIf(!CAN_CONFINE)('with what the keeper copies, and nothing else, a volume is given back, and the kernel is asked to switch off', async () => {
  const memory = mkdtempSync(join(tmpdir(), 'memory-'));
  const ours = ['usr/lib/metamaster/hand-back', 'usr/lib/metamaster/hand-back.js'];
  mkdirSync(join(memory, 'usr/lib/metamaster'), { recursive: true });
  for (const folder of ['run', 'dev']) mkdirSync(join(memory, folder));
  // On a blade systemd brings the system's own.
  writeFileSync(join(memory, 'dev/null'), '');
  cpSync(STUB, join(memory, ours[0]!));
  await build({ entryPoints: [join(import.meta.dirname, '../initrd/hand-back.ts')], outfile: join(memory, ours[1]!), bundle: true, format: 'esm', minify: true, target: 'es2023', platform: 'neutral', external: ['std', 'os'], logLevel: 'error' });
  // As the keeper does it.
  const copied = spawnSync('cp', ['-L', '-p', '--parents', ...keeperFiles(PAYLOAD).filter((file) => !ours.includes(file)), memory], { cwd: PAYLOAD, encoding: 'utf8' });
  expect([copied.status, copied.stderr]).toEqual([0, '']);
  cpSync(join(PAYLOAD, 'usr/bin/busybox'), join(memory, 'busybox'));
  symlinkSync('usr/lib/metamaster/hand-back', join(memory, 'shutdown'));

  const registry = sampleRegistry();
  const volume = registry.volumes.find(({ name }) => name === 'state2')!;
  const [hardwareId, bootNonce, offset] = ['board/mac', 'ab'.repeat(16), 3 * BLOCK_BYTES];
  const disk = new MemoryDisk();
  disk.apply(labelSteps({ ...sampleLabel(registry, volume), state: 'live', generation: 7 }, undefined), offset);
  disk.write(offset + OWNER_OFFSET, encodeOwner({ hardwareId, bootNonce, epoch: 3, counter: 9, node: 2, volumeUuid: volume.uuid, renewedAtUnixMs: 0 }));
  writeFileSync(join(memory, 'disk'), disk.read(0, 64 * SECTOR_BYTES));
  const plan: HandBackPlan = { clusterUuid: registry.clusterUuid, node: 2, hardwareId, bootNonce, target: 'iqn.2026-01.example:san', disk: '/disk', volumes: [{ name: 'state2', uuid: volume.uuid, offset, devices: ['debian-state2'] }] };
  writeFileSync(join(memory, 'hand-back.json'), JSON.stringify(plan));
  // PID 1 of a process namespace, which has no /proc: there the kernel ends what asks for the power to be switched off (reboot(2)).
  const run = spawnSync('unshare', ['-r', '-p', '-f', '-R', memory, '/shutdown', 'poweroff'], { env: {}, encoding: 'utf8', timeout: 20_000 });
  // dmsetup is there and starts: it lacks the kernel's device alone.
  const dmsetup = spawnSync('unshare', ['-r', '-R', memory, 'dmsetup', '--version'], { env: { PATH: '/usr/sbin:/usr/bin' }, encoding: 'utf8' });
  const after = readFileSync(join(memory, 'disk'));
  rmSync(memory, { recursive: true });
  expect([run.signal, run.stderr, run.stdout]).toEqual(['SIGINT', '', 'mm-stage down given back: state2\n']);
  expect(dmsetup.stdout).toContain('Library version');
  const [first, second] = LABEL_OFFSETS.map((at) => after.subarray(offset + at, offset + at + BLOCK_BYTES));
  expect(second).toEqual(first);
  expect(valueOf(chooseLabel(first!, second!)).label).toMatchObject({ state: 'down', generation: 8 });
});
