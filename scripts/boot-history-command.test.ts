import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BootFact, formatFact } from '../daemons/boot-report/boot-fact.ts';
import type { Ipv4 } from '../daemons/core/ipv4.ts';
import type { Mac } from '../daemons/core/mac.ts';
import { ROSTER } from '../daemons/dhcp/test-roster.ts';
import { openControlSocket } from '../daemons/host/control-socket.ts';
import { writeNodeConfig } from '../test/daemon.test-kit.ts';

const node = ROSTER.nodes.find(({ number }) => number === 3)!;
const mac = node.macs[0] as Mac;
const served = (t: number, detail: string, step: 'dhcp' | 'http' = 'http'): string => formatFact({ kind: 'served', t, mac, step, detail, server: '10.7.0.1' as Ipv4 } satisfies BootFact);

let directory = '';
let folder = '';
let child: ChildProcess | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mm-boots-'));
  folder = join(directory, 'boots');
  mkdirSync(folder);
  mkdirSync(join(directory, 'run'));
  writeNodeConfig(directory, ROSTER, 1);
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

const path = (): string => join(directory, 'run/control.sock');
function start(...argv: string[]): { process: ChildProcess; out: () => string; end: Promise<{ code: number | null; out: string; err: string }> } {
  const places = ['--socket', path(), '--folder', folder, '--config', join(directory, 'node1.json')];
  const program = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'metamaster.ts'), 'boot', ...argv, ...places], { timeout: 25_000 });
  child = program;
  let out = '';
  let err = '';
  program.stdout.on('data', (piece) => (out += String(piece)));
  program.stderr.on('data', (piece) => (err += String(piece)));
  return { process: program, out: () => out, end: new Promise((resolve) => program.on('close', (code) => resolve({ code, out, err }))) };
}

describe('metamaster boot show', () => {
  test('with no daemon, from the files; the boot before the last as well; a torn last line is passed over', async () => {
    writeFileSync(join(folder, 'boots.jsonl'), `${[served(1_000, 'OFFER', 'dhcp'), served(3_000, 'vmlinuz'), served(1_000_000, 'OFFER', 'dhcp')].join('\n')}\n{"v":1,"ki`);
    const last = JSON.parse((await start('show', 'node3', '--json').end).out) as Record<string, unknown>;
    expect(last).toMatchObject({ name: 'node3', mac, boots: 2, startedAt: 1_000_000, outcome: 'stands still', standing: { code: 'MM-STALL-DHCP', stage: 'dhcp' } });
    expect(await start('show', '3', '--boot', '2').end).toMatchObject({ code: 0, out: expect.stringContaining('2.0  dhcp    10.7.0.1  1') as string });
  });

  test('the daemon\'s memory and the files together: each fact counts once', async () => {
    const shared = served(2_000, 'OFFER', 'dhcp');
    writeFileSync(join(folder, 'boots.jsonl'), `${served(1_000, 'OFFER', 'dhcp')}\n${shared}\n`);
    const socket = await openControlSocket(path(), { facts: (after) => ({ next: 2, dropped: 0, facts: after === 0 ? [shared, served(3_000, 'vmlinuz')] : [] }) }, () => {});
    try {
      const { out } = await start('show', mac, '--json').end;
      expect((JSON.parse(out) as { stages: { stage: string; tries: number }[] }).stages.map(({ stage, tries }) => [stage, tries])).toEqual([['dhcp', 2], ['kernel', 1]]);
    } finally {
      socket.close();
    }
  });

  test.each<[string, string[], string]>([
    ['no such node', ['show', 'node99'], 'MM-BOOT-NODE: NODE: must be a node\'s name, number or MAC address; seen node99. The nodes are: '],
    ['no node', ['show'], 'MM-BOOT-NODE'],
    ['no boot', ['show', 'node3'], 'MM-BOOT-NONE: node3: must have been seen to boot once; seen 0 boots.'],
    ['a wrong number', ['show', 'node3', '--boot', '0'], 'MM-BOOT-NUMBER'],
  ])('%s', async (_name, argv, said) => {
    expect(await start(...argv).end).toMatchObject({ code: 1, out: '', err: expect.stringContaining(said) as string });
  });
});

describe('metamaster boot watch', () => {
  test('says where blades stand, then what comes', async () => {
    writeFileSync(join(folder, 'boots.jsonl'), `${served(1_000, 'OFFER', 'dhcp')}\n`);
    const watch = start('watch', 'node3');
    const until = async (text: string): Promise<void> => {
      while (!watch.out().includes(text)) await new Promise((resolve) => watch.process.stdout!.once('data', resolve));
    };
    await until('stands still at dhcp');
    expect(watch.out()).not.toContain('OFFER');
    appendFileSync(join(folder, 'boots.jsonl'), `${served(3_500, 'vmlinuz')}\n`);
    await until('00:00:03  node3  +2.5 s  http vmlinuz from 10.7.0.1');
  });
});
