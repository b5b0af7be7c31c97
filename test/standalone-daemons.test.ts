// The daemons that serve one thing each, as programs: dhcpd here before it serves (test/dhcp-interop.test.ts talks to it), tftpd and
// http-bootd over real sockets on loopback.

import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ipv4 } from '../daemons/core/ipv4.ts';
import type { Roster } from '../daemons/core/roster.ts';
import { ROSTER } from '../daemons/dhcp/test-roster.ts';
import { TestDaemon, writeNodeConfig } from './daemon.test-kit.ts';

const LOCAL: Roster = {
  ...ROSTER,
  metaMasterAddress: '127.0.0.253' as Ipv4,
  nodes: ROSTER.nodes.map(({ number, name, macs, loader }) => ({ number, name, macs, loader, address: `127.0.0.${number}` as Ipv4 })),
};
const KERNEL = new Uint8Array(100_000).fill(7);

let folder: string;
let configured: string[];
let common: string[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mm-standalone-'));
  mkdirSync(join(folder, 'boot'));
  writeFileSync(join(folder, 'boot/vmlinuz'), KERNEL);
  writeFileSync(join(folder, 'boot/initrd.img'), 'initrd');
  mkdirSync(join(folder, 'empty'));
  configured = ['--config', writeNodeConfig(folder, LOCAL, 1)];
  common = [...configured, '--boot-dir', join(folder, 'boot')];
});

afterAll(() => rmSync(folder, { recursive: true }));

function ran(name: string, ...argv: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../daemons', `${name}.ts`), ...argv], { encoding: 'utf8', timeout: 20_000 });
  return { status, out: stdout, err: stderr };
}

const optionsOf = (name: string): string[] => Array.from(ran(name, '--help').out.matchAll(/^ {2}--([a-z0-9-]+)/gm), ([, option]) => option!);
const codesIn = (err: string): string[] => Array.from(err.matchAll(/^(MM-[A-Z]+): /gm), ([, code]) => code!);

test('dhcpd reads no boot files', () => {
  expect(optionsOf('dhcpd')).toEqual(['config', 'cluster-key', 'follow-key', 'arm64', 'log-level', 'check-config', 'explain', 'help']);
  expect(ran('dhcpd', ...configured, '--check-config')).toEqual({ status: 0, out: 'node 1 of rack, 4 nodes: well\n', err: '' });
  expect(ran('dhcpd', ...common)).toMatchObject({ status: 64, err: expect.stringContaining('--boot-dir') as string });
  expect(ran('dhcpd', ...configured, '--arm64', '--explain', '52:54:00:12:00:03').out).toContain('arm64 UEFI, PXE: ipxe-arm64.efi');
  const { status, err } = ran('dhcpd', '--config', join(folder, 'none.json'), '--log-level', 'loud');
  expect([status, codesIn(err)]).toEqual([78, ['MM-FILE', 'MM-ARGUMENTS']]);
});

describe.each([
  ['tftpd', ['config', 'boot-volume', 'boot-dir', 'port', 'log-level', 'check-config', 'help']],
  ['http-bootd', ['config', 'boot-volume', 'boot-dir', 'port', 'log-level', 'check-config', 'help']],
])('%s', (name, options) => {
  test('--help names its arguments, and no others', () => {
    expect(optionsOf(name)).toEqual(options);
  });
  test('--check-config', () => expect(ran(name, ...common, '--check-config')).toEqual({ status: 0, out: 'node 1 of rack, 4 nodes, 2 boot files: well\n', err: '' }));
  test('an argument of another daemon: exit code 64', () => expect(ran(name, '--control', 'x')).toMatchObject({ status: 64, err: expect.stringContaining('--control') as string }));
  test('what is wrong is said at once, exit code 78', () => {
    const { status, err } = ran(name, '--config', join(folder, 'none.json'), '--boot-dir', join(folder, 'nowhere'), '--log-level', 'loud');
    expect([status, codesIn(err)]).toEqual([78, ['MM-FILE', 'MM-FILE', 'MM-ARGUMENTS']]);
  });
});

test('who serves files needs kernel and initrd', () => {
  const bare = [...configured, '--check-config'];
  expect(ran('tftpd', ...bare)).toMatchObject({ status: 78, err: expect.stringContaining('seen neither') as string });
  expect(ran('http-bootd', ...bare, '--boot-dir', join(folder, 'empty'))).toMatchObject({ status: 78, err: expect.stringContaining('must hold vmlinuz and initrd.img') as string });
});

