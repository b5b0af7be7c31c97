// The whole metamasterd, serving: real ports in a network namespace, a foreign client beside it, the command line at its socket.
// Needs root and iproute2.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Status } from '../daemons/agent/status.ts';
import { ROSTER } from '../daemons/dhcp/test-roster.ts';
import { TestDaemon, writeNodeConfig } from './daemon.test-kit.ts';
import { inSpace, ip, MAY_MAKE_SPACES, NetworkSpaces } from './network-spaces.test-kit.ts';

const spaces = new NetworkSpaces('mmserve');
const CLIENT = spaces.space('client');
const KERNEL = 'k'.repeat(300_000);
if (!MAY_MAKE_SPACES) console.warn('metamasterd-serving: skipped, it needs root and the ip command');

describe.skipIf(!MAY_MAKE_SPACES)('metamasterd', () => {
  let folder = '';
  let daemon: TestDaemon;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mmserve-'));
    mkdirSync(join(folder, 'boot'));
    mkdirSync(join(folder, 'run'));
    for (const [name, text] of [['vmlinuz', KERNEL], ['initrd.img', 'i']]) writeFileSync(join(folder, 'boot', name!), text!);
    spaces.start();
    const space = spaces.plugIn('node1', { address: '10.7.0.1/24' });
    // The blade of node 4, whose own iPXE is not trusted, with the address that it is about to get.
    spaces.plugIn('client', { mac: '52:54:00:12:00:04', address: '10.7.0.4/24' });
    ip('-n', CLIENT, 'route', 'add', '255.255.255.255', 'dev', 'eth0');
    daemon = new TestDaemon('metamasterd', ['--config', writeNodeConfig(folder, ROSTER, 1), '--boot-dir', join(folder, 'boot'), '--control', join(folder, 'run/control.sock')], space);
    await daemon.line(({ msg }) => msg === 'boot-services.serving');
  }, 30_000);

  afterAll(async () => {
    await daemon.stop();
    spaces.stop();
    rmSync(folder, { recursive: true });
  });

  const curl = (url: string): string => execFileSync('ip', inSpace(CLIENT, 'curl', '--silent', '--show-error', '--max-time', '10', url), { encoding: 'utf8' });
  const recordedDiscover = (name: string, mac: string): Record<string, unknown>[] => execFileSync('ip', inSpace(CLIENT, process.execPath, join(import.meta.dirname, 'dhcp-replay.ts'), name, mac), { encoding: 'utf8' }).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);

  test('at a node whose own iPXE is to be replaced, that one is told to load ours, and ours gets the script', () => {
    expect(recordedDiscover('ipxe-rom', '52:54:00:12:00:04').at(-1)).toMatchObject({ type: 5, yiaddr: '10.7.0.4', bootFile: 'undionly.kpxe' });
    expect(recordedDiscover('undionly', '52:54:00:12:00:04').at(-1)).toMatchObject({ type: 5, yiaddr: '10.7.0.4', bootFile: expect.stringContaining('boot.ipxe') as string });
  });

  test('the same files by HTTP and TFTP, and the scripts of the asking blade', () => {
    for (const scheme of ['http', 'tftp']) {
      expect(curl(`${scheme}://10.7.0.1/vmlinuz`)).toBe(KERNEL);
      expect(curl(`${scheme}://10.7.0.1/boot.ipxe`)).toContain('# node4, node 4 of rack');
      expect(curl(`${scheme}://10.7.0.1/autoexec.ipxe`)).toMatch(/^#!ipxe\n/);
    }
  });

  test('what it has seen is told by HTTP and to the command line alike', async () => {
    await daemon.line(({ msg, step, detail }) => msg === 'blade.stage' && step === 'tftp' && detail === 'autoexec.ipxe');
    const program = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../scripts/metamaster.ts'), 'status', '--socket', join(folder, 'run/control.sock')];
    const ask = (...more: string[]): string => execFileSync(program[0]!, [...program.slice(1), ...more], { encoding: 'utf8' });
    expect(ask()).toMatch(/^cluster {2}rack, seen from node1 \(node 1\)[^]*\n {2}node 4 {2}52:54:00:12:00:04/);
    const [mine, theirs] = [JSON.parse(ask('--json')) as Status, JSON.parse(curl('http://10.7.0.1/status')) as Status];
    expect(mine).toMatchObject({ serving: true, alive: [1], live: [1], files: theirs.files });
    expect(mine.files.map(({ name }) => name)).toEqual(['initrd.img', 'vmlinuz']);
  });

  test('its program and its boot files are locked in memory', async () => {
    expect(await daemon.line(({ msg }) => msg.startsWith('memory.'))).toMatchObject({ msg: 'memory.locked' });
    const lockedKib = Number(/VmLck:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.process.pid}/status`, 'utf8'))![1]);
    expect(lockedKib).toBeGreaterThan(50 * 1024);
  });
});
