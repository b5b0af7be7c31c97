// The installer's session to the SAN: iscsid and iscsiadm of the live system.

import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChapLogin } from '../../daemons/core/chap.ts';
import { recordFiles, recordWithLogin } from '../../daemons/core/iscsi-record.ts';
import { InputError } from '../../daemons/core/problem.ts';
import type { SanAddress } from '../../daemons/core/roster.ts';
import { CommandError, run } from '../../daemons/host/run.ts';

const SESSIONS = '/sys/class/iscsi_session';
const DISK_WAIT_MS = 10_000;
const POLL_MS = 100;
/** iscsiadm(8): the session is there already; the SAN does not let this initiator in. */
const ISCSI_ERR_SESS_EXISTS = 15;
const ISCSI_ERR_LOGIN_AUTH_FAILED = 24;
/** The record of a session that goes by no interface of its own. */
const IFACE = 'default';
const SECRET_MODE = 0o600;

function list(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

function disksOf(target: string): string[] {
  const sessions = list(SESSIONS).filter((session) => readFileSync(join(SESSIONS, session, 'targetname'), 'utf8').trim() === target);
  return sessions.flatMap((session) => {
    const device = join(SESSIONS, session, 'device');
    return list(device).filter((name) => name.startsWith('target')).flatMap((name) => list(join(device, name)).flatMap((unit) => list(join(device, name, unit, 'block'))));
  });
}

/** Writes the login into the record of the target, which this root alone may read. @throws Error when open-iscsi has made no record */
function setLogin({ address, port, target }: SanAddress, chap: ChapLogin): void {
  const files = recordFiles({ list, exists: existsSync }, target, { address, port }, IFACE);
  if (files.length === 0) throw new Error(`open-iscsi keeps no record of ${target} at ${address},${port}`);
  for (const file of files) {
    chmodSync(file, SECRET_MODE);
    writeFileSync(file, recordWithLogin(readFileSync(file, 'utf8'), chap), { mode: SECRET_MODE });
  }
}

/** Logs in. @throws InputError when the SAN refuses this initiator, CommandError for all else */
async function logIn({ target }: SanAddress, portal: string, chap: ChapLogin | undefined): Promise<void> {
  try {
    await run(['iscsiadm', '-m', 'node', '-T', target, '-p', portal, '--login'], { accept: [0, ISCSI_ERR_SESS_EXISTS] });
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== ISCSI_ERR_LOGIN_AUTH_FAILED) throw error;
    throw new InputError([{
      code: 'MM-INSTALL-DENIED', where: `${target} at ${portal}`, rule: 'lets this initiator in', seen: chap === undefined ? 'a refusal, without CHAP' : `a refusal, with CHAP user ${chap.user}`,
      remedy: chap === undefined ? 'Where the SAN wants CHAP give chap-user and chap-password-file, or to `restore` and `san login` --san-login FILE; else see its access list.' : 'Compare name and secret with the SAN\'s; with chap-mutual-user its own as well. See its access list.',
    }]);
  }
}

/**
 * Logs in to the target, by CHAP if a login is given, and returns its disks' names (`sda`). The list of targets is asked for without:
 * it is the target itself that the secret guards.
 * @throws InputError when the target is not among those the SAN exports, refuses the login, or has no disk
 * @throws CommandError when the SAN cannot be reached
 */
export async function openTarget(san: SanAddress, chap: ChapLogin | undefined): Promise<string[]> {
  const { address, port, target } = san;
  const portal = `${address}:${port}`;
  if (disksOf(target).length > 0) return disksOf(target);
  await run(['systemctl', 'start', 'metamaster-iscsid.service']);
  const { output } = await run(['iscsiadm', '-m', 'discovery', '-t', 'sendtargets', '-p', portal]);
  const exported = [...new Set(output.trim().split('\n').map((row) => row.split(' ')[1] ?? '').filter((name) => name !== ''))];
  if (!exported.includes(target)) {
    throw new InputError([{
      code: 'MM-INSTALL-TARGET', where: 'iscsi-target', rule: `one of those that ${portal} exports: ${exported.join(', ') || 'none'}`, seen: target,
      remedy: 'Correct the name, or export it to this initiator.',
    }]);
  }
  if (chap !== undefined) setLogin(san, chap);
  await logIn(san, portal, chap);
  for (let waited = 0; waited < DISK_WAIT_MS; waited += POLL_MS) {
    const disks = disksOf(target);
    if (disks.length > 0) return disks;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new InputError([{ code: 'MM-INSTALL-NO-DISK', where: target, rule: 'the target exports a disk', seen: 'none', remedy: 'Give it a LUN of at least 4 GiB.' }]);
}
