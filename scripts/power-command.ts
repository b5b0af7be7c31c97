// `metamaster power`: the rack's power by its controllers, node by node or as a whole.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { InputError, problemLine, valueOf } from '../daemons/core/problem.ts';
import type { PowerOutcome } from '../daemons/power/power-script.ts';
import { openControllers, type OpenController, POWER_CONFIG, pursue, readPowerConfig } from '../daemons/power-controllers.ts';
import { lossText, parsePowerRequest, planPower, type PlannedNode, planText, type PowerPlan, type PowerRequest, SHUTDOWN_LIMIT_S } from './power-plan.ts';

/** What the boot wrote about this node; on any other machine there is none. */
const NODE_CONFIG = '/etc/metamaster/node.json';
/** Controllers that are asked at once: each may be a process of its own, and a rack that is switched on at once draws its whole current. */
const TOGETHER_MAX = 16;

const EXIT = { done: 0, failed: 1, usage: 2, notProved: 3 } as const;

export const POWER_HELP = `metamaster power <status|on|off|cycle|shutdown> [NODE...]|--all [options]
Tells and switches the power of blades, by the power controllers that ${POWER_CONFIG} names.

  status          what each controller says: on, off or unknown; all nodes when none is named
  on              switches on, and waits until the controller says "on"
  off             takes the power at once, as if the plug were pulled
  cycle           off until the controller says so, five seconds without power, on
  shutdown        presses the power button; takes the power when the blade is not off within the limit

  --all           every node of the file
  --prove         with off: done only when the controller itself says "off" more than once after the command. This is what
                  fencing goes by. Wake-on-LAN proves nothing, nor does a controller that does not answer
  --limit SECONDS with shutdown: how long a blade may take [${SHUTDOWN_LIMIT_S}]
  --yes           asks no question; needed for off, cycle and shutdown where there is no terminal
  --dry-run       says what would be done, and asks no controller anything
  --json          the outcome as one object; progress goes to standard error all the same
  --config FILE   the file of controllers [${POWER_CONFIG}]

The whole rack: "shutdown --all" shuts all other nodes down together and then this one, if it is one of them; when another one cannot
be brought off, this one stays on. "on --all" is the cold start: the first node is switched on, then the others. A blade boots from a
node that serves; when none does, put the disc into the first: the others ask until it serves, and then boot from it.

Exit codes: 0 done; 1 not done for one node at least, or the file or a secret cannot be used; 2 wrong use, or not confirmed;
3 with --prove: not proved for one node at least.`;

/** What a node came to. */
interface NodeResult extends PowerOutcome {
  readonly node: number;
  readonly kind: string;
}

const note = (text: string): void => void process.stderr.write(`power: ${text}\n`);

/** The number of the node that this runs on; undefined elsewhere. */
function selfNumber(): number | undefined {
  try {
    const { number } = JSON.parse(readFileSync(NODE_CONFIG, 'utf8')) as { number?: unknown };
    return typeof number === 'number' ? number : undefined;
  } catch {
    return undefined;
  }
}

/** Asks on the terminal; false when the answer is no, or when there is nobody to ask. */
async function confirmed(loss: string): Promise<boolean> {
  note(loss);
  if (!process.stdin.isTTY) {
    note('There is no terminal to ask on: say --yes if this is meant. Nothing was done.');
    return false;
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question('Type yes to go on: ');
  prompt.close();
  return answer.trim() === 'yes';
}

async function pursueNode({ node, controller: { kind }, goal }: PlannedNode, controllers: ReadonlyMap<number, OpenController>): Promise<NodeResult> {
  const outcome = await pursue(controllers.get(node)!, goal, (text) => note(`node ${node}: ${text}`));
  if (goal.kind !== 'status') note(`node ${node}: ${outcome.ok ? '' : 'FAILED: '}${outcome.reason}`);
  return { node, kind, ...outcome };
}

/** The nodes of a stage, some at a time. */
async function runStage(stage: readonly PlannedNode[], controllers: ReadonlyMap<number, OpenController>): Promise<NodeResult[]> {
  const left = [...stage];
  const results: NodeResult[] = [];
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) results.push(await pursueNode(next, controllers));
  };
  await Promise.all(Array.from({ length: Math.min(TOGETHER_MAX, stage.length) }, worker));
  return results.toSorted((a, b) => a.node - b.node);
}

async function runPlan({ verb }: PowerRequest, plan: PowerPlan, controllers: ReadonlyMap<number, OpenController>): Promise<{ results: NodeResult[]; left: number[] }> {
  const results: NodeResult[] = [];
  for (const [at, stage] of plan.entries()) {
    const failed = results.filter(({ ok }) => !ok).map(({ node }) => node);
    // A cold start goes on: whichever node comes first boots the others. Whoever takes power stays, to see what is wrong.
    if (failed.length > 0 && verb !== 'on') {
      const left = plan.slice(at).flat().map(({ node }) => node);
      note(`node ${left.join(', ')}: left as it is, for ${failed.join(', ')} failed`);
      return { results, left };
    }
    results.push(...(await runStage(stage, controllers)));
  }
  return { results, left: [] };
}

function resultText({ node, state, kind, ok, provedOff, reason }: NodeResult): string {
  const word = provedOff ? 'proved off' : state;
  return `node ${String(node).padStart(4)}  ${word.padEnd(10)}  ${kind.padEnd(11)}  ${ok ? '' : 'FAILED: '}${reason}\n`;
}

function print(json: boolean, value: unknown, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : text);
}

/** Runs the command; returns the exit code (see POWER_HELP). @throws InputError MM-POWER-CONFIG, MM-POWER-NODE, MM-POWER-SELF, MM-SECRET-FILE */
export async function powerCommand(argv: readonly string[]): Promise<number> {
  if (argv.length === 0 || argv.includes('--help')) {
    process.stdout.write(`${POWER_HELP}\n`);
    return argv.length === 0 ? EXIT.usage : EXIT.done;
  }
  const parsed = parsePowerRequest(argv);
  if (!parsed.ok) {
    for (const problem of parsed.problems) process.stderr.write(`metamaster: ${problemLine(problem)}\n`);
    return EXIT.usage;
  }
  const request = parsed.value;
  const config = valueOf(readPowerConfig(request.config ?? POWER_CONFIG));
  const self = selfNumber();
  const plan = valueOf(planPower(request, config, self));
  if (plan.length === 0) throw new InputError([{ code: 'MM-POWER-CONFIG', where: request.config ?? POWER_CONFIG, rule: 'at least one node', seen: 'none', remedy: 'Name the nodes and their power controllers there.' }]);
  const controllers = valueOf(openControllers(config, plan.flat().map(({ node }) => node)));
  const loss = lossText(request, plan, self);
  if (request.dryRun) {
    const steps = plan.flatMap((stage, at) => stage.map(({ node, controller: { kind }, goal }) => ({ stage: at + 1, node, kind, goal: goal.kind })));
    print(request.json, { verb: request.verb, dryRun: true, loss: loss ?? null, steps }, `${planText(plan)}${loss === undefined ? '' : `${loss}\n`}`);
    return EXIT.done;
  }
  if (loss !== undefined && !request.yes && !(await confirmed(loss))) return EXIT.usage;
  const { results, left } = await runPlan(request, plan, controllers);
  print(request.json, { verb: request.verb, nodes: results, left }, results.map(resultText).join(''));
  if (results.every(({ ok }) => ok) && left.length === 0) return EXIT.done;
  return request.prove ? EXIT.notProved : EXIT.failed;
}
