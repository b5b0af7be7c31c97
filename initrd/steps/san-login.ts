// The step `login`: the patient session to the SAN, by iscsistart, and the disk behind it. An outage must be a stall, never
// an error: both the session's recovery time and the disk's own time-out are raised for that (either alone was not enough).

import type { MessageCode } from '../../daemons/core/problem.ts';
import { portalText, type SanPortal } from '../../daemons/core/san-portal.ts';
import { StepError, type BootHost, type Ran } from '../boot-host.ts';
import { removeFirmwareTable, writeFirmwareTable } from './boot-firmware-table.ts';
import { found, type BootState } from './boot-state.ts';
import { findSanLogin } from './san-secret.ts';

/** Seconds that a broken session is kept: a day. */
export const PATIENT_RECOVERY_SECONDS = 86_400;
/** Seconds that one login may take; iscsistart's own is eight times 15, two minutes in which a console would show nothing. */
export const LOGIN_SECONDS = 10;
/** Seconds that the disk lets a single command take. */
export const PATIENT_COMMAND_SECONDS = 3_600;
/** The same of one path among several: a second path takes over within seconds. */
export const PATH_RECOVERY_SECONDS = 5;
const PATH_COMMAND_SECONDS = 30;
const PORTAL_GROUP_TAG = '1';

/** The blade's iSCSI name: the hardware's, never the node's. Colons and slashes of the id have no place in it (RFC 3720 section 3.2.6.1). */
export function initiatorOf(hardwareId: string): string {
  return `iqn.2026-11.metamaster:${hardwareId.replaceAll('/', '.').replaceAll(':', '')}`;
}

const DISK_WAIT_MS = 10_000;
const POLL_MS = 50;
const SESSIONS = '/sys/class/iscsi_session';
const SECTOR = 512;

/** Block devices behind one session: `sda`, … */
export function disksOfSession(host: BootHost, session: string): string[] {
  const device = `${SESSIONS}/${session}/device`;
  return host.list(device).filter((name) => name.startsWith('target')).flatMap((target) =>
    host.list(`${device}/${target}`).flatMap((unit) => host.list(`${device}/${target}/${unit}/block`)));
}

/** Sessions that are logged in to this target, by the kernel's own list. */
export function sessionsOf(host: BootHost, target: string): string[] {
  return host.list(SESSIONS).filter((session) => host.readText(`${SESSIONS}/${session}/targetname`)?.trim() === target);
}

/**
 * What iscsistart says of a login that failed; the numbers are the login response's status class and detail (RFC 7143 section 11.13.5).
 * It tries a refused connection again until its time is up and ends with `connection timed out`: so that comes last.
 */
const CAUSES: readonly (readonly [RegExp, MessageCode, string])[] = [
  [/Connection refused/i, 'MM-BOOT-LOGIN-PORT', 'The SAN answers but has no iSCSI service on that port: check storage_port= and whether the target runs.'],
  [/not found|does not exist|0203|02\/03/i, 'MM-BOOT-LOGIN-TARGET', 'The SAN does not export a target of that name: check ivid=.'],
  [/authentication|0201|02\/01/i, 'MM-BOOT-LOGIN-CHAP', ''],
  [/authori[sz]ation|0202|02\/02/i, 'MM-BOOT-LOGIN-DENIED', 'The SAN refuses this initiator: check its access list.'],
  // Where no route leads it gives the number of the error alone: ENETUNREACH or EHOSTUNREACH.
  [/No route|unreachable|timed out|connection failure|\(-1,(101|113)\)/i, 'MM-BOOT-LOGIN-UNREACHED', 'Check storage_ip=, sifip= and sifnm=, and the cable to the SAN.'],
];
/** What iscsistart says at every start, whatever comes of it. */
const GREETING = /: (version [0-9]|Logging into )/;

/** What can be done when the SAN and the blade do not prove themselves to each other. */
function chapRemedy({ sanLogin, parameters }: BootState): string {
  if (sanLogin !== undefined) return 'Compare names and secrets with those of the SAN; with mutual CHAP its own as well.';
  if (parameters.boot === 'dvd') return 'The target wants CHAP, and no login is known: type it when asked, or put in a stick labelled MM-SECRET.';
  return 'The target wants CHAP, and no login came with this boot: nodes hand it out by HTTP alone, and only where the roster says san.chap; see san-login.refused in their journals, and boot again.';
}

function loginError(portal: SanPortal, target: string, state: BootState, ran: Ran): StepError {
  // Each try of its own says the same once more.
  const last = [...new Set(ran.said.trim().split('\n'))].filter((line) => !GREETING.test(line)).slice(-3).join(' | ');
  // A name may hold any digits, and is no cause.
  const unnamed = ran.said.replaceAll(target, '');
  const [, code, remedy] = CAUSES.find(([pattern]) => pattern.test(unnamed))
    ?? [undefined, 'MM-BOOT-LOGIN', 'Check that the SAN is on and reached (ping), and storage_ip=, storage_port= and ivid=.'] as const;
  return new StepError(code, `iSCSI login to ${target} at ${portal.address}, port ${portal.port}, failed (code ${ran.code}): ${last}`, code === 'MM-BOOT-LOGIN-CHAP' ? chapRemedy(state) : remedy);
}

