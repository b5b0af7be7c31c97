// The SAN's power switch and cable, and its condition.

import { closeSync, existsSync, ftruncateSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { chapKind, type ChapKind, type ChapLogin, formatChapLogin } from '../../daemons/core/chap.ts';
import { readSanLogin } from '../san-login-files.ts';
import { look } from './commands.ts';
import { fail } from './failure.ts';
import { bladeMac, namespaceOf, tapName } from './identity.ts';
import { inRoom, logPath, sanLoginPath, sanPath, settingsWhenUp, writeSettings, type RackContext } from './rack-state.ts';
import { SAN_ADDRESS, SAN_CABLE } from './network-plan.ts';
import { chapCommands, noChapCommands, parseTargetReport, SAN_PORT, sanEnvironment, showTargetsArgv, targetCommands, tgtdArgv, type TargetReport } from './san-plan.ts';
import type { SanProbe } from './san-probe.ts';

/** tgtd answers within a second; ten allow for a busy host. */
const START_LIMIT_MS = 10_000;
const POLL_MS = 50;

/** The SAN as `status` shows it. */
export interface SanStatus {
  readonly running: boolean;
  readonly portal: string;
  readonly target: string | null;
  readonly initiators: readonly string[];
  /** How a login to it is proved; null: not at all. */
  readonly chap: ChapKind | null;
  readonly path: string;
  readonly sizeBytes: number;
  /** What the sparse file takes on the host's disk. */
  readonly usedBytes: number;
}

/** Makes the SAN's sparse file when there is none. Throws MM-RACK-SAN-SIZE when there is one of another size. */
export async function makeSanFile(context: RackContext, sizeBytes: number | undefined, defaultBytes: number): Promise<void> {
  const path = sanPath(context.identity);
  if (existsSync(path)) {
    const { size } = statSync(path);
    if (sizeBytes === undefined || size === sizeBytes) return;
    fail('MM-RACK-SAN-SIZE', path, `the SAN must have the size asked for, ${sizeBytes} bytes`, `${size} bytes`, 'Leave --san-size out to keep it, or `scripts/rack down --wipe` to begin with an empty one.');
  }
  await context.changes.act(`make the sparse file ${path}`, () => {
    const file = openSync(path, 'wx');
    ftruncateSync(file, sizeBytes ?? defaultBytes);
    closeSync(file);
  });
}

async function report(context: RackContext): Promise<TargetReport | 'none' | undefined> {
  const outcome = await look(inRoom(context.identity, 'san', showTargetsArgv()), sanEnvironment(context.identity.runDir));
  return outcome.status === 0 ? (parseTargetReport(outcome.stdout) ?? 'none') : undefined;
}

async function untilAnswers(context: RackContext): Promise<TargetReport | 'none'> {
  for (const deadline = performance.now() + START_LIMIT_MS; performance.now() < deadline; await sleep(POLL_MS)) {
    const seen = await report(context);
    if (seen !== undefined) return seen;
    if (context.processes.find('tgtd') === undefined) break;
  }
  return fail('MM-RACK-SAN', 'tgtd', `the SAN must answer within ${START_LIMIT_MS / 1000} s`, 'silence', `See ${logPath(context.identity, 'tgtd')}.`);
}

/** Asks the SAN itself, by iSCSI from within its namespace. Throws MM-RACK-SAN-PROBE when it does not answer. */
export async function probeSan(context: RackContext, target: string, writes?: number): Promise<SanProbe> {
  const script = join(import.meta.dirname, 'san-probe.ts');
  const login = sanLoginPath(context.identity);
  const argv = [process.execPath, script, target, writes === undefined ? '-' : String(writes), ...(existsSync(login) ? [login] : [])];
  const outcome = await look(inRoom(context.identity, 'san', argv));
  if (outcome.status !== 0) fail('MM-RACK-SAN-PROBE', `${SAN_ADDRESS}:${SAN_PORT}`, 'the SAN must answer by iSCSI', outcome.stderr.trim(), `See ${logPath(context.identity, 'tgtd')}.`);
  return JSON.parse(outcome.stdout) as SanProbe;
}

/** How the SAN is made. */
export interface SanOptions {
  readonly target: string;
  readonly cached: boolean;
}

/** Chooses whether the SAN has a write cache from its next start on. Throws MM-RACK-OPTION when it would have to change while the SAN runs. */
export async function chooseCache(context: RackContext, cached: boolean): Promise<void> {
  const settings = settingsWhenUp(context.identity);
  if ((settings.sanCached ?? false) === cached) return;
  if (context.processes.find('tgtd') !== undefined) {
    fail('MM-RACK-OPTION', '--write-cache', 'the SAN must be off when its write cache is changed', `it runs with write cache ${cached ? 'off' : 'on'}`, 'Run `scripts/rack san stop` first.');
  }
  await context.changes.act('write rack.json', () => writeSettings(context.identity, { ...settings, sanCached: cached }));
}

/**
 * Starts the SAN, unless it runs, and makes sure that its write cache is as it shall be.
 * @returns false when it ran already
 */
export async function startSan(context: RackContext, { target, cached }: SanOptions): Promise<boolean> {
  const environment = sanEnvironment(context.identity.runDir);
  if (context.processes.find('tgtd') !== undefined) {
    const seen = await untilAnswers(context);
    if (seen !== 'none' && seen.admits && seen.target === target) return false;
    // Half made by an `up` that did not get through, or made for another target.
    await context.changes.act('end tgtd, whose target is another or half made', () => context.processes.stop('tgtd', 'kill'));
  }
  const argv = inRoom(context.identity, 'san', tgtdArgv());
  await context.changes.act(`start: ${argv.join(' ')}`, async () => {
    await context.processes.start({ role: 'tgtd', argv, mark: 'tgtd', logFile: logPath(context.identity, 'tgtd'), environment });
    await untilAnswers(context);
  });
  const commands = targetCommands(target, sanPath(context.identity), cached);
  for (const command of commands.slice(0, -1)) await context.changes.run(inRoom(context.identity, 'san', command), environment);
  const login = keptLogin(context);
  if (login !== undefined) await runAccounts(context, 'give the target its CHAP accounts', chapCommands(login));
  await context.changes.run(inRoom(context.identity, 'san', commands.at(-1)!), environment);
  if (context.changes.dryRun) return true;
  const { writeCache } = await probeSan(context, target);
  if (writeCache !== (cached ? 'on' : 'off')) {
    const rule = cached ? 'the SAN must say that it has a write cache (WCE 1)' : 'the SAN must acknowledge only what is on its disk (WCE 0)';
    fail('MM-RACK-SAN-CACHE', target, rule, `write cache ${writeCache}`, 'This tgt does not take the caching mode page; install the distribution\'s tgt package.');
  }
  return true;
}

/** What the SAN wants of a login; undefined: nothing. */
export const keptLogin = ({ identity }: RackContext): ChapLogin | undefined => (existsSync(sanLoginPath(identity)) ? readSanLogin(sanLoginPath(identity)) : undefined);

/** Runs commands about accounts. Their arguments are shown nowhere, neither by a dry run nor when one fails. */
async function runAccounts(context: RackContext, what: string, commands: readonly (readonly string[])[]): Promise<void> {
  await context.changes.act(what, async () => {
    for (const command of commands) {
      const outcome = await look(inRoom(context.identity, 'san', command), sanEnvironment(context.identity.runDir));
      if (outcome.status !== 0) fail('MM-RACK-SAN-CHAP', what, 'tgtadm must succeed', `status ${outcome.status}`, 'Switch the blades off, then `scripts/rack san stop` and `scripts/rack san start`: a fresh tgtd has the accounts that were asked for last.');
    }
  });
}

/**
 * Makes the SAN want this login from now on, or none: at once if it runs, and at each start. Sessions that are open stay open. The login is
 * kept in a file of mode 0600 in the rack's folder.
 */
export async function setSanChap(context: RackContext, login: ChapLogin | undefined): Promise<void> {
  const path = sanLoginPath(context.identity);
  const before = keptLogin(context);
  const running = context.processes.find('tgtd') !== undefined;
  if (running && before !== undefined) await runAccounts(context, "take the target's CHAP accounts away", noChapCommands(before));
  await context.changes.act(login === undefined ? `remove ${path}` : `write ${path}`, () => {
    rmSync(path, { force: true });
    if (login !== undefined) writeFileSync(path, formatChapLogin(login), { mode: 0o600, flag: 'wx' });
  });
  if (running && login !== undefined) await runAccounts(context, 'give the target its CHAP accounts', chapCommands(login));
}

/** Cuts the SAN's power. @returns false when it was off */
export async function stopSan(context: RackContext): Promise<boolean> {
  if (context.processes.find('tgtd') === undefined) return false;
  await context.changes.act('kill tgtd', () => context.processes.stop('tgtd', 'kill'));
  return true;
}

/** Pulls or plugs the SAN's network cable: its sessions stay open and hear nothing. */
export async function cableSan(context: RackContext, plugged: boolean): Promise<void> {
  await context.changes.run(['ip', '-n', namespaceOf(context.identity, 'boot'), 'link', 'set', SAN_CABLE, plugged ? 'up' : 'down']);
}

/** The rack's own rules on the boot bridge; taken away with its namespace. */
const CUT_TABLE = 'metamaster-cut';

async function addCut(context: RackContext, chain: string, rules: readonly (readonly string[])[]): Promise<void> {
  const nft = ['ip', 'netns', 'exec', namespaceOf(context.identity, 'boot'), 'nft', 'add'];
  await context.changes.run([...nft, 'table', 'bridge', CUT_TABLE]);
  await context.changes.run([...nft, 'chain', 'bridge', CUT_TABLE, chain, '{ type filter hook forward priority 0; }']);
  for (const rule of rules) await context.changes.run([...nft, 'rule', 'bridge', CUT_TABLE, chain, ...rule, 'drop']);
}

async function mendCut(context: RackContext, chain: string): Promise<void> {
  await context.changes.run(['ip', 'netns', 'exec', namespaceOf(context.identity, 'boot'), 'nft', 'delete', 'chain', 'bridge', CUT_TABLE, chain]);
}

/** Loses every frame of a blade to one portal of the SAN from now on, as a switch that fails would, or lets them pass again. */
export async function cutPath(context: RackContext, blade: number, portal: string, cut: boolean): Promise<void> {
  const chain = `blade-${blade}-${portal.replaceAll('.', '-')}`;
  if (cut) await addCut(context, chain, [['ether', 'saddr', bladeMac(context.identity.id, blade), 'ip', 'daddr', portal]]);
  else await mendCut(context, chain);
}

/**
 * Loses every frame between a blade and the other blades from now on, both ways, as where the boot network and the SAN's have switches of their
 * own and the former fails: the blade reaches the SAN and nothing else. Or lets them pass again.
 */
export async function cutOff(context: RackContext, blade: number, cut: boolean): Promise<void> {
  const chain = `blade-${blade}-alone`;
  const tap = tapName(blade, 'boot');
  if (cut) await addCut(context, chain, [['iifname', tap, 'oifname', '!=', SAN_CABLE], ['oifname', tap, 'iifname', '!=', SAN_CABLE]]);
  else await mendCut(context, chain);
}

/** The SAN's condition. */
export async function sanStatus(context: RackContext): Promise<SanStatus> {
  const path = sanPath(context.identity);
  const seen = context.processes.find('tgtd') === undefined ? undefined : await report(context);
  const found = seen === undefined || seen === 'none' ? undefined : seen;
  const login = keptLogin(context);
  const file = existsSync(path) ? statSync(path) : undefined;
  return {
    running: found !== undefined,
    portal: `${SAN_ADDRESS}:${SAN_PORT}`,
    target: found?.target ?? null,
    initiators: found?.initiators ?? [],
    chap: login === undefined ? null : chapKind(login),
    path,
    sizeBytes: file?.size ?? 0,
    usedBytes: (file?.blocks ?? 0) * 512,
  };
}
