// The command line of `metamaster node`. Pure: every contradiction is told before anything is read.

import { parseArgs } from 'node:util';
import { type Ipv4, parseIpv4 } from '../../daemons/core/ipv4.ts';
import { type Mac, parseMac } from '../../daemons/core/mac.ts';
import type { Problem, Result } from '../../daemons/core/problem.ts';
import type { ReplacementPolicy } from '../../daemons/core/roster.ts';
import { parseUuid, type Uuid } from '../../daemons/core/uuid.ts';
import { MAX_WRITERS } from '../../daemons/storage/registry-layout.ts';
import { POWER_CONFIG } from '../../daemons/power-controllers.ts';

/** How it is made sure that a machine writes no more. */
export interface FenceWish {
  /** The operator's word. */
  readonly fenced: boolean;
  /** A power controller of the node may be told to take its power. */
  readonly power: boolean;
  /** The file of power controllers, where it is not the usual one. */
  readonly powerConfig?: string;
}

/** What is to be done. */
export type NodeTask =
  | { readonly kind: 'list' }
  | { readonly kind: 'replace'; readonly node: number; readonly macs?: readonly Mac[]; readonly fence: FenceWish; readonly quarantine: boolean; readonly waitMs: number; readonly auto: boolean }
  | { readonly kind: 'open'; readonly node: number; readonly policy: ReplacementPolicy; readonly forMs: number }
  | { readonly kind: 'close'; readonly node: number }
  | { readonly kind: 'add'; readonly macs?: readonly Mac[]; readonly name?: string; readonly address?: Ipv4; readonly loader?: 'rom' | 'ours'; readonly waitMs: number }
  | { readonly kind: 'remove'; readonly node: number; readonly quarantine: boolean; readonly fence: FenceWish }
  | { readonly kind: 'release'; readonly uuids: readonly Uuid[]; readonly fenced: boolean }
  | { readonly kind: 'drain'; readonly node: number; readonly drained: boolean }
  | { readonly kind: 'unbar'; readonly mac: Mac };

/** A command line without a contradiction. */
export interface NodeArguments {
  readonly task: NodeTask;
  readonly device?: string;
  readonly container?: string;
  /** Of metamasterd, where it is not the usual one. */
  readonly socket?: string;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

/** How long a machine is waited for that asks for a boot. */
export const WAIT_SECONDS = 600;
const WAIT_SECONDS_MAX = 86_400;
/** How long a node's number is open to another blade, and at most. */
const OPEN_HOURS = 24;
const OPEN_HOURS_MAX = 168;
const HOUR_MS = 3_600_000;

export const NODE_HELP = `metamaster node <list|replace|open|close|add|remove|drain|undrain|unbar|release|hardware|checkpoint|rollback|diff|cat> [options]
Shows and changes which machines are the nodes of the cluster. Run it on a node that is up, or in the live system of the disc.

  list                  nodes with their machines and addresses; drained, barred and quarantined ones, open replacements; which
                        are alive and serve, and who asked for a boot that is no node's
  replace NODE          puts another machine into a node's place: it boots as that node, with its root, its state and its name.
                        The former machine is barred until "unbar"
  open NODE             the next unknown blade that asks may take the node's place, for a while: it is told of; with --auto it takes it by
                        itself, once a power controller has proved the former machine off
  close NODE            nobody may any more
  add                   one node more: a number, an address, a host key and volumes like the others'; it boots when it is switched on
  remove NODE           takes a node out of the roster, and gives its volumes' room back: root and state are lost
  drain NODE            the node serves no boots and holds no roles any more; it runs and boots as ever
  undrain NODE          it serves again
  unbar MAC             a machine that was replaced may be a node again
  release UUID [UUID…]  gives the room of quarantined volumes back: what is in them is lost
  hardware [NODE]       what the blades are made of, and what of one is not as with the others
  checkpoint NODE [NAME], rollback NODE NAME
                        keeps what a node that is down has in its root, and brings it back
  diff NODE [NAME], cat NODE PATH
                        which files of a root are others than the origin's or a checkpoint's; one file of it
                        (hardware, checkpoint, rollback, diff and cat have options of their own: --help behind them)

  --mac MAC[,MAC]       with replace and add: the new machine's cards, the boot interface first. Else the one stranger that asked for a boot
                        within the last minute, waited for
  --wait SECONDS        with replace and add: how long it is waited for [${WAIT_SECONDS}]
  --auto                with open: without asking anybody. With replace: only where such an opening is in force (what a node does by itself)
  --hours N             with open: for how long [${OPEN_HOURS}]
  --name NAME, --address ADDRESS, --loader rom|ours
                        with add: else the cluster's name and the number, the next free address, rom
  --quarantine          with remove: nobody is fenced; the volumes stay, of no node, until they are released. With replace: nobody is fenced
                        either; what the former machine may still write to is copied to new volumes, and stays until it is released
  --fenced              with replace, remove and release: your word that the former machine is off, or barred from the SAN; wrongly
                        said, data is lost
  --power-config FILE   with replace and remove: the file of power controllers [${POWER_CONFIG}]. A controller of the node is told
                        to take the power of what it switches, and to prove it
  --no-fence-power      with replace and remove: no controller is told anything; goes on only where the former machine gave its volumes back
  --device PATH         the SAN's disk or an image of it; on a node it is found by itself
  --container NAME      which container, where the SAN has several
  --socket PATH         the control socket of metamasterd
  --dry-run             shows what would be done; writes nothing, and takes nobody's power
  --yes                 asks no question
  --json                prints the result as one object; where something is changed, with --yes or --dry-run
Exit codes: 0 done, 1 refused or not confirmed, 2 wrong use, 3 the device cannot be used.
`;

const OPTIONS = {
  mac: { type: 'string' }, wait: { type: 'string' }, fenced: { type: 'boolean' }, 'power-config': { type: 'string' }, 'no-fence-power': { type: 'boolean' },
  auto: { type: 'boolean' }, hours: { type: 'string' }, name: { type: 'string' }, address: { type: 'string' }, loader: { type: 'string' }, quarantine: { type: 'boolean' },
  device: { type: 'string' }, container: { type: 'string' }, socket: { type: 'string' }, 'dry-run': { type: 'boolean' }, yes: { type: 'boolean' }, json: { type: 'boolean' },
} as const;

/** Of the options those that a verb has beside the ones of all. */
const OWN_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  list: [], replace: ['mac', 'wait', 'quarantine', 'fenced', 'power-config', 'no-fence-power', 'auto'], open: ['auto', 'hours'], close: [], add: ['mac', 'wait', 'name', 'address', 'loader'],
  remove: ['quarantine', 'fenced', 'power-config', 'no-fence-power'], drain: [], undrain: [], unbar: [], release: ['fenced'],
};
const COMMON_OPTIONS: ReadonlySet<string> = new Set(['device', 'container', 'socket', 'dry-run', 'yes', 'json']);

