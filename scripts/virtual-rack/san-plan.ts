// The SAN of the rack: tgt with one LUN in a sparse file. The commands that make it, and what its own report says.

import type { ChapAccount, ChapLogin } from '../../daemons/core/chap.ts';
import { SAN_ADDRESS, SECOND_SAN_ADDRESS } from './network-plan.ts';

export const SAN_PORT = 3260;
export const DEFAULT_TARGET = 'iqn.2026-11.metamaster:san';

/** tgtd adds it to its control socket's name; every rack has a socket of its own, so the number is the same in all. */
const CONTROL_PORT = '7';

/**
 * The caching mode page (SBC-3 section 6.4.5) as tgt has it, but with WCE off: what the SAN has acknowledged is on its disk.
 * tgt then calls fdatasync for every write. Its default, 0x14, acknowledges from the host's page cache.
 */
const WRITE_CACHE_OFF = 'mode_page=8:0:18:0x10:0:0xff:0xff:0:0:0xff:0xff:0xff:0xff:0x80:0x14:0:0:0:0:0:0';

/** The environment by which tgtd and tgtadm of one rack find each other. */
export const sanEnvironment = (runDir: string): Record<string, string> => ({ TGT_IPC_SOCKET: `${runDir}/tgtd` });

/** tgtd in the foreground, bound to the SAN's two addresses. */
export const tgtdArgv = (): string[] => ['tgtd', '-f', '-C', CONTROL_PORT, '--iscsi', `portal=${SAN_ADDRESS}:${SAN_PORT},portal=${SECOND_SAN_ADDRESS}:${SAN_PORT}`];

const tgtadm = (...args: string[]): string[] => ['tgtadm', '-C', CONTROL_PORT, '--lld', 'iscsi', ...args];

/** Prints the target, its LUNs and the initiators that are logged in; fails while tgtd does not answer. */
export const showTargetsArgv = (): string[] => tgtadm('--mode', 'target', '--op', 'show');

/** The commands that make the target on a fresh tgtd, in order. Nobody is admitted before the LUN is complete. `cached`: with tgt's write cache. */
export const targetCommands = (target: string, file: string, cached = false): string[][] => [
  tgtadm('--mode', 'target', '--op', 'new', '--tid', '1', '--targetname', target),
  tgtadm('--mode', 'logicalunit', '--op', 'new', '--tid', '1', '--lun', '1', '--backing-store', file),
  ...(cached ? [] : [tgtadm('--mode', 'logicalunit', '--op', 'update', '--tid', '1', '--lun', '1', '--params', WRITE_CACHE_OFF)]),
  tgtadm('--mode', 'target', '--op', 'bind', '--tid', '1', '--initiator-address', 'ALL'),
];

/**
 * The commands that make the target want CHAP: its account for the blades, and the one by which it proves itself. tgtadm takes a secret as an
 * argument alone, and tgt-admin with a file calls tgtadm so. On the host of a rack that is borne: the secret is made up, guards a sparse file,
 * and whoever sees other users' processes there is the rack's own owner. No node does it.
 */
export function chapCommands({ user, password, mutual }: ChapLogin): string[][] {
  const account = (own: ChapAccount, ...how: string[]): string[][] => [
    tgtadm('--mode', 'account', '--op', 'new', '--user', own.user, '--password', own.password),
    tgtadm('--mode', 'account', '--op', 'bind', '--tid', '1', '--user', own.user, ...how),
  ];
  return [...account({ user, password }), ...(mutual === undefined ? [] : account(mutual, '--outgoing'))];
}

/** The commands that take such accounts away: an account that goes is bound no more. */
export const noChapCommands = ({ user, mutual }: ChapLogin): string[][] =>
  [user, ...(mutual === undefined ? [] : [mutual.user])].map((name) => tgtadm('--mode', 'account', '--op', 'delete', '--user', name));

/** What tgtd reports. */
export interface TargetReport {
  readonly target: string;
  /** True when the target lets somebody in: it is made completely. */
  readonly admits: boolean;
  /** Names of the initiators that are logged in, one for each session. */
  readonly initiators: readonly string[];
}

/** Reads the output of `tgtadm --mode target --op show`; undefined when there is no target. */
export function parseTargetReport(text: string): TargetReport | undefined {
  const target = /^Target 1: (\S+)/m.exec(text)?.[1];
  if (target === undefined) return undefined;
  const admits = /ACL information:\s*\n\s+\S/.test(text);
  return { target, admits, initiators: [...text.matchAll(/^\s+Initiator: (\S+)/gm)].map((match) => match[1]!) };
}

const UNITS: Readonly<Record<string, number>> = { M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Bytes of a size such as `512M` or `16G`; undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const match = /^([1-9]\d{0,5})([MGT])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * UNITS[match[2]!]!;
}
