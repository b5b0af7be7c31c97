// The boot parameters: the grammar of the VirtuaLinux report's tables 3 and 4 (appendix C.2.1), and our own `mm.` parameters.
// The first of several equal parameters counts and `---` ends the list, as the report has it; what is neither of the report's
// nor `mm.` belongs to the kernel or to the system and is left alone.

import type { Ipv4 } from '../daemons/core/ipv4.ts';
import { isHostOf, networkOf, sameNetwork } from '../daemons/core/ipv4.ts';
import type { Mac } from '../daemons/core/mac.ts';
import type { MessageCode, Problem } from '../daemons/core/problem.ts';
import type { SanPortal } from '../daemons/core/san-portal.ts';
import { splitKernelArguments } from './kernel-arguments.ts';
import type { KernelArgument } from './kernel-arguments.ts';
import { BOOT, FLAG, IVID, MAC, MODE, NODE, PORTALS, ROOT, SERVERS, SIF, SIFIP, SIFM, SIFNM, STORAGE_IP, STORAGE_PORT, VLAN } from './parameter-rules.ts';
import type { BootMode, Parameter } from './parameter-rules.ts';

/** Everything that the command line decides; what it leaves out has the default of the report's table 3. */
export interface BootParameters {
  readonly storageIp: Ipv4;
  readonly storagePort: number;
  /** Further portals of the target. */
  readonly portals: readonly SanPortal[];
  /** The storage interfaces to try, in this order (`sif`). */
  readonly interfaces: readonly string[];
  readonly sifIp: Ipv4;
  readonly sifNetmask: Ipv4;
  /** Kernel modules that bring up the storage interface (`sifm`), to be loaded in this order. */
  readonly modules: readonly string[];
  /** The iSCSI target's name (`ivid`); undefined only where `problems` says so, or in the live system. */
  readonly target: string | undefined;
  /** The container that `root=/dev/evms/default<container>` names; undefined as with `target`. */
  readonly container: string | undefined;
  readonly mode: BootMode;
  /** Where kernel and initrd came from. */
  readonly boot: 'net' | 'dvd';
  /** Boot into the live system of the DVD; always true for an installation or a restore. */
  readonly live: boolean;
  readonly debug: boolean;
  /** The nodes that served this boot, best first: they hear of its progress. */
  readonly servers: readonly Ipv4[];
  /** Assume the identity of this node, whatever the MAC address says. */
  readonly node: number | undefined;
  /** Send kernel lines to the other nodes. */
  readonly netconsole: boolean;
  /** The MAC address that booted. */
  readonly mac: Mac | undefined;
  /** Boot and storage network are this 802.1Q VLAN on the card; undefined: its untagged frames. */
  readonly vlan: number | undefined;
}

/** The parameters, and all that is wrong with them. With problems the SAN must not be touched; warnings are only told. */
export interface CommandLine {
  readonly parameters: BootParameters;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** The parameters of ours that were given more than once: only their first value counts. */
  readonly repeated: readonly string[];
}

/** x86 keeps 2048 bytes of command line with the closing zero (COMMAND_LINE_SIZE) and drops the rest without a word. */
export const COMMAND_LINE_MAX = 2047;

const DEFAULT = {
  storageIp: '192.168.0.252' as Ipv4,
  storagePort: 3260,
  interfaces: ['eth0', 'ib0'],
  sifIp: '192.168.0.254' as Ipv4,
  sifNetmask: '255.255.255.0' as Ipv4,
};

const OURS = 'mm.';
const END_OF_LIST = '---';

const REPORT_NAMES: ReadonlySet<string> = new Set(['storage_ip', 'storage_port', 'sif', 'sifip', 'sifnm', 'sifm', 'ivid', 'root']);
/** True for the parameters that this grammar reads: nobody else may set them. */
export const isBootParameter = (name: string): boolean => REPORT_NAMES.has(name) || name.startsWith(OURS);

const OUR_NAMES: ReadonlySet<string> = new Set(['mm.debug', 'mm.live', 'mm.mode', 'mm.boot', 'mm.servers', 'mm.node', 'mm.mac', 'mm.netconsole', 'mm.portals', 'mm.vlan']);

/** The parameters that are judged together: none of these relations means anything when one of them is wrong. */
const NETWORK_NAMES: ReadonlySet<string> = new Set(['storage_ip', 'sifip', 'sifnm']);

const problemOf = (code: MessageCode, where: string, rule: string, seen: string, remedy: string): Problem => ({ code, where, rule, seen, remedy });

/** Which arguments are ours: the report's before `---`, `mm.` ones anywhere; of equal ones the first. */
function oursAmong(args: readonly KernelArgument[]): { first: ReadonlyMap<string, string | undefined>; repeated: readonly string[] } {
  const first = new Map<string, string | undefined>();
  const repeated = new Set<string>();
  const end = args.findIndex(({ name, value }) => name === END_OF_LIST && value === undefined);
  args.forEach(({ name, value }, at) => {
    const inList = end < 0 || at < end;
    if (!(name.startsWith(OURS) || (inList && REPORT_NAMES.has(name)))) return;
    if (first.has(name)) repeated.add(name);
    else first.set(name, value);
  });
  return { first, repeated: [...repeated] };
}

/** Reads single values and gathers what is wrong with them. */
class Reader {
  readonly #given: ReadonlyMap<string, string | undefined>;
  readonly #problems: Problem[];

  constructor(given: ReadonlyMap<string, string | undefined>, problems: Problem[]) {
    this.#given = given;
    this.#problems = problems;
  }

