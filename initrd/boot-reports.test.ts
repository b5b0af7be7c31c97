import { spawn } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { BootHistory } from '../daemons/boot-report/boot-history.ts';
import type { Ipv4 } from '../daemons/core/ipv4.ts';
import { openHttp } from '../daemons/host/http-server.ts';
import { answerHttp, type HttpContent, type HttpResponse } from '../daemons/http-boot/http-answer.ts';
import type { StageReport } from '../daemons/wire/stage-report.ts';
import type { Mac } from '../daemons/core/mac.ts';
import { listenersOf, netconsoleArgument, publicReason, WAITING_MAX } from './boot-reports.ts';
import { parseCommandLine } from './command-line.ts';
import { commandLineOf, ModelBlade } from './model-blade.test-kit.ts';
import { bootRegistry, ModelSan } from './model-san.test-kit.ts';

const SERVERS = '10.0.0.1,10.0.0.3';
const STEPS = ['modules', 'interface', 'login', 'registry', 'paths', 'identity', 'claim', 'snapshot', 'check', 'mount', 'configure', 'swap', 'handover', 'root'];
const blade = (more = `mm.servers=${SERVERS}`, san = new ModelSan()): ModelBlade => new ModelBlade(san, { commandLine: `${commandLineOf(2)} ${more}` });
const CONTENT: HttpContent = { file: () => undefined, scriptFor: () => undefined, barredScript: () => undefined, closed: () => undefined, askAgainScript: () => '', status: () => ({}) };

/** What a web server of a node makes of the requests. */
const heard = (fed: readonly string[]): (StageReport | undefined)[] =>
  fed.flatMap((request) => request.split('\r\n\r\n').filter((one) => one !== '')).map((one) => answerHttp({ method: 'GET', url: one.split(' ')[1]!, headers: {}, clientAddress: '10.0.0.2' as Ipv4 }, CONTENT).report);
const started = (one: ModelBlade, program: string): (readonly string[])[] => one.argvs.filter(([name]) => name === program);
const netconsole = (one: ModelBlade): (readonly string[])[] => started(one, 'modprobe').filter((argv) => argv.includes('netconsole'));

describe('reports of a boot', () => {
  test('each step reaches a server, those from before the network too, over one connection', async () => {
    const one = blade();
    expect(await one.boot()).toBe('handover');
    const reports = heard(one.fed);
    expect(reports.map((report) => report?.step)).toEqual(STEPS);
    expect(reports[0]).toMatchObject({ mac: one.mac, detail: '', boot: one.state!.bootNonce.slice(0, 16), uptimeS: 1, server: '10.0.0.1' });
    expect(reports.map((report) => report?.node)).toEqual([...Array<undefined>(6).fill(undefined), ...Array<number>(8).fill(2)]);
    expect(started(one, 'nc')).toEqual([['nc', '-w', '2', '10.0.0.1', '80']]);
    expect(one.fed.join('')).toContain('Host: 10.0.0.1\r\n');
  });

  test('a step that fails tells why, which try it was and when the next one is', async () => {
    const san = new ModelSan();
    san.reachable = false;
    const one = blade(undefined, san);
    one.onPause = (tries) => {
      if (tries === 2) san.reachable = true;
    };
    expect(await one.boot(5)).toBe('handover');
    expect(heard(one.fed).filter((report) => report?.failed)).toMatchObject([
      { step: 'login', tries: 1, retryS: 1, detail: expect.stringMatching(/^MM-BOOT-LOGIN-UNREACHED: .*code 7.*connect to 10\.0\.0\.252/) as string }, { step: 'login', tries: 2, retryS: 2 },
    ]);
  });

  test.each<[string, (one: ModelBlade) => void]>([
    ['its server does not answer', (one) => (one.feedRuns = false)],
    ['the pipe is full', (one) => (one.feedRoom = 3)],
    ['there is no pipe', (one) => (one.openFeed = () => undefined)],
    ['netconsole cannot be loaded', (one) => (one.override = (argv) => (argv.includes('netconsole') ? { code: 1, said: 'no such device' } : undefined))],
  ])('a boot is the same when %s', async (_name, spoil) => {
    const well = blade();
    await well.boot();
    const one = blade();
    spoil(one);
    expect(await one.boot()).toBe('handover');
    const steps = ({ argvs }: ModelBlade) => argvs.filter(([program]) => program !== 'nc');
    expect([one.console, one.pauses, steps(one)]).toEqual([well.console, well.pauses, steps(well)]);
  });

  test('on a VLAN, kernel lines leave by the VLAN\'s device', async () => {
    const one = blade(`mm.servers=${SERVERS} mm.vlan=5`);
    expect(await one.boot()).toBe('handover');
    expect(netconsole(one).map((argv) => argv.at(-1))).toEqual([netconsoleArgument({ address: '10.0.0.2' as Ipv4, netmask: '255.255.255.0' as Ipv4, device: 'eth0.5' })]);
    expect(JSON.parse(one.files.get('/run/metamaster/boot.json')!)).toMatchObject({ interfaceName: 'eth0.5' });
    expect(JSON.parse(one.files.get('/sysroot/etc/metamaster/node.json')!)).toMatchObject({ interface: 'eth0.5' });
  });

  test('a server that hangs up is followed by the next one, with what was not told', async () => {
    const one = blade();
    one.feedRuns = false;
    await one.boot();
    expect(started(one, 'nc').slice(0, 3).map((argv) => argv[3])).toEqual(['10.0.0.1', '10.0.0.3', '10.0.0.1']);
  });

  test('a connection that is old is given up for the next server: it may be dead', async () => {
    const san = new ModelSan();
    san.reachable = false;
    const one = blade(undefined, san);
    await one.boot(5);
    // Waits of 1, 2, 4, 8 and 16 s: the connection of the second second is left in the thirty-second.
    expect(started(one, 'nc').map((argv) => argv[3])).toEqual(['10.0.0.1', '10.0.0.3']);
  });

  test('what fails before there is a network waits, bounded', async () => {
    const dark = blade();
    dark.cable = false;
    dark.onPause = (tries) => {
      dark.cable = tries === 50;
    };
    expect(await dark.boot(60)).toBe('handover');
    expect(heard(dark.fed).filter((report) => report?.failed)).toHaveLength(WAITING_MAX - 1);
  });

  test('over a real connection, by the initrd\'s program, to the web server of a node', async () => {
    const one = blade();
    await one.boot();
    const got: (StageReport | undefined)[] = [];
    const service = await openHttp<HttpResponse>({
      address: '127.0.0.1' as Ipv4, port: 0, onAnswered: (_request, response) => got.push(response.report),
      answer: (request) => answerHttp({ ...request, clientAddress: '10.0.0.2' as Ipv4 }, CONTENT),
    });
    try {
      const nc = spawn('busybox', ['nc', '-w', '2', '127.0.0.1', String(service.port)], { stdio: ['pipe', 'ignore', 'inherit'] });
      for (const request of one.fed) nc.stdin.write(request);
      // The boot program ends: its end of the pipe closes, and the program with it.
      nc.stdin.end();
      expect(await new Promise((resolve) => nc.once('close', resolve))).toBe(0);
      expect(got).toEqual(heard(one.fed));
    } finally {
      service.close();
    }
  });
});

