// A node record of open-iscsi (iscsid.conf(5), usr/idbm.c): the file from which `iscsiadm --login` takes what it needs. iscsiadm can set
// a secret in it by its command line alone, which everybody can read; so the file is edited.

import type { ChapLogin } from './chap.ts';

/** Where open-iscsi keeps its records: Debian 13's is the first, older ones the second. */
export const ISCSI_RECORD_FOLDERS = ['/var/lib/iscsi/nodes', '/etc/iscsi/nodes'] as const;

/** A record's lines about authentication; the lengths of secrets are found anew at each reading. */
const AUTH_LINE = /^node\.session\.auth\.(authmethod|username|password|username_in|password_in) = /;
const END = '# END RECORD';

function authLines(login: ChapLogin | undefined): readonly string[] {
  if (login === undefined) return ['authmethod = None'];
  const { user, password, mutual } = login;
  return ['authmethod = CHAP', `username = ${user}`, `password = ${password}`, ...(mutual === undefined ? [] : [`username_in = ${mutual.user}`, `password_in = ${mutual.password}`])];
}

/** The record's text with this login in place of whatever it had; the same text when it has it already. */
export function recordWithLogin(record: string, login: ChapLogin | undefined): string {
  const wanted = authLines(login).map((line) => `node.session.auth.${line}`);
  const lines = record.split('\n');
  if (lines.filter((line) => AUTH_LINE.test(line)).join('\n') === wanted.join('\n')) return record;
  const rest = lines.filter((line) => !AUTH_LINE.test(line));
  const end = rest.findIndex((line) => line.startsWith(END));
  // A text that ends with a line feed has an empty piece behind it.
  const at = end >= 0 ? end : rest.at(-1) === '' ? rest.length - 1 : rest.length;
  return [...rest.slice(0, at), ...wanted, ...rest.slice(at)].join('\n');
}

/** The machine's files, as far as a record is looked for. */
export interface RecordFolders {
  /** Names in a folder; none when it cannot be read. */
  list(path: string): readonly string[];
  exists(path: string): boolean;
}

/**
 * The files of the record for this target, portal and interface. A record that was made without a portal group tag is a file named
 * `address,port`; else it lies in a folder `address,port,tag` under the interface's name (idbm_rec_write).
 */
export function recordFiles(folders: RecordFolders, target: string, portal: { readonly address: string; readonly port: number }, iface: string): readonly string[] {
  const name = `${portal.address},${portal.port}`;
  return ISCSI_RECORD_FOLDERS.flatMap((root) =>
    folders.list(`${root}/${target}`).flatMap((entry) => {
      const path = `${root}/${target}/${entry}`;
      if (folders.exists(`${path}/${iface}`)) return entry.startsWith(`${name},`) || entry === name ? [`${path}/${iface}`] : [];
      return entry === name && folders.list(path).length === 0 ? [path] : [];
    }));
}
