import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LIVE_MODULES, SAN_MODULES, VLAN_MODULE, VOLUME_MODULES } from '../initrd/boot-plan.ts';
import { readRecipe } from './recipe.ts';

const RECIPES = join(import.meta.dirname, 'recipes');
const files = readdirSync(RECIPES).filter((name) => name.endsWith('.json'));

describe.each(files)('%s', (file) => {
  const recipe = readRecipe(join(RECIPES, file));

  test('is named after itself, and names nothing twice', () => {
    expect(`${recipe.name}.json`).toBe(file);
    for (const list of [recipe.packages, recipe.tools, recipe.mask, recipe.generatorsOff, recipe.leaveOut, recipe.bootModules]) expect(list.filter((one, i) => list.indexOf(one) !== i)).toEqual([]);
  });

  test('has the programs and the modules that the boot needs', () => {
    expect(['quickjs', 'open-iscsi', 'dmsetup', 'e2fsprogs', 'sg3-utils', 'sanlock', 'ocfs2-tools'].filter((name) => !recipe.packages.includes(name))).toEqual([]);
    expect(recipe.packages.some((name) => /^busybox(-static)?$/.test(name))).toBe(true);
    const modules = new Set([...recipe.bootModules, ...recipe.dvdModules].map((name) => name.replaceAll('-', '_')));
    expect([...SAN_MODULES, ...VOLUME_MODULES].filter((name) => !modules.has(name))).toEqual([]);
    expect(LIVE_MODULES.filter((name) => !modules.has(name))).toEqual([]);
    const network = new Set(recipe.bootModules.map((name) => name.replaceAll('-', '_')));
    expect([...SAN_MODULES, ...VOLUME_MODULES, VLAN_MODULE].filter((name) => !network.has(name)), 'the network boot has no module but its own').toEqual([]);
  });
});

/** What a node needs of the kernel to mount the shared volume. */
const OCFS2_MODULES = ['ocfs2.ko', 'ocfs2_stackglue.ko', 'ocfs2_stack_o2cb.ko', 'cluster/ocfs2_nodemanager.ko', 'dlm/ocfs2_dlm.ko', 'dlmfs/ocfs2_dlmfs.ko'].map((name) => `kernel/fs/ocfs2/${name}`);

test.each(files)('%s leaves the nodes what mounts an OCFS2, and starts nothing of it by itself', (file) => {
  const recipe = readRecipe(join(RECIPES, file));
  const paths = [...OCFS2_MODULES, 'kernel/fs/configfs/configfs.ko'].map((name) => `/usr/lib/modules/6.12.117+deb13-amd64/${name}.xz`);
  // dpkg's patterns (--path-exclude): a star stands for slashes, too.
  const leftOut = recipe.leaveOut.map((pattern) => new RegExp(`^${pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`));
  expect(leftOut.some((pattern) => pattern.test('/usr/lib/modules/6.12.117+deb13-amd64/kernel/sound/soundcore.ko.xz'))).toBe(true);
  expect(paths.filter((path) => leftOut.some((pattern) => pattern.test(path)))).toEqual([]);
  expect(['o2cb.service', 'ocfs2.service'].filter((name) => !recipe.mask.includes(name))).toEqual([]);
});

describe('a recipe that is wrong', () => {
  let folder = '';
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'recipe-')); });
  afterAll(() => rmSync(folder, { recursive: true }));
  const good = JSON.parse(readFileSync(join(RECIPES, files[0]!), 'utf8')) as Record<string, unknown>;
  const read = (changes: Record<string, unknown>) => {
    const path = join(folder, 'recipe.json');
    writeFileSync(path, JSON.stringify({ ...good, ...changes }));
    return () => readRecipe(path);
  };

  test('is refused with the name of the field', () => {
    expect(read({})).not.toThrow();
    expect(read({ suite: 'trixie; rm' })).toThrow('suite');
    expect(read({ epoch: 0 })).toThrow('epoch');
    expect(read({ packages: ['systemd', ''] })).toThrow('packages');
    expect(read({ name: '../x' })).toThrow('name');
    expect(read({ pakages: [] })).toThrow('pakages');
    expect(read({ mask: undefined })).toThrow('mask');
  });

  test('files for arm64 are named both, in a sub-folder of the images and nowhere else', () => {
    const arm64 = (kernel: string, more: Record<string, unknown> = { initrd: 'arm64/initrd.img' }) => read({ arm64: { kernel, ...more } });
    expect(arm64('arm64/vmlinuz')).not.toThrow();
    expect(arm64('brought/arm64-6.12/Image')).not.toThrow();
    for (const path of ['vmlinuz-arm64', '/boot/vmlinuz', '../x/vmlinuz', 'arm64/../../vmlinuz', './vmlinuz', 'arm64/..', 'arm64//vmlinuz', 'arm64/', '', 'a b/c']) expect(arm64(path), path).toThrow('sub-folder of build/images/NAME/');
    expect(arm64('arm64/vmlinuz', {})).toThrow('initrd');
    expect(arm64('arm64/vmlinuz', { initrd: 'arm64/initrd.img', loader: 'arm64/x.efi' })).toThrow('loader');
  });
});
