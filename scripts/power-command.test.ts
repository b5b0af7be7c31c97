// The command as it is run, with Redfish services that stand for the blades' controllers.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PASSWORD, RedfishEmulator, serveRedfish, USER } from '../daemons/power/redfish-emulator.test-kit.ts';

let folder: string;
let blades: readonly RedfishEmulator[];
let closes: (() => void)[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mm-power-command-'));
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  blades = [new RedfishEmulator(), new RedfishEmulator()];
  closes = [];
  const nodes: Record<string, object> = { 3: { kind: 'wake-on-lan', mac: '52:54:00:00:00:03', broadcast: '127.0.0.1' } };
  for (const [at, blade] of blades.entries()) {
    const { port, close } = await serveRedfish(blade);
    closes.push(close);
    nodes[at + 1] = { kind: 'redfish', url: `http://127.0.0.1:${port}`, cleartext: true, user: USER, passwordFile };
  }
  writeFileSync(join(folder, 'power.json'), JSON.stringify({ nodes }));
});
afterEach(() => {
  for (const close of closes) close();
  rmSync(folder, { recursive: true });
});

function power(...argv: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'metamaster.ts'), 'power', ...argv, '--config', join(folder, 'power.json')], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (piece) => (out += String(piece)));
  child.stderr.on('data', (piece) => (err += String(piece)));
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

const requestsTo = (): number => blades.reduce((sum, { requests }) => sum + requests.length, 0);

describe('metamaster power', () => {
  test('status: a line a node; exit code 1, for Wake-on-LAN knows nothing', async () => {
    blades[1]!.power = 'Off';
    const { code, out } = await power('status');
    expect(out.split('\n').map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
      'node 1 on redfish PowerState On', 'node 2 off redfish PowerState Off', 'node 3 unknown wake-on-lan FAILED: this controller cannot tell the state, so nothing is proved', '',
    ]);
    expect(code).toBe(1);
    expect((await power('status', '1', '2')).code).toBe(0);
  });

  test('what takes power asks first: without a terminal nothing is done', async () => {
    const { code, out, err } = await power('off', '1');
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/as if the plug were pulled.*\n.*--yes.*Nothing was done/);
    expect(requestsTo()).toBe(0);
  });

  test('a dry run asks no controller anything', async () => {
    const { code, out } = await power('shutdown', '--all', '--dry-run', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ verb: 'shutdown', dryRun: true, loss: expect.stringContaining('nodes 1, 2, 3') as string, steps: [{ stage: 1, node: 1, kind: 'redfish', goal: 'shutdown' }, { node: 2 }, { node: 3 }] });
    expect(requestsTo()).toBe(0);
  });

  test('off with proof, as JSON', async () => {
    const { code, out, err } = await power('off', '1', '--prove', '--yes', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ verb: 'off', left: [], nodes: [{ node: 1, kind: 'redfish', ok: true, state: 'off', provedOff: true }] });
    expect(blades[0]!.power).toBe('Off');
    expect(blades[1]!.power).toBe('On');
    expect(out + err).not.toContain(PASSWORD);
  });

  test('not proved is exit code 3', async () => {
    blades[0]!.misbehaviour = { status: 500 };
    const { code, out } = await power('off', '1', '3', '--prove', '--yes', '--json');
    expect(code).toBe(3);
    expect(JSON.parse(out)).toMatchObject({ nodes: [{ node: 1, provedOff: false }, { node: 3, provedOff: false }] });
  });

  test('the whole rack down and up again', async () => {
    const down = await power('shutdown', '1', '2', '--yes');
    expect(down.code).toBe(0);
    expect(down.err).toMatch(/power: node 1: it shut down by itself/);
    expect(blades.map(({ power }) => power)).toEqual(['Off', 'Off']);
    const up = await power('on', '1', '2');
    expect(up.code).toBe(0);
    expect(blades.map(({ power }) => power)).toEqual(['On', 'On']);
  });

  test('mistakes: wrong use is 2, a file or secret that cannot be used is 1', async () => {
    expect(await power('off')).toMatchObject({ code: 2, err: expect.stringContaining('MM-POWER-USAGE') as string });
    expect(await power('off', '7', '--yes')).toMatchObject({ code: 1, err: expect.stringContaining('MM-POWER-NODE') as string });
    writeFileSync(join(folder, 'power.json'), '{"nodes":{}}');
    expect(await power('status')).toMatchObject({ code: 1, err: expect.stringContaining('MM-POWER-CONFIG') as string });
    expect((await power('--help')).out).toContain('Exit codes: 0 done;');
  });
});
