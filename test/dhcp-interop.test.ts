// The DHCP server against clients that are not ours, over real sockets: two servers and a client on one switch, each in a
// network namespace that this test makes and removes. Needs root and iproute2; busybox with udhcpc for the part that uses it
// (METAMASTER_BUSYBOX names one that is not in the PATH).

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Mac } from '../daemons/core/mac.ts';
import { answerOrder } from '../daemons/dhcp/answer-rank.ts';
import { ROSTER } from '../daemons/dhcp/test-roster.ts';

const PREFIX = `mmdhcp${process.pid}`;
const SWITCH = `${PREFIX}-switch`;
const CLIENT = `${PREFIX}-client`;
const SERVERS = [1, 4];
const serverSpace = (self: number): string => `${PREFIX}-n${self}`;
const NODE3 = '52:54:00:12:00:03' as Mac;
const BUSYBOX = process.env['METAMASTER_BUSYBOX'] ?? 'busybox';

const works = (command: string, ...argv: string[]): boolean => spawnSync(command, argv, { stdio: 'ignore' }).status === 0;
const hasBusybox = (): boolean => spawnSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).stdout?.split('\n').includes('udhcpc') ?? false;
const mayMakeSpaces = process.getuid?.() === 0 && works('ip', '-V');
if (!mayMakeSpaces) console.warn('dhcp-interop: skipped, it needs root and the ip command');
else if (!hasBusybox()) console.warn('dhcp-interop: udhcpc skipped, no busybox with udhcpc in the PATH or in METAMASTER_BUSYBOX');

const ip = (...argv: string[]): void => void execFileSync('ip', argv, { stdio: ['ignore', 'ignore', 'pipe'] });
const inSpace = (space: string, ...argv: string[]): string[] => ['netns', 'exec', space, ...argv];

/** A name space of its own for one host, with an interface `eth0` on the switch. */
function plugIn(space: string, port: string, mac?: string): void {
  ip('netns', 'add', space);
  ip('-n', SWITCH, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space);
  ip('-n', SWITCH, 'link', 'set', port, 'master', 'br0', 'up');
  if (mac) ip('-n', space, 'link', 'set', 'eth0', 'address', mac);
  ip('-n', space, 'link', 'set', 'eth0', 'up');
}

/** Name spaces of this test whose process is gone: a killed run could not clean up. */
function removeSpaces(mine: boolean): void {
  const names = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split('\n').map((line) => line.split(' ')[0]!);
  for (const name of names) {
    const pid = /^mmdhcp(\d+)-/.exec(name)?.[1];
    if (pid && (mine ? name.startsWith(`${PREFIX}-`) : !existsSync(`/proc/${pid}`))) ip('netns', 'del', name);
  }
}

interface Server {
  readonly self: number;
  readonly process: ChildProcess;
  /** Every line that it said, as objects. */
  readonly lines: { kind: string; event?: string; mac?: string; detail?: string }[];
}

function startServer(self: number): Promise<Server> {
  const child = spawn('ip', inSpace(serverSpace(self), process.execPath, join(import.meta.dirname, 'dhcp-interop-server.ts'), String(self), String(SERVERS.length)), { stdio: ['ignore', 'pipe', 'inherit'] });
  const server: Server = { self, process: child, lines: [] };
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`server ${self} ended with ${code} before it was ready`)));
    lines.on('line', (line) => {
      const said = JSON.parse(line) as Server['lines'][number];
      server.lines.push(said);
      if (said.kind === 'ready') resolve(server);
    });
  });
}

const offersTo = (server: Server, mac: Mac): number => server.lines.filter((line) => line.kind === 'stage' && line.mac === mac && line.detail?.startsWith('OFFER')).length;

