// `scripts/up`: from a fresh clone to a running rack. Builds what is not up to date, installs the cluster from the disc on an empty
// SAN, boots every blade, and shows the rack. Run again, it switches on what is off and shows it.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../daemons/host/run.ts';
import { imageFolder, makeImages } from '../live-dvd/images.ts';
import { Cluster } from './virtual-rack/cluster.ts';

const HELP = `scripts/up [--blades 3] [--memory 1G] [--name default] [--recipe debian-13] [--mirror URL] [--json] [--help]
Does all the set-up, builds the disc, installs the cluster on the SAN, boots the virtual rack and shows it.
What is up to date is not done again; a cluster that is on the SAN stays.

  --blades N      how many blades, 1 to 8
  --memory SIZE   memory of each blade, 256M or more (the blade that installs has 1G at the least)
  --name NAME     which rack; two racks do not get in each other's way
  --recipe NAME   what the nodes' system is made of: live-dvd/recipes/NAME.json
  --mirror URL    another Debian mirror
  --json          print the rack's status as one object; progress goes to standard error

Afterwards: scripts/rack status | console N | power off N | … | down`;

const MOST_BLADES = 8;

const { values } = parseArgs({
  options: {
    blades: { type: 'string', default: '3' }, memory: { type: 'string', default: '1G' }, name: { type: 'string', default: 'default' },
    recipe: { type: 'string', default: 'debian-13' }, mirror: { type: 'string' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
  },
});

async function stage(name: string, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  process.stderr.write(`up: ${name} …\n`);
  await work();
  process.stderr.write(`up: ${name}: ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
}

async function up(): Promise<void> {
  const count = Number(values.blades);
  if (!Number.isInteger(count) || count < 1 || count > MOST_BLADES) throw new Error(`--blades: a whole number from 1 to ${MOST_BLADES}; seen ${values.blades}`);
  const blades = Array.from({ length: count }, (_, i) => i + 1);
  await stage('bundles', () => run([process.execPath, 'build.mjs']));
  let disc = '';
  await stage('disc', async () => {
    disc = await makeImages({ recipe: values.recipe, mirror: values.mirror });
  });
  process.stderr.write(`up: ${disc}: ${Math.round(statSync(disc).size / 2 ** 20)} MiB\n`);
  const cluster = new Cluster({ name: values.name, disc, progress: (line) => process.stderr.write(`up: ${line}\n`) });
  await stage('rack', () => cluster.rack.up({ blades: count, memory: values.memory, kernel: join(imageFolder(values.recipe), 'vmlinuz') }));
  const installed = cluster.installedNodes();
  if (installed === undefined) await stage('installing the cluster on the empty SAN', () => cluster.install(blades));
  else if (installed !== count) throw new Error(`the SAN of rack ${values.name} holds a cluster of ${installed} nodes, not ${count}: use --blades ${installed}, another --name, or scripts/rack down --wipe --name ${values.name}`);
  await cluster.bootAll(blades, stage);
  const status = await cluster.rack.status();
  if (values.json) process.stdout.write(`${JSON.stringify(status)}\n`);
  else {
    process.stdout.write((await run(['scripts/rack', 'status', '--name', values.name])).output);
    process.stdout.write(`\nThe rack is up. Try:\n  scripts/rack power off 1     cut a blade's power; the others go on, and boot it again: scripts/rack power on 1\n  scripts/rack console 2       log in as root, password "rack"; Ctrl-] leaves\n  scripts/rack down            take the rack away; the SAN's file stays, unless --wipe\n`);
  }
}

if (values.help) process.stdout.write(`${HELP}\n`);
else {
  await up().catch((error: unknown) => {
    process.stderr.write(`up: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
