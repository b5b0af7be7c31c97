// The nodes' root file system as an image: the payload tree, our bundles and Node on top, as one ext4 image in a squashfs.
// The live DVD runs from that image under an overlay; the installer copies the same image to the origin volume.

import { createHash } from 'node:crypto';
import { cpSync, createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from '../daemons/host/run.ts';
import { programClosure } from '../initrd/elf-needs.ts';
import type { Recipe } from './recipe.ts';
import { kernelRelease, runTool, type Trees } from './trees.ts';

const MIB = 1024 * 1024;
/** Room in the image beside the files themselves: tables, journal, and what ext4 wants free; the installer grows it anyway. */
const SLACK = { factor: 1.1, bytes: 48 * MIB } as const;
/** The account of metamasterd; a fixed number, so that it is the same on every origin: far below 999, from which packages' own accounts are counted down. */
const SERVICE_ACCOUNT = { name: 'metamaster', id: 900 } as const;
/** Units of ours that start with a node. */
const ENABLED = ['metamaster-iscsid.service', 'metamaster-storage.service', 'metamasterd.service', 'metamaster-recorder.socket', 'metamaster-replace.path'] as const;
/** And those that start when the rest is up. */
const ENABLED_LATE = ['metamaster-zram.service', 'metamaster-hardware.service', 'gatewayd.service', 'gatewayd.path'] as const;

/** Programs that run from the memory of the keeper of the SAN's sessions (overlay/usr/lib/metamaster/san-keeper): its own, and qjs for the end of a shutdown. */
const KEEPER_PROGRAMS = ['usr/sbin/iscsid', 'usr/sbin/dmsetup', 'usr/bin/qjs'];
/** What gives the volumes back there. */
const HAND_BACK_FILES = ['usr/lib/metamaster/hand-back', 'usr/lib/metamaster/hand-back.js'];

/** Files of the payload tree that no node wants: secrets and identities that packages made at build time, caches, the packaged initrd. */
const LEFT_OUT = [
  'boot', 'var/cache/apt', 'var/lib/apt/lists', 'var/cache/debconf', 'var/log/apt', 'var/log/dpkg.log', 'var/log/bootstrap.log', 'var/log/alternatives.log',
  'etc/machine-id', 'var/lib/dbus/machine-id', 'etc/hostname', 'etc/resolv.conf', 'vmlinuz', 'initrd.img', 'vmlinuz.old', 'initrd.img.old', 'etc/fstab',
  'etc/iscsi/initiatorname.iscsi', 'var/lib/systemd/random-seed', 'var/lib/apt/extended_states',
];

/** What the image is, beside the image: the installer checks and records it. */
export interface RootManifest {
  readonly format: 'metamaster-root';
  readonly version: 1;
  readonly recipe: string;
  readonly kernelRelease: string;
  readonly imageBytes: number;
  readonly imageSha256: string;
  readonly uuid: string;
  /** The recipe's epoch: no clock of a machine that runs the image can rightly be before it. */
  readonly epochUnixMs: number;
}

/** What the image is made of. */
export interface RootInputs {
  readonly trees: Trees;
  readonly recipe: Recipe;
  /** Where the images of the recipe are built. */
  readonly folder: string;
  readonly bundles: string;
  readonly overlay: string;
  /** The Node binary, unstripped. */
  readonly node: string;
  /** Which parts of the binary a cold start reads (live-dvd/measure-prefetch.ts). */
  readonly prefetchList: string;
  readonly logFile: string;
}

function remove(root: string, path: string): void {
  rmSync(join(root, path), { recursive: true, force: true });
}

function link(root: string, path: string, target: string): void {
  remove(root, path);
  mkdirSync(join(root, path, '..'), { recursive: true });
  symlinkSync(target, join(root, path));
}

function addAccount(root: string): void {
  const { name, id } = SERVICE_ACCOUNT;
  const append = (file: string, row: string) => {
    const path = join(root, 'etc', file);
    const text = readFileSync(path, 'utf8');
    if (text.split('\n').some((line) => line.split(':')[2] === String(id) && file !== 'shadow')) throw new Error(`${path}: number ${id} is taken; choose another in live-dvd/root-image.ts`);
    writeFileSync(path, `${text.trimEnd()}\n${row}\n`);
  };
  append('passwd', `${name}:x:${id}:${id}:metamaster:/nonexistent:/usr/sbin/nologin`);
  append('group', `${name}:x:${id}:`);
  append('shadow', `${name}:!:19000::::::`);
}

function applySystemSettings(root: string, recipe: Recipe): void {
  for (const unit of recipe.mask) link(root, `etc/systemd/system/${unit}`, '/dev/null');
  for (const unit of recipe.afterServing) {
    mkdirSync(join(root, `etc/systemd/system/${unit}.d`), { recursive: true });
    writeFileSync(join(root, `etc/systemd/system/${unit}.d/metamaster.conf`), '[Unit]\nAfter=metamasterd.service\n');
  }
  for (const generator of recipe.generatorsOff) link(root, `etc/systemd/system-generators/${generator}`, '/dev/null');
  for (const unit of ENABLED) link(root, `etc/systemd/system/sysinit.target.wants/${unit}`, `/usr/lib/systemd/system/${unit}`);
  for (const unit of ENABLED_LATE) link(root, `etc/systemd/system/multi-user.target.wants/${unit}`, `/usr/lib/systemd/system/${unit}`);
  link(root, 'etc/systemd/system/default.target', '/usr/lib/systemd/system/multi-user.target');
  // The initrd mounts the root as it shall be; an empty table keeps systemd from looking further.
  writeFileSync(join(root, 'etc/fstab'), '');
  for (const file of readdirSync(join(root, 'etc/ssh')).filter((name) => name.startsWith('ssh_host_'))) remove(root, `etc/ssh/${file}`);
}

function addOurFiles(root: string, inputs: RootInputs): void {
  cpSync(inputs.overlay, root, { recursive: true, preserveTimestamps: false });
  const ours = join(root, 'usr/lib/metamaster');
  mkdirSync(ours, { recursive: true });
  for (const bundle of ['metamasterd.mjs', 'gatewayd.mjs', 'metamaster.mjs', 'hardware-collector.mjs', 'storage-agent.js', 'boot-recorder.js', 'hand-back.js']) cpSync(join(inputs.bundles, bundle), join(ours, bundle));
  cpSync(join(inputs.folder, 'node-stripped'), join(root, 'usr/bin/node'));
  // A list for another Node would read the wrong parts: without one the initrd reads the whole binary.
  const list = JSON.parse(readFileSync(inputs.prefetchList, 'utf8')) as { bytes: number };
  if (list.bytes === statSync(join(root, 'usr/bin/node')).size) cpSync(inputs.prefetchList, join(ours, 'node-prefetch.json'));
  writeFileSync(join(ours, 'san-keeper.files'), keeperFiles(root).join('\n').concat('\n'));
  for (const folder of ['etc/metamaster', 'etc/install', 'var/lib/metamaster']) mkdirSync(join(root, folder), { recursive: true });
}

/** What the keeper of the SAN's sessions copies into memory: by the names under which loader and script look for them. */
export function keeperFiles(root: string): string[] {
  return [...[...programClosure(root, KEEPER_PROGRAMS).values()].flatMap((names) => Array.from(names)), ...HAND_BACK_FILES].sort();
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 4 * MIB }), hash);
  return hash.digest('hex');
}

