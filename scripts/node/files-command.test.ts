// The commands on real file systems: made by mkfs.ext4, changed and read by debugfs. Their roots are assembled in a folder, for a test has
// no device-mapper; what a table shows: daemons/storage/view-table.test.ts.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, copyFileSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MIB, SECTOR_BYTES } from '../../daemons/storage/block.ts';
import { buildStore, chunksInOrder } from '../../daemons/storage/exception-store.test-kit.ts';
import { SAMPLE_DISK_BYTES, sampleLabel, sampleRegistry, sampleSan } from '../../daemons/storage/sample-san.test-kit.ts';
import { DATA_OFFSET_BYTES, labelSteps, type LabelState } from '../../daemons/storage/volume-label.ts';
import { checkpointCommand } from './checkpoint-command.ts';
import { catCommand, diffCommand, type FilesHost } from './files-command.ts';
import { changeImage } from './image-change.test-kit.ts';

const hasTools = ['mkfs.ext4', 'debugfs'].every((program) => spawnSync(program, ['-V']).error === undefined);
const registry = sampleRegistry();
const node2 = registry.volumes.find(({ name }) => name === 'node2')!;
const CHUNK_BYTES = node2.chunkSectors! * SECTOR_BYTES;
const LARGE = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) & 0xff));

let folder: string;
let image: string;
let work: string;

function debugfs(file: string, ...commands: readonly string[]): void {
  execFileSync('debugfs', ['-w', '-f', '-', file], { input: `${commands.join('\n')}\n`, stdio: 'pipe' });
}

/** The store of a node whose root was one image and is the other: every chunk that differs, the last one first. */
function storeBetween(before: Buffer, after: Buffer) {
  const changed = Array.from({ length: before.length / CHUNK_BYTES }, (_, i) => i).filter((i) => !before.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES).equals(after.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES))).toReversed();
  const places = chunksInOrder(node2.chunkSectors!, changed.length);
  const store = buildStore({ chunkSectors: node2.chunkSectors!, exceptions: changed.map((chunk, i) => [chunk, places[i]!]) });
  changed.forEach((chunk, i) => store.write(places[i]! * CHUNK_BYTES, Uint8Array.from(after.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES))));
  return store;
}

function writeSan(origin: Buffer, now: Buffer, state: LabelState): void {
  const san = sampleSan(registry);
  san.disk.apply(labelSteps({ ...sampleLabel(registry, node2), state, generation: 6 }, 0), san.at('node2', 0));
  san.disk.write(san.at('default@1', 0), Uint8Array.from(origin));
  for (const [sector, bytes] of storeBetween(origin, now).sectors) san.disk.write(san.at('node2', DATA_OFFSET_BYTES + sector * SECTOR_BYTES), bytes);
  const descriptor = openSync(image, 'w');
  ftruncateSync(descriptor, SAMPLE_DISK_BYTES);
  for (const [sector, bytes] of san.disk.sectors) writeSync(descriptor, bytes, 0, bytes.length, sector * SECTOR_BYTES);
  closeSync(descriptor);
}

async function run(line: string): Promise<{ code: number; out: string; error: string; bytes: Buffer }> {
  let [out, error] = ['', ''];
  const parts: Uint8Array[] = [];
  const host: FilesHost = { out: (text) => void (out += text), error: (text) => void (error += text), bytes: (part) => void parts.push(part), machine: () => ({ hardwareId: 'our-board/x', bootNonce: '' }), liveDisk: () => Promise.resolve(undefined) };
  const [verb, ...words] = line.split(' ');
  const code = await (verb === 'cat' ? catCommand : diffCommand)([...words, '--device', image], host);
  return { code, out, error, bytes: Buffer.concat(parts) };
}
const shown = (text: string): string[] => text.trimEnd().split('\n').map((line) => line.replace(/ +/g, ' '));

