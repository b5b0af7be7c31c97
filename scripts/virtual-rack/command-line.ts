// The command line of `scripts/rack`: verbs, options, help. Pure: from arguments to a request.

import { parseArgs, type ParseArgsConfig } from 'node:util';
import { fail, messageOf } from './failure.ts';
import { MAX_BLADES } from './identity.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

interface Verb {
  /** What may follow the verb, for the help and for counting: `<x>` must stand, `[x]` may, `…` repeats. */
  readonly operands: string;
  readonly says: string;
  readonly options: Options;
  readonly help: string;
}

const NAME: Options = { name: { type: 'string' }, 'state-dir': { type: 'string' }, help: { type: 'boolean', short: 'h' } };
const CHANGE: Options = { ...NAME, 'dry-run': { type: 'boolean' } };
const SHOW: Options = { ...NAME, json: { type: 'boolean' } };

const NAME_HELP = `  --name NAME           which rack; default: default
  --state-dir DIR       where it lives; default: build/rack/NAME in the checkout`;
const DRY_HELP = '  --dry-run             say what would be done, change nothing';
const JSON_HELP = '  --json                for programs';

/** Every verb of `rack`. */
export const VERBS: Readonly<Record<string, Verb>> = {
  up: {
    operands: '', says: 'make the rack, or what is missing of it',
    options: {
      ...CHANGE, json: { type: 'boolean' }, blades: { type: 'string' }, memory: { type: 'string' }, 'san-size': { type: 'string' },
      target: { type: 'string' }, accel: { type: 'string' }, kernel: { type: 'string' },
    },
    help: `  --blades N            how many blades \`all\` and \`status\` mean; default: 3
  --memory SIZE         of a blade that is given none of its own; default: 1G
  --san-size SIZE       of a new SAN; the file is sparse; default: 16G
  --target NAME         the SAN's iSCSI name; default: iqn.2026-11.metamaster:san
  --accel auto|kvm|tcg  auto: KVM when it boots the kernel given with --kernel, else tcg
  --kernel FILE         a Linux kernel image to try KVM with; the outcome is kept
${NAME_HELP}
${DRY_HELP}
${JSON_HELP}`,
  },
  down: {
    operands: '', says: 'take the rack away; SAN file and logs stay', options: { ...CHANGE, wipe: { type: 'boolean' } },
    help: `  --wipe                remove the SAN file, logs and captures too\n${NAME_HELP}\n${DRY_HELP}`,
  },
  status: { operands: '', says: 'show the SAN, the blades and how far each has come', options: SHOW, help: `${NAME_HELP}\n${JSON_HELP}` },
  power: {
    operands: '<on|off|reset|button> <N…|all>', says: 'switch blades on, cut their power, press reset or the power button',
    options: {
      ...CHANGE, json: { type: 'boolean' }, memory: { type: 'string' }, smp: { type: 'string' }, cpu: { type: 'string' }, 'hardware-uuid': { type: 'string' },
      mac: { type: 'string' }, rom: { type: 'string' }, uefi: { type: 'boolean' }, outside: { type: 'boolean' }, boot: { type: 'string' }, stick: { type: 'string' },
      'outside-first': { type: 'boolean' }, 'network-boot': { type: 'string' }, vlan: { type: 'string' }, clock: { type: 'string' }, firmware: { type: 'string' },
    },
    help: `Any N from 1 to ${MAX_BLADES} will do, also beyond the rack's number of blades. What runs on a blade may obey the button, by ACPI. For \`on\`:
  --memory SIZE         default: the rack's
  --smp N               processors; default: 1
  --cpu MODEL           QEMU's -cpu; default: host with KVM, x86-64-v2 with tcg
  --hardware-uuid UUID  another mainboard
  --clock DATE          the hardware clock at power-on: 2000-01-01 or 2000-01-01T12:00:00, in UTC; default: the host's time
  --mac MAC             another network card
  --rom FILE|none       its option ROM; none: the firmware's own network boot
  --uefi                UEFI firmware in place of BIOS
  --firmware NAME|FILE  which: debian-12 (this machine's), debian-13 (of the images), or a code image; default: debian-12
  --network-boot KIND   of UEFI firmware without an option ROM: pxe or http; default: pxe
  --outside             a second network card, on the outside network 198.51.100.0/24
  --outside-first       which is the first card, and the boot network's the second
  --vlan N              its switch port carries the boot network tagged, as VLAN N, and nothing else
  --stick IMAGE         a USB stick, tried before anything else
  --boot dvd|network    what the firmware tries first; default: dvd
${NAME_HELP}
${DRY_HELP}
${JSON_HELP}`,
  },
  dvd: { operands: '<in|out> <N> [ISO]', says: 'put a medium into a drive, take it out', options: CHANGE, help: `${NAME_HELP}\n${DRY_HELP}` },
  console: {
    operands: '<N>', says: "use a blade's serial console; Ctrl-] leaves", options: { ...NAME, follow: { type: 'boolean' } },
    help: `  --follow              only show the console log as it grows\n${NAME_HELP}`,
  },
  type: {
    operands: '<N> <TEXT>', says: "type on a blade's serial console", options: CHANGE,
    help: String.raw`Escapes: \n Enter, \t, \e escape (\e[B: down arrow), \b, \\, \xNN, \cX Ctrl-X.` + `\n${NAME_HELP}\n${DRY_HELP}`,
  },
  capture: {
    operands: '<start|stop|list> [FILE]', says: 'record the boot network for Wireshark', options: { ...CHANGE, json: { type: 'boolean' } },
    help: `Without FILE it goes to captures/ in the state directory.\n${NAME_HELP}\n${DRY_HELP}\n${JSON_HELP}`,
  },
  logs: {
    operands: '[N]', says: "list the logs, or print a blade's console since power-on", options: SHOW, help: `${NAME_HELP}\n${JSON_HELP}`,
  },
  san: {
    operands: '<start|stop|unplug|plug|status|bench|chap> [FILE|off]', says: "the SAN's power, cable, login and condition", options: { ...CHANGE, json: { type: 'boolean' }, writes: { type: 'string' }, 'write-cache': { type: 'string' } },
    help: `stop cuts its power; unplug pulls its cable, which its initiators cannot tell from a silent SAN.
bench measures single 4 KiB writes over iSCSI; nobody may be logged in.
chap FILE makes it want CHAP from the next login on, chap off no more. FILE has mode 0600 and one line of JSON:
  {"user": "rack", "password": "12 to 255 characters"}   and for a SAN that proves itself as well, inside of it:
  "mutual": {"user": "san", "password": "another one"}
  --write-cache on|off  for start, when it was off: with a cache that its power takes along, or without; stays so; default: off
  --writes N            for bench; default: 200
${NAME_HELP}
${DRY_HELP}
${JSON_HELP}`,
  },
};

