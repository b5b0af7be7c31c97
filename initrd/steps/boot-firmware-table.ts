// How iscsistart gets a secret that stands on no command line: `iscsistart -b` takes names, portals and CHAP from the table that a
// firmware which boots by iSCSI leaves (iBFT), and it reads that table as files below /sys/firmware/ibft (open-iscsi 2.1.11,
// usr/fwparam_ibft/fwparam_sysfs.c). A tmpfs of mode 0700 over /sys/firmware, for as long as iscsistart runs, gives it such files.
//
// What of the source it rests on:
// - A value is read whole when it has 255 bytes at the most, without a line feed (usr/sysfs.c, sysfs_attr_get_value).
// - The folder ethernet0 has no `device` in it: then no network card is looked for by its MAC address, and the session is bound to
//   none, as without -b: plain `tcp` (get_iface_from_device, iface_setup_from_boot_context).
// - Flags must have bit 1, *selected for boot*; nic-assoc names the index of a card.
// - The defaults of a record come from /etc/iscsi/iscsid.conf; where there is none, as in the initrd, from the program
//   (idbm_sync_config). --param goes over both (apply_params).
// - With -b it wants its folder of records, though it writes none, and makes no more than the last part of the path (idbm_init).
// - Every targetN is logged in to; the exit code is that of the last login that failed.

import type { ChapLogin } from '../../daemons/core/chap.ts';
import { mustRun, StepError, type BootHost } from '../boot-host.ts';

const FIRMWARE = '/sys/firmware';
const TABLE = `${FIRMWARE}/ibft`;
/** open-iscsi's folder of records, as Debian 13 has it; the initrd has no such path. */
const RECORDS = '/var/lib/iscsi';
/** Valid, and selected for boot (iBFT 1.03 section 2.1.5). */
const FLAGS = '3';
const SECRET = 0o600;
/** Some dozen files of a page each. */
const SIZE = '256k';
const REMEDY = 'See dmesg at the debug console (Esc).';

/** One login, to every portal of it. */
export interface FirmwareLogin {
  readonly initiator: string;
  readonly target: string;
  readonly portals: readonly { readonly address: string; readonly port: number }[];
  /** Of the card on the storage network, and its address there: for people, for nothing is bound to them. */
  readonly mac: string;
  readonly address: string;
  readonly chap?: ChapLogin | undefined;
}

/** The files of the table: paths below it, and what they hold. */
export function firmwareTable({ initiator, target, portals, mac, address, chap }: FirmwareLogin): readonly (readonly [path: string, text: string])[] {
  const secrets = chap === undefined ? [] : [['chap-name', chap.user], ['chap-secret', chap.password], ...(chap.mutual === undefined ? [] : [['rev-chap-name', chap.mutual.user], ['rev-chap-name-secret', chap.mutual.password]])] as const;
  const folder = (name: string, values: readonly (readonly [string, string])[]) => values.map(([key, text]) => [`${name}/${key}`, text] as const);
  return [
    ...folder('initiator', [['initiator-name', initiator]]),
    ...folder('ethernet0', [['index', '0'], ['flags', FLAGS], ['mac', mac], ['ip-addr', address]]),
    ...portals.flatMap((portal, i) => folder(`target${i}`, [
      ['index', String(i)], ['flags', FLAGS], ['nic-assoc', '0'], ['target-name', target], ['ip-addr', portal.address], ['port', String(portal.port)], ['lun', '0'], ...(secrets as readonly (readonly [string, string])[]),
    ])),
  ];
}

const isMounted = (host: BootHost): boolean => (host.readText('/proc/mounts') ?? '').split('\n').some((line) => line.split(' ')[1] === FIRMWARE);

/** Takes the table away, with everything in it; does nothing when there is none. @throws StepError when it stays */
export function removeFirmwareTable(host: BootHost): void {
  if (!isMounted(host) || host.run(['umount', FIRMWARE]).code === 0) return;
  // Whoever still reads in it keeps his file; the name is gone at once.
  mustRun(host, 'MM-BOOT-FIRMWARE', ['umount', '-l', FIRMWARE], REMEDY);
}

/** Lays the table down where only root can look. @throws StepError, or an Error of the machine's; then call `removeFirmwareTable` all the same */
export function writeFirmwareTable(host: BootHost, login: FirmwareLogin): void {
  if (login.portals.length === 0) throw new StepError('MM-BOOT-FAULT', 'a login without a portal', 'This is a fault of metamaster itself; please report it with the command line.');
  removeFirmwareTable(host);
  host.makeFolder(RECORDS);
  mustRun(host, 'MM-BOOT-FIRMWARE', ['mount', '-t', 'tmpfs', '-o', `mode=0700,nosuid,nodev,noexec,size=${SIZE}`, 'tmpfs', FIRMWARE], REMEDY);
  for (const [path, text] of firmwareTable(login)) {
    const file = `${TABLE}/${path}`;
    host.makeFolder(file.slice(0, file.lastIndexOf('/')));
    host.writeText(file, text, SECRET);
  }
}
