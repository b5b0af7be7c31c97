// `metamaster boot plan`: the initrd's plan for a command line, without booting anything; and the boots that were: boot-history-command.ts.

import { parseArgs } from 'node:util';
import { InputError, problemLine } from '../daemons/core/problem.ts';
import { bootPlan, formatPlan } from '../initrd/boot-plan.ts';
import { parseCommandLine } from '../initrd/command-line.ts';
import { BOOT_HISTORY_HELP, BOOT_HISTORY_OPTIONS, bootHistoryCommand } from './boot-history-command.ts';

const HELP = `metamaster boot plan "COMMAND LINE" [--json]
Prints the steps of a boot with this kernel command line, or every mistake in it. Changes nothing.

${BOOT_HISTORY_HELP}`;

function plan(text: string, json: boolean): number {
  const line = parseCommandLine(text);
  if (line.problems.length > 0) throw new InputError(line.problems);
  for (const warning of line.warnings) process.stderr.write(`metamaster: warning: ${problemLine(warning)}\n`);
  const steps = bootPlan(line.parameters);
  process.stdout.write(json ? `${JSON.stringify({ plan: steps })}\n` : `${formatPlan(steps)}\n`);
  return 0;
}

/** Runs the command; returns the exit code. @throws InputError with every mistake */
export async function bootCommand(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options: BOOT_HISTORY_OPTIONS });
  const [verb, ...rest] = positionals;
  if (!values.help && (verb === 'show' || verb === 'watch')) return bootHistoryCommand(verb, rest, values);
  if (!values.help && verb === 'plan' && rest[0] !== undefined) return plan(rest[0], values.json);
  process.stdout.write(`${HELP}\n`);
  return values.help ? 0 : 2;
}