test.each(['80a', '65536', '-1', ''])('--port %j is refused', (port) => {
  expect(ran('tftpd', ...common, '--check-config', `--port=${port}`)).toMatchObject({ status: 78, err: expect.stringContaining('MM-ARGUMENTS: --port') as string });
});

test.each(['dhcpd', 'metamasterd'])('%s: --explain needs no boot files', (name) => {
  expect(ran(name, ...configured, '--explain', '52:54:00:12:00:04').out).toContain('iPXE, BIOS: undionly.kpxe, and the iPXE that comes out of it gets the boot script');
  expect(ran(name, ...configured, '--explain', '52:54:00:12:00:03').out).toMatch(/iPXE, BIOS: \w+:\/\/127\.0\.0\.\d\/boot\.ipxe/);
});

/** Starts a daemon on a free port, talks to it, and ends it in good order. */
async function talking(name: string, talk: (port: number, daemon: TestDaemon) => Promise<void>, argv = common): Promise<void> {
  const daemon = new TestDaemon(name, [...argv, '--port', '0']);
  try {
    const { port } = await daemon.line(({ msg }) => msg.endsWith('.serving'));
    await talk(port as number, daemon);
    daemon.process.kill('SIGTERM');
    expect(await daemon.line(({ msg }) => msg === 'ended')).toMatchObject({ code: 0, complaints: expect.stringContaining('mm-stage serving node1 127.0.0.1') as string });
  } finally {
    await daemon.stop();
  }
}

test('tftpd gives files and scripts, and says which blade had what', () => talking('tftpd', async (port, daemon) => {
  const get = async (file: string): Promise<Buffer> => (await promisify(execFile)('curl', ['--silent', '--show-error', '--max-time', '10', `tftp://127.0.0.1:${port}/${file}`], { encoding: 'buffer' })).stdout;
  expect(Buffer.compare(await get('vmlinuz'), KERNEL)).toBe(0);
  expect((await get('autoexec.ipxe')).toString()).toMatch(/^#!ipxe\n/);
  // It is no member, so that it names all the others.
  const script = (await get('boot.ipxe')).toString();
  for (const number of [2, 3, 4]) expect(script).toContain(`http://127.0.0.${number}/vmlinuz `);
  expect(script).not.toContain('arm64');
  expect(await daemon.line(({ msg, step, detail }) => msg === 'blade.stage' && step === 'tftp' && detail === 'boot.ipxe')).toMatchObject({ node: 'node1' });
  await expect(get('none')).rejects.toMatchObject({ code: 68 });
}));

test('http-bootd gives files and scripts, takes reports and tells of them', () => talking('http-bootd', async (port) => {
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}/${path}`);
  expect(Buffer.compare(Buffer.from(await (await get('vmlinuz')).arrayBuffer()), KERNEL)).toBe(0);
  expect(await (await get('autoexec.ipxe')).text()).toMatch(/^#!ipxe\n/);
  expect(await (await get('boot.ipxe?mac=52-54-00-12-00-03')).text()).toContain('# node3, node 3 of rack');
  expect((await get('stage?mac=52-54-00-12-00-03&step=login&detail=san')).ok).toBe(true);
  expect(await (await get('status')).json()).toMatchObject({ name: 'node1', serving: true, blades: expect.arrayContaining([expect.objectContaining({ node: 3, step: 'login', detail: 'san' })]) as unknown });
  expect((await get('none')).status).toBe(404);
}));

test('where there are files for arm64, both give them, and a script that chooses', async () => {
  const files = new Map(['vmlinuz', 'initrd.img', 'vmlinuz-arm64', 'initrd-arm64.img', 'ipxe-arm64.efi'].map((name) => [name, `the content of ${name}`]));
  const boot = join(folder, 'both');
  mkdirSync(boot);
  for (const [name, text] of files) writeFileSync(join(boot, name), text);
  for (const [name, scheme] of [['tftpd', 'tftp'], ['http-bootd', 'http']] as const) {
    await talking(name, async (port, daemon) => {
      const get = async (file: string): Promise<string> => (await promisify(execFile)('curl', ['--silent', '--show-error', '--max-time', '10', `${scheme}://127.0.0.1:${port}/${file}`])).stdout;
      for (const [file, text] of files) expect(await get(file)).toBe(text);
      expect(await get('boot.ipxe')).toContain('\niseq ${buildarch} arm64 && set mm-kernel vmlinuz-arm64 ||\n');
      expect(await daemon.line(({ msg, step, detail }) => msg === 'blade.stage' && step === scheme && detail === 'ipxe-arm64.efi')).toMatchObject({ node: 'node1' });
    }, [...configured, '--boot-dir', boot]);
  }
});
