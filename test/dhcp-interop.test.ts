// The DHCP server against clients that are not ours, over real sockets: two real `dhcpd` and a client on one switch, each in a
// network namespace that this test makes and removes. Needs root and iproute2; busybox with udhcpc for the part that uses it
// (METAMASTER_BUSYBOX names one that is not in the PATH).

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Mac } from '../daemons/core/mac.ts';
import { answerOrder } from '../daemons/dhcp/answer-rank.ts';
import { ROSTER } from '../daemons/dhcp/test-roster.ts';
import { TestDaemon, writeNodeConfig } from './daemon.test-kit.ts';
import { inSpace, ip, MAY_MAKE_SPACES, NetworkSpaces } from './network-spaces.test-kit.ts';

const spaces = new NetworkSpaces('mmdhcp');
const CLIENT = spaces.space('client');
const SERVERS = [1, 4];
const NODE3 = '52:54:00:12:00:03' as Mac;
const BUSYBOX = process.env['METAMASTER_BUSYBOX'] ?? 'busybox';

const hasBusybox = (): boolean => spawnSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).stdout?.split('\n').includes('udhcpc') ?? false;
if (!MAY_MAKE_SPACES) console.warn('dhcp-interop: skipped, it needs root and the ip command');
else if (!hasBusybox()) console.warn('dhcp-interop: udhcpc skipped, no busybox with udhcpc in the PATH or in METAMASTER_BUSYBOX');

interface Server {
  readonly self: number;
  readonly daemon: TestDaemon;
}

async function startServer(self: number, folder: string): Promise<Server> {
  const address = `${ROSTER.nodes[self - 1]!.address}/24`;
  // No default route: the server must find its interface by its own address.
  const space = spaces.plugIn(`n${self}`, { address });
  const daemon = new TestDaemon('dhcpd', ['--config', writeNodeConfig(folder, ROSTER, self), '--cluster-key', join(folder, 'key'), '--arm64'], space);
  await daemon.line(({ msg, serving }) => msg === 'membership.live' && serving === SERVERS.join());
  return { self, daemon };
}

const offersTo = ({ daemon }: Server, mac: Mac): number => daemon.lines.filter((line) => line.msg === 'dhcp.reply' && line['mac'] === mac && String(line['detail']).startsWith('OFFER')).length;

