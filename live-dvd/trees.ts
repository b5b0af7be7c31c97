// Two trees of packages, made by mmdebstrap: what nodes run, and the tools that make images of it. Everything an image
// holds comes out of these trees, nothing from the machine that builds.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../daemons/host/run.ts';
import type { Recipe } from './recipe.ts';

/** Where the trees of a recipe stand. */
export interface Trees {
  readonly payload: string;
  readonly tools: string;
}

/** How a tree is made. */
export interface TreeOptions {
  readonly folder: string;
  readonly logFile: string;
  /** Another mirror than mmdebstrap's default. */
  readonly mirror?: string;
  /** A list written by an earlier build (`packages.list`): exactly these versions are installed. */
  readonly locked?: string;
  /** The same for the tools (`tools.list`). */
  readonly lockedTools?: string;
}

/** The line of a recorded list: name, version, architecture and the hash that the archive gives for the package. */
function recordedPackages(tree: string): string {
  const status = readFileSync(join(tree, 'var/lib/dpkg/status'), 'utf8');
  const rows = status.split('\n\n').filter((entry) => /^Status: install ok installed$/m.test(entry)).map((entry) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(entry)?.[1] ?? '';
    return `${field('Package')}=${field('Version')} ${field('Architecture')} ${contentHash(tree, field('Package'), field('Architecture'))}`;
  });
  return `${rows.sort().join('\n')}\n`;
}

/** A hash over the MD5 list that dpkg keeps of a package's files: it names the package's content without its archive. */
function contentHash(tree: string, name: string, architecture: string): string {
  const candidates = [`${name}.md5sums`, `${name}:${architecture}.md5sums`];
  const found = candidates.map((file) => join(tree, 'var/lib/dpkg/info', file)).find((file) => existsSync(file));
  return found === undefined ? '-' : createHash('sha256').update(readFileSync(found)).digest('hex');
}

async function makeTree(recipe: Recipe, packages: readonly string[], target: string, options: TreeOptions): Promise<void> {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(options.folder, { recursive: true });
  const argv = [
    'mmdebstrap', '--variant=minbase', '--aptopt=APT::Sandbox::User "root"', '--aptopt=Acquire::Retries "5"',
    ...recipe.leaveOut.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
    '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    `--include=${packages.join(',')}`, recipe.suite, target,
    ...(options.mirror === undefined ? [] : [options.mirror]),
  ];
  await run(argv, { logFile: options.logFile, env: { SOURCE_DATE_EPOCH: String(recipe.epoch), DEBIAN_FRONTEND: 'noninteractive' } });
}

/** The packages to ask for: those of the recipe, in the recorded versions where a list is given. */
function wanted(packages: readonly string[], locked: string | undefined): string[] {
  if (locked === undefined) return [...packages];
  const rows = readFileSync(locked, 'utf8').trim().split('\n');
  return rows.map((row) => row.split(' ')[0]!);
}

/**
 * Makes both trees anew and writes `packages.list` and `tools.list` beside them.
 * @throws CommandError with mmdebstrap's last lines
 */
export async function makeTrees(recipe: Recipe, options: TreeOptions): Promise<Trees> {
  const trees = treesOf(options.folder);
  await makeTree(recipe, wanted(recipe.packages, options.locked), trees.payload, options);
  writeFileSync(join(options.folder, 'packages.list'), recordedPackages(trees.payload));
  await makeTree({ ...recipe, leaveOut: ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*'] }, wanted(recipe.tools, options.lockedTools), trees.tools, options);
  writeFileSync(join(options.folder, 'tools.list'), recordedPackages(trees.tools));
  // Debian's kernel packages come without modules.dep; the payload needs it as much as the initrd.
  await runTool(trees, options.folder, ['depmod', '-b', '/work/payload', kernelRelease(trees.payload)], { logFile: options.logFile });
  return trees;
}

/** The trees' places below the build folder. */
export function treesOf(folder: string): Trees {
  return { payload: join(folder, 'payload'), tools: join(folder, 'tools') };
}

/** The kernel release of a tree, e.g. `6.12.90+deb13-amd64`. @throws Error when it has none or several */
export function kernelRelease(tree: string): string {
  const folder = join(tree, 'usr/lib/modules');
  const releases = existsSync(folder) ? readdirSync(folder) : [];
  if (releases.length !== 1) throw new Error(`${folder}: one kernel is expected there, found ${releases.length}; make the tree again`);
  return releases[0]!;
}

/**
 * Runs a program of the tools tree, with `shared` (a folder) seen as /work in there. The mount lives in a mount namespace
 * of its own and is gone with the program.
 */
export async function runTool(trees: Trees, shared: string, argv: readonly string[], options: Parameters<typeof run>[1] = {}) {
  mkdirSync(join(trees.tools, 'work'), { recursive: true });
  const script = 'mount --bind "$1" "$2/work" && mount -t proc proc "$2/proc" && mount --bind /dev "$2/dev" && shift && exec chroot "$@"';
  return run(['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, 'sh', shared, trees.tools, ...argv], options);
}
