// metamasterd follows the registry while it serves: its configuration is replaced under it, by nobody but a file, in network namespaces with
// real ports. Needs root and iproute2.

import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Status } from '../daemons/agent/status.ts';
import type { Ipv4 } from '../daemons/core/ipv4.ts';
import type { Mac } from '../daemons/core/mac.ts';
import type { Roster } from '../daemons/core/roster.ts';
import { drainedRoster, ROSTER } from '../daemons/dhcp/test-roster.ts';
import { decodeServing } from '../daemons/wire/serving-record.ts';
import { TestDaemon, writeNodeConfig } from './daemon.test-kit.ts';
import { inSpace, ip, MAY_MAKE_SPACES, NetworkSpaces } from './network-spaces.test-kit.ts';

const spaces = new NetworkSpaces('mmreload');
const CLIENT = spaces.space('client');
/** So large, beyond what sockets hold, and fetched so slowly that it is under way when the roster changes. */
const KERNEL = randomBytes(40 * 2 ** 20);
const RATE = '8M';
const LEFT = '52:54:00:12:00:03';
const CAME = '52:54:00:12:00:05';
/** Without node 3 and with node 5. */
const CHANGED: Roster = {
  ...ROSTER,
  nodes: [...ROSTER.nodes.filter(({ number }) => number !== 3), { number: 5, name: 'node5', macs: [CAME as Mac], address: '10.7.0.5' as Ipv4, loader: 'rom' }],
};
if (!MAY_MAKE_SPACES) console.warn('metamasterd-reload: skipped, it needs root and the ip command');