const usage = (where: string, rule: string, seen: string): Problem => ({ code: 'MM-NODE-USAGE', where, rule, seen, remedy: 'See `metamaster node --help`.' });
const parseWords = (argv: readonly string[]) => parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, tokens: true });

/** Reads the words behind `node`. Problems, all together: MM-NODE-USAGE. */
export function parseNodeArguments(argv: readonly string[]): Result<NodeArguments> {
  const problems: Problem[] = [];
  let parsed: ReturnType<typeof parseWords>;
  try {
    parsed = parseWords(argv);
  } catch (error) {
    return { ok: false, problems: [usage('options', 'only those of this command', error instanceof Error ? error.message.split('. ')[0]! : String(error))] };
  }
  const { values, positionals: [verb = '', ...words], tokens } = parsed;
  const own = OWN_OPTIONS[verb];
  if (own === undefined) return { ok: false, problems: [usage('verb', `one of ${Object.keys(OWN_OPTIONS).join(', ')}`, verb === '' ? 'nothing' : JSON.stringify(verb))] };
  const names = tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []));
  for (const name of new Set(names.filter((one, at) => names.indexOf(one) !== at))) problems.push(usage(`--${name}`, 'once', 'several times'));
  for (const name of new Set(names)) if (!COMMON_OPTIONS.has(name) && !own.includes(name)) problems.push(usage(`--${name}`, 'only where it means something', `with ${verb}`));
  for (const name of ['device', 'container', 'socket', 'power-config', 'name'] as const) if (values[name] === '') problems.push(usage(`--${name}`, 'a value', 'nothing'));
  if (values.json && verb !== 'list' && !values.yes && !values['dry-run']) problems.push(usage('--json', '--yes or --dry-run, for a program cannot be asked', 'neither'));
  const task = taskOf(verb, words, values, problems);
  if (problems.length > 0 || task === undefined) return { ok: false, problems };
  return {
    ok: true,
    value: {
      task, dryRun: values['dry-run'] ?? false, yes: values.yes ?? false, json: values.json ?? false,
      ...(values.device === undefined ? {} : { device: values.device }), ...(values.container === undefined ? {} : { container: values.container }), ...(values.socket === undefined ? {} : { socket: values.socket }),
    },
  };
}

/** The one word behind a verb. */
function oneWord(verb: string, words: readonly string[], what: string, problems: Problem[]): string {
  if (words.length !== 1) problems.push(usage(verb, `one ${what}`, words.length === 0 ? 'none' : words.join(' ')));
  return words[0] ?? '';
}

function numberOf(verb: string, words: readonly string[], problems: Problem[]): number {
  const word = oneWord(verb, words, 'number of a node', problems);
  if (words.length === 1 && !(/^[1-9]\d{0,5}$/.test(word) && Number(word) < MAX_WRITERS)) problems.push(usage('NODE', `the number of a node, 1 to ${MAX_WRITERS - 1}`, JSON.stringify(word)));
  return Number(word);
}

function macsOf(where: string, text: string, problems: Problem[]): readonly Mac[] {
  return text.split(',').flatMap((word) => {
    const mac = parseMac(word.trim());
    if (mac === undefined) problems.push(usage(where, 'the MAC address of a network card', JSON.stringify(word)));
    return mac ?? [];
  });
}