describe.skipIf(!MAY_MAKE_SPACES)('DHCP with foreign clients', () => {
  let servers: Server[] = [];
  let folder = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mmdhcp-'));
    writeFileSync(join(folder, 'key'), '0f'.repeat(32));
    spaces.start();
    spaces.plugIn('client', { mac: NODE3 });
    // A ROM needs no route; a socket does.
    ip('-n', CLIENT, 'route', 'add', '255.255.255.255', 'dev', 'eth0');
    servers = await Promise.all(SERVERS.map((self) => startServer(self, folder)));
  }, 30_000);

  afterAll(async () => {
    await Promise.all(servers.map(({ daemon }) => daemon.stop()));
    spaces.stop();
    if (folder) rmSync(folder, { recursive: true });
  });

  const replay = (...argv: string[]): Record<string, unknown>[] => {
    const { stdout, status } = spawnSync('ip', inSpace(CLIENT, process.execPath, join(import.meta.dirname, 'dhcp-replay.ts'), ...argv), { encoding: 'utf8' });
    expect(status).toBe(0);
    return stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  const address = (self: number): string => ROSTER.nodes[self - 1]!.address;
  test.each([
    ['ipxe', '52:54:00:12:00:01', 1, (own: string) => ({ file: `tftp://${own}/boot.ipxe`, ipxe: 'b00101' })],
    ['edk2', '52:54:00:12:00:02', 2, () => ({ file: 'snponly.efi', vendorClass: 'PXEClient', pxe: '060108ff' })],
    ['edk2-arm64', '52:54:00:12:01:01', 1, () => ({ file: 'ipxe-arm64.efi', vendorClass: 'PXEClient', pxe: '060108ff' })],
    ['rom', NODE3, 3, () => ({ file: 'undionly.kpxe', vendorClass: 'PXEClient', pxe: '060108ff' })],
    ['http', '52:54:00:12:01:02', 2, (own: string) => ({ file: `http://${own}/snponly.efi`, vendorClass: 'HTTPClient' })],
  ])('the recorded DISCOVER of %s is served by one node, from offer to ACK', (name, mac, number, boot) => {
    const replies = replay(name);
    const own = address(answerOrder(ROSTER, mac as Mac, number, { live: SERVERS, suspects: [] }, 0)[0]!);
    const { file, ...options } = boot(own) as { file: string };
    const common = { yiaddr: address(number), siaddr: own, sname: own, server: own, file, bootFile: file, ...options };
    expect(replies).toEqual([{ type: 2, ...common }, { type: 5, ...common }]);
  });

  test('a node with our loader: its ROM is told to load it, and what comes out of it the script, reset after reset', () => {
    // Node 4 does not answer itself, so that all answers are node 1's.
    const files = ['ipxe-rom', 'undionly', 'ipxe-rom', 'undionly'].map((name) => replay(name, '52:54:00:12:00:04').map(({ bootFile }) => bootFile));
    const [loader, script] = ['undionly.kpxe', `tftp://${address(1)}/boot.ipxe`].map((file) => [file, file]);
    expect(files).toEqual([loader, script, loader, script]);
  });

  test('npm dhcp gets an offer and, once it asks in a form that RFC 2131 knows, its lease', () => {
    // Node 4 does not answer itself, so that both answers are node 1's.
    const mac = '52:54:00:12:01:04';
    const { stdout, status } = spawnSync('ip', inSpace(CLIENT, process.execPath, join(import.meta.dirname, 'dhcp-npm-client.ts'), mac), { encoding: 'utf8' });
    const said = stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(said.slice(0, 2)).toEqual([2, 5].map((type) => ({ event: 'message', type, yiaddr: address(4), siaddr: '0.0.0.0', server: address(1) })));
    expect(said[2]).toMatchObject({ event: 'bound', address: address(4), leasePeriod: 0xffffffff, options: { netmask: '255.255.255.0', hostname: 'node4', domainName: 'rack.test', broadcast: '10.7.0.255' } });
    expect(status).toBe(0);
  });

  test('a foreign server is named by every node, first by its address and then by its network card', async () => {
    const foreign = { address: '10.7.0.66', mac: '52:54:00:66:66:66' };
    const space = spaces.plugIn('foreign', { mac: foreign.mac, address: `${foreign.address}/24` });
    spawnSync('ip', inSpace(space, process.execPath, join(import.meta.dirname, 'dhcp-foreign-server.ts'), foreign.address));
    const shouts = ({ daemon }: Server) => daemon.lines.filter(({ msg }) => msg === 'dhcp.foreign-server').map(({ code, server, mac }) => [code, server, mac]);
    const wanted = ['not known yet', foreign.mac].map((mac) => ['MM-DHCP-FOREIGN', foreign.address, mac]);
    await expect.poll(() => servers.map(shouts), { timeout: 10_000 }).toEqual(servers.map(() => wanted));
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

  describe.skipIf(!MAY_MAKE_SPACES || !hasBusybox())('busybox udhcpc', () => {
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
      await expect.poll(() => servers.map(({ daemon }) => daemon.lines.filter(({ msg }) => msg === 'dhcp.unknown-mac').length)).toEqual([1, 1]);
    });

    test('the silent server of rank 0 is replaced by the next one within the retransmissions', async () => {
      const fresh = '52:54:00:12:01:03' as Mac;
      ip('-n', CLIENT, 'link', 'set', 'eth0', 'address', fresh);
      const first = answerOrder(ROSTER, fresh, 3, { live: SERVERS, suspects: [] }, 0)[0]!;
      const dead = servers.find(({ self }) => self === first)!;
      const survivor = servers.find(({ self }) => self !== first)!;
      dead.daemon.process.kill('SIGSTOP');
      const { lease } = udhcpc('survivor.env');
      dead.daemon.process.kill('SIGCONT');
      expect([lease['ip'], lease['serverid']]).toEqual(['10.7.0.3', address(survivor.self)]);
      await expect.poll(() => offersTo(survivor, fresh)).toBe(1);
    });
  });
});
