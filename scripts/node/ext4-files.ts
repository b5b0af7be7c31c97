// The files of an ext4 file system that is not mounted, by debugfs of e2fsprogs: it reads a device or an image and writes nothing, needs no
// module of the kernel, and does not replay the journal. Everything is asked by inode, so a name may hold whatever it likes.

import { spawn } from 'node:child_process';
import { CommandError, run } from '../../daemons/host/run.ts';

/** Commands for one run of debugfs: what they print is kept in memory. */
const COMMANDS_MAX = 500;
export const ROOT_INODE = 2;

/** What a file is; the first digits of its mode (stat(2)). */
const KINDS: Readonly<Record<string, string>> = { '01': 'fifo', '02': 'character device', '04': 'folder', '06': 'block device', '10': 'file', '12': 'link', '14': 'socket' };

/** One entry of a folder. */
export interface Entry {
  readonly name: string;
  readonly inode: number;
  /** `file`, `folder`, `link` and so on. */
  readonly kind: string;
  /** Permissions, owner and group, e.g. `0644 0 0`. */
  readonly rights: string;
  /** Bytes; 0 for a folder. */
  readonly size: number;
}

/** Reads what `ls -p` prints of one folder: `/inode/mode/uid/gid/name/size/` a line. Its entries for itself and its parent are left out. */
export function parseListing(text: string): readonly Entry[] {
  return [...text.matchAll(/^\/(\d+)\/(\d{2})(\d{4})\/(\d+)\/(\d+)\/([^/]+)\/(\d*)\/$/gm)].flatMap(([, inode, kind, mode, uid, gid, name, size]): Entry[] => (
    name === '.' || name === '..' || inode === '0' ? [] : [{ name: name!, inode: Number(inode), kind: KINDS[kind!] ?? `type ${kind}`, rights: `${mode} ${uid} ${gid}`, size: Number(size) }]));
}

/** When an inode's contents and the inode itself were last changed, as `stat` prints them: seconds and a part of one, hexadecimal. */
export interface Times {
  readonly contents: string;
  readonly inode: string;
}

/** Reads what `stat` prints of one inode; undefined when it is none. */
export function parseTimes(text: string): Times | undefined {
  const time = (name: string): string | undefined => new RegExp(String.raw`^ ?${name}: (0x[0-9a-f]+(?::[0-9a-f]+)?)`, 'm').exec(text)?.[1];
  const [contents, inode] = [time('mtime'), time('ctime')];
  return contents === undefined || inode === undefined ? undefined : { contents, inode };
}

/** Runs commands of debugfs; gives what each printed. @throws CommandError when the file system cannot be read */
async function ask(device: string, commands: readonly string[]): Promise<string[]> {
  const answers: string[] = [];
  for (let at = 0; at < commands.length; at += COMMANDS_MAX) {
    const some = commands.slice(at, at + COMMANDS_MAX);
    const { output } = await run(['debugfs', '-c', '-f', '-', device], { input: `${some.join('\n')}\n` });
    let from = 0;
    const starts = some.map((command) => {
      const line = `debugfs: ${command}\n`;
      const start = output.indexOf(line, from);
      if (start < 0) throw new CommandError(['debugfs', device], 0, `no answer to ${command}`);
      from = start + line.length;
      return { start, end: from };
    });
    answers.push(...starts.map(({ end }, i) => output.slice(end, starts[i + 1]?.start)));
  }
  return answers;
}

/** Every file of the file system by its path from the root, e.g. `/etc/hosts`; `lost+found` is left out. @throws CommandError */
export async function readTree(device: string): Promise<ReadonlyMap<string, Entry>> {
  const files = new Map<string, Entry>();
  let folders = [{ path: '', inode: ROOT_INODE }];
  while (folders.length > 0) {
    const listings = await ask(device, folders.map(({ inode }) => `ls -p <${inode}>`));
    const found = listings.flatMap((text, i) => parseListing(text).map((entry) => ({ path: `${folders[i]!.path}/${entry.name}`, entry }))).filter(({ path }) => path !== '/lost+found');
    for (const { path, entry } of found) files.set(path, entry);
    folders = found.flatMap(({ path, entry }) => (entry.kind === 'folder' ? [{ path, inode: entry.inode }] : []));
  }
  return files;
}

