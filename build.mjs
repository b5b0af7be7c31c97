// Makes every bundle, each within a size budget that fails the build: `node build.mjs [--json]`. Source maps go aside, to build/maps.
import { build } from 'esbuild';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

const OUT = 'build/bundles';
const KIB = 1024;

/** Bundles: what runs on Node, and what runs on QuickJS (no Node API, `std` and `os` are its own modules). */
const bundles = [
  // Since it follows the registry while it runs, 223; bars, drained nodes and replacements brought 7, the membership in place of the beacons 30.
  { name: 'metamasterd', entry: 'daemons/metamasterd.ts', runtime: 'node', budgetBytes: 272 * KIB },
  // It reads what all daemons read: arguments, roster, log, control socket; both of its threads begin with it. IPv6 and what is open to the outside brought 13.
  { name: 'gatewayd', entry: 'daemons/gatewayd.ts', runtime: 'node', budgetBytes: 224 * KIB },
  // One service each, for tests and for who wants just one; the disc does not bring them. A fifth of dhcpd is the membership.
  { name: 'dhcpd', entry: 'daemons/dhcpd.ts', runtime: 'node', budgetBytes: 166 * KIB },
  { name: 'tftpd', entry: 'daemons/tftpd.ts', runtime: 'node', budgetBytes: 120 * KIB },
  { name: 'http-bootd', entry: 'daemons/http-bootd.ts', runtime: 'node', budgetBytes: 120 * KIB },
  // Nearly all of it is systeminformation, whose parts come as one.
  { name: 'hardware-collector', entry: 'scripts/hardware-collector.ts', runtime: 'node', budgetBytes: 352 * KIB },
  // Most of it is zod and yaml; `restore` and the reader of INSTALL.info brought 34 KiB, leases 5, the registry's edits, its writer and `node` 44, `node hardware` 17, checkpoints 28, the shared volume 16, the change of the cluster's key 6, `gateway` 6: the next commands have room up to the round figure.
  { name: 'metamaster', entry: 'scripts/metamaster.ts', runtime: 'node', budgetBytes: 1100 * KIB },
  // Since the registry has bars, replacements and INSTALL.info, 96; the way out and chrony's files brought 4.
  { name: 'initrd', entry: 'initrd/boot.ts', runtime: 'quickjs', budgetBytes: 106 * KIB },
  { name: 'boot-recorder', entry: 'initrd/boot-recorder.ts', runtime: 'quickjs', budgetBytes: 8 * KIB },
  // It renders what the boot renders, from the registry, whenever that has changed; standing down brought 1 KiB, the way out and chrony's files 4.
  { name: 'storage-agent', entry: 'initrd/storage-agent.ts', runtime: 'quickjs', budgetBytes: 78 * KIB },
  // It stays in every node's memory.
  { name: 'hand-back', entry: 'initrd/hand-back.ts', runtime: 'quickjs', budgetBytes: 20 * KIB },
].filter(({ entry }) => existsSync(entry));

/** Kernel and initrd of the network boot, what one blade fetches, when they have been made (live-dvd/images.ts). */
const BOOT_PAIRS = [
  { name: 'boot', files: ['build/images/current/vmlinuz', 'build/images/current/initrd.img'], budgetBytes: 20 * KIB * KIB },
  // Where a recipe brings them: many kernels for arm64 are not compressed. live-dvd/arm64-files.ts has the same limit.
  { name: 'boot-arm64', files: ['build/images/current/vmlinuz-arm64', 'build/images/current/initrd-arm64.img'], budgetBytes: 40 * KIB * KIB },
];

/**
 * Node's own modules by `require`, each when the code that wants it runs. As `import`s they would be hoisted to the bundle's top, also
 * those of packages that are imported lazily; and an `import` reads every property of a module, which for node:http loads a web
 * client: half of what a start takes.
 */
const requireNodeModules = {
  name: 'require-node-modules',
  setup({ onResolve, onLoad }) {
    const names = new Set(builtinModules);
    onResolve({ filter: /^[a-z_:/]+$/ }, ({ namespace, path }) => {
      const name = path.replace(/^node:/, '');
      if (!names.has(name)) return undefined;
      return namespace === 'node-module' ? { path: `node:${name}`, external: true } : { path: `node:${name}`, namespace: 'node-module' };
    });
    onLoad({ filter: /.*/, namespace: 'node-module' }, ({ path }) => ({ contents: `module.exports = require(${JSON.stringify(path)});`, loader: 'js' }));
  },
};

async function makeBundle({ name, entry, runtime, budgetBytes }) {
  const outfile = join(OUT, runtime === 'node' ? `${name}.mjs` : `${name}.js`);
  const node = runtime === 'node';
  await build({
    entryPoints: [entry], outfile, bundle: true, format: 'esm', minify: true, keepNames: node, sourcemap: 'external', legalComments: 'none',
    target: node ? 'node26' : 'es2023', platform: node ? 'node' : 'neutral', external: node ? [] : ['std', 'os'],
    // For Node's own modules, and for packages that are CommonJS.
    banner: node ? { js: "import{createRequire as metamasterRequire}from'node:module';const require=metamasterRequire(import.meta.url);" } : {},
    define: { 'process.env.NODE_ENV': '"production"' }, logLevel: 'error',
    plugins: node ? [requireNodeModules] : [],
  });
  renameSync(`${outfile}.map`, join('build/maps', `${basename(outfile)}.map`));
  return { name, bytes: statSync(outfile).size, budgetBytes };
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
if (values.help) {
  console.log('node build.mjs [--json]   makes build/bundles/*; exits with 1 when a bundle is over its size budget');
  process.exit(0);
}
mkdirSync(OUT, { recursive: true });
mkdirSync('build/maps', { recursive: true });
const artifacts = await Promise.all(bundles.map((bundle) => makeBundle(bundle)));
for (const { name, files, budgetBytes } of BOOT_PAIRS) {
  if (files.every((file) => existsSync(file))) artifacts.push({ name, bytes: files.reduce((sum, file) => sum + statSync(file).size, 0), budgetBytes });
}
if (values.json) console.log(JSON.stringify({ artifacts }));
else for (const { name, bytes, budgetBytes } of artifacts) console.log(`${name.padEnd(16)} ${(bytes / KIB).toFixed(1).padStart(9)} KiB of ${(budgetBytes / KIB).toFixed(0)} KiB`);
const over = artifacts.filter(({ bytes, budgetBytes }) => bytes > budgetBytes);
for (const { name, bytes, budgetBytes } of over) console.error(`${name}: ${bytes} bytes are more than its budget of ${budgetBytes}; make it smaller or, with a reason, raise the budget in build.mjs`);
process.exitCode = over.length > 0 ? 1 : 0;
