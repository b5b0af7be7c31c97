// `scripts/rack`: the virtual rack on the command line. Results go to standard output, progress to standard error.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { chapKind } from '../daemons/core/chap.ts';
import { InputError } from '../daemons/core/problem.ts';
import { readSanLogin } from './san-login-files.ts';
import { helpText, numberOf, parseCommandLine, type Request } from './virtual-rack/command-line.ts';
import { attachConsole, followConsole } from './virtual-rack/console-client.ts';
import { fail } from './virtual-rack/failure.ts';
import { keystrokesOf } from './virtual-rack/keystrokes.ts';
import { openRack, type VirtualRack } from './virtual-rack/rack.ts';
import type { PowerOnOptions } from './virtual-rack/rack-blade.ts';
import { statusTable } from './virtual-rack/rack-status.ts';

/** Enough for a 99th percentile that means something, within seconds on a slow disk. */
const DEFAULT_BENCH_WRITES = 200;

const print = (text: string): void => void process.stdout.write(text);
const printJson = (value: unknown): void => print(`${JSON.stringify(value, undefined, 2)}\n`);
const note = (line: string): void => void process.stderr.write(`rack: ${line}\n`);

const unknownWord = (request: Request, words: string): never =>
  fail('MM-RACK-USAGE', request.verb, `one of ${words}`, request.operands[0] ?? 'nothing', `See \`scripts/rack ${request.verb} --help\`.`);

const bladeOf = (text: string | undefined): number => numberOf('N', text ?? '')!;

async function up(rack: VirtualRack, request: Request): Promise<void> {
  const { text, flag } = request;
  const accelerator = text['accel'] ?? undefined;
  if (accelerator !== undefined && accelerator !== 'auto' && accelerator !== 'kvm' && accelerator !== 'tcg') {
    fail('MM-RACK-OPTION', '--accel', 'auto, kvm or tcg', accelerator, 'See `scripts/rack up --help`.');
  }
  await rack.up({
    blades: numberOf('--blades', text['blades']), memory: text['memory'], sanSize: text['san-size'], target: text['target'], accelerator, kernel: text['kernel'],
  });
  if (flag['dry-run'] === true) return;
  if (flag['json'] === true) printJson(await rack.status());
  else note('up. Next: scripts/rack dvd in 1 ISO; scripts/rack power on 1; scripts/rack console 1');
}

async function power(rack: VirtualRack, request: Request): Promise<void> {
  const [action, ...words] = request.operands;
  const { text, flag } = request;
  const blades = words.length === 1 && words[0] === 'all' ? rack.bladeNumbers() : words.map(bladeOf);
  const boot = text['boot'];
  if (boot !== undefined && boot !== 'dvd' && boot !== 'network') fail('MM-RACK-OPTION', '--boot', 'dvd or network', boot, 'See `scripts/rack power --help`.');
  const hardware: PowerOnOptions = {
    memory: text['memory'], processors: numberOf('--smp', text['smp']), cpu: text['cpu'], hardwareUuid: text['hardware-uuid'], clock: text['clock'],
    mac: text['mac'], rom: text['rom'], uefi: flag['uefi'], firmware: text['firmware'], outside: flag['outside'], outsideFirst: flag['outside-first'], networkBoot: text['network-boot'], stick: text['stick'], boot,
    vlan: numberOf('--vlan', text['vlan']),
  };
  const said = (blade: number, text: string): void => void (flag['dry-run'] === true || note(`blade ${blade}: ${text}`));
  const done: { blade: number; action: string; changed: boolean }[] = [];
  for (const blade of blades) {
    let changed = true;
    if (action === 'on') {
      changed = await rack.powerOn(blade, hardware);
      said(blade, changed ? 'on' : 'was on already; its hardware stays as it is');
    } else if (action === 'off') {
      changed = await rack.powerOff(blade);
      said(blade, changed ? 'power cut' : 'was off already');
    } else if (action === 'reset') {
      await rack.reset(blade);
      said(blade, 'reset');
    } else if (action === 'button') {
      await rack.button(blade);
      said(blade, 'power button pressed');
    } else unknownWord(request, 'on, off, reset, button');
    done.push({ blade, action: action!, changed });
  }
  if (flag['json'] === true && flag['dry-run'] !== true) printJson(done);
}

async function dvd(rack: VirtualRack, request: Request): Promise<void> {
  const [action, number, iso] = request.operands;
  const blade = bladeOf(number);
  if (action === 'in' && iso !== undefined) await rack.dvdIn(blade, iso);
  else if (action === 'out' && iso === undefined) await rack.dvdOut(blade);
  else unknownWord(request, 'in N ISO, out N');
}

async function type(rack: VirtualRack, request: Request): Promise<void> {
  const keys = keystrokesOf(request.operands[1]!);
  if (keys === undefined) fail('MM-RACK-USAGE', 'TEXT', 'a backslash stands before one of the known letters', request.operands[1]!, 'See `scripts/rack type --help`.');
  await rack.type(bladeOf(request.operands[0]), keys);
}