  /** The parameter's value; undefined when it was not given, or wrongly. */
  take<T>(name: string, parameter: Parameter<T>): T | undefined {
    if (!this.#given.has(name)) return undefined;
    const text = this.#given.get(name);
    const value = text === undefined ? undefined : parameter.read(text);
    if (value === undefined) this.#problems.push(problemOf('MM-CMDLINE-VALUE', name, parameter.rule, text === undefined ? 'no value' : JSON.stringify(text), parameter.remedy));
    return value;
  }

  /** A flag, which may stand without a value; `otherwise` when it does not stand at all. */
  flag(name: string, otherwise = false): boolean {
    if (!this.#given.has(name)) return otherwise;
    return this.#given.get(name) === undefined || this.take(name, FLAG) === true;
  }
}

function readParameters(reader: Reader): BootParameters {
  const mode = reader.take('mm.mode', MODE) ?? 'boot';
  const live = reader.flag('mm.live') || mode !== 'boot';
  return {
    storageIp: reader.take('storage_ip', STORAGE_IP) ?? DEFAULT.storageIp,
    storagePort: reader.take('storage_port', STORAGE_PORT) ?? DEFAULT.storagePort,
    portals: reader.take('mm.portals', PORTALS) ?? [],
    interfaces: reader.take('sif', SIF) ?? DEFAULT.interfaces,
    sifIp: reader.take('sifip', SIFIP) ?? DEFAULT.sifIp,
    sifNetmask: reader.take('sifnm', SIFNM) ?? DEFAULT.sifNetmask,
    modules: reader.take('sifm', SIFM) ?? [],
    target: reader.take('ivid', IVID),
    container: reader.take('root', ROOT),
    mode,
    boot: reader.take('mm.boot', BOOT) ?? (live ? 'dvd' : 'net'),
    live,
    debug: reader.flag('mm.debug'),
    servers: reader.take('mm.servers', SERVERS) ?? [],
    node: reader.take('mm.node', NODE),
    netconsole: reader.flag('mm.netconsole', true),
    mac: reader.take('mm.mac', MAC),
    vlan: reader.take('mm.vlan', VLAN),
  };
}

/** What is wrong between parameters that are each well formed. */
function relationProblems(parameters: BootParameters, given: ReadonlyMap<string, string | undefined>): readonly Problem[] {
  const { sifIp, sifNetmask, storageIp, live, boot } = parameters;
  const problems: Problem[] = [];
  if (!live) {
    for (const [name, { rule, remedy }] of [['ivid', IVID], ['root', ROOT]] as const) {
      if (!given.has(name)) problems.push(problemOf('MM-CMDLINE-MISSING', name, `is required to boot into the SAN, and ${rule}`, 'nothing', remedy));
    }
  }
  if (!isHostOf(sifIp, sifNetmask)) {
    problems.push(problemOf('MM-CMDLINE-HOST', 'sifip', `must be the address of a host in a network with netmask ${sifNetmask}`, sifIp, 'Give an address between the network\'s own and its broadcast address.'));
  }
  if (sifIp === storageIp) {
    problems.push(problemOf('MM-CMDLINE-CLASH', 'sifip', 'must differ from storage_ip', sifIp, 'Give the blade an address of its own.'));
  }
  if (live && boot === 'net') {
    problems.push(problemOf('MM-CMDLINE-LIVE', 'mm.boot', 'must be dvd for the live system, which is on the DVD alone', 'net', 'Start from the DVD, or leave out mm.live and mm.mode.'));
  }
  return problems;
}

function warningsOf(text: string, parameters: BootParameters, given: ReadonlyMap<string, string | undefined>): readonly Problem[] {
  const { sifIp, sifNetmask, storageIp } = parameters;
  const warnings: Problem[] = [];
  if (!sameNetwork(sifIp, storageIp, sifNetmask)) {
    warnings.push(problemOf('MM-CMDLINE-NETWORK', 'storage_ip', `should lie in the network of sifip, ${networkOf(sifIp, sifNetmask)} with netmask ${sifNetmask}, for no router is known this early`, storageIp, 'Correct storage_ip, sifip or sifnm.'));
  }
  for (const name of given.keys()) {
    if (name.startsWith(OURS) && !OUR_NAMES.has(name)) {
      warnings.push(problemOf('MM-CMDLINE-UNKNOWN', name, `should be one of ${[...OUR_NAMES].join(', ')}`, name, 'It is ignored: correct its spelling or leave it out.'));
    }
  }
  if (text.trimEnd().length >= COMMAND_LINE_MAX) {
    warnings.push(problemOf('MM-CMDLINE-LENGTH', 'command line', `should be shorter than ${COMMAND_LINE_MAX} characters, where the kernel cuts it off`, `${text.trimEnd().length} characters`, 'Leave out what is not needed.'));
  }
  return warnings;
}

/**
 * Reads the kernel's command line (the text of /proc/cmdline). Never throws: what is wrong comes back in `problems`, and the
 * parameter concerned then has its default. Without an end mark the list runs to the end of the line.
 */
export function parseCommandLine(text: string): CommandLine {
  const { first, repeated } = oursAmong(splitKernelArguments(text));
  const problems: Problem[] = [];
  const parameters = readParameters(new Reader(first, problems));
  // A relation to a value that is wrong in itself would be a second complaint about the same mistake.
  const wrong = new Set(problems.map(({ where }) => where));
  const sound = ({ where }: Problem): boolean => !wrong.has(where) && !(NETWORK_NAMES.has(where) && [...NETWORK_NAMES].some((name) => wrong.has(name)));
  problems.push(...relationProblems(parameters, first).filter(sound));
  return { parameters, problems, warnings: warningsOf(text, parameters, first).filter(sound), repeated };
}