describe.skipIf(!hasTools)('a node\'s files', () => {
  let first: Buffer;
  let second: Buffer;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mm-files-'));
    [image, work] = [join(folder, 'san.img'), join(folder, 'work')];
    mkdirSync(work);
    const tree = join(folder, 'tree');
    mkdirSync(join(tree, 'etc'), { recursive: true });
    for (const [name, text] of [['hosts', 'one\n'], ['motd', 'welcome\n'], ['shadow', 'secret\n'], ['kept', 'as ever\n']] as const) writeFileSync(join(tree, 'etc', name), text);
    chmodSync(join(tree, 'etc/shadow'), 0o640);
    symlinkSync('hosts', join(tree, 'etc/link'));
    const [a, b, c] = ['a', 'b', 'c'].map((name) => join(folder, name)) as [string, string, string];
    execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'root_owner=0:0', '-d', tree, a, `${(4 * MIB) / 1024}k`], { stdio: 'pipe' });
    copyFileSync(a, b);
    writeFileSync(join(folder, 'hosts'), 'one\ntwo\n');
    writeFileSync(join(folder, 'large'), LARGE);
    debugfs(b, 'rm /etc/hosts', 'cd /etc', `write ${join(folder, 'hosts')} hosts`, 'set_inode_field /etc/shadow mode 0100600');
    copyFileSync(b, c);
    debugfs(c, 'rm /etc/motd', 'mkdir /srv', 'cd /srv', `write ${join(folder, 'large')} large`);
    [first, second] = [readFileSync(b), readFileSync(c)];
    writeSan(readFileSync(a), first, 'down');
    const host = { out: () => undefined, error: () => undefined, machine: () => ({ hardwareId: 'our-board/x', bootNonce: 'ab'.repeat(16) }), liveDisk: async () => undefined, sanlock: { startDaemon: ['false'] }, wrote: () => undefined, now: () => 0, unixMs: () => 1, sleep: async () => undefined, ask: async () => undefined };
    expect(await checkpointCommand(['2', 'first', '--device', image], changeImage, host)).toBe(0);
    // The node has gone on since.
    const { at } = sampleSan(registry);
    const descriptor = openSync(image, 'r+');
    for (const [sector, bytes] of storeBetween(readFileSync(a), second).sectors) writeSync(descriptor, bytes, 0, bytes.length, at('node2', DATA_OFFSET_BYTES + sector * SECTOR_BYTES));
    closeSync(descriptor);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('that are others than in the origin', async () => {
    const done = await run(`diff 2 -w ${work}`);
    expect([done.code, done.error]).toEqual([0, '']);
    expect(shown(done.out)).toEqual(['M 8 /etc/hosts', '- 8 /etc/motd', 'A 7 /etc/shadow', '+ 0 /srv', `+ ${LARGE.length} /srv/large`]);
  });
  test('that are others than at a checkpoint', async () => {
    expect(shown((await run(`diff 2 first -w ${work}`)).out)).toEqual(['- 8 /etc/motd', '+ 0 /srv', `+ ${LARGE.length} /srv/large`]);
    expect(JSON.parse((await run(`diff 2 first --json -w ${work}`)).out)).toEqual([
      { path: '/etc/motd', change: 'removed', kind: 'file', size: 8 }, { path: '/srv', change: 'added', kind: 'folder', size: 0 }, { path: '/srv/large', change: 'added', kind: 'file', size: LARGE.length },
    ]);
  });
  test('of a node that never booted are the origin\'s', async () => {
    expect(await run(`diff 1 -w ${work}`)).toMatchObject({ code: 0, out: '' });
  });
  test('one of them, as it is, as it was, and as it came', async () => {
    expect((await run(`cat 2 /srv/large -w ${work}`)).bytes.equals(LARGE)).toBe(true);
    expect((await run(`cat 2 etc/hosts -w ${work}`)).bytes.toString()).toBe('one\ntwo\n');
    expect((await run(`cat 2 /etc/hosts --from origin -w ${work}`)).bytes.toString()).toBe('one\n');
    expect((await run(`cat 2 /etc/motd --from first -w ${work}`)).bytes.toString()).toBe('welcome\n');
  });
  test.each([['/etc/motd', ''], ['/etc', ''], ['/etc/link', ''], ['/etc/kept/x', ''], ['/srv/large', ' --from first']])('%s%s is no file', async (path, from) => {
    const done = await run(`cat 2 ${path}${from} -w ${work}`);
    expect([done.code, done.bytes.length]).toEqual([1, 0]);
    expect(done.error).toContain('MM-VIEW-FILE');
  });
  test('nothing is left in the folder, nor written on the SAN', async () => {
    const before = readFileSync(image);
    await run(`diff 2 -w ${work}`);
    expect(await run(`cat 2 /etc/hosts --from nothing -w ${work}`)).toMatchObject({ code: 1, error: expect.stringContaining('MM-EDIT-CHECKPOINT') as string });
    expect(readdirSync(work)).toEqual([]);
    expect(readFileSync(image).equals(before)).toBe(true);
  });
  test.each(['diff', 'diff x', 'diff 2 a b', 'cat 2', 'cat 2 /x /y', 'diff 2 --from origin', 'diff 2 --nonsense'])('%s: wrong use', async (line) => {
    expect(await run(line)).toMatchObject({ code: 2, out: '', error: expect.stringContaining('--help') as string });
  });
  // Last: it writes the image anew.
  test('of a root that was not shut down come with a warning', async () => {
    writeSan(first, second, 'live');
    const done = await run(`diff 2 -w ${work}`);
    expect(shown(done.out)).toContain('- 8 /etc/motd');
    expect(done.error).toContain('journal is not replayed');
  });
});
