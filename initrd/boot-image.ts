// Builds an initrd: the stub that is PID 1, the boot program on QuickJS, the few programs it runs, and kernel modules.
// Two variants: `network` is small, with the modules of servers' usual network cards; `dvd` carries every one.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { cpioArchive, type CpioEntry } from '../daemons/core/cpio-archive.ts';
import type { Recipe } from '../live-dvd/recipe.ts';
import { kernelRelease, runTool, type Trees } from '../live-dvd/trees.ts';
import { programClosure } from './elf-needs.ts';
import { moduleClosure } from './module-set.ts';

/** Programs of the payload tree that the boot program runs. */
const PROGRAMS = ['usr/bin/busybox', 'usr/bin/qjs', 'usr/sbin/iscsistart', 'usr/sbin/dmsetup', 'usr/sbin/e2fsck'];

/** The names under which busybox is called, by the stub, by the boot program and at the debug console. */
const APPLETS = [
  'arping', 'awk', 'blockdev', 'cat', 'chmod', 'chown', 'chroot', 'clear', 'cp', 'cttyhack', 'cut', 'date', 'dd', 'df', 'dmesg', 'du', 'echo', 'find',
  'free', 'grep', 'halt', 'head', 'hexdump', 'ip', 'kill', 'less', 'ln', 'losetup', 'ls', 'lsmod', 'mkdir', 'mknod', 'modprobe', 'more', 'mount',
  'mv', 'nc', 'ping', 'poweroff', 'ps', 'readlink', 'reboot', 'rm', 'rmdir', 'sed', 'setsid', 'sh', 'sleep', 'stat', 'stty', 'swapon', 'switch_root',
  'sync', 'tail', 'telnet', 'test', 'tr', 'true', 'umount', 'uname', 'unshare', 'vi', 'wc', 'wget',
];

/** What an initrd is made of. */
export interface InitrdInputs {
  readonly trees: Trees;
  readonly recipe: Recipe;
  readonly variant: 'network' | 'dvd';
  /** The bundled boot program. */
  readonly program: string;
  /** The shell stub that becomes /init. */
  readonly stub: string;
  readonly output: string;
  readonly logFile: string;
}

function programEntries(tree: string): CpioEntry[] {
  const entries: CpioEntry[] = [];
  for (const [real, names] of programClosure(tree, PROGRAMS)) {
    entries.push({ kind: 'file', path: real, mode: 0o755, bytes: readFileSync(join(tree, real)) });
    for (const name of names) {
      const folded = name.replace(/^(bin|sbin|lib|lib64)\//, 'usr/$1/');
      if (folded !== real) entries.push({ kind: 'link', path: folded, target: `/${real}` });
    }
  }
  for (const top of ['bin', 'sbin', 'lib', 'lib64']) entries.push({ kind: 'link', path: top, target: `usr/${top}` });
  for (const applet of APPLETS) entries.push({ kind: 'link', path: `usr/bin/${applet}`, target: 'busybox' });
  entries.push({ kind: 'link', path: 'usr/sbin/modprobe', target: '../bin/busybox' });
  return entries;
}

async function moduleEntries(inputs: InitrdInputs): Promise<CpioEntry[]> {
  const { recipe, trees } = inputs;
  const release = kernelRelease(trees.payload);
  const folder = join(trees.payload, 'usr/lib/modules', release);
  const dvd = inputs.variant === 'dvd';
  const paths = moduleClosure(folder, [...recipe.bootModules, ...(dvd ? recipe.dvdModules : [])], dvd ? recipe.dvdModuleFolders : []);
  // busybox's modprobe reads no compressed module, and an initrd that is compressed as a whole is smaller anyway.
  const base = resolve(trees.payload, '..');
  const unpacked = join(base, 'modules');
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked);
  const script = 'cd "$1" && shift && for path; do xz -dc "$path" > "/work/modules/${path##*/}" || exit 1; done';
  await runTool(trees, base, ['sh', '-c', script, 'sh', `/work/payload/usr/lib/modules/${release}`, ...paths], { logFile: inputs.logFile });
  const entries: CpioEntry[] = paths.map((path) => ({
    kind: 'file', path: `usr/lib/modules/${release}/${path.replace(/\.xz$/, '')}`, mode: 0o644, bytes: readFileSync(join(unpacked, basename(path))),
  }));
  rmSync(unpacked, { recursive: true });
  const kept = new Set(paths);
  const uncompressed = (text: string) => text.replaceAll('.ko.xz', '.ko');
  const dependencies = readFileSync(join(folder, 'modules.dep'), 'utf8').split('\n').filter((row) => kept.has(row.split(':')[0]!));
  const names = new Set(paths.map((path) => basename(path).replace('.ko.xz', '').replaceAll('-', '_')));
  const table = (file: string) => {
    const rows = readFileSync(join(folder, file), 'utf8').split('\n').filter((row) => names.has(row.slice(row.lastIndexOf(' ') + 1)));
    return { kind: 'file', path: `usr/lib/modules/${release}/${file}`, mode: 0o644, bytes: Buffer.from(`${rows.join('\n')}\n`) } as const;
  };
  const text = uncompressed(`${dependencies.join('\n')}\n`);
  entries.push({ kind: 'file', path: `usr/lib/modules/${release}/modules.dep`, mode: 0o644, bytes: Buffer.from(text) });
  entries.push(table('modules.alias'), table('modules.symbols'));
  return entries;
}

/**
 * Writes the initrd, compressed with zstd, and returns its size in bytes.
 * @throws Error when the recipe names a module or the payload lacks a program
 */
export async function buildInitrd(inputs: InitrdInputs): Promise<number> {
  const entries: CpioEntry[] = [
    ...programEntries(inputs.trees.payload),
    ...(await moduleEntries(inputs)),
    { kind: 'file', path: 'init', mode: 0o755, bytes: readFileSync(inputs.stub) },
    { kind: 'file', path: 'usr/lib/metamaster/boot.js', mode: 0o644, bytes: readFileSync(inputs.program) },
    ...['proc', 'sys', 'dev', 'run', 'tmp', 'etc', 'sysroot', 'mnt', 'usr/lib64'].map((path) => ({ kind: 'folder', path }) as const),
    { kind: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    { kind: 'device', path: 'dev/null', mode: 0o666, major: 1, minor: 3 },
  ];
  const seen = new Set<string>();
  const unique = entries.filter((entry) => entry.kind !== 'link' || (!seen.has(entry.path) && seen.add(entry.path)));
  const folder = resolve(inputs.output, '..');
  const raw = `${inputs.output}.cpio`;
  writeFileSync(raw, cpioArchive(unique, inputs.recipe.epoch));
  const level = inputs.variant === 'network' ? '-19' : '-15';
  await runTool(inputs.trees, folder, ['zstd', '-f', '-q', '--rm', level, '-T0', `/work/${basename(raw)}`, '-o', `/work/${basename(inputs.output)}`], { logFile: inputs.logFile });
  if (!existsSync(inputs.output)) throw new Error(`${inputs.output} was not written; see ${inputs.logFile}`);
  return readFileSync(inputs.output).length;
}
