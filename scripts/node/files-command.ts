// `metamaster node diff` and `metamaster node cat`: which files of a node's root are others than in its origin or in a checkpoint, and one
// file out of any of them. The root is shown to debugfs as a read-only device over the SAN's disk, or assembled in a folder; nothing on the
// SAN is written.

import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { isZero } from '../../daemons/core/bytes.ts';
import { InputError, type Problem, problemLine, valueOf } from '../../daemons/core/problem.ts';
import { CommandError, run } from '../../daemons/host/run.ts';
import { BLOCK_BYTES, MIB } from '../../daemons/storage/block.ts';
import { storeOfNode, wholeCheckpoint } from '../../daemons/storage/checkpoint.ts';
import type { VolumeRecord } from '../../daemons/storage/registry.ts';
import { checkpointOf } from '../../daemons/storage/registry-edit-checkpoints.ts';
import type { StoreView } from '../../daemons/storage/snapshot-view.ts';
import { viewTable } from '../../daemons/storage/view-table.ts';
import { chooseLabel } from '../../daemons/storage/volume-label.ts';
import { type CommandHost, REAL_HOST } from '../command-host.ts';
import { containerOf, openSan, remedyOf, UsageError } from '../san-device.ts';
import { diffFiles, type FileChange, findFile, readFile } from './ext4-files.ts';
import { StoresOnSan } from './stores-on-san.ts';

export const FILES_HELP = `metamaster node diff N [NAME] [options]   tells which files of node N's root are others than in its origin, or than
                                          at checkpoint NAME
metamaster node cat N PATH [options]      prints a file of node N's root

  --from origin|NAME  with cat: the file as it is in the origin, or was at checkpoint NAME
  -w FOLDER       assembles the root in a file there, which is removed again, and uses no device-mapper
  --json          with diff: one array
  --device PATH   the SAN's disk, or an image of it (which needs -w); a node finds its own
  --container NAME  which container, where the SAN has several

diff tells "+" added, "-" removed, "M" contents, "A" attributes alone; then bytes and path. The journal of a root that was not shut down
is not replayed: the last seconds may be missing. Exit codes: 0 done; 1 refused; 2 wrong use; 3 the system refused.
`;

