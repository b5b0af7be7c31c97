// The impatient session: to registry, owner records and leases, where an outage must be an error within seconds. iscsistart
// refuses a second session to one portal; iscsid opens one with an interface record, and an initiator name, of its own.

import { type ChapLogin, parseChapLogin } from '../../daemons/core/chap.ts';
import { recordFiles, recordWithLogin } from '../../daemons/core/iscsi-record.ts';
import type { MessageCode } from '../../daemons/core/problem.ts';
import { mustRun, refuse, StepError, type BootHost } from '../boot-host.ts';
import type { BootRecord } from './handover.ts';
import { disksOfSession, initiatorOf, sessionsOf } from './san-login.ts';

/** Seconds until a broken control session reports an error. */
export const CONTROL_RECOVERY_SECONDS = 5;
/** Seconds that a command on the control disk may take. */
const CONTROL_COMMAND_SECONDS = 10;
const IFACE = 'control';
/** iscsiadm(8): the record, or the session, is there already. */
const EXISTS = [0, 15] as const;
/** What the kernel says of a session that works. */
const LOGGED_IN = 'LOGGED_IN';
const REMEDY = 'Check that the SAN is reached; it is tried again.';
const TAKE_OVER_WAIT_MS = 120_000;
/** Asking costs a process each time, while the node is still starting. */
const TAKE_OVER_POLL_MS = 2_000;
/** Characters of a message that are worth showing. */
const SHOWN = 300;
const DISK_WAIT_MS = 10_000;
const POLL_MS = 200;
const SESSIONS = '/sys/class/iscsi_session';
/** Rendered from the registry at each boot (initrd/identity.ts). */
const SAN_LOGIN = '/etc/metamaster/san-login.json';
const SECRET = 0o600;

/** The initiator name of the control session: the hardware's, and `.control`. */
export function controlInitiator(hardwareId: string): string {
  return `${initiatorOf(hardwareId)}.control`;
}

/** True for a session whose outages are errors, by its initiator name. */
export const isControl = (host: BootHost, session: string): boolean => host.readText(`${SESSIONS}/${session}/initiatorname`)?.trim().endsWith('.control') === true;

/** True while the session works, by the kernel's word. */
export const isLoggedIn = (host: BootHost, session: string): boolean => host.readText(`${SESSIONS}/${session}/state`)?.trim() === LOGGED_IN;

/** The control session that works, if there is one: one that was lost stays in the list until it is mended. */
function controlSession(host: BootHost, target: string): string | undefined {
  return sessionsOf(host, target).find((session) => isControl(host, session) && isLoggedIn(host, session));
}

/** The disk that the control session shows (`sdb`), while it works. */
export function controlDisk(host: BootHost, target: string): string | undefined {
  const session = controlSession(host, target);
  return session === undefined ? undefined : disksOfSession(host, session)[0];
}

/** What tells the control session's connection from the one before it: its local TCP port is another after each login. Undefined when the kernel shows none. */
export function controlConnection(host: BootHost, target: string): string | undefined {
  const session = controlSession(host, target);
  const port = session === undefined ? undefined : host.readText(`/sys/class/iscsi_connection/${session.replace('session', 'connection')}:0/local_port`)?.trim();
  return port === undefined || port === '' ? undefined : `${session}/${port}`;
}

/** What `iscsiadm -m session -P 1` says of a session that iscsid knows, and that is logged in and at rest. */
const IN_HAND = [/iSCSI Connection State: LOGGED IN/, /Internal iscsid Session State: NO CHANGE/];

/**
 * Waits until the keeper's iscsid has a session of the initrd's in hand: from then on it mends them, a connection that is closed on purpose
 * as well. One path of several may be lost just now.
 * @throws StepError after two minutes
 */
export async function waitForTakeOver(host: BootHost, target: string): Promise<void> {
  const patient = () => sessionsOf(host, target).filter((session) => !isControl(host, session));
  for (let waited = 0; ; waited += TAKE_OVER_POLL_MS) {
    const said = patient().map((session) => host.run(['iscsiadm', '-m', 'session', '-r', session.replace('session', ''), '-P', '1']).said);
    if (said.some((text) => IN_HAND.every((sign) => sign.test(text)))) return;
    if (waited >= TAKE_OVER_WAIT_MS) throw new StepError('MM-AGENT-TAKE-OVER', `iscsid has not taken the session over: ${said.join(' ').trim().slice(-SHOWN)}`, 'See what iscsid says: dmesg; then boot the node again.');
    await host.sleep(TAKE_OVER_POLL_MS);
  }
}

/** The SAN's login as the boot left it; undefined where it wants none. @throws StepError for a file that holds something else */
function sanLogin(host: BootHost): ChapLogin | undefined {
  const login = parseChapLogin(host.readText(SAN_LOGIN) ?? '{}', SAN_LOGIN);
  if (!login.ok) throw refuse(login.problems);
  return login.value;
}