/** The times of inodes. @throws CommandError */
export async function readTimes(device: string, inodes: readonly number[]): Promise<ReadonlyMap<number, Times>> {
  const texts = await ask(device, inodes.map((inode) => `stat <${inode}>`));
  return new Map(texts.flatMap((text, i): [number, Times][] => {
    const times = parseTimes(text);
    return times === undefined ? [] : [[inodes[i]!, times]];
  }));
}

/**
 * A difference between two trees. `contents`: another size, time of change, inode or kind; `attributes`: permissions, owner, or something
 * else of the inode alone (a program that sets a file's time back after it wrote looks like that as well).
 */
export interface FileChange {
  readonly path: string;
  readonly change: 'added' | 'removed' | 'contents' | 'attributes';
  readonly kind: string;
  /** Now; of what was removed, before. */
  readonly size: number;
}

/** What differs between the file systems on two devices, by path. @throws CommandError */
export async function diffFiles(before: string, after: string): Promise<readonly FileChange[]> {
  const [old, now] = [await readTree(before), await readTree(after)];
  const both = [...now].flatMap(([path, file]) => (old.has(path) ? [{ path, former: old.get(path)!, file }] : []));
  const [oldTimes, nowTimes] = [await readTimes(before, both.map(({ former }) => former.inode)), await readTimes(after, both.map(({ file }) => file.inode))];
  const changes = both.flatMap(({ path, former, file }): FileChange[] => {
    const change = changeOf(former, file, oldTimes.get(former.inode), nowTimes.get(file.inode));
    return change === undefined ? [] : [{ path, change, kind: file.kind, size: file.size }];
  });
  const only = (files: ReadonlyMap<string, Entry>, others: ReadonlyMap<string, Entry>, change: 'added' | 'removed'): FileChange[] => (
    [...files].flatMap(([path, { kind, size }]) => (others.has(path) ? [] : [{ path, change, kind, size }])));
  return [...changes, ...only(now, old, 'added'), ...only(old, now, 'removed')].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function changeOf(former: Entry, file: Entry, formerTimes: Times | undefined, times: Times | undefined): 'contents' | 'attributes' | undefined {
  if (former.kind !== file.kind) return 'contents';
  // What changed in a folder are its entries, and those are told by themselves.
  const folder = file.kind === 'folder';
  if (!folder && (former.size !== file.size || former.inode !== file.inode || formerTimes?.contents !== times?.contents)) return 'contents';
  return former.rights !== file.rights || (!folder && formerTimes?.inode !== times?.inode) ? 'attributes' : undefined;
}

/** The file of a path; undefined when there is none. A link is not followed. @throws CommandError */
export async function findFile(device: string, path: string): Promise<Entry | undefined> {
  let found: Entry = { name: '/', inode: ROOT_INODE, kind: 'folder', rights: '', size: 0 };
  for (const name of path.split('/').filter((part) => part !== '' && part !== '.')) {
    if (found.kind !== 'folder') return undefined;
    const [listing] = await ask(device, [`ls -p <${found.inode}>`]);
    const next = parseListing(listing!).find((entry) => entry.name === name);
    if (next === undefined) return undefined;
    found = next;
  }
  return found;
}

/** Gives a file's bytes piece by piece. @throws CommandError when not all of them came */
export async function readFile(device: string, { inode, size }: Entry, onBytes: (bytes: Uint8Array) => void): Promise<void> {
  const argv = ['debugfs', '-c', '-R', `cat <${inode}>`, device];
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on('error', reject);
  child.on('close', (code) => resolve(code ?? 128));
  let count = 0;
  child.stdout.on('data', (bytes: Uint8Array) => {
    count += bytes.length;
    onBytes(bytes);
  });
  const code = await promise;
  if (code !== 0 || count !== size) throw new CommandError(argv, code, `${count} of ${size} bytes could be read`);
}