const DISC = commandLineOf(2).replace('sifip=10.0.0.2', 'sifip=10.0.0.254').replace('mm.boot=net', 'mm.boot=dvd');
const fromDisc = (san = new ModelSan()): ModelBlade => new ModelBlade(san, { commandLine: DISC });

describe('reports of a boot from the disc', () => {
  test('reach the other node of the roster once the registry is read, those from before too', async () => {
    const one = fromDisc();
    expect(await one.boot()).toBe('handover');
    const reports = heard(one.fed);
    expect(reports.map((report) => report?.step)).toEqual(STEPS);
    expect(reports[0]).toMatchObject({ mac: one.mac, uptimeS: 1, boot: one.state!.bootNonce.slice(0, 16) });
    // No script served it.
    expect(reports.every((report) => report?.server === undefined)).toBe(true);
    expect(started(one, 'nc')).toEqual([['nc', '-w', '2', '10.0.0.1', '80']]);
    // What that node then shows of it.
    const history = new BootHistory();
    for (const report of reports) history.apply({ kind: 'stage', t: 1_700_000_000_000, mac: report!.mac, server: '10.0.0.1' as Ipv4, report: report! });
    expect(history.boots(reports[0]!.mac).map(({ stages }) => stages.map(({ stage }) => stage))).toEqual([STEPS]);
  });

  test('cost it nothing where nobody is there, as at the first boot of a cluster', async () => {
    const well = fromDisc();
    await well.boot();
    const one = fromDisc();
    one.feedRuns = false;
    expect(await one.boot()).toBe('handover');
    const steps = ({ argvs }: ModelBlade) => argvs.filter(([program]) => program !== 'nc');
    expect([one.console, one.pauses, one.uptimeSeconds(), steps(one)]).toEqual([well.console, well.pauses, well.uptimeSeconds(), steps(well)]);
  });

  test('none is sent while the SAN is away: the roster is not known; its failures go along later', async () => {
    const san = new ModelSan();
    san.reachable = false;
    const one = fromDisc(san);
    one.onPause = (tries) => {
      expect([one.fed, started(one, 'nc')]).toEqual([[], []]);
      if (tries === 2) san.reachable = true;
    };
    expect(await one.boot(5)).toBe('handover');
    expect(heard(one.fed).filter((report) => report?.failed).map((report) => [report?.step, report?.tries])).toEqual([['login', 1], ['login', 2]]);
  });

  test('a stranger that reads the registry tells the roster why it waits', async () => {
    const one = new ModelBlade(new ModelSan(), { commandLine: DISC, mac: '52:54:00:00:00:99' });
    expect(await one.boot()).toBe('stuck');
    expect(started(one, 'nc')).toEqual([['nc', '-w', '2', '10.0.0.1', '80']]);
    expect(heard(one.fed).at(-1)).toMatchObject({ step: 'identity', failed: true, detail: expect.stringMatching(/^MM-BOOT-STRANGER/) as string });
  });
});