/** A UUID that is the same for the same content: the image can be made again byte by byte. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * Makes `root.squashfs` (holding `root.ext4`) and `root.json` in the recipe's folder.
 * @throws Error or CommandError with what failed
 */
export async function buildRootImage(inputs: RootInputs): Promise<RootManifest> {
  const { folder, recipe, trees, logFile } = inputs;
  const root = join(folder, 'root');
  const epoch = `@${recipe.epoch}`;
  const log = { logFile, env: { SOURCE_DATE_EPOCH: String(recipe.epoch) } };
  const stripped = join(folder, 'node-stripped');
  if (!existsSync(stripped) || statSync(stripped).mtimeMs < statSync(inputs.node).mtimeMs) {
    await run(['cp', inputs.node, stripped], log);
    await runTool(trees, folder, ['strip', '/work/node-stripped'], log);
  }
  rmSync(root, { recursive: true, force: true });
  await run(['cp', '-a', trees.payload, root], log);
  for (const path of LEFT_OUT) remove(root, path);
  mkdirSync(join(root, 'boot'));
  addAccount(root);
  addOurFiles(root, inputs);
  applySystemSettings(root, recipe);
  await run([
    'tar', '--create', `--file=${join(folder, 'root.tar')}`, '--sort=name', '--numeric-owner', '--format=posix',
    '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime', `--mtime=${epoch}`, '--clamp-mtime', `--directory=${root}`, '.',
  ], log);
  const contentBytes = statSync(join(folder, 'root.tar')).size;
  const imageBytes = Math.ceil((contentBytes * SLACK.factor + SLACK.bytes) / (4 * MIB)) * 4 * MIB;
  const uuid = uuidOf(await sha256Of(join(folder, 'root.tar')));
  const stage = join(folder, 'squash');
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage);
  await runTool(trees, folder, [
    'mke2fs', '-q', '-t', 'ext4', '-L', 'metamaster', '-U', uuid, '-m', '1', '-E', `hash_seed=${uuid},lazy_itable_init=1,root_owner=0:0`,
    '-d', '/work/root.tar', '/work/squash/root.ext4', `${imageBytes / 1024}k`,
  ], log);
  const manifest: RootManifest = {
    format: 'metamaster-root', version: 1, recipe: recipe.name, kernelRelease: kernelRelease(trees.payload), imageBytes,
    imageSha256: await sha256Of(join(stage, 'root.ext4')), uuid, epochUnixMs: recipe.epoch * 1000,
  };
  writeFileSync(join(stage, 'root.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  rmSync(join(folder, 'root.squashfs'), { force: true });
  await runTool(trees, folder, [
    'mksquashfs', '/work/squash', '/work/root.squashfs', '-noappend', '-no-progress', '-quiet', '-comp', 'zstd', '-Xcompression-level', '9', '-b', '256K',
    '-no-xattrs', '-all-root',
  ], log);
  rmSync(join(folder, 'root.tar'));
  rmSync(root, { recursive: true });
  cpSync(join(stage, 'root.json'), join(folder, 'root.json'));
  return manifest;
}
