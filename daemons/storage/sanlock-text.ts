// What is said to the program `sanlock` and what it answers, as text: argv and readers, checked against 3.8.5. Its exit code tells little (a
// command that ran under a lease gives its own, a refusal 1): the number in its last line `<action> done <number>` tells everything.

import type { Problem } from '../core/problem.ts';
import { LEASE_BYTES, LEASE_IO_TIMEOUT_SECONDS, LEASE_SECTOR_BYTES, type LeaseArea, type LeasePlace } from './lease-layout.ts';

/** Colons part the fields; one within a path (`/dev/disk/by-path/…:3260-…`) is marked by a backslash. */
const pathText = (path: string): string => path.replaceAll(/[\\:]/g, '\\$&');
const spaceText = ({ lockspace, path, firstByte }: LeaseArea, hostId: number): string => `${lockspace}:${hostId}:${pathText(path)}:${firstByte}`;
const placeText = ({ lockspace, path }: LeaseArea, { name, offset }: LeasePlace): string => `${lockspace}:${name}:${pathText(path)}:${offset}`;
const SIZES = ['-Z', String(LEASE_SECTOR_BYTES), '-A', `${LEASE_BYTES / 2 ** 20}M`];
const TIMEOUT = ['-o', String(LEASE_IO_TIMEOUT_SECONDS)];

/** Makes the lockspace anew; needs no daemon, and asks nobody. */
export const initLockspace = (area: LeaseArea): string[] => ['sanlock', 'direct', 'init', '-s', spaceText(area, 0), ...SIZES, ...TIMEOUT];
/** Makes a resource anew, with version 0. */
export const initLease = (area: LeaseArea, place: LeasePlace): string[] => ['sanlock', 'direct', 'init', '-r', placeText(area, place), ...SIZES];
/** Reads the lockspace's first record past the page cache. */
export const readLockspace = (area: LeaseArea): string[] => ['sanlock', 'direct', 'read_leader', '-s', spaceText(area, 1)];
/** Reads a resource's record past the page cache. */
export const readLease = (area: LeaseArea, place: LeasePlace): string[] => ['sanlock', 'direct', 'read_leader', '-r', placeText(area, place)];
/** Joins; returns when the host id is this host's, after seconds, or after more than a minute where a dead host of another name had it. */
export const joinLockspace = (area: LeaseArea, hostId: number): string[] => ['sanlock', 'client', 'add_lockspace', '-s', spaceText(area, hostId), ...TIMEOUT];
/** Leaves. A process that still holds a lease of the lockspace would be killed. */
export const leaveLockspace = (area: LeaseArea, hostId: number): string[] => ['sanlock', 'client', 'rem_lockspace', '-s', spaceText(area, hostId)];
/** Runs a program that holds the lease while it lives: sanlock registers, acquires and then becomes the program. Silent when it worked. */
export const runUnderLease = (area: LeaseArea, place: LeasePlace, command: readonly string[]): string[] => ['sanlock', 'client', 'command', '-r', placeText(area, place), '-c', ...command];
/** Gives a process's lease back. */
export const releaseLease = (area: LeaseArea, place: LeasePlace, pid: number): string[] => ['sanlock', 'client', 'release', '-r', placeText(area, place), '-p', String(pid)];
/** The leases of a process, with their versions. */
export const inquireLeases = (pid: number): string[] => ['sanlock', 'client', 'inquire', '-p', String(pid)];
/** What the daemon manages; exit code 1 when there is none. */
export const daemonStatus = (): string[] => ['sanlock', 'client', 'status'];

/** The number in the last `… done N`: 0 for success, a negative one of the system's errors or of sanlock_rv.h; undefined when there is none. */
export function resultOf(said: string): number | undefined {
  const numbers = [...said.matchAll(/^\w+ done (-?\d+)/gm)].map((match) => Number(match[1]));
  return numbers.at(-1);
}

/** What `read_leader` prints of a resource. */
export interface LeaderText {
  readonly leaseVersion: number;
  /** The host id of the last owner. */
  readonly owner: number;
  /** 0: it was given back. */
  readonly timestamp: number;
}