function taskOf(verb: string, words: readonly string[], values: Values, problems: Problem[]): NodeTask | undefined {
  switch (verb) {
    case 'list':
      for (const word of words) problems.push(usage('list', 'nothing behind it', JSON.stringify(word)));
      return { kind: 'list' };
    case 'drain': case 'undrain':
      return { kind: 'drain', node: numberOf(verb, words, problems), drained: verb === 'drain' };
    case 'unbar': {
      const [mac] = macsOf('MAC', oneWord(verb, words, 'MAC address', problems), problems);
      return mac === undefined ? undefined : { kind: 'unbar', mac };
    }
    case 'release': {
      if (words.length === 0) problems.push(usage('release', 'the UUIDs of volumes', 'none'));
      const uuids = words.flatMap((word) => {
        const uuid = parseUuid(word);
        if (uuid === undefined) problems.push(usage('UUID', 'the UUID of a volume', JSON.stringify(word)));
        return uuid ?? [];
      });
      if (new Set(uuids).size < uuids.length) problems.push(usage('UUID', 'each once', uuids.join(' ')));
      return { kind: 'release', uuids, fenced: values.fenced ?? false };
    }
    case 'remove': {
      return { kind: 'remove', node: numberOf(verb, words, problems), quarantine: quarantineOf(values, problems), fence: fenceOf(values, problems) };
    }
    case 'add': {
      for (const word of words) problems.push(usage('add', 'options alone', JSON.stringify(word)));
      const address = values.address === undefined ? undefined : parseIpv4(values.address);
      if (values.address !== undefined && address === undefined) problems.push(usage('--address', 'an IPv4 address', JSON.stringify(values.address)));
      const { name, loader } = values;
      if (loader !== undefined && loader !== 'rom' && loader !== 'ours') problems.push(usage('--loader', 'rom or ours', JSON.stringify(loader)));
      return {
        kind: 'add', ...candidateOf(values, problems), ...(name === undefined ? {} : { name }), ...(address === undefined ? {} : { address }), ...(loader === 'rom' || loader === 'ours' ? { loader } : {}),
      };
    }
    case 'open': {
      const hours = values.hours === undefined ? OPEN_HOURS : /^\d{1,3}$/.test(values.hours) ? Number(values.hours) : 0;
      if (hours < 1 || hours > OPEN_HOURS_MAX) problems.push(usage('--hours', `whole hours from 1 to ${OPEN_HOURS_MAX}`, JSON.stringify(values.hours)));
      return { kind: 'open', node: numberOf(verb, words, problems), policy: values.auto ? 'auto' : 'ask', forMs: hours * HOUR_MS };
    }
    case 'close':
      return { kind: 'close', node: numberOf(verb, words, problems) };
    default:
      if (values.auto && values.mac === undefined) problems.push(usage('--auto', 'a machine that is named by --mac', 'none'));
      const unproved = (['quarantine', 'fenced', 'no-fence-power'] as const).find((name) => values[name]);
      if (values.auto && unproved !== undefined) problems.push(usage('--auto', 'the proof of a power controller', `--${unproved}`));
      return { kind: 'replace', node: numberOf(verb, words, problems), fence: fenceOf(values, problems), quarantine: quarantineOf(values, problems), auto: values.auto ?? false, ...candidateOf(values, problems) };
  }
}

type Values = ReturnType<typeof parseWords>['values'];

/** Which machine, or how long it is waited for. */
function candidateOf(values: Values, problems: Problem[]): { readonly waitMs: number; readonly macs?: readonly Mac[] } {
  const macs = values.mac === undefined ? undefined : macsOf('--mac', values.mac, problems);
  const waitS = values.wait === undefined ? WAIT_SECONDS : /^\d{1,6}$/.test(values.wait) ? Number(values.wait) : -1;
  if (waitS < 0 || waitS > WAIT_SECONDS_MAX) problems.push(usage('--wait', `whole seconds from 0 to ${WAIT_SECONDS_MAX}`, JSON.stringify(values.wait)));
  if (values.wait !== undefined && macs !== undefined) problems.push(usage('--wait', 'no --mac, which names the machine', 'both'));
  return { waitMs: waitS * 1000, ...(macs === undefined ? {} : { macs }) };
}

function quarantineOf(values: Values, problems: Problem[]): boolean {
  if (values.quarantine && (values.fenced || values['power-config'] !== undefined)) problems.push(usage('--quarantine', 'nobody who is fenced', 'a fence beside it'));
  return values.quarantine ?? false;
}

function fenceOf(values: Values, problems: Problem[]): FenceWish {
  if (values.fenced && values['power-config'] !== undefined) problems.push(usage('--fenced', 'your word or a power controller', '--power-config beside it'));
  if (values['power-config'] !== undefined && values['no-fence-power']) problems.push(usage('--no-fence-power', 'no --power-config', 'both'));
  return { fenced: values.fenced ?? false, power: !values['no-fence-power'], ...(values['power-config'] === undefined ? {} : { powerConfig: values['power-config'] }) };
}
