// For tests: reads a cpio archive of the "newc" form, written after the kernel's description and not after our writer.

/** An entry as it stands in the archive. */
export interface ParsedEntry {
  readonly path: string;
  readonly kind: 'folder' | 'file' | 'link' | 'device';
  readonly mode: number;
  readonly inode: number;
  readonly mtime: number;
  readonly major: number;
  readonly minor: number;
  readonly bytes: Buffer;
}

const KINDS: Readonly<Record<number, ParsedEntry['kind']>> = { 0o04: 'folder', 0o10: 'file', 0o12: 'link', 0o02: 'device' };

/** Every entry before the trailer. @throws Error for anything that the kernel would not unpack as it is meant */
export function parseCpio(bytes: Uint8Array): ParsedEntry[] {
  const archive = Buffer.from(bytes);
  const entries: ParsedEntry[] = [];
  for (let at = 0; ; ) {
    if (archive.toString('latin1', at, at + 6) !== '070701') throw new Error(`no header at ${at}`);
    const field = (index: number): number => Number.parseInt(archive.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const nameEnd = at + 110 + field(11);
    const path = archive.toString('utf8', at + 110, nameEnd - 1);
    if (archive[nameEnd - 1] !== 0) throw new Error(`the name at ${at} does not end with a zero`);
    const start = Math.ceil(nameEnd / 4) * 4;
    const end = start + field(6);
    if (path === 'TRAILER!!!') return entries;
    const kind = KINDS[field(1) >> 12];
    if (kind === undefined) throw new Error(`${path}: of an unknown kind, mode ${field(1).toString(8)}`);
    entries.push({ path, kind, mode: field(1) & 0o7777, inode: field(0), mtime: field(5), major: field(9), minor: field(10), bytes: archive.subarray(start, end) });
    at = Math.ceil(end / 4) * 4;
  }
}
