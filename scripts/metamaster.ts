// The command line of every node and of the live system: `metamaster <command> …`.

import { InputError, problemLine } from '../daemons/core/problem.ts';
import { bootCommand } from './boot-command.ts';
import { clusterCommand } from './cluster-command.ts';
import { gatewayCommand } from './gateway-command.ts';
import { installCommand } from './install/install-command.ts';
import { nodeCommand } from './node/node-command.ts';
import { powerCommand } from './power-command.ts';
import { restoreCommand } from './restoration/restore-command.ts';
import { sanCommand } from './san.ts';
import { statusCommand } from './status-command.ts';

/** The commands: what each is for, and where it is done. */
const COMMANDS: Readonly<Record<string, { readonly what: string; readonly run: (argv: readonly string[]) => Promise<number> }>> = {
  install: { what: 'lay a cluster out on the SAN, from the live system of the disc', run: installCommand },
  san: { what: 'show, check or export what a SAN (or an image file of one) holds', run: sanCommand },
  restore: { what: 'bring one node or all of them back to the state of the installation, or set a store valid again', run: (argv) => restoreCommand(argv) },
  node: { what: 'show the nodes and their machines; put another machine into a node\'s place; add, remove and drain nodes', run: (argv) => nodeCommand(argv) },
  cluster: { what: 'change the key that the nodes speak to each other under, while they run', run: (argv) => clusterCommand(argv) },
  status: { what: 'say which nodes are alive and serving, and how far the blades have come, from a running node', run: statusCommand },
  gateway: { what: 'say which node is the way out, hand it over, keep a node from it, or change its settings', run: (argv) => gatewayCommand(argv) },
  power: { what: 'tell and switch the power of blades, one by one or the whole rack', run: powerCommand },
  boot: { what: 'tell of the boots of blades stage by stage, or print the steps that a kernel command line leads to', run: bootCommand },
};

function help(): string {
  return ['metamaster <command> [options]', '', ...Object.entries(COMMANDS).map(([name, { what }]) => `  ${name.padEnd(9)} ${what}`), '', 'metamaster <command> --help tells more.'].join('\n');
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === 'help') {
    process.stdout.write(`${help()}\n`);
    return name === undefined ? 2 : 0;
  }
  const command = COMMANDS[name];
  if (command === undefined) {
    process.stderr.write(`metamaster: there is no command "${name}".\n${help()}\n`);
    return 2;
  }
  return command.run(rest);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const lines = error instanceof InputError ? error.problems.map(problemLine) : [error instanceof Error ? error.message : String(error)];
  for (const line of lines) process.stderr.write(`metamaster: ${line}\n`);
  process.exitCode = 1;
}