/** Reads it; undefined when a field is missing or sanlock found the record wrong. */
export function parseLeader(said: string): LeaderText | undefined {
  const field = (name: string): number | undefined => {
    const match = new RegExp(`^${name} (\\d+)$`, 'm').exec(said);
    return match === null ? undefined : Number(match[1]);
  };
  const [leaseVersion, owner, timestamp] = [field('lver'), field('owner_id'), field('timestamp')];
  return resultOf(said) !== 0 || leaseVersion === undefined || owner === undefined || timestamp === undefined ? undefined : { leaseVersion, owner, timestamp };
}

/** The version of the lease of this lockspace and name among those that `inquire` lists as `"lockspace:name:path:offset:version"`. */
export function parseInquiry(said: string, { lockspace }: LeaseArea, { name }: LeasePlace): number | undefined {
  const line = said.split('\n').map((one) => one.replaceAll('"', '').trim()).find((one) => one.startsWith(`${lockspace}:${name}:`));
  const version = line === undefined ? undefined : /:(\d+)$/.exec(line)?.[1];
  return version === undefined ? undefined : Number(version);
}

/** What `status` says of one lockspace. */
export interface LockspaceStatus {
  readonly joined: boolean;
  /** Leases that processes of this host hold in it. */
  readonly held: number;
}

/** Reads `status`: lines `s <lockspace>:…` and `r <lockspace>:<resource>:…`. */
export function parseStatus(said: string, { lockspace }: LeaseArea): LockspaceStatus {
  const lines = said.split('\n');
  const count = (kind: string): number => lines.filter((line) => line.startsWith(`${kind} ${lockspace}:`)).length;
  return { joined: count('s') > 0, held: count('r') };
}

/** Already joined (EEXIST). */
export const ALREADY_JOINED = -17;
/** Joining or leaving is under way (EAGAIN, EINPROGRESS, EALREADY, EBUSY). */
const UNDER_WAY: ReadonlySet<number> = new Set([-11, -115, -114, -16]);
/** The resource is another's, or was taken while this one tried (sanlock_rv.h: ballots from -210, acquisitions from -240). */
const CONTENDED: ReadonlySet<number> = new Set([-212, -213, -240, -243, -244, -245, -246]);

/** True for an answer after which the same command may succeed later. */
export const isContended = (result: number): boolean => CONTENDED.has(result);
/** True while the daemon is still busy with an earlier command about the same lockspace. */
export const isUnderWay = (result: number): boolean => UNDER_WAY.has(result);

/** What a number means, as far as there is something to be done about it; the rest is MM-LEASE-FAILED with the number. */
export function leaseProblem(result: number | undefined, said: string, area: LeaseArea, action: string): Problem {
  const where = `${area.path}, ${action}`;
  const seen = result === undefined ? `no result: ${said.trim().split('\n').at(-1) ?? ''}` : `${result}`;
  switch (result) {
    case -2:
      return { code: 'MM-LEASE-DAEMON', where, rule: 'a running sanlock daemon', seen: 'none answers', remedy: 'See `systemctl status metamaster-sanlock`.' };
    case -5: case -202: case -210: case -211: case -220: case -221:
      return { code: 'MM-LEASE-IO', where, rule: `an answer of the SAN within ${LEASE_IO_TIMEOUT_SECONDS} s`, seen, remedy: 'Is the SAN there? Try again when it answers.' };
    case -203:
      return { code: 'MM-LEASE-WATCHDOG', where, rule: 'a watchdog behind the leases (wdmd)', seen: 'none', remedy: 'See `systemctl status metamaster-sanlock`: sanlock was started to use wdmd, and wdmd does not run or has no device.' };
    case -260: case -261: case -262:
      return { code: 'MM-LEASE-HOST', where, rule: 'a host id that only this hardware uses', seen: `in use by another (${result})`, remedy: 'Two machines have one number, or two discs write at once: stop one of them.' };
    default:
      return { code: 'MM-LEASE-FAILED', where, rule: 'sanlock succeeds', seen, remedy: 'The numbers are those of sanlock_rv.h and errno(3); `sanlock client log_dump` tells more.' };
  }
}

/** True when `read_leader` found nothing of sanlock's at all. Its number alone does not tell: -1 for a lockspace, -223 for a resource. */
export const isEmptyRecord = (said: string): boolean => resultOf(said) !== 0 && /^magic 0x0$/m.test(said);

/** True for a record that is not what it should be: nothing, another name, another checksum. */
export const isNoRecord = (result: number | undefined): boolean => result !== undefined && result <= -223 && result >= -229;
