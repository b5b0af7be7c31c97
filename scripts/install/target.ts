// The installer's session to the SAN: iscsid and iscsiadm of the live system.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../daemons/host/run.ts';
import { InputError } from '../../daemons/core/problem.ts';

const SESSIONS = '/sys/class/iscsi_session';
const DISK_WAIT_MS = 10_000;
const POLL_MS = 100;
/** iscsiadm(8): the session is there already. */
const ISCSI_ERR_SESS_EXISTS = 15;

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

/**
 * Logs in to the target and returns its disks' names (`sda`).
 * @throws InputError when the target is not among those the SAN exports, or has no disk
 * @throws CommandError when the SAN cannot be reached
 */
export async function openTarget(address: string, port: number, target: string): Promise<string[]> {
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
  await run(['iscsiadm', '-m', 'node', '-T', target, '-p', portal, '--login'], { accept: [0, ISCSI_ERR_SESS_EXISTS] });
  for (let waited = 0; waited < DISK_WAIT_MS; waited += POLL_MS) {
    const disks = disksOf(target);
    if (disks.length > 0) return disks;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new InputError([{ code: 'MM-INSTALL-NO-DISK', where: target, rule: 'the target exports a disk', seen: 'none', remedy: 'Give it a LUN of at least 4 GiB.' }]);
}
