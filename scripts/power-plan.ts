// What `metamaster power` is asked, and what it makes of it: which nodes, in which order, and what will be lost. Pure.

import { parseArgs } from 'node:util';
import type { Problem, Result } from '../daemons/core/problem.ts';
import { abilitiesOf, type Controller, controllerName, type PowerConfig } from '../daemons/power/power-config.ts';
import type { PowerGoal } from '../daemons/power/power-script.ts';

/** Every verb, and whether it takes something from a blade that runs. */
const VERBS = { status: false, on: false, off: true, cycle: true, shutdown: true } as const;

export type PowerVerb = keyof typeof VERBS;

/** A systemd root stops its services within 90 s, or kills them; then it unmounts. */
export const SHUTDOWN_LIMIT_S = 180;
const SHUTDOWN_LIMIT_MAX_S = 3600;

/** What was asked for. */
export interface PowerRequest {
  readonly verb: PowerVerb;
  /** The nodes named; undefined: all. */
  readonly nodes: readonly number[] | undefined;
  readonly config: string | undefined;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly prove: boolean;
  readonly limitMs: number;
}

/** One node in the order of work. */
export interface PlannedNode {
  readonly node: number;
  readonly controller: Controller;
  readonly goal: PowerGoal;
}

/** The nodes of one stage are done together; the next stage begins when all of one have succeeded. */
export type PowerPlan = readonly (readonly PlannedNode[])[];

const usage = (where: string, rule: string, seen: string): Problem => ({ code: 'MM-POWER-USAGE', where, rule, seen, remedy: 'See `metamaster power --help`.' });

const OPTIONS = {
  all: { type: 'boolean', default: false }, json: { type: 'boolean', default: false }, 'dry-run': { type: 'boolean', default: false }, yes: { type: 'boolean', default: false },
  prove: { type: 'boolean', default: false }, limit: { type: 'string' }, config: { type: 'string' },
} as const;

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    return error as Error;
  }
}

/** Reads the words behind `metamaster power`, help aside. Problems: MM-POWER-USAGE, all of them. */
export function parsePowerRequest(argv: readonly string[]): Result<PowerRequest> {
  const read = parsed(argv);
  if (read instanceof Error) return { ok: false, problems: [usage('options', 'only those of this command', read.message)] };
  const { values, positionals: [verb = '', ...words] } = read;
  const problems: Problem[] = [];
  if (!Object.hasOwn(VERBS, verb)) problems.push(usage('verb', `one of ${Object.keys(VERBS).join(', ')}`, verb || 'nothing'));
  for (const word of words) if (!/^[1-9][0-9]{0,3}$/.test(word)) problems.push(usage('NODE', 'the number of a node', word));
  if (values.all && words.length > 0) problems.push(usage('--all', 'either --all or the numbers of nodes', `both, ${words.join(' ')}`));
  // Without a word only a look is taken at the whole rack.
  if (!values.all && words.length === 0 && verb !== 'status') problems.push(usage('NODE', 'the numbers of nodes, or --all', 'neither'));
  if (values.prove && verb !== 'off') problems.push(usage('--prove', 'only with off', verb));
  if (values.limit !== undefined && verb !== 'shutdown') problems.push(usage('--limit', 'only with shutdown', verb));
  const limitS = /^\d{1,5}$/.test(values.limit ?? '') ? Number(values.limit) : values.limit === undefined ? SHUTDOWN_LIMIT_S : -1;
  if (limitS < 1 || limitS > SHUTDOWN_LIMIT_MAX_S) problems.push(usage('--limit', `whole seconds from 1 to ${SHUTDOWN_LIMIT_MAX_S}`, values.limit!));
  if (problems.length > 0) return { ok: false, problems };
  const nodes = words.length === 0 ? undefined : [...new Set(words.map(Number))];
  return {
    ok: true,
    value: { verb: verb as PowerVerb, nodes, config: values.config, json: values.json, dryRun: values['dry-run'], yes: values.yes, prove: values.prove, limitMs: limitS * 1000 },
  };
}

