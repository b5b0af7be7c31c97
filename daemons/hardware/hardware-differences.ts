// What of one machine is not as with its peers. Blades of a rack are bought alike: what differs is a fault, a repair or a firmware that was
// forgotten, and nobody sees it until it hurts. Each aspect is compared by itself, as a short text: equal texts are equal hardware.

import type { MessageCode } from '../core/problem.ts';
import type { HardwareFacts, NetworkCard } from './hardware-facts.ts';

/** A node and its facts. */
export interface Machine {
  readonly name: string;
  readonly facts: HardwareFacts;
}

/** One thing that is not as with most of the peers. */
export interface HardwareRemark {
  readonly code: MessageCode;
  readonly severity: 'warn';
  readonly node: string;
  /** What is compared, e.g. `memory`. */
  readonly what: string;
  readonly own: string;
  /** What most peers have. */
  readonly peers: string;
  readonly peersWith: number;
  /** Peers that tell this at all. */
  readonly peersTelling: number;
  readonly meaning: string;
  readonly remedy: string;
}

/** Machines that differ where none of the values is what most peers have. */
export interface HardwareGroups {
  readonly code: MessageCode;
  readonly what: string;
  /** The largest first; names sorted, whatever the order of the machines. */
  readonly groups: readonly { readonly value: string; readonly nodes: readonly string[] }[];
}

export interface Comparison {
  readonly remarks: readonly HardwareRemark[];
  readonly undecided: readonly HardwareGroups[];
}

interface Aspect {
  readonly code: MessageCode;
  readonly what: string;
  /** The value as text; undefined: this machine does not tell, and is left out. */
  readonly of: (facts: HardwareFacts) => string | undefined;
  /** Compared among machines of one product alone: others have another by nature. */
  readonly sameProduct?: true;
  readonly meaning: string;
  readonly remedy: string;
}

const GIB = 2 ** 30;
const MIB = 2 ** 20;

const sizeText = (bytes: number): string => (bytes >= GIB ? `${Math.round((bytes * 100) / GIB) / 100} GiB` : `${Math.round(bytes / MIB)} MiB`);

/** What is plugged in; where the firmware does not tell, what the kernel has, rounded to a sixteenth, for firmware keeps a little for itself. */
function memoryOf({ memory }: HardwareFacts): string {
  const pluggedIn = memory.modules.reduce((sum, { bytes }) => sum + bytes, 0);
  if (pluggedIn > 0) return sizeText(pluggedIn);
  const step = 2 ** Math.max(0, Math.floor(Math.log2(memory.bytes)) - 4);
  return `about ${sizeText(Math.round(memory.bytes / step) * step)}`;
}

/** The slowest module: all of a channel run at its speed. */
function memorySpeedOf({ memory }: HardwareFacts): string | undefined {
  const speeds = memory.modules.flatMap(({ speedMts }) => speedMts ?? []);
  return speeds.length === 0 ? undefined : `${Math.min(...speeds)} MT/s`;
}

const modelOf = ({ system }: HardwareFacts): string | undefined => (system.product === undefined ? undefined : [system.vendor, system.product].filter((part) => part !== undefined).join(' '));

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** Equal texts once, each with how often it is there. */
function tally(texts: readonly string[]): string {
  const counts = Map.groupBy(texts.toSorted(), (text) => text);
  return counts.size === 0 ? 'none' : [...counts].map(([text, each]) => (each.length === 1 ? text : `${each.length} × ${text}`)).join(', ');
}

const cardText = ({ driver, pciId }: NetworkCard): string => [driver ?? 'a card without a driver\'s name', ...(pciId === undefined ? [] : [pciId])].join(' ');

/** By what cards are, not by what they are called: names depend on which driver came first. */
const cardsOf = ({ nics }: HardwareFacts): string => tally(nics.map(cardText));

const disksOf = ({ disks }: HardwareFacts): string => tally(disks.map(({ model, bytes, bus }) => `${model ?? `${bus} disk`} of ${sizeText(bytes)}`));

/** The fastest link that is up: the boot network's, on every blade. */
function speedOf({ nics }: HardwareFacts): string | undefined {
  const speeds = nics.flatMap(({ link, speedMbit }) => (link === 'up' && speedMbit !== undefined ? [speedMbit] : []));
  return speeds.length === 0 ? undefined : `${Math.max(...speeds)} Mbit/s`;
}

