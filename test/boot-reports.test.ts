// What blades say, through two real nodes: told to one, known to both, kept in a FIFO, shown by the command. Real sockets in network
// namespaces; needs root and iproute2.

import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BootFact, parseFact } from '../daemons/boot-report/boot-fact.ts';
import { ROSTER } from '../daemons/dhcp/test-roster.ts';
import { TestDaemon, writeNodeConfig } from './daemon.test-kit.ts';
import { inSpace, ip, MAY_MAKE_SPACES, NetworkSpaces } from './network-spaces.test-kit.ts';

const spaces = new NetworkSpaces('mmreport');
const BLADE = spaces.space('blade');
const [BLADE_MAC, STRANGER] = ['52:54:00:12:00:04', '52:54:00:99:99:99'];
if (!MAY_MAKE_SPACES) console.warn('boot-reports: skipped, it needs root and the ip command');

describe.skipIf(!MAY_MAKE_SPACES)('what a blade says', () => {
  let folder = '';
  const daemons: TestDaemon[] = [];
  let fifo = -1;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mmreport-'));
    mkdirSync(join(folder, 'boot'));
    for (const name of ['vmlinuz', 'initrd.img']) writeFileSync(join(folder, 'boot', name), name);
    writeFileSync(join(folder, 'key'), '0f'.repeat(32));
    execFileSync('mkfifo', [join(folder, 'facts')]);
    fifo = openSync(join(folder, 'facts'), constants.O_RDWR | constants.O_NONBLOCK);
    spaces.start();
    const homes = [1, 2].map((number) => spaces.plugIn(`node${number}`, { address: `10.7.0.${number}/24` }));
    for (const home of homes) ip('-n', home, 'route', 'add', '255.255.255.255', 'dev', 'eth0');
    spaces.plugIn('blade', { mac: BLADE_MAC!, address: '10.7.0.4/24' });
    for (const [i, home] of homes.entries()) {
      mkdirSync(join(folder, `run${i + 1}`));
      const records = i === 1 ? ['--records', join(folder, 'facts')] : [];
      daemons.push(new TestDaemon('metamasterd', ['--config', writeNodeConfig(folder, ROSTER, i + 1), '--boot-dir', join(folder, 'boot'), '--cluster-key', join(folder, 'key'), '--control', join(folder, `run${i + 1}/control.sock`), ...records], home));
    }
    for (const daemon of daemons) {
      await daemon.line(({ msg }) => msg === 'boot-services.serving');
      for (const port of [6666, 7374]) await daemon.line((line) => line.msg === 'udp.bound' && line['port'] === port && line['address'] === '0.0.0.0');
      await daemon.line((line) => line.msg === 'udp.bound' && line['port'] === 7374 && line['address'] !== '0.0.0.0');
      await daemon.line(({ msg }) => msg.startsWith('memory.'));
    }
  }, 60_000);

  afterAll(async () => {
    for (const daemon of daemons) await daemon.stop();
    spaces.stop();
    closeSync(fifo);
    rmSync(folder, { recursive: true });
  });

  const curl = (url: string): string => execFileSync('ip', inSpace(BLADE, 'curl', '--silent', '--show-error', '--max-time', '10', url), { encoding: 'utf8' });
  const stage = (mac: string, rest: string): string => curl(`http://10.7.0.1/stage?mac=${mac}&${rest}`);
  const datagram = (port: number, text: string): void => {
    const send = `const s=require('node:dgram').createSocket('udp4');s.bind(6665,'10.7.0.4',()=>{s.setBroadcast(true);s.send(${JSON.stringify(text)},${port},'10.7.0.255',()=>s.close())})`;
    execFileSync('ip', inSpace(BLADE, process.execPath, '-e', send));
  };
  let kept = '';
  /** The facts that the second node handed to its recorder, until one is as wanted. */
  async function recorded(wanted: (fact: BootFact) => boolean): Promise<readonly BootFact[]> {
    const buffer = Buffer.alloc(65536);
    for (;;) {
      try {
        kept += buffer.toString('utf8', 0, readSync(fifo, buffer));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
      const facts = kept.split('\n').slice(0, -1).map((line) => parseFact(line)!);
      if (facts.some(wanted)) return facts;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const metamaster = (number: number, ...argv: string[]): string => execFileSync(process.execPath, [
    '--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../scripts/metamaster.ts'), 'boot', ...argv,
    '--socket', join(folder, `run${number}/control.sock`), '--config', join(folder, 'node1.json'), '--folder', join(folder, 'none'),
  ], { encoding: 'utf8' });

  test('to one node reaches the recorder of the other, with the server that answered; a stranger\'s does not', async () => {
    expect(curl('http://10.7.0.1/vmlinuz')).toBe('vmlinuz');
    stage(STRANGER!, 'step=login');
    stage(BLADE_MAC!, 'step=interface&boot=0123456789abcdef&up=4');
    stage(BLADE_MAC!, 'step=login&boot=0123456789abcdef&up=5&failed=1&try=1&retry=30&detail=no%20route');
    const facts = await recorded((fact) => fact.kind === 'stage' && fact.report.failed === true);
    expect(facts.filter(({ mac }) => mac !== BLADE_MAC && mac !== ROSTER.nodes[0]!.macs[0])).toEqual([]);
    expect(facts.filter(({ mac }) => mac === BLADE_MAC)).toMatchObject([
      { kind: 'served', step: 'http', detail: 'vmlinuz', server: '10.7.0.1' }, { kind: 'stage', server: '10.7.0.1', report: { step: 'interface', uptimeS: 4 } }, { kind: 'stage', report: { step: 'login', detail: 'no route' } },
    ]);
  });

  test('by its kernel reaches both by broadcast', async () => {
    datagram(6666, '0,900,5000000,-;Kernel panic - not syncing: \\x1b[2Jx');
    expect(await recorded(({ kind }) => kind === 'kernel')).toContainEqual(expect.objectContaining({ mac: BLADE_MAC, line: 'Kernel panic - not syncing: ?[2Jx' }));
  });

  test('under another key than the cluster\'s is not taken', async () => {
    datagram(7374, 'MMBF nonsense');
    datagram(6666, 'a later line\n');
    const facts = await recorded((fact) => fact.kind === 'kernel' && fact.line === 'a later line');
    expect(facts.filter(({ kind }) => kind === 'served')).toHaveLength(1);
  });

  test('is shown alike by both nodes', () => {
    for (const number of [1, 2]) {
      const shown = JSON.parse(metamaster(number, 'show', BLADE_MAC!, '--json')) as Record<string, unknown>;
      expect(shown).toMatchObject({ name: 'node4', boot: '0123456789abcdef', outcome: 'stands still', standing: { code: 'MM-STALL-LOGIN', reason: 'no route' } });
      expect(shown['kernel']).toHaveLength(2);
    }
    expect(metamaster(2, 'show', 'node4')).toContain('last kernel lines (2 of 2)');
  });
});
