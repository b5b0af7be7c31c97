// `metamaster node hardware` against real daemons in network namespaces: three nodes, of which one lacks a memory module, one has not looked at its hardware
// yet; and a stranger who asks too. Needs root and iproute2.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Roster } from '../daemons/core/roster.ts';
import { ROSTER } from '../daemons/dhcp/test-roster.ts';
import { blade } from '../daemons/hardware/facts.test-kit.ts';
import { formatHardware, type HardwareFacts } from '../daemons/hardware/hardware-facts.ts';
import type { HardwareReport } from '../scripts/node/hardware-command.ts';
import { TestDaemon, writeNodeConfig } from './daemon.test-kit.ts';
import { inSpace, ip, MAY_MAKE_SPACES, NetworkSpaces } from './network-spaces.test-kit.ts';

const spaces = new NetworkSpaces('mmhardware');
const CLIENT = spaces.space('client');
const NUMBERS = [1, 2, 3, 4];
/** The roster lacks node 2's second card; nobody is node 5. */
const NODES: Roster['nodes'] = ROSTER.nodes.map((node) => (node.number === 2 ? { ...node, macs: node.macs.slice(0, 1) } : node));
const RACK: Roster = { ...ROSTER, nodes: NODES };
if (!MAY_MAKE_SPACES) console.warn('node-hardware: skipped, it needs root and the ip command');