const ASPECTS: readonly Aspect[] = [
  {
    code: 'MM-HARDWARE-MODEL', what: 'model', of: modelOf,
    meaning: 'another machine than the rest, or a board that was replaced and whose firmware does not know its machine',
    remedy: 'Nothing, where that is meant. Else have the firmware\'s product name set by the maker\'s tool.',
  },
  {
    code: 'MM-HARDWARE-BIOS', what: 'firmware', sameProduct: true, of: ({ bios }) => (bios.version === undefined ? undefined : [bios.vendor, bios.version, bios.date].filter((part) => part !== undefined).join(' ')),
    meaning: 'firmware that was not updated with the others, or was updated alone: faults that the others do not have, and settings at their defaults',
    remedy: 'Bring all blades to one version, and look through the settings afterwards: an update may reset them.',
  },
  {
    code: 'MM-HARDWARE-BOOT-MODE', what: 'boot mode', of: ({ bootMode }) => bootMode.toUpperCase(),
    meaning: 'firmware settings at their defaults, after an empty battery or an update; the blade boots by another way than the others',
    remedy: 'Set the boot mode in the firmware\'s menu as with the others.',
  },
  {
    code: 'MM-HARDWARE-CPU', what: 'processor', of: ({ cpu }) => (cpu.model === undefined ? undefined : `${cpu.sockets} × ${cpu.model}`),
    meaning: 'another processor, or one that is missing or was switched off after errors; a virtual machine that was started elsewhere may not run here',
    remedy: 'Look at the machine\'s event log (its BMC) where a processor is missing. Do not mix models where virtual machines are to move.',
  },
  {
    code: 'MM-HARDWARE-CORES', what: 'cores', of: ({ cpu }) => [plural(cpu.cores, 'core'), plural(cpu.threads, 'thread'), ...(cpu.threadsOff > 0 ? [`${plural(cpu.threadsOff, 'thread')} not used`] : []), ...((cpu.coresOff ?? 0) > 0 ? [`${plural(cpu.coresOff!, 'core')} off in the firmware`] : [])].join(', '),
    meaning: 'hyper-threading or cores switched off in the firmware, or cores that the kernel could not start',
    remedy: 'Compare the processor settings in the firmware\'s menu; `dmesg` tells of cores that did not start.',
  },
  {
    code: 'MM-HARDWARE-VIRTUALISATION', what: 'virtualisation', of: ({ cpu }) => (cpu.virtualisation === 'none' ? 'off' : cpu.virtualisation),
    meaning: 'switched off in the firmware: no hardware-assisted virtual machine runs on this blade',
    remedy: 'Switch it on in the firmware\'s menu (VT-x, SVM).',
  },
  {
    code: 'MM-HARDWARE-MEMORY', what: 'memory', of: memoryOf,
    meaning: 'less than the others: a module that is dead, loose or was taken out; more: modules that another blade may lack',
    remedy: 'Compare the modules (`metamaster node hardware` with the node\'s number), plug them in again, and look at the machine\'s event log.',
  },
  {
    code: 'MM-HARDWARE-MEMORY-SPEED', what: 'memory speed', of: memorySpeedOf,
    meaning: 'one slower module slows all of its channel down, or the firmware lowered the speed after errors',
    remedy: 'Compare the modules, and the memory settings in the firmware\'s menu.',
  },
  {
    code: 'MM-HARDWARE-NIC', what: 'network cards', of: cardsOf,
    meaning: 'a card that is dead, missing or of another kind, or a driver that did not load',
    remedy: 'Look for the card in the firmware\'s menu, and for its driver in `dmesg`.',
  },
  {
    code: 'MM-HARDWARE-NIC-SPEED', what: 'fastest link', of: speedOf,
    meaning: 'a bad cable or a switch port with another setting; boot, root and swap of this blade go through it',
    remedy: 'Change the cable, then the port; `ip -s link` counts errors.',
  },
  {
    code: 'MM-HARDWARE-WATCHDOG', what: 'watchdog', of: ({ watchdog }) => watchdog ?? 'none',
    meaning: 'without a hardware watchdog a hung kernel is reset by nobody; another one may have other limits',
    remedy: 'Switch it on in the firmware\'s menu, where it is often a setting of its own.',
  },
  {
    code: 'MM-HARDWARE-BMC', what: 'BMC', of: ({ bmc }) => (bmc ? 'present' : 'none'),
    meaning: 'a management controller that hangs or is not plugged in: the blade\'s power cannot be switched through it',
    remedy: 'Take the blade\'s power away for a minute, which starts the controller again; then look at it in the firmware\'s menu.',
  },
  {
    code: 'MM-HARDWARE-DISK', what: 'disks of its own', of: disksOf,
    meaning: 'a disk or stick that was left in the blade: it may boot from it instead of from the network; or one that has died',
    remedy: 'Take it out, or put the network before it in the firmware\'s boot order.',
  },
];

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The values of the machines, the one that most have first, then by text. */
function groupsOf(told: readonly { readonly name: string; readonly value: string }[]): { value: string; nodes: string[] }[] {
  const groups = Map.groupBy(told, ({ value }) => value);
  return [...groups].map(([value, each]) => ({ value, nodes: each.map(({ name }) => name).sort(byCodeUnit) })).sort((a, b) => b.nodes.length - a.nodes.length || byCodeUnit(a.value, b.value));
}

/**
 * What of a machine is not as with most: more than half of all that tell, the machine itself among them. Where no value is had by so many, the groups are
 * told. So every machine of a rack sees the same majority. The order of the peers does not matter; a machine among equals has neither.
 */
export function compareWithPeers(own: Machine, peers: readonly Machine[]): Comparison {
  const remarks: HardwareRemark[] = [];
  const undecided: HardwareGroups[] = [];
  for (const { code, what, of, sameProduct, meaning, remedy } of ASPECTS) {
    const value = of(own.facts);
    if (value === undefined) continue;
    const comparable = sameProduct === undefined ? peers : peers.filter(({ facts }) => modelOf(facts) === modelOf(own.facts));
    const told = [own, ...comparable].flatMap(({ name, facts }) => {
      const theirs = of(facts);
      return theirs === undefined ? [] : [{ name, value: theirs }];
    });
    const groups = groupsOf(told);
    const { value: most, nodes } = groups[0]!;
    if (2 * nodes.length <= told.length) undecided.push({ code, what, groups });
    else if (most !== value) remarks.push({ code, severity: 'warn', node: own.name, what, own: value, peers: most, peersWith: nodes.length, peersTelling: told.length - 1, meaning, remedy });
  }
  return { remarks, undecided };
}
