// The command line of `metamaster restore`: the report's options by their letters and meanings (appendix C.2.3), and what today's cluster
// needs besides. Pure: every contradiction is told before anything is read.

import { parseArgs } from 'node:util';
import type { Problem, Result } from '../../daemons/core/problem.ts';
import { MAX_WRITERS } from '../../daemons/storage/registry-layout.ts';

/** What is to be done: `rebuild` is the report's `-d 1`, `reset` its `-d 2` and, with a node, `-d 3`. */
export type RestoreTask =
  | { readonly kind: 'rebuild' }
  | { readonly kind: 'reset'; readonly node?: number; readonly withState: boolean; readonly reallocate: boolean }
  | { readonly kind: 'revalidate'; readonly node: number }
  /** `-s` alone. */
  | { readonly kind: 'shared' };

/** A command line without a contradiction. */
export interface RestoreArguments {
  readonly task: RestoreTask;
  /** The shared volume is formatted, behind what else is done. */
  readonly shared: boolean;
  /** INSTALL.info, or the folder that holds it; without it the registry is the truth. */
  readonly info?: string;
  /** Where what is written over is kept. */
  readonly workFolder: string;
  readonly interactive: boolean;
  readonly verbosity: 1 | 2;
  /** Nodes of which the operator says that their machines are off or barred from the SAN. */
  readonly fenced: readonly number[];
  /** Go on although INSTALL.info and registry differ, and although nobody knows what the shared volume holds. */
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
  readonly device?: string;
  /** In a live system, where the SAN wants CHAP: the file with its login. */
  readonly sanLogin?: string;
  readonly container?: string;
}

export const RESTORE_HELP = `metamaster restore -d 1|2|3 [-n NODE] [options], metamaster restore --revalidate NODE [options], or metamaster restore -s [options]

Brings nodes back to the state of the installation.
  -d, --do 1         renders the configuration of all nodes anew from the registry; what they have installed stays
  -d, --do 2         resets all nodes: their roots are as the installation made them, what was installed later is lost
  -d, --do 3         resets the one node of -n
  -n, --node NODE    that node's number; with -d 3
  --revalidate NODE  sets the store of a node valid again, which the kernel gave up after an I/O error; nothing is lost
  -f, --file PATH    INSTALL.info, or its folder: it must say what the registry says; differences are listed and refused
  --force            goes on although they differ: the registry counts; with -s also where nobody knows what the volume holds
  -F, --force-reallocation
                     a reset gives the store new room and leaves the old one in quarantine; nobody has to be fenced
  --with-state       a reset empties the state volume too
  -s, --shared       formats the shared volume, as an OCFS2, alone or behind -d 2; one that holds something only while every other
                     node is down or fenced. Nodes do not mount it by themselves yet
  --fenced NODE[,NODE…]
                     your word that these nodes' machines are off, or barred from the SAN; wrongly said, data is lost
  -w, --work PATH    where what is written over is kept [/tmp]
  -i, --interactive  asks for each node by itself
  -v, --verbose 1|2  2 tells every write [1]
  --device PATH      the SAN's disk or an image of it; on a node and in the live system it is found by itself
  --san-login FILE   in the live system, where the SAN wants CHAP: a node's /etc/metamaster/san-login.json
  --container NAME   which container, where the SAN has several
  --dry-run          shows what would be done, and writes nothing
  --yes              asks no question
  --json             prints the result as one object; with --yes or --dry-run
Swap is left alone. Exit codes: 0 done, 1 refused or not confirmed, 2 wrong use, 3 the device cannot be used.
`;

const OPTIONS = {
  do: { type: 'string', short: 'd' }, node: { type: 'string', short: 'n' }, revalidate: { type: 'string' }, file: { type: 'string', short: 'f' }, work: { type: 'string', short: 'w' },
  interactive: { type: 'boolean', short: 'i' }, shared: { type: 'boolean', short: 's' }, 'force-reallocation': { type: 'boolean', short: 'F' }, verbose: { type: 'string', short: 'v' },
  fenced: { type: 'string' }, 'with-state': { type: 'boolean' }, force: { type: 'boolean' }, 'dry-run': { type: 'boolean' }, yes: { type: 'boolean' }, json: { type: 'boolean' },
  device: { type: 'string' }, 'san-login': { type: 'string' }, container: { type: 'string' },
} as const;

const USAGE = 'See `metamaster restore --help`.';

/** The number of a node; undefined for what is none. */
function nodeNumber(text: string): number | undefined {
  return /^[1-9]\d{0,5}$/.test(text) && Number(text) < MAX_WRITERS ? Number(text) : undefined;
}

