// A rack as a whole: made, mended, taken away.

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { chooseAccelerator, type AcceleratorChoice } from './accelerator.ts';
import type { Accelerator } from './blade-argv.ts';
import { fail } from './failure.ts';
import { MAX_BLADES, namespaceOf, ROOMS, type Room } from './identity.ts';
import { halfCables, OUTSIDE_ADDRESS, type PresentNetwork } from './network-plan.ts';
import { bladeRole, loggerRole, startLogger } from './rack-blade.ts';
import { applyNetwork, isNetnsMounted, livesIn, presentNamespaces, presentNetwork, removeNetnsMount, removeNetwork, strayPids } from './rack-network.ts';
import { makeSanFile, startSan } from './rack-san.ts';
import { startVlan, vlanRoles } from './rack-vlan.ts';
import { inRoom, logPath, makeFolders, readBlade, readSettings, sanPath, writeSettings, type RackContext, type RackSettings } from './rack-state.ts';
import { DEFAULT_TARGET, parseSize } from './san-plan.ts';

/** The SAN's size when none is given; its file is sparse. */
const DEFAULT_SAN_SIZE = '16G';
/** The kernel takes deleted namespaces apart in the background, within some 100 ms; a cable that is still cut then stays so. */
const SETTLE_LIMIT_MS = 1500;
const SETTLE_POLL_MS = 50;
const DEFAULT_BLADES = 3;
const DEFAULT_MEMORY = '1G';

/** How the rack is made. What is left out stays as it was, or is the default in a new rack. */
export interface UpOptions {
  readonly blades?: number | undefined;
  readonly memory?: string | undefined;
  readonly sanSize?: string | undefined;
  readonly target?: string | undefined;
  /** `auto`: KVM when it boots `kernel`. */
  readonly accelerator?: Accelerator | 'auto' | undefined;
  /** A Linux kernel image to try KVM with. */
  readonly kernel?: string | undefined;
}

/** What the rack needs from the host, and the Debian packages that bring it. */
const TOOLS: Readonly<Record<string, string>> = {
  ip: 'iproute2', 'qemu-system-x86_64': 'qemu-system-x86', tgtd: 'tgt', tgtadm: 'tgt',
};

function requireHost(): void {
  if (process.getuid?.() !== 0) fail('MM-RACK-ROOT', 'user', 'network namespaces need root', `uid ${process.getuid?.()}`, 'Run it with sudo.');
  const folders = (process.env['PATH'] ?? '').split(':');
  const missing = Object.keys(TOOLS).filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((tool) => TOOLS[tool]!))].join(' ');
    fail('MM-RACK-TOOLS', 'PATH', 'the rack needs some programs', `no ${missing.join(', ')}`, `Install them: apt-get install ${packages}. /usr/sbin must be in PATH.`);
  }
}

function checkOptions(options: UpOptions): void {
  const wrong = (option: string, rule: string, seen: string): never => fail('MM-RACK-OPTION', option, rule, seen, 'See `scripts/rack up --help`.');
  const { blades, memory, sanSize, target, kernel } = options;
  if (blades !== undefined && !(Number.isInteger(blades) && blades >= 1 && blades <= MAX_BLADES)) wrong('--blades', `1 to ${MAX_BLADES}`, String(blades));
  if (memory !== undefined && !/^[1-9]\d*[MG]$/.test(memory)) wrong('--memory', 'a number with M or G', memory);
  if (sanSize !== undefined && parseSize(sanSize) === undefined) wrong('--san-size', 'a number with M, G or T', sanSize);
  if (target !== undefined && !/^(iqn|eui|naa)\.[a-z0-9.:-]{1,200}$/.test(target)) wrong('--target', 'an iSCSI name in lower case, iqn.…', target);
  if (kernel !== undefined && !existsSync(kernel)) wrong('--kernel', 'a file that exists', kernel);
}