const OPTIONS = {
  from: { type: 'string' }, work: { type: 'string', short: 'w' }, json: { type: 'boolean', default: false }, device: { type: 'string' }, container: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

type Verb = 'diff' | 'cat';

/** What the commands want of the machine; `bytes` takes a file's contents as they are. */
export interface FilesHost extends Pick<CommandHost, 'out' | 'error' | 'machine' | 'liveDisk'> {
  bytes(part: Uint8Array): void;
}

const HOST: FilesHost = { ...REAL_HOST, bytes: (part) => void process.stdout.write(part) };

function readArguments(verb: Verb, argv: readonly string[]) {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  const [number = '', word, ...more] = positionals;
  if (!values.help && (!/^[1-9]\d{0,3}$/.test(number) || more.length > 0 || (verb === 'cat' && word === undefined))) {
    throw new UsageError(verb === 'cat' ? "'node cat' wants the number of a node and a PATH" : "'node diff' wants the number of a node and at most one NAME");
  }
  if (verb === 'diff' && values.from !== undefined) throw new UsageError('--from is for cat: name the checkpoint behind the number');
  return { ...values, node: Number(number), word };
}

/** The volume that is meant: the node's store, its origin, or a checkpoint that is whole. What may be missing in it is said. */
function volumeOf(san: StoresOnSan, node: number, which: 'now' | 'origin' | { readonly checkpoint: string }, host: FilesHost): VolumeRecord {
  const store = valueOf(storeOfNode(san.registry, node));
  const warn = (volume: VolumeRecord): void => host.error(`metamaster node: ${volume.name}: its node runs or was not shut down: what it wrote last may be missing, for the journal is not replayed\n`);
  if (which === 'origin') return san.originOf(store);
  if (which === 'now') {
    const label = valueOf(chooseLabel(...san.front(store).labels, store.name)).label;
    // A store that is to be initialised holds nothing, whatever still stands there.
    if (label.state === 'new') return san.originOf(store);
    if (label.state === 'live') warn(store);
    return store;
  }
  const volume = valueOf(checkpointOf(san.registry, node, which.checkpoint));
  if (!valueOf(wholeCheckpoint(volume, san.front(volume))).checkpoint.clean) warn(volume);
  return volume;
}

/** A root that programs can read, under a path. */
interface OpenRoot {
  readonly path: string;
  close(): Promise<void>;
}

/** Shows a root as a device, or as a file in the folder. @throws InputError MM-VIEW-LINES: it is in too many pieces for a device */
async function openRoot(san: StoresOnSan, volume: VolumeRecord, folder: string | undefined): Promise<OpenRoot> {
  const view = san.view(volume);
  const name = `metamaster-view-${process.pid}-${volume.name}`;
  if (folder !== undefined) {
    const path = join(folder, `${name}.img`);
    const close = async (): Promise<void> => rmSync(path, { force: true });
    try {
      assemble(view, path);
    } catch (error) {
      await close();
      throw error;
    }
    return { path, close };
  }
  const places = { view, extentBytes: san.registry.extentBytes, containerFirstSector: san.ranges.container.firstSector, device: san.path };
  const table = valueOf(viewTable(volume.kind === 'origin' ? { ...places, origin: volume } : { ...places, origin: san.originOf(volume), store: volume }));
  await run(['dmsetup', 'create', '--readonly', name], { input: `${table}\n` });
  return { path: `/dev/mapper/${name}`, close: async () => void await run(['dmsetup', 'remove', '--retry', name]) };
}

/** Writes a root into a file that has holes where it is zero. */
function assemble(view: StoreView, path: string): void {
  const descriptor = openSync(path, 'wx', 0o600);
  try {
    ftruncateSync(descriptor, view.bytes);
    for (let at = 0; at < view.bytes; at += MIB) {
      const piece = view.read(at, Math.min(MIB, view.bytes - at));
      for (let block = 0; block < piece.length; block += BLOCK_BYTES) {
        const bytes = piece.subarray(block, block + BLOCK_BYTES);
        if (!isZero(bytes)) writeSync(descriptor, bytes, 0, bytes.length, at + block);
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

const MARKS: Readonly<Record<FileChange['change'], string>> = { added: '+', removed: '-', contents: 'M', attributes: 'A' };

async function diff(san: StoresOnSan, { node, word, work, json }: ReturnType<typeof readArguments>, host: FilesHost): Promise<void> {
  const volumes = [volumeOf(san, node, word === undefined ? 'origin' : { checkpoint: word }, host), volumeOf(san, node, 'now', host)];
  const before = await openRoot(san, volumes[0]!, work);
  try {
    // A store without contents is the origin itself.
    const after = volumes[0] === volumes[1] ? before : await openRoot(san, volumes[1]!, work);
    try {
      const changes = await diffFiles(before.path, after.path);
      if (json) host.out(`${JSON.stringify(changes)}\n`);
      else for (const { path, change, size } of changes) host.out(`${MARKS[change]} ${String(size).padStart(12)} ${path}\n`);
    } finally {
      if (after !== before) await after.close();
    }
  } finally {
    await before.close();
  }
}

async function cat(san: StoresOnSan, { node, word, from, work }: ReturnType<typeof readArguments>, host: FilesHost): Promise<void> {
  const volume = volumeOf(san, node, from === undefined ? 'now' : from === 'origin' ? 'origin' : { checkpoint: from }, host);
  const root = await openRoot(san, volume, work);
  try {
    const file = await findFile(root.path, word!);
    if (file?.kind !== 'file') throw new InputError([{
      code: 'MM-VIEW-FILE', where: `${volume.name}: ${word}`, rule: 'a file', seen: file === undefined ? 'nothing' : `a ${file.kind}`,
      remedy: 'Give the path of the file itself, from the root; links are not followed.',
    }]);
    await readFile(root.path, file, (bytes) => host.bytes(bytes));
  } finally {
    await root.close();
  }
}

async function runVerb(verb: Verb, argv: readonly string[], host: FilesHost): Promise<number> {
  const say = (text: string): void => host.error(`metamaster node ${verb}: ${text}\n`);
  const fail = (problems: readonly Problem[]): number => {
    for (const problem of problems) say(problemLine(problem));
    return 1;
  };
  try {
    const wish = readArguments(verb, argv);
    if (wish.help) {
      host.out(FILES_HELP);
      return 0;
    }
    const path = wish.device ?? host.machine().disk ?? await host.liveDisk(undefined);
    if (path === undefined) throw new UsageError('only a node finds the SAN\'s disk by itself: log in to the SAN and name it with --device');
    const opened = openSan(path, host);
    try {
      await (verb === 'diff' ? diff : cat)(new StoresOnSan(path, opened, containerOf(opened, wish.container)), wish, host);
      return 0;
    } finally {
      opened.close();
    }
  } catch (error) {
    if (error instanceof InputError) return fail(error.problems);
    if (error instanceof UsageError || (error as NodeJS.ErrnoException).code?.toString().startsWith('ERR_PARSE_ARGS') === true) {
      say(`${(error as Error).message}. See \`metamaster node ${verb} --help\`.`);
      return 2;
    }
    say(`${(error as Error).message}. ${error instanceof CommandError ? 'With -w FOLDER no device is needed.' : remedyOf(error as NodeJS.ErrnoException)}`);
    return 3;
  }
}

/** Runs `metamaster node diff …` with the words behind it; returns the exit code (FILES_HELP). */
export const diffCommand = (argv: readonly string[], host: FilesHost = HOST): Promise<number> => runVerb('diff', argv, host);

/** Runs `metamaster node cat …` with the words behind it; returns the exit code (FILES_HELP). */
export const catCommand = (argv: readonly string[], host: FilesHost = HOST): Promise<number> => runVerb('cat', argv, host);