function goalOf({ verb, prove, limitMs }: PowerRequest): PowerGoal {
  if (verb === 'shutdown') return { kind: 'shutdown', limitMs };
  return { kind: verb === 'off' && prove ? 'prove-off' : verb };
}

/**
 * The order of work. `self`: the number of the node that this runs on. What takes its power comes last and alone, for nothing is told
 * or done after it; `on` for several nodes begins with the first alone, to be sure of one before the rack draws its whole current.
 * Problems: MM-POWER-NODE for a node without a controller, MM-POWER-SELF for what a node cannot do to itself.
 */
export function planPower(request: PowerRequest, config: PowerConfig, self: number | undefined): Result<PowerPlan> {
  const { verb, prove } = request;
  const goal = goalOf(request);
  const numbers = (request.nodes ?? [...config.keys()]).toSorted((a, b) => a - b);
  const problems: Problem[] = [];
  const planned = numbers.flatMap((node): PlannedNode[] => {
    const controller = config.get(node);
    if (controller !== undefined) return [{ node, controller, goal }];
    problems.push({ code: 'MM-POWER-NODE', where: `node ${node}`, rule: 'a node with a power controller', seen: `only ${[...config.keys()].join(', ') || 'none'}`, remedy: 'Name its controller in the file, or leave the node out.' });
    return [];
  });
  const own = VERBS[verb] ? planned.filter(({ node }) => node === self) : [];
  if (own.length > 0 && (verb === 'cycle' || prove)) {
    const rule = verb === 'cycle' ? 'a node cannot switch itself on again' : 'a node cannot see itself off';
    problems.push({ code: 'MM-POWER-SELF', where: `node ${self}`, rule, seen: 'this node', remedy: `Run this on another node${verb === 'cycle' ? ', or restart this one with `systemctl reboot`' : ''}.` });
  }
  if (problems.length > 0) return { ok: false, problems };
  const others = planned.filter((each) => !own.includes(each));
  const stages = verb === 'on' ? [others.slice(0, 1), others.slice(1)] : [others, own];
  return { ok: true, value: stages.filter((stage) => stage.length > 0) };
}

/** What will be lost, for the question before it; undefined when nothing is. */
export function lossText({ verb, limitMs }: PowerRequest, plan: PowerPlan, self: number | undefined): string | undefined {
  if (!VERBS[verb]) return undefined;
  const numbers = plan.flat().map(({ node }) => node).toSorted((a, b) => a - b);
  const whose = `${numbers.length === 1 ? 'node' : 'nodes'} ${numbers.join(', ')}${self !== undefined && numbers.includes(self) ? ` (${self} is this one, and comes last)` : ''}`;
  if (verb === 'shutdown') return `This ends every program on ${whose}. A blade that is not off after ${limitMs / 1000} s loses its power, and with it what was not written yet.`;
  return `This takes the power of ${whose}, as if the plug were pulled: every program there ends, and what it had not written to the SAN yet is lost.`;
}

/** The plan for a person, for a dry run. */
export function planText(plan: PowerPlan): string {
  const what = ({ controller, goal }: PlannedNode): string => {
    if (!abilitiesOf(controller).reads && goal.kind !== 'on') return `not possible: ${controllerName(controller)}`;
    const words = { status: 'read the state', on: 'switch on', off: 'cut the power', cycle: 'cut the power, then switch on', 'prove-off': 'cut the power, and read "off" until it is proved', shutdown: 'press the power button, cut the power' };
    const late = goal.kind === 'shutdown' ? ` if it is not off after ${goal.limitMs / 1000} s` : '';
    return `${words[goal.kind]}${late}, by ${controllerName(controller)}`;
  };
  return plan.flatMap((stage, at) => stage.map((each) => `${at + 1}. node ${each.node}: ${what(each)}\n`)).join('');
}
