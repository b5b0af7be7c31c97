// The impatient session: to registry, owner records and leases, where an outage must be an error within seconds. iscsistart
// refuses a second session to one portal; iscsid opens one with an interface record, and an initiator name, of its own.

import { mustRun, StepError, type BootHost } from '../boot-host.ts';
import type { BootRecord } from './handover.ts';
import { disksOfSession, initiatorOf, sessionsOf } from './san-login.ts';

/** Seconds until a broken control session reports an error. */
export const CONTROL_RECOVERY_SECONDS = 5;
/** Seconds that a command on the control disk may take. */
const CONTROL_COMMAND_SECONDS = 10;
const IFACE = 'control';
/** iscsiadm(8): the record, or the session, is there already. */
const EXISTS = [0, 15] as const;
const ISCSID_WAIT_MS = 20_000;
const DISK_WAIT_MS = 10_000;
const POLL_MS = 200;
const SESSIONS = '/sys/class/iscsi_session';

/** The initiator name of the control session: the hardware's, and `.control`. */
export function controlInitiator(hardwareId: string): string {
  return `${initiatorOf(hardwareId)}.control`;
}

function controlSession(host: BootHost, target: string): string | undefined {
  return sessionsOf(host, target).find((session) => host.readText(`${SESSIONS}/${session}/initiatorname`)?.trim().endsWith('.control') === true);
}

async function waitForIscsid(host: BootHost): Promise<void> {
  for (let waited = 0; ; waited += POLL_MS) {
    const ran = host.run(['iscsiadm', '-m', 'iface']);
    if (ran.code === 0) return;
    if (waited >= ISCSID_WAIT_MS) throw new StepError(`iscsid does not answer: ${ran.said.trim()}`, 'systemctl status metamaster-iscsid');
    await host.sleep(POLL_MS);
  }
}

/** Opens the session unless it is open; returns its disk (`sdb`). @throws StepError */
export async function openControlSession(host: BootHost, record: BootRecord): Promise<string> {
  const target = record.target ?? '';
  const remedy = 'Check that the SAN is reached; it is tried again.';
  if (controlSession(host, target) === undefined) {
    await waitForIscsid(host);
    const node = ['iscsiadm', '-m', 'node', '-T', target, '-p', record.portal, '-I', IFACE];
    mustRun(host, ['iscsiadm', '-m', 'iface', '-I', IFACE, '--op', 'new'], remedy, EXISTS);
    const settings = [['iface.initiatorname', controlInitiator(record.hardwareId ?? '')], ['iface.transport_name', 'tcp']] as const;
    for (const [name, value] of settings) mustRun(host, ['iscsiadm', '-m', 'iface', '-I', IFACE, '--op', 'update', '-n', name, '-v', value], remedy);
    mustRun(host, [...node, '--op', 'new'], remedy, EXISTS);
    const times = [['node.session.timeo.replacement_timeout', String(CONTROL_RECOVERY_SECONDS)], ['node.conn[0].timeo.noop_out_interval', '2'], ['node.conn[0].timeo.noop_out_timeout', '3']] as const;
    for (const [name, value] of times) mustRun(host, [...node, '--op', 'update', '-n', name, '-v', value], remedy);
    mustRun(host, [...node, '--login'], remedy, EXISTS);
  }
  for (let waited = 0; waited < DISK_WAIT_MS; waited += POLL_MS) {
    const session = controlSession(host, target);
    const disk = session === undefined ? undefined : disksOfSession(host, session)[0];
    if (disk !== undefined) {
      host.writeText(`/sys/block/${disk}/device/timeout`, String(CONTROL_COMMAND_SECONDS), 0o644);
      return disk;
    }
    await host.sleep(POLL_MS);
  }
  throw new StepError('the control session shows no disk', remedy);
}