async function capture(rack: VirtualRack, request: Request): Promise<void> {
  const [action, file] = request.operands;
  const json = request.flag['json'] === true;
  if (action === 'start') {
    const started = await rack.captureStart(file);
    if (json) printJson(started);
    else print(`${started.file}\n`);
  } else if (action === 'stop') {
    const stopped = await rack.captureStop();
    if (json) printJson(stopped ?? null);
    else print(stopped === undefined ? 'no recording ran\n' : `${stopped.file}  ${stopped.bytes} bytes\n`);
  } else if (action === 'list') {
    if (json) printJson(rack.captures());
    else print(rack.captures().map((each) => `${each.file}  ${each.bytes} bytes${each.running ? '  running' : ''}\n`).join(''));
  } else unknownWord(request, 'start, stop, list');
}

function logs(rack: VirtualRack, request: Request): void {
  const json = request.flag['json'] === true;
  if (request.operands[0] !== undefined) {
    const blade = bladeOf(request.operands[0]);
    const text = rack.consoleText(blade);
    if (json) printJson({ blade, log: rack.files(blade).consoleLog, text });
    else print(text);
    return;
  }
  const folder = join(rack.identity.stateDir, 'logs');
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  const list = files.map((name) => ({ file: join(folder, name), bytes: statSync(join(folder, name)).size }));
  if (json) printJson(list);
  else print(list.map((log) => `${log.file}  ${log.bytes} bytes\n`).join(''));
}

async function san(rack: VirtualRack, request: Request): Promise<void> {
  const [action] = request.operands;
  const json = request.flag['json'] === true;
  const said = (line: string): void => void (request.flag['dry-run'] === true || note(line));
  const cache = request.text['write-cache'];
  if (cache !== undefined && (action !== 'start' || (cache !== 'on' && cache !== 'off'))) fail('MM-RACK-OPTION', '--write-cache', 'on or off, for san start', cache, 'See `scripts/rack san --help`.');
  if (action === 'start') said((await rack.sanStart({ writeCache: cache === undefined ? undefined : cache === 'on' })) ? 'SAN: on' : 'SAN: was on already');
  else if (action === 'stop') said((await rack.sanStop()) ? 'SAN: power cut' : 'SAN: was off already');
  else if (action === 'unplug' || action === 'plug') await rack.sanCable(action === 'plug');
  else if (action === 'chap') {
    const file = request.operands[1];
    if (file === undefined) return unknownWord(request, 'chap FILE, chap off');
    const login = file === 'off' ? undefined : readSanLogin(file);
    await rack.sanChap(login);
    said(login === undefined ? 'SAN: wants no CHAP' : `SAN: wants CHAP, ${chapKind(login)}`);
  } else if (action === 'status') {
    const status = await rack.sanStatus();
    const probe = status.running ? await rack.sanProbe() : undefined;
    if (json) printJson({ ...status, writeCache: probe?.writeCache ?? null });
    else if (probe === undefined) print(`off  ${status.path}\n`);
    else print([`${status.portal} ${status.target}, write cache ${probe.writeCache}, CHAP ${status.chap ?? 'off'}`, status.path, ...status.initiators.map((name) => `session of ${name}`), ''].join('\n'));
  } else if (action === 'bench') {
    const { writes } = await rack.sanProbe(numberOf('--writes', request.text['writes']) ?? DEFAULT_BENCH_WRITES);
    if (json) printJson(writes);
    else print(`${writes!.count} writes of 4 KiB: ${writes!.perSecond} a second, median ${writes!.medianMs} ms, 99 % within ${writes!.p99Ms} ms\n`);
  } else unknownWord(request, 'start, stop, unplug, plug, status, bench, chap');
}

async function run(request: Request): Promise<void> {
  const { verb, text, flag } = request;
  const dryRun = flag['dry-run'] === true;
  const progress = dryRun ? () => undefined : note;
  const rack = openRack({ name: text['name'], stateDir: text['state-dir'], dryRun, progress, say: (line) => print(`${line}\n`) });
  if (verb === 'up') await up(rack, request);
  else if (verb === 'down') await rack.down({ wipe: flag['wipe'] === true });
  else if (verb === 'power') await power(rack, request);
  else if (verb === 'dvd') await dvd(rack, request);
  else if (verb === 'type') await type(rack, request);
  else if (verb === 'capture') await capture(rack, request);
  else if (verb === 'logs') logs(rack, request);
  else if (verb === 'san') await san(rack, request);
  else if (verb === 'status') {
    const status = await rack.status();
    if (flag['json'] === true) printJson(status);
    else print(statusTable(status));
  } else if (flag['follow'] === true) await followConsole(rack.files(bladeOf(request.operands[0])).consoleLog);
  else await attachConsole(await rack.attach(bladeOf(request.operands[0])));
}

try {
  const request = parseCommandLine(process.argv.slice(2));
  if (request === undefined || request.flag['help'] === true) print(helpText(request?.verb));
  else await run(request);
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
