// `metamaster boot plan`: the initrd's plan for a command line, without booting anything.

import { parseArgs } from 'node:util';
import { InputError, problemLine } from '../daemons/core/problem.ts';
import { bootPlan, formatPlan } from '../initrd/boot-plan.ts';
import { parseCommandLine } from '../initrd/command-line.ts';

const HELP = `metamaster boot plan "COMMAND LINE" [--json]
Prints the steps of a boot with this kernel command line, or every mistake in it. Changes nothing.`;

/** Runs the command; returns the exit code. @throws InputError with every mistake in the command line */
export async function bootCommand(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
  const [verb, text] = positionals;
  if (values.help || verb !== 'plan' || text === undefined) {
    process.stdout.write(`${HELP}\n`);
    return values.help ? 0 : 2;
  }
  const line = parseCommandLine(text);
  if (line.problems.length > 0) throw new InputError(line.problems);
  for (const warning of line.warnings) process.stderr.write(`metamaster: warning: ${problemLine(warning)}\n`);
  const plan = bootPlan(line.parameters);
  process.stdout.write(values.json ? `${JSON.stringify({ plan })}\n` : `${formatPlan(plan)}\n`);
  return 0;
}