describe.skipIf(!MAY_MAKE_SPACES)('a metamasterd that serves', () => {
  let folder = '';
  let daemon: TestDaemon;
  const others: TestDaemon[] = [];
  const at = (...names: string[]): string => join(folder, ...names);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mmreload-'));
    for (const name of ['boot', 'run', 'memory', 'other']) mkdirSync(at(name));
    writeFileSync(at('boot/vmlinuz'), KERNEL);
    writeFileSync(at('boot/initrd.img'), 'i');
    writeFileSync(at('key'), '0f'.repeat(32));
    spaces.start();
    const [space] = [spaces.plugIn('node1', { address: '10.7.0.1/24' }), spaces.plugIn('node2', { address: '10.7.0.2/24' }), spaces.plugIn('client', { address: '10.7.0.77/24' })];
    ip('-n', CLIENT, 'route', 'add', '255.255.255.255', 'dev', 'eth0');
    const program = ['--config', writeNodeConfig(folder, ROSTER, 1), '--follow', at('memory/node1.json'), '--boot-dir', at('boot'), '--cluster-key', at('key'), '--control', at('run/control.sock'), '--serving', at('serving.json')];
    daemon = new TestDaemon('metamasterd', program, space);
    await daemon.line(({ msg }) => msg === 'boot-services.serving');
  }, 30_000);

  afterAll(async () => {
    await Promise.all([daemon, ...others].map((one) => one.stop()));
    spaces.stop();
    rmSync(folder, { recursive: true });
  });

  const curl = (...argv: string[]): string => execFileSync('ip', inSpace(CLIENT, 'curl', '--silent', '--show-error', '--max-time', '20', ...argv), { encoding: 'utf8' });
  const status = (): Status => JSON.parse(curl('http://10.7.0.1/status')) as Status;
  const script = (mac: string): string => curl(`http://10.7.0.1/boot.ipxe?mac=${mac}`);
  const newest = (): number | undefined => decodeServing(existsSync(at('serving.json')) ? readFileSync(at('serving.json'), 'utf8') : undefined)?.newestGeneration;

  /** What a blade of this MAC is told, and by whom; undefined when nobody answers. */
  function reply(mac: string): { readonly yiaddr: unknown; readonly server: unknown } | undefined {
    try {
      const lines = execFileSync('ip', inSpace(CLIENT, process.execPath, join(import.meta.dirname, 'dhcp-replay.ts'), 'rom', mac), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim().split('\n');
      return JSON.parse(lines.at(-1)!) as { yiaddr: unknown; server: unknown };
    } catch {
      return undefined;
    }
  }
  /** The address that a blade of this MAC is given. */
  const answered = (mac: string): unknown => reply(mac)?.yiaddr;
  const restarted = async (event: string): Promise<void> => {
    await daemon.stop();
    daemon = new TestDaemon('metamasterd', ['--config', at('node1.json'), '--follow', at('memory/node1.json'), '--boot-dir', at('boot'), '--cluster-key', at('key'), '--serving', at('serving.json')], spaces.space('node1'));
    await daemon.line(({ msg }) => msg === event);
  };

  test('follows a new roster: who came is answered, who left is not, and what was being sent is sent to its end', async () => {
    expect(answered(LEFT)).toBe('10.7.0.3');
    expect(script(LEFT)).toContain('# node3, node 3 of rack');
    expect(script(CAME)).toContain('not in the roster');
    const download = spawn('ip', inSpace(CLIENT, 'curl', '--silent', '--show-error', '--max-time', '30', '--limit-rate', RATE, '--output', at('fetched'), 'http://10.7.0.1/vmlinuz'), { stdio: 'ignore' });
    const ended = new Promise<number | null>((done) => void download.once('close', done));
    while (!existsSync(at('fetched'))) await new Promise((done) => setTimeout(done, 20));
    writeNodeConfig(at('memory'), CHANGED, 1, 7);
    expect(await daemon.line(({ msg }) => msg === 'config.followed')).toMatchObject({ before: 1, generation: 7, nodes: 4 });
    expect([download.exitCode, daemon.lines.some(({ msg, url }) => msg === 'http.answer' && url === '/vmlinuz')]).toEqual([null, false]);
    expect(script(CAME)).toContain('# node5, node 5 of rack');
    expect(answered(CAME)).toBe('10.7.0.5');
    expect(answered(LEFT)).toBeUndefined();
    expect(script(LEFT)).toContain('not in the roster');
    expect(await ended).toBe(0);
    expect(createHash('sha256').update(readFileSync(at('fetched'))).digest('hex')).toBe(createHash('sha256').update(KERNEL).digest('hex'));
    expect(status()).toMatchObject({ rosterGeneration: 7, serving: true, generations: [{ node: 1, generation: 7, behindMs: null }], lagging: [] });
    expect(newest()).toBe(7);
  }, 60_000);

  test('keeps what it has when the next one is wrong, and says so once', async () => {
    writeNodeConfig(at('memory'), { ...CHANGED, netmask: '255.0.255.0' as Ipv4 }, 1, 8);
    expect(await daemon.line(({ msg }) => msg === 'config.refused')).toMatchObject({ code: 'MM-CONFIG-RELOAD', seen: expect.stringContaining('roster.netmask') as string });
    await new Promise((done) => setTimeout(done, 2500));
    expect(daemon.lines.filter(({ msg }) => msg === 'config.refused')).toHaveLength(1);
    expect(status().rosterGeneration).toBe(7);
    expect(answered(CAME)).toBe('10.7.0.5');
  }, 20_000);

  test('writes down for its storage agent what another node knows, and shows who is behind', async () => {
    const second = new TestDaemon('metamasterd', ['--config', writeNodeConfig(at('other'), CHANGED, 2, 9), '--boot-dir', at('boot'), '--cluster-key', at('key')], spaces.space('node2'));
    others.push(second);
    expect(await daemon.line(({ msg }) => msg === 'roster.newer')).toMatchObject({ generation: 9, node: 2 });
    expect(newest()).toBe(9);
    expect(status().generations).toEqual([{ node: 1, generation: 7, behindMs: expect.any(Number) as number }, { node: 2, generation: 9, behindMs: null }]);
    writeNodeConfig(at('memory'), CHANGED, 1, 9);
    await daemon.line(({ msg, generation }) => msg === 'config.followed' && generation === 9);
    expect(status().generations.map(({ behindMs }) => behindMs)).toEqual([null, null]);
    expect(daemon.lines.filter(({ msg }) => msg === 'config.followed')).toHaveLength(2);
  }, 30_000);

  test('begins with the newer one when it is started again', async () => {
    await restarted('boot-services.serving');
    expect(status().rosterGeneration).toBe(9);
    expect(script(CAME)).toContain('# node5');
  }, 20_000);

  test('refuses a barred machine by DHCP and by HTTP, and shouts', async () => {
    writeNodeConfig(at('memory'), { ...CHANGED, barred: [{ node: 3, macs: [LEFT as Mac], sinceUnixMs: 1_795_219_200_000 }] }, 1, 10);
    await daemon.line(({ msg, generation }) => msg === 'config.followed' && generation === 10);
    expect(script(LEFT)).toContain(`let it in on a node: metamaster node unbar ${LEFT}`);
    expect(await daemon.line(({ msg }) => msg === 'dhcp.barred-mac')).toMatchObject({ code: 'MM-DHCP-BARRED', mac: LEFT, formerNode: 3, detail: expect.stringContaining('/boot.ipxe') as string });
    expect(answered(LEFT)).toBeUndefined();
    expect(status()).toMatchObject({ unknown: [], barred: [{ code: 'MM-DHCP-BARRED', mac: LEFT, formerNode: 3 }] });
  }, 20_000);

  test('leaves blades to the others when it is drained, and serves them when the last of these has died', async () => {
    const drained = drainedRoster([1], CHANGED);
    await Promise.all(others.map((one) => one.stop()));
    const second = new TestDaemon('metamasterd', ['--config', writeNodeConfig(at('other'), drained, 2, 11), '--boot-dir', at('boot'), '--cluster-key', at('key')], spaces.space('node2'));
    others.push(second);
    await second.line(({ msg }) => msg === 'boot-services.serving');
    writeNodeConfig(at('memory'), drained, 1, 11);
    await daemon.line(({ msg, generation }) => msg === 'config.followed' && generation === 11);
    await expect.poll(() => [status().alive, status().live, status().drained]).toEqual([[1, 2], [2], [1]]);
    expect(reply(CAME)).toMatchObject({ yiaddr: '10.7.0.5', server: '10.7.0.2' });
    expect(/mm\.servers=(\S+)/.exec(script(CAME))![1]).toBe('10.7.0.2');
    expect(decodeServing(readFileSync(at('serving.json'), 'utf8'))!.serving.map(({ node }) => node)).toEqual([2]);
    await second.stop();
    // Dead within six seconds; the rest is for a machine that tests other things as well.
    await expect.poll(() => status().live, { timeout: 30_000 }).toEqual([1]);
    expect(reply(CAME)).toMatchObject({ yiaddr: '10.7.0.5', server: '10.7.0.1' });
    expect(/mm\.servers=(\S+)/.exec(script(CAME))![1]).toBe('10.7.0.1');
  }, 40_000);

  test('serves nobody once this machine is not the node any more, also when it is started again, until it is', async () => {
    const why = 'MM-AGENT-BARRED: this machine was node 1';
    writeFileSync(at('memory/new'), JSON.stringify({ number: 1, interface: 'eth0', rosterGeneration: 12, bootNonce: 'ab'.repeat(16), standDown: why }));
    renameSync(at('memory/new'), at('memory/node1.json'));
    const silent = (): void => {
      expect(curl('--output', '/dev/null', '--write-out', '%{http_code}', 'http://10.7.0.1/vmlinuz')).toBe('503');
      expect(script(CAME)).toBe(`this node does not serve: ${why}\n`);
      expect(() => curl('tftp://10.7.0.1/initrd.img')).toThrow();
      expect(reply(CAME)).toBeUndefined();
      expect(status()).toMatchObject({ serving: false, standDown: why, rosterGeneration: 12, live: [] });
    };
    expect(await daemon.line(({ msg }) => msg === 'boot-services.stood-down')).toMatchObject({ reason: why });
    silent();
    await restarted('boot-services.stood-down');
    silent();
    expect(daemon.lines.some(({ msg }) => msg === 'boot-services.serving')).toBe(false);
    writeNodeConfig(at('memory'), CHANGED, 1, 13);
    await daemon.line(({ msg }) => msg === 'boot-services.serving');
    expect(status()).toMatchObject({ serving: true, standDown: null, live: [1] });
    expect(reply(CAME)).toMatchObject({ yiaddr: '10.7.0.5', server: '10.7.0.1' });
    expect(curl('tftp://10.7.0.1/initrd.img')).toBe('i');
  }, 60_000);
});
