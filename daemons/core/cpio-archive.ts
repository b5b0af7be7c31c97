// Writes a cpio archive in the "newc" form (Linux Documentation/driver-api/early-userspace/buffer-format.rst): what the kernel
// unpacks as its first root. The builder makes initrds of it, and a node the one file that it hands a blade. Owners are root, time
// stamps are one, numbers run by order: the same input gives the same bytes.

import { concatBytes, encodeLatin1, encodeUtf8 } from './bytes.ts';

/** One entry of the archive. Paths have no leading slash. */
export type CpioEntry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly bytes: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'device'; readonly path: string; readonly mode: number; readonly major: number; readonly minor: number };

const TYPE = { folder: 0o040000, file: 0o100000, link: 0o120000, device: 0o020000 } as const;

function modeOf(entry: CpioEntry): number {
  if (entry.kind === 'link') return TYPE.link | 0o777;
  if (entry.kind === 'folder') return TYPE.folder | (entry.mode ?? 0o755);
  return TYPE[entry.kind] | entry.mode;
}

function contentOf(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'file') return entry.bytes;
  return entry.kind === 'link' ? encodeUtf8(entry.target) : new Uint8Array();
}

function header(fields: readonly number[]): Uint8Array {
  return encodeLatin1(`070701${fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0')).join('')}`);
}

const padding = (length: number): Uint8Array => new Uint8Array((4 - (length % 4)) % 4);

function pieces(entry: CpioEntry | undefined, inode: number, epoch: number): Uint8Array[] {
  const name = encodeUtf8(`${entry?.path ?? 'TRAILER!!!'}\0`);
  const content = entry === undefined ? new Uint8Array() : contentOf(entry);
  const device = entry?.kind === 'device' ? [entry.major, entry.minor] : [0, 0];
  const fields = [
    entry === undefined ? 0 : inode, entry === undefined ? 0 : modeOf(entry), 0, 0, 1, entry === undefined ? 0 : epoch,
    content.length, 0, 0, device[0]!, device[1]!, name.length, 0,
  ];
  return [header(fields), name, padding(110 + name.length), content, padding(content.length)];
}

/**
 * The archive of these entries, in path order with every parent folder in front of what it holds.
 * @param epoch the time stamp of every entry, in seconds since 1970
 * @throws Error when a path stands there twice, or below something that is no folder
 */
export function cpioArchive(entries: readonly CpioEntry[], epoch: number): Uint8Array {
  const byPath = new Map<string, CpioEntry>();
  for (const entry of entries) {
    const before = byPath.get(entry.path);
    if (before !== undefined && !(before.kind === 'folder' && entry.kind === 'folder')) throw new Error(`initrd: ${entry.path} is given twice`);
    if (before === undefined || (entry.kind === 'folder' && entry.mode !== undefined)) byPath.set(entry.path, entry);
  }
  for (const { path } of entries) {
    for (let cut = path.lastIndexOf('/'); cut > 0; cut = path.lastIndexOf('/', cut - 1)) {
      const parent = path.slice(0, cut);
      const there = byPath.get(parent);
      if (there !== undefined && there.kind !== 'folder') throw new Error(`initrd: ${path} stands below ${parent}, which is a ${there.kind}`);
      if (there === undefined) byPath.set(parent, { kind: 'folder', path: parent });
    }
  }
  const sorted = [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  const out = sorted.flatMap((entry, i) => pieces(entry, i + 1, epoch));
  return concatBytes(...out, ...pieces(undefined, 0, epoch));
}