/** Reads the words behind `restore`. Problems, all together: MM-RESTORE-USAGE. */
export function parseRestoreArguments(argv: readonly string[]): Result<RestoreArguments> {
  const problems: Problem[] = [];
  const refuse = (where: string, rule: string, seen: string): undefined => void problems.push({ code: 'MM-RESTORE-USAGE', where, rule, seen, remedy: USAGE });
  let parsed: ReturnType<typeof parseWords>;
  try {
    parsed = parseWords(argv);
  } catch (error) {
    refuse('restore', 'options that it has', error instanceof Error ? error.message.split('. ')[0]! : String(error));
    return { ok: false, problems };
  }
  const { values, positionals, tokens } = parsed;
  for (const word of positionals) refuse('restore', 'options only', JSON.stringify(word));
  const names = tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []));
  for (const name of new Set(names.filter((one, at) => names.indexOf(one) !== at))) refuse(`--${name}`, 'once', 'several times');
  for (const name of ['file', 'work', 'device', 'san-login', 'container'] as const) if (values[name] === '') refuse(`--${name}`, 'a value', 'nothing');

  const node = (name: 'node' | 'revalidate'): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    return nodeNumber(text) ?? refuse(`--${name}`, `the number of a node, 1 to ${MAX_WRITERS - 1}`, JSON.stringify(text));
  };
  const task = taskOf(values, node('node'), node('revalidate'), refuse);
  const fenced = fencedOf(values.fenced, refuse);
  const only = task?.kind === 'revalidate' ? task.node : task?.kind === 'reset' ? task.node : undefined;
  if (values.fenced !== undefined && task?.kind === 'rebuild') refuse('--fenced', 'only where volumes are written', '-d 1');
  else if (only !== undefined) for (const other of fenced.filter((one) => one !== only)) refuse('--fenced', `only node ${only}, whose volumes are written`, String(other));
  if (values.verbose !== undefined && !/^[12]$/.test(values.verbose)) refuse('-v', '1 or 2', JSON.stringify(values.verbose));
  if (values.force && values.file === undefined && !values.shared) refuse('--force', '-f, whose differences it passes over, or -s', 'neither');
  if (values.device !== undefined && values['san-login'] !== undefined) refuse('--san-login', 'a disk that is still to be logged in to', '--device, which names it');
  if (values.interactive && values.yes) refuse('-i', 'a question for each node', '--yes, which asks none');
  if (values.interactive && values.json) refuse('-i', 'a terminal to ask on', '--json');
  if (values.json && !values.yes && !values['dry-run']) refuse('--json', '--yes or --dry-run, for a program cannot be asked', 'neither');
  if (problems.length > 0 || task === undefined) return { ok: false, problems };
  return {
    ok: true,
    value: {
      task, shared: values.shared ?? false, fenced, workFolder: values.work ?? '/tmp', interactive: values.interactive ?? false, verbosity: values.verbose === '2' ? 2 : 1,
      force: values.force ?? false, dryRun: values['dry-run'] ?? false, yes: values.yes ?? false, json: values.json ?? false,
      ...(values.file === undefined ? {} : { info: values.file }), ...(values.device === undefined ? {} : { device: values.device }), ...(values['san-login'] === undefined ? {} : { sanLogin: values['san-login'] }), ...(values.container === undefined ? {} : { container: values.container }),
    },
  };
}

const parseWords = (argv: readonly string[]) => parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, tokens: true });

type Refuse = (where: string, rule: string, seen: string) => undefined;

function taskOf(values: ReturnType<typeof parseWords>['values'], node: number | undefined, revalidate: number | undefined, refuse: Refuse): RestoreTask | undefined {
  const { do: what } = values;
  if (values.revalidate !== undefined) {
    if (what !== undefined) refuse('--revalidate', 'no -d beside it', `-d ${what}`);
    if (values.node !== undefined) refuse('-n', '-d 3', '--revalidate, which names its node itself');
    if (values['force-reallocation']) refuse('-F', 'a reset (-d 2 or -d 3)', '--revalidate');
    if (values['with-state']) refuse('--with-state', 'a reset (-d 2 or -d 3)', '--revalidate');
    if (values.shared) refuse('-s', 'alone, or with -d 2', '--revalidate');
    return revalidate === undefined ? undefined : { kind: 'revalidate', node: revalidate };
  }
  if (what === undefined && values.shared) {
    if (values.node !== undefined) refuse('-n', '-d 3, which resets one node', '-s, which is for all');
    for (const option of ['force-reallocation', 'with-state'] as const) if (values[option]) refuse(`--${option}`, 'a reset (-d 2 or -d 3)', '-s alone');
    return { kind: 'shared' };
  }
  if (what === undefined || !/^[123]$/.test(what)) return refuse('-d', '1, 2 or 3, or --revalidate NODE, or -s', what === undefined ? 'none of them' : JSON.stringify(what));
  if (what !== '2' && values.shared) refuse('-s', 'alone, or with -d 2', `-d ${what}`);
  if (values.shared && values['force-reallocation']) refuse('-F', 'no -s beside it, which wants to know that the machines are down', '-s');
  if (what !== '3' && values.node !== undefined) refuse('-n', '-d 3, which resets one node', `-d ${what}, which is for all`);
  if (what === '3' && values.node === undefined) refuse('-d 3', '-n NODE', 'no -n');
  if (what === '1') {
    if (values['force-reallocation']) refuse('-F', 'a reset (-d 2 or -d 3)', '-d 1, which keeps the volumes');
    if (values['with-state']) refuse('--with-state', 'a reset (-d 2 or -d 3)', '-d 1, which keeps the volumes');
    return { kind: 'rebuild' };
  }
  if (values['force-reallocation'] && values['with-state']) refuse('-F', 'the store alone, which it moves', '--with-state, which empties a volume in its place');
  return { kind: 'reset', withState: values['with-state'] ?? false, reallocate: values['force-reallocation'] ?? false, ...(node === undefined ? {} : { node }) };
}

function fencedOf(text: string | undefined, refuse: Refuse): readonly number[] {
  if (text === undefined) return [];
  const words = text.split(',').map((word) => word.trim());
  const nodes = words.flatMap((word) => nodeNumber(word) ?? []);
  if (nodes.length !== words.length) refuse('--fenced', 'numbers of nodes with commas between them', JSON.stringify(text));
  else if (new Set(nodes).size !== nodes.length) refuse('--fenced', 'each node once', JSON.stringify(text));
  return nodes;
}