const PARAMETERS = [
  '--param', `node.session.timeo.replacement_timeout=${PATIENT_RECOVERY_SECONDS}`,
  // The boot tries again by itself, and says so.
  '--param', `node.conn[0].timeo.login_timeout=${LOGIN_SECONDS}`, '--param', 'node.session.initial_login_retry_max=1',
] as const;

/** Runs iscsistart: plainly, or with a secret by way of a table that only root can read. */
function startSession(host: BootHost, state: BootState, target: string, { address, port }: SanPortal): Ran {
  const initiator = found(state.initiator, 'the initiator name');
  // What an administrator typed goes before what a stick holds.
  const login = state.sanLogin ?? findSanLogin(host, state);
  if (login === undefined) return host.run(['iscsistart', '-i', initiator, '-t', target, '-g', PORTAL_GROUP_TAG, '-a', address, '-p', String(port), ...PARAMETERS]);
  state.sanLogin = login;
  try {
    writeFirmwareTable(host, { initiator, target, portals: [{ address, port }], mac: found(state.mac, 'the MAC address'), address: state.parameters.sifIp, chap: login });
    return host.run(['iscsistart', '-b', ...PARAMETERS, '--param', 'node.session.auth.authmethod=CHAP']);
  } finally {
    removeFirmwareTable(host);
  }
}

/** The portal that a session leads to, as `address:port`. */
export function portalOfSession(host: BootHost, session: string): string {
  const connection = `/sys/class/iscsi_connection/${session.replace('session', 'connection')}:0`;
  const [address, port] = ['persistent_address', 'persistent_port'].map((name) => host.readText(`${connection}/${name}`)?.trim() ?? '');
  return `${address}:${port}`;
}

/** The portal's session, if there is one. */
function sessionAt(host: BootHost, target: string, portal: SanPortal): string | undefined {
  return sessionsOf(host, target).find((session) => portalOfSession(host, session) === portalText(portal));
}

/** Opens a session to one portal, unless there is one, and waits for its disks. @throws StepError with what iscsistart said, and the likeliest cause */
async function openSession(host: BootHost, state: BootState, target: string, portal: SanPortal): Promise<void> {
  if (sessionAt(host, target, portal) === undefined) {
    const ran = startSession(host, state, target, portal);
    if (ran.code !== 0) throw loginError(portal, target, state, ran);
  }
  const session = found(sessionAt(host, target, portal), 'the session');
  for (let waited = 0; disksOfSession(host, session).length === 0; waited += POLL_MS) {
    if (waited >= DISK_WAIT_MS) throw new StepError('MM-BOOT-NO-DISK', `the target ${target} shows no disk`, 'Give the target a LUN, or open it to this initiator.');
    await host.sleep(POLL_MS);
  }
  // An outage is a stall for whoever reads and writes by this session.
  setTimes(host, session, PATIENT_RECOVERY_SECONDS, PATIENT_COMMAND_SECONDS);
}

/** How long the kernel keeps a session that broke, and how long its disks may take for a command, in seconds. */
function setTimes(host: BootHost, session: string, recoverySeconds: number, commandSeconds: number): void {
  host.writeText(`${SESSIONS}/${session}/recovery_tmo`, String(recoverySeconds), 0o644);
  for (const disk of disksOfSession(host, session)) host.writeText(`/sys/block/${disk}/device/timeout`, String(commandSeconds), 0o644);
}

/** One path of several gives up soon, so that its I/O goes by another; the patience is the multipath device's. */
export const giveUpSoon = (host: BootHost, session: string): void => setTimes(host, session, PATH_RECOVERY_SECONDS, PATH_COMMAND_SECONDS);

/**
 * Logs in to every portal. One that fails is only told of as long as another shows the disk.
 * @throws StepError what the first portal's login said, when none shows a disk
 */
export async function logIn(host: BootHost, state: BootState, { portals, target }: { portals: readonly SanPortal[]; target: string }): Promise<void> {
  const failures: StepError[] = [];
  for (const portal of portals) {
    try {
      await openSession(host, state, target, portal);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0 && sessionsOf(host, target).every((session) => disksOfSession(host, session).length === 0)) throw failures[0]!;
  for (const { message, remedy } of failures) {
    const line = `MM-BOOT-PATH: a path to the SAN is missing: ${message}. ${remedy}`;
    host.print(`metamaster: warning: ${line}`);
    if (!state.warnings.includes(line)) state.warnings.push(line);
  }
}

/** What names a disk whichever way it is reached (VPD page 0x83, by the kernel); empty when it does not say. */
export const identityOf = (host: BootHost, disk: string): string => host.readText(`/sys/block/${disk}/device/wwid`)?.trim() ?? '';

/** The `major:minor` of a disk, as tables of device-mapper name it; empty when there is no such disk. */
export const numberOf = (host: BootHost, disk: string): string => host.readText(`/sys/block/${disk}/dev`)?.trim() ?? '';

/** Size of a block device in bytes. */
export function diskBytes(host: BootHost, disk: string): number {
  return Number(host.readText(`/sys/block/${disk}/size`)?.trim() ?? '0') * SECTOR;
}