/** An earlier choice stays while its blades may run: they would not change with it. */
async function acceleratorFor(context: RackContext, options: UpOptions, before: RackSettings | undefined): Promise<AcceleratorChoice> {
  const wish = options.accelerator ?? 'auto';
  if (wish !== 'auto') return { accelerator: wish, reason: 'asked for' };
  if (options.accelerator === undefined && options.kernel === undefined && before !== undefined) return { accelerator: before.accelerator, reason: before.acceleratorReason };
  if (context.changes.dryRun) return { accelerator: 'tcg', reason: 'KVM not tried in a dry run' };
  return chooseAccelerator(context.identity.stateDir, options.kernel, context.progress);
}

/** The room in which a role's process has to live. */
const roomOf = (role: string): Room => (role === 'tgtd' ? 'san' : role === 'web' ? 'out' : 'boot');

/** Ends processes that were left behind in namespaces which are gone: no cable leads to them any more. */
async function endLostProcesses(context: RackContext): Promise<void> {
  for (const role of context.processes.roles()) {
    const record = context.processes.find(role);
    if (record === undefined || livesIn(context, record.pid, roomOf(role))) continue;
    context.progress(`${role} (pid ${record.pid}) was left without its network; ending it`);
    await context.changes.act(`kill ${role}, pid ${record.pid}`, () => context.processes.stop(role, 'kill'));
  }
}

/** The present network, once the kernel has done with namespaces that were just left by their last process. */
async function settledNetwork(context: RackContext): Promise<PresentNetwork> {
  const deadline = performance.now() + SETTLE_LIMIT_MS;
  let present = await presentNetwork(context);
  while (halfCables(present).length > 0 && performance.now() < deadline) {
    await sleep(SETTLE_POLL_MS);
    present = await presentNetwork(context);
  }
  return present;
}

async function startWeb(context: RackContext): Promise<boolean> {
  if (context.processes.find('web') !== undefined) return false;
  const script = join(import.meta.dirname, 'outside-web.ts');
  const argv = inRoom(context.identity, 'out', [process.execPath, script, OUTSIDE_ADDRESS, '80']);
  await context.changes.act(`start: ${argv.join(' ')}`, () => context.processes.start({ role: 'web', argv, mark: script, logFile: logPath(context.identity, 'web') }));
  return true;
}

/** A blade on a tagged switch port whose port or cable died has no network: it gets it back. */
async function mendVlans(context: RackContext): Promise<void> {
  for (let blade = 1; blade <= MAX_BLADES; blade++) {
    const { vlan } = readBlade(context.identity, blade);
    if (vlan === undefined || context.processes.find(bladeRole(blade)) === undefined) continue;
    if (vlanRoles(blade).every((role) => context.processes.find(role) !== undefined)) continue;
    context.progress(`blade ${blade}: its switch port died; starting another`);
    await context.changes.act(`start the switch port of blade ${blade}`, () => startVlan(context, blade, vlan));
  }
}

async function mendLoggers(context: RackContext): Promise<void> {
  for (let blade = 1; blade <= MAX_BLADES; blade++) {
    if (context.processes.find(bladeRole(blade)) === undefined || context.processes.find(loggerRole(blade)) !== undefined) continue;
    context.progress(`blade ${blade}: its console logger died; starting another`);
    await context.changes.act(`start the console logger of blade ${blade}`, () => startLogger(context, blade, true));
  }
}