describe.skipIf(!mayMakeSpaces)('DHCP with foreign clients', () => {
  let servers: Server[] = [];
  let folder = '';

  beforeAll(async () => {
    removeSpaces(false);
    folder = mkdtempSync(join(tmpdir(), 'mmdhcp-'));
    ip('netns', 'add', SWITCH);
    ip('-n', SWITCH, 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0');
    ip('-n', SWITCH, 'link', 'set', 'br0', 'up');
    for (const self of SERVERS) {
      // No default route: the server must find its interface by its own address.
      plugIn(serverSpace(self), `n${self}`);
      ip('-n', serverSpace(self), 'address', 'add', `${ROSTER.nodes[self - 1]!.address}/24`, 'dev', 'eth0');
    }
    plugIn(CLIENT, 'client', NODE3);
    // A ROM needs no route; a socket does.
    ip('-n', CLIENT, 'route', 'add', '255.255.255.255', 'dev', 'eth0');
    servers = await Promise.all(SERVERS.map(startServer));
  }, 30_000);

  afterAll(async () => {
    await Promise.all(servers.map(({ process: child }) => new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve(undefined);
      child.once('exit', resolve).kill('SIGKILL');
    })));
    removeSpaces(true);
    if (folder) rmSync(folder, { recursive: true });
  });

  const address = (self: number): string => ROSTER.nodes[self - 1]!.address;
  test.each([
    ['ipxe', '52:54:00:12:00:01', 1, (own: string) => ({ file: `tftp://${own}/boot.ipxe`, ipxe: 'b00101' })],
    ['edk2', '52:54:00:12:00:02', 2, () => ({ file: 'snponly.efi', vendorClass: 'PXEClient', pxe: '060108ff' })],
    ['rom', NODE3, 3, () => ({ file: 'undionly.kpxe', vendorClass: 'PXEClient', pxe: '060108ff' })],
    ['http', '52:54:00:12:01:02', 2, (own: string) => ({ file: `http://${own}/snponly.efi`, vendorClass: 'HTTPClient' })],
  ])('the recorded DISCOVER of %s is served by one node, from offer to ACK', (name, mac, number, boot) => {
    const { stdout, status } = spawnSync('ip', inSpace(CLIENT, process.execPath, join(import.meta.dirname, 'dhcp-replay.ts'), name), { encoding: 'utf8' });
    expect(status).toBe(0);
    const replies = stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    const own = address(answerOrder(mac as Mac, number, SERVERS, 0)[0]!);
    const { file, ...options } = boot(own) as { file: string };
    const common = { yiaddr: address(number), siaddr: own, sname: own, server: own, file, bootFile: file, ...options };
    expect(replies).toEqual([{ type: 2, ...common }, { type: 5, ...common }]);
  });

  const udhcpc = (out: string, ...more: string[]): { status: number | null; lease: Record<string, string> } => {
    const script = join(folder, 'lease.sh');
    // udhcpc "succeeds" without a script; this one only writes down what it was told.
    writeFileSync(script, `#!/bin/sh\n[ "$1" = bound ] && env > "${join(folder, out)}"\nexit 0\n`, { mode: 0o755 });
    const argv = inSpace(CLIENT, BUSYBOX, 'udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-t', '4', '-T', '1', '-s', script, '-O', 'bootfile', '-O', 'tftp', '-O', 'hostname', '-O', 'domain', ...more);
    const { status } = spawnSync('ip', argv, { stdio: 'ignore', timeout: 20_000 });
    const text = existsSync(join(folder, out)) ? readFileSync(join(folder, out), 'utf8') : '';
    return { status, lease: Object.fromEntries(text.split('\n').filter((line) => line.includes('=')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])) };
  };

  describe.skipIf(!mayMakeSpaces || !hasBusybox())('busybox udhcpc', () => {
    // The replay of the ROM has used this MAC, so the order may be turned; what counts is what is said.
    test('gets its address for ever, its name and its boot file as a PXE client', () => {
      const { status, lease } = udhcpc('pxe.env', '-V', 'PXEClient:Arch:00007:UNDI:003016', '-x', '0x5d:0007');
      expect(status).toBe(0);
      expect(lease).toMatchObject({ ip: '10.7.0.3', subnet: '255.255.255.0', broadcast: '10.7.0.255', router: '10.7.0.253', lease: '4294967295', hostname: 'node3', domain: 'rack.test', boot_file: 'snponly.efi', bootfile: 'snponly.efi' });
      expect(lease['siaddr']).toBe(lease['serverid']);
      expect(lease['tftp']).toBe(lease['serverid']);
    });

    test('gets an address and nothing to boot as an operating system', () => {
      const { lease } = udhcpc('os.env');
      expect([lease['ip'], lease['boot_file'], lease['siaddr']]).toEqual(['10.7.0.3', undefined, undefined]);
    });

    test('a stranger gets nothing, and both servers name it once', async () => {
      ip('-n', CLIENT, 'link', 'set', 'eth0', 'address', '52:54:00:99:00:01');
      expect(udhcpc('stranger.env')).toEqual({ status: 1, lease: {} });
      ip('-n', CLIENT, 'link', 'set', 'eth0', 'address', NODE3);
      await expect.poll(() => servers.map(({ lines }) => lines.filter(({ event }) => event === 'dhcp.unknown-mac').length)).toEqual([1, 1]);
    });

    test('the silent server of rank 0 is replaced by the next one within the retransmissions', async () => {
      const fresh = '52:54:00:12:01:03' as Mac;
      ip('-n', CLIENT, 'link', 'set', 'eth0', 'address', fresh);
      const first = answerOrder(fresh, 3, SERVERS, 0)[0]!;
      const dead = servers.find(({ self }) => self === first)!;
      const survivor = servers.find(({ self }) => self !== first)!;
      dead.process.kill('SIGSTOP');
      const { lease } = udhcpc('survivor.env');
      dead.process.kill('SIGCONT');
      expect([lease['ip'], lease['serverid']]).toEqual(['10.7.0.3', address(survivor.self)]);
      await expect.poll(() => offersTo(survivor, fresh)).toBe(1);
    });
  });
});