describe('who is told', () => {
  const registry = bootRegistry();
  const [first, second] = registry.roster.nodes;
  const third = { ...second!, number: 3, name: 'node3', macs: ['52:54:00:00:00:03' as Mac], address: '10.0.0.3' as Ipv4 };
  const three = { ...registry, roster: { ...registry.roster, nodes: [first!, second!, third] } };
  const state = (more = '') => ({ parameters: parseCommandLine(`${DISC} ${more}`).parameters, mac: second!.macs[0]! });

  test.each<[string, Parameters<typeof listenersOf>[0], string[]]>([
    ['nobody before the registry is read', state(), []],
    ['every node but the blade\'s own, by its card', { ...state(), registry: three }, ['10.0.0.1', '10.0.0.3']],
    ['by the number on the command line, whatever the card', { ...state('mm.node=3'), registry: three }, ['10.0.0.1', '10.0.0.2']],
    ['by the identity once it is known', { ...state(), registry: three, node: third }, ['10.0.0.1', '10.0.0.2']],
    ['all of them where the blade is a stranger', { ...state(), mac: '52:54:00:00:00:99' as Mac, registry: three }, ['10.0.0.1', '10.0.0.2', '10.0.0.3']],
    ['never the address that the blade has itself', { ...state(), parameters: { ...state().parameters, sifIp: '10.0.0.1' as Ipv4 }, registry: three }, ['10.0.0.3']],
    ['the servers of the script alone, where there are some', { ...state('mm.servers=10.0.0.7'), registry: three }, ['10.0.0.7']],
    ['nobody in a cluster of one', { ...state(), registry: { ...registry, roster: { ...registry.roster, nodes: [second!] } } }, []],
  ])('%s', (_name, seen, wanted) => {
    expect(listenersOf(seen)).toEqual(wanted);
  });
});

describe('netconsole', () => {
  test('is loaded once, in the background, with what the kernel\'s documentation asks for', async () => {
    const one = blade();
    await one.boot();
    expect(netconsole(one)).toEqual([['modprobe', '-q', 'netconsole', 'netconsole=+6665@10.0.0.2/eth0,6666@10.0.0.255/']]);
    expect(netconsoleArgument({ address: '10.1.0.3' as Ipv4, netmask: '255.255.255.128' as Ipv4, device: 'ib0' })).toBe('netconsole=+6665@10.1.0.3/ib0,6666@10.1.0.127/');
  });

  test('only after the interface is up; from the disc, with the node\'s own address and not the borrowed one', async () => {
    const one = blade();
    await one.boot();
    const names = one.argvs.map((argv) => argv.join(' '));
    expect(names.findIndex((name) => name.includes('netconsole'))).toBeGreaterThan(names.findIndex((name) => name.startsWith('ip addr add')));
    const disc = new ModelBlade(new ModelSan(), { commandLine: commandLineOf(2).replace('sifip=10.0.0.2', 'sifip=10.0.0.254').replace('mm.boot=net', 'mm.boot=dvd') });
    expect(await disc.boot()).toBe('handover');
    expect(netconsole(disc).map((argv) => argv.at(-1))).toEqual([expect.stringContaining('=+6665@10.0.0.2/eth0,')]);
  });

  test('can be left out', async () => {
    const one = blade('mm.netconsole=0');
    await one.boot();
    expect(netconsole(one)).toEqual([]);
  });
});

describe('a reason that leaves the blade', () => {
  test.each([
    ['iSCSI login failed (code 7): no route', 'iSCSI login failed (code 7): no route'],
    ['first\nsecond', 'first'],
    [`key ${'0f'.repeat(32)} is wrong`, 'key (left out) is wrong'],
    ['root:$y$j9T$abcdefgh$0123456789ABCDEF.:20000', 'root:(left out):20000'],
    ['b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ== in line 3', '(left out) in line 3'],
    ['/sys/class/iscsi_session/session1/recovery_tmo: cannot be written', '/sys/class/iscsi_session/session1/recovery_tmo: cannot be written'],
  ])('%j becomes %j', (message, shown) => expect(publicReason(new Error(message))).toBe(shown));
  test('what was thrown and is no error', () => expect(publicReason('a word')).toBe('a word'));
});