describe.skipIf(!MAY_MAKE_SPACES)('the nodes of a rack', () => {
  let folder = '';
  const daemons: TestDaemon[] = [];
  const at = (...names: string[]): string => join(folder, ...names);
  const tell = (number: number, other: Partial<HardwareFacts> = {}): void => writeFileSync(at(`hardware${number}.json`), formatHardware(blade(number, other)));

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mmhardware-'));
    mkdirSync(at('boot'));
    writeFileSync(at('boot/vmlinuz'), 'k');
    writeFileSync(at('boot/initrd.img'), 'i');
    writeFileSync(at('key'), '0f'.repeat(32));
    writeFileSync(at('other-key'), '1f'.repeat(32));
    spaces.start();
    spaces.plugIn('client', { address: '10.7.0.77/24' });
    tell(1);
    tell(2, { memory: { bytes: 15 * 2 ** 30, modules: blade(2).memory.modules.slice(1) } });
    tell(3);
    for (const number of NUMBERS) {
      const space = spaces.plugIn(`node${number}`, { address: `10.7.0.${number}/24` });
      ip('-n', space, 'link', 'set', 'lo', 'up');
      daemons.push(new TestDaemon('metamasterd', ['--config', writeNodeConfig(folder, RACK, number), '--boot-dir', at('boot'), '--cluster-key', at('key'), '--hardware', at(`hardware${number}.json`)], space));
      await daemons.at(-1)!.line(({ msg }) => msg === 'boot-services.serving');
    }
  }, 60_000);

  afterAll(async () => {
    await Promise.all(daemons.map((one) => one.stop()));
    spaces.stop();
    rmSync(folder, { recursive: true });
  });

  const CALL = `const { hardwareCommand } = await import(${JSON.stringify(join(import.meta.dirname, '../scripts/node/hardware-command.ts'))}); try { process.exitCode = await hardwareCommand(process.argv.slice(1)); } catch (error) { process.stderr.write(error.message); process.exitCode = 3; }`;
  /** The command as node `from` runs it. */
  function command(from: string, ...argv: string[]): { status: number | null; stdout: string; stderr: string } {
    const program = [process.execPath, '--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', CALL, '--', '--config', at('node1.json'), '--follow', at('none'), ...argv];
    return spawnSync('ip', inSpace(spaces.space(from), ...program), { encoding: 'utf8', timeout: 60_000 });
  }
  const ask = (...argv: string[]) => command('node1', '--cluster-key', at('key'), ...argv);
  const curl = (space: string, url: string): string => execFileSync('ip', inSpace(space, 'curl', '--silent', '--show-error', '--max-time', '10', '--write-out', '\n%{http_code}', url), { encoding: 'latin1' });

  test('are shown together, with what differs, the card that the roster lacks, and who has not told', () => {
    const { status, stdout, stderr } = ask();
    expect([status, stderr]).toEqual([0, expect.stringMatching(/^metamaster: warning: MM-HARDWARE-SILENT: node4, 10\.7\.0\.4: .*not looked at its hardware yet/)]);
    expect(stdout).toContain('MM-HARDWARE-MEMORY: node2: memory: 16 GiB; with 2 of 2 others: 32 GiB\n');
    expect(stdout).toContain('MM-HARDWARE-MAC: node2: eth1: ');
    expect(stdout.split('\n').filter((line) => line.startsWith('MM-')).map((line) => line.split(':', 2).join(':'))).toEqual(['MM-HARDWARE-MEMORY: node2', 'MM-HARDWARE-MAC: node2']);
    expect(stdout).toMatch(/^2 +node2 +Maker Blade 7 +40 × Processor 6230 +15 GiB +2\.1 +2 +2$/m);
    expect(stdout).toMatch(/^4 +node4 +no answer/m);
  }, 60_000);

  test('one of them in detail, compared with all; as JSON too', () => {
    const { status, stdout } = ask('node3');
    expect([status, stdout]).toEqual([0, expect.stringContaining('serial S3')]);
    expect(stdout).toContain('nothing differs');
    const report = JSON.parse(ask('2', '--json').stdout) as HardwareReport;
    expect(report.nodes.map(({ number, remarks, cards, facts }) => [number, remarks.map(({ code }) => code), cards.map(({ code }) => code), facts?.system.serial])).toEqual([[2, ['MM-HARDWARE-MEMORY'], ['MM-HARDWARE-MAC'], 'S2']]);
  }, 60_000);

  test('what has changed in memory is told at the next question; what is no hardware is refused with its node', () => {
    tell(4, { bootMode: 'bios' });
    writeFileSync(at('hardware3.json'), '{"format":"something"}');
    const { stdout, stderr } = ask('--json');
    tell(3);
    const report = JSON.parse(stdout) as HardwareReport;
    expect(report.nodes.map(({ unanswered }) => unanswered?.code)).toEqual([undefined, undefined, 'MM-HARDWARE-FACTS', undefined]);
    expect(report.nodes[3]!.remarks).toMatchObject([{ code: 'MM-HARDWARE-BOOT-MODE', own: 'BIOS', peers: 'UEFI', peersWith: 2, peersTelling: 2 }]);
    expect(stderr).toContain('MM-HARDWARE-FACTS: node3');
  }, 60_000);

  test('what the collector really reads of a machine arrives as it was written', () => {
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../scripts/hardware-collector.ts'), '--output', at('hardware4.json')]);
    const { nodes: [node] } = JSON.parse(ask('node4', '--json').stdout) as HardwareReport;
    expect(node).toMatchObject({ number: 4, facts: JSON.parse(readFileSync(at('hardware4.json'), 'utf8')) as object });
    expect(node!.remarks.map(({ code }) => code)).toContain('MM-HARDWARE-CPU');
    tell(4, { bootMode: 'bios' });
  }, 60_000);

  test('a stranger is told nothing, a node of another key can read nothing, and nothing of it goes in clear', () => {
    const url = `http://10.7.0.2/hardware?nonce=${'ab'.repeat(16)}`;
    expect(curl(CLIENT, url)).toBe('not for you\n\n403');
    const sealed = curl(spaces.space('node1'), url);
    expect(sealed).toMatch(/\n200$/);
    expect(['Maker', 'S2', 'serial', '52:54'].filter((word) => sealed.includes(word))).toEqual([]);
    expect(curl(CLIENT, 'http://10.7.0.2/status')).not.toContain('Blade 7');
    const { status, stdout } = command('node1', '--cluster-key', at('other-key'), '--json');
    expect(status).toBe(1);
    expect((JSON.parse(stdout) as HardwareReport).nodes.map(({ unanswered }) => unanswered?.seen)).toEqual(NUMBERS.map(() => 'an answer that was not sealed under the cluster\'s key for this question'));
  }, 60_000);

  test('wrong arguments and a machine that is no node are told as such', () => {
    expect(ask('node9')).toMatchObject({ status: 3, stderr: expect.stringContaining('MM-HARDWARE-NODE: NODE: must be a node\'s name or number; seen node9') as string });
    expect(ask('1', '2')).toMatchObject({ status: 3, stderr: expect.stringContaining('must be one node') as string });
    expect(ask('--config', at('no-such.json'))).toMatchObject({ status: 3, stderr: expect.stringContaining('MM-HARDWARE-NO-NODE') as string });
    expect(ask('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('metamaster node hardware [NODE] [--json]') as string });
  }, 60_000);

  test('a node that is gone is left out, after its time', async () => {
    await daemons[2]!.stop();
    const { status, stderr } = ask();
    expect([status, stderr]).toEqual([0, expect.stringContaining('MM-HARDWARE-SILENT: node3, 10.7.0.3')]);
  }, 60_000);
});