/** Makes the rack, or what is missing of it. What runs goes on. */
export async function bringUp(context: RackContext, options: UpOptions): Promise<void> {
  requireHost();
  checkOptions(options);
  const { identity, progress } = context;
  await context.changes.act(`make ${identity.stateDir} and ${identity.runDir}`, () => makeFolders(identity));
  const before = readSettings(identity);
  const choice = await acceleratorFor(context, options, before);
  progress(`accelerator: ${choice.accelerator} (${choice.reason})`);
  const madeNetnsMount = before?.madeNetnsMount === true || !isNetnsMounted();
  const settings: RackSettings = {
    blades: options.blades ?? before?.blades ?? DEFAULT_BLADES,
    memory: options.memory ?? before?.memory ?? DEFAULT_MEMORY,
    target: options.target ?? before?.target ?? DEFAULT_TARGET,
    sanCached: before?.sanCached ?? false,
    accelerator: choice.accelerator,
    acceleratorReason: choice.reason,
    madeNetnsMount,
  };
  // Before the first change of the host, so that a `down` after a crash knows what there may be.
  await context.changes.act('write rack.json', () => writeSettings(identity, settings));
  await endLostProcesses(context);
  const present = await settledNetwork(context);
  const changes = await applyNetwork(context, [], present);
  progress(changes === 0 ? 'networks: as they should be' : 'networks: boot, SAN and outside are there');
  await makeSanFile(context, options.sanSize === undefined ? undefined : parseSize(options.sanSize), parseSize(DEFAULT_SAN_SIZE)!);
  const cached = settings.sanCached ?? false;
  const sanStarted = await startSan(context, { target: settings.target, cached });
  progress(sanStarted ? `SAN: ${settings.target}, write cache ${cached ? 'on' : 'off'}` : 'SAN: runs already');
  progress((await startWeb(context)) ? `outside: http://${OUTSIDE_ADDRESS}/ answers` : 'outside: runs already');
  await mendLoggers(context);
  await mendVlans(context);
}

/** Ends what runs in the rack's namespaces without a record: a command was killed between start and note. */
async function endStrays(context: RackContext): Promise<void> {
  for (const pid of await strayPids(context)) {
    context.progress(`pid ${pid} runs in a namespace of the rack; ending it`);
    await context.changes.act(`kill pid ${pid}`, () => {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    });
  }
}

/**
 * Takes the rack away: processes, namespaces, sockets. The SAN's file, the logs and recordings stay.
 * Safe to run twice, and after a crash.
 * @param wipe removes the state directory too
 */
export async function takeDown(context: RackContext, wipe: boolean): Promise<void> {
  const { identity, changes, processes, progress } = context;
  if ((await presentNamespaces()).length > 0 && process.getuid?.() !== 0) requireHost();
  const settings = readSettings(identity);
  // Blades first: the SAN's power is not to be cut under them, although they would have to bear it.
  const roles = processes.roles().sort((a, b) => Number(a === 'tgtd') - Number(b === 'tgtd'));
  for (const role of roles) {
    // tgtd does not heed SIGTERM. What it has not saved is in the host's page cache, which outlives it.
    const how = role.startsWith('blade-') || role === 'tgtd' ? 'kill' : 'term';
    const alive = processes.find(role);
    if (alive !== undefined) progress(`ending ${role} (pid ${alive.pid})`);
    await changes.act(`end ${role}`, () => processes.stop(role, how));
  }
  await endStrays(context);
  await removeNetwork(context);
  if (settings?.madeNetnsMount === true) await removeNetnsMount(context);
  await changes.act(`remove ${identity.runDir}`, () => rmSync(identity.runDir, { recursive: true, force: true }));
  await changes.act('remove the process records', () => rmSync(join(identity.stateDir, 'processes'), { recursive: true, force: true }));
  if (!changes.dryRun && settings !== undefined) writeSettings(identity, { ...settings, madeNetnsMount: false });
  if (wipe) await changes.act(`remove ${identity.stateDir}`, () => rmSync(identity.stateDir, { recursive: true, force: true }));
  else if (existsSync(sanPath(identity))) progress(`kept: ${sanPath(identity)} and the logs (--wipe removes them)`);
}

/** True when at least one namespace of the rack is there. */
export const isUp = (context: RackContext): boolean =>
  ROOMS.some((room) => existsSync(`/run/netns/${namespaceOf(context.identity, room)}`));