/** What was asked for. */
export interface Request {
  readonly verb: string;
  readonly operands: readonly string[];
  readonly text: Readonly<Record<string, string | undefined>>;
  readonly flag: Readonly<Record<string, boolean | undefined>>;
}

/** The help of all verbs, or of one. */
export function helpText(name?: string): string {
  const verb = name === undefined ? undefined : VERBS[name];
  if (verb !== undefined) return `usage: scripts/rack ${name} ${verb.operands} [options]\n${verb.says}\n\n${verb.help}\n`;
  const width = Math.max(...Object.entries(VERBS).map(([word, each]) => `${word} ${each.operands}`.length));
  const lines = Object.entries(VERBS).map(([word, each]) => `  ${`${word} ${each.operands}`.padEnd(width)}  ${each.says}`);
  return `usage: scripts/rack VERB [options]\nA rack of emulated blades with a SAN, on this machine.\n\n${lines.join('\n')}\n\nscripts/rack VERB --help says more. Begin with: scripts/rack up\n`;
}

/**
 * Reads the arguments; undefined when help is asked for by having none.
 * Throws MM-RACK-USAGE for an unknown verb or option and for operands too few or too many.
 */
export function parseCommandLine(argv: readonly string[]): Request | undefined {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return undefined;
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name]! : usage('a verb must be one of ' + Object.keys(VERBS).join(', '), name, 'scripts/rack --help');
  const next = `scripts/rack ${name} --help`;
  const { values, positionals } = parsed(verb.options, rest, next);
  const text: Record<string, string | undefined> = {};
  const flag: Record<string, boolean | undefined> = {};
  for (const [option, value] of Object.entries(values)) {
    if (typeof value === 'string') text[option] = value;
    else if (typeof value === 'boolean') flag[option] = value;
  }
  const least = verb.operands.split(' ').filter((word) => word.startsWith('<')).length;
  const most = verb.operands.includes('…') ? MAX_BLADES + 1 : verb.operands.split(' ').filter((word) => word !== '').length;
  if (flag['help'] !== true && (positionals.length < least || positionals.length > most)) {
    usage(verb.operands === '' ? 'nothing follows this verb but options' : `after the verb comes ${verb.operands}`, positionals.join(' ') || 'nothing', next);
  }
  return { verb: name, operands: positionals, text, flag };
}

function parsed(options: Options, args: string[], next: string): { values: Record<string, unknown>; positionals: string[] } {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true }) as { values: Record<string, unknown>; positionals: string[] };
  } catch (error) {
    return usage('only options that this verb has', messageOf(error), next);
  }
}

function usage(rule: string, seen: string, next: string): never {
  return fail('MM-RACK-USAGE', 'command line', rule, seen, `See \`${next}\`.`);
}

/** A number from an option or operand; undefined stays undefined. Throws MM-RACK-USAGE when it is none. */
export function numberOf(where: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return /^\d{1,6}$/.test(text) ? Number(text) : fail('MM-RACK-USAGE', where, 'a whole number', text, 'Give a number.');
}