/**
 * Writes the login into open-iscsi's record, which iscsiadm makes for root alone (umask 0077), or takes one out that there is no more. The
 * patient session needs no record: iscsid, when it takes it over, reads name and secret from the kernel, which shows them to root alone
 * (usr/iscsid.c setup_rec_from_negotiated_values, usr/iscsi_sysfs.c iscsi_sysfs_get_auth_conf).
 * @throws StepError when a login is wanted and there is no record to write it into
 */
function setLogin(host: BootHost, code: MessageCode, { target, portal, iface }: NodeLogin): void {
  const login = sanLogin(host);
  const colon = portal.lastIndexOf(':');
  const files = recordFiles(host, target, { address: portal.slice(0, colon), port: Number(portal.slice(colon + 1)) }, iface);
  if (login !== undefined && files.length === 0) throw new StepError(code, `open-iscsi keeps no record of ${target} at ${portal}`, 'See what iscsid says in dmesg; it is tried again.');
  for (const file of files) {
    const record = host.readText(file) ?? '';
    const wanted = recordWithLogin(record, login);
    if (wanted !== record) host.writeText(file, wanted, SECRET);
  }
}

/** A login by iscsid. */
interface NodeLogin {
  readonly target: string;
  /** `address:port` */
  readonly portal: string;
  /** The interface record: `default`, or one of our own. */
  readonly iface: string;
  /** What the node record says otherwise than iscsid.conf. */
  readonly settings: readonly (readonly [name: string, value: string])[];
}

/** Logs in at one portal by a node record made anew, with the SAN's login in it where it wants one. @throws StepError */
export function logInByRecord(host: BootHost, code: MessageCode, login: NodeLogin): void {
  const node = ['iscsiadm', '-m', 'node', '-T', login.target, '-p', login.portal, '-I', login.iface];
  mustRun(host, code, [...node, '--op', 'new'], REMEDY, EXISTS);
  for (const [name, value] of login.settings) mustRun(host, code, [...node, '--op', 'update', '-n', name, '-v', value], REMEDY);
  setLogin(host, code, login);
  mustRun(host, code, [...node, '--login'], REMEDY, EXISTS);
}

/** Which disk the control session shows, for programs in the root that read and write the registry: `{"disk": "/dev/sdb"}`. */
export const SAN_FILE = '/run/metamaster/san.json';

/** Says which disk it is; in one piece, for it may be read at any moment. */
export function tellDisk(host: BootHost, disk: string): void {
  host.writeText(`${SAN_FILE}.new`, `${JSON.stringify({ disk: `/dev/${disk}` })}\n`, 0o644);
  host.rename(`${SAN_FILE}.new`, SAN_FILE);
}

/** Opens the control session at one portal. @throws StepError */
function logInAt(host: BootHost, record: BootRecord, portal: string): void {
  const interfaceSettings = [['iface.initiatorname', controlInitiator(record.hardwareId ?? '')], ['iface.transport_name', 'tcp']] as const;
  mustRun(host, 'MM-AGENT-SESSION', ['iscsiadm', '-m', 'iface', '-I', IFACE, '--op', 'new'], REMEDY, EXISTS);
  for (const [name, value] of interfaceSettings) mustRun(host, 'MM-AGENT-SESSION', ['iscsiadm', '-m', 'iface', '-I', IFACE, '--op', 'update', '-n', name, '-v', value], REMEDY);
  const settings = [['node.session.timeo.replacement_timeout', String(CONTROL_RECOVERY_SECONDS)], ['node.conn[0].timeo.noop_out_interval', '2'], ['node.conn[0].timeo.noop_out_timeout', '3']] as const;
  logInByRecord(host, 'MM-AGENT-SESSION', { target: record.target ?? '', portal, iface: IFACE, settings });
}

/** Opens the session at the first portal that lets us in, unless one works; returns its disk (`sdb`). @throws StepError what the last portal's login said */
export async function openControlSession(host: BootHost, record: BootRecord): Promise<string> {
  const target = record.target ?? '';
  let failure: StepError | undefined;
  for (const portal of record.portals) {
    if (controlSession(host, target) !== undefined) break;
    try {
      logInAt(host, record, portal);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      failure = error;
    }
  }
  if (controlSession(host, target) === undefined && failure !== undefined) throw failure;
  for (let waited = 0; waited < DISK_WAIT_MS; waited += POLL_MS) {
    const disk = controlDisk(host, target);
    // A disk is listed a moment before its attributes are there.
    if (disk !== undefined && host.exists(`/sys/block/${disk}/device/timeout`)) {
      host.writeText(`/sys/block/${disk}/device/timeout`, String(CONTROL_COMMAND_SECONDS), 0o644);
      return disk;
    }
    await host.sleep(POLL_MS);
  }
  throw new StepError('MM-AGENT-SESSION', 'the control session shows no disk', REMEDY);
}
