// What can go wrong on the simulated LAN, and how it is written: `at 5s lose 20% of 3 for 4s`. Schedules that are printed after a failure
// and scenarios are in the same words.

import { formatNumbers, parseNumbers } from './number-list.ts';

/** Every kind of fault, and what it is said with. */
export const FAULT_KINDS = {
  /** A blade that is off is switched on: its ROM asks by DHCP. */
  'power-on': { nodes: true, unit: '', lasting: false },
  /** The power goes, for good. */
  crash: { nodes: true, unit: '', lasting: false },
  /** The power goes, and comes back after that time: the ROM asks by DHCP. */
  reboot: { nodes: true, unit: '', lasting: true },
  /** The process dies and is started again after that time: everything that it knew is lost. */
  restart: { nodes: true, unit: '', lasting: true },
  /** The process is not stepped; what comes for it waits in the socket, as far as that holds it. */
  pause: { nodes: true, unit: '', lasting: true },
  /** The process gets the processor seldom. */
  starve: { nodes: true, unit: '', lasting: true },
  /** Nothing passes between these and the others, in either direction. */
  cut: { nodes: true, unit: '', lasting: true },
  /** Nothing passes from these to the others. */
  mute: { nodes: true, unit: '', lasting: true },
  /** Nothing passes from the others to these. */
  deafen: { nodes: true, unit: '', lasting: true },
  /** Nothing passes between these and the others, on either network. */
  split: { nodes: true, unit: '', lasting: true },
  /** Nothing passes between these and the others on the public network. */
  unplug: { nodes: true, unit: '', lasting: true },
  /** The way out is of no use to these. */
  'no-uplink': { nodes: true, unit: '', lasting: true },
  /** The process that is the gateway's is not stepped. */
  freeze: { nodes: true, unit: '', lasting: true },
  /** The administrator wants these as the gateway, one after the other; the gateway itself hands over. */
  switch: { nodes: true, unit: '', lasting: false },
  /** A share of the packets is lost: of all, or of those that these send or are sent. */
  lose: { nodes: 'may', unit: '%', lasting: true },
  /** A share of the packets comes twice. */
  duplicate: { nodes: false, unit: '%', lasting: true },
  /** A share of the packets is held back, and overtaken. */
  reorder: { nodes: false, unit: '%', lasting: true },
  /** Packets take up to so much longer. */
  delay: { nodes: false, unit: 'ms', lasting: true },
  /** The clock goes wrong by that rate, from now on. */
  drift: { nodes: true, unit: 'ppm', lasting: false },
  /** The clock goes forward by so much at once. */
  jump: { nodes: true, unit: 'ms', lasting: false },
  /** The administrator drains these nodes in the registry, for that time. */
  drain: { nodes: true, unit: '', lasting: true },
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

/** One fault: it begins by itself and ends by itself, so that any part of a schedule is a schedule. */
export interface Fault {
  readonly atMs: number;
  readonly kind: FaultKind;
  /** Ascending; empty where the whole LAN is meant. */
  readonly nodes: readonly number[];
  /** In the kind's unit; 0 where it has none. */
  readonly amount: number;
  /** 0 where it is nothing that lasts. */
  readonly forMs: number;
}

/** Seconds, as they are written. */
export const seconds = (ms: number): string => `${Math.round(ms) / 1000}s`;

/** A fault without its time. */
export function faultText({ kind, nodes, amount, forMs }: Fault): string {
  const { unit, lasting } = FAULT_KINDS[kind];
  const words = [kind, ...(unit === '' ? [] : [`${amount}${unit}`]), ...(unit !== '' && nodes.length > 0 ? ['of'] : []), ...(nodes.length > 0 ? [formatNumbers(nodes)] : []), ...(lasting ? [`for ${seconds(forMs)}`] : [])];
  return words.join(' ');
}

/** `at 5s crash 3`. */
export const formatFault = (fault: Fault): string => `at ${seconds(fault.atMs)} ${faultText(fault)}`;

/** Reads what `formatFault` writes. Throws RangeError with the line when it is no fault. */
export function parseFault(line: string): Fault {
  const wrong = (rule: string): RangeError => new RangeError(`${line}: ${rule}`);
  const match = /^at (?<at>[\d.]+)s (?<kind>[\w-]+)(?: (?<amount>-?[\d.]+)(?<unit>%|ms|ppm))?(?: of)?(?<nodes>(?: \d[\d-]*)*)(?: for (?<for>[\d.]+)s)?$/.exec(line.trim());
  const part = match?.groups;
  if (part === undefined) throw wrong('a fault is written "at SECONDSs KIND [AMOUNT] [of] [NODES] [for SECONDSs]"');
  const kind = part['kind']! as FaultKind;
  if (!Object.hasOwn(FAULT_KINDS, kind)) throw wrong(`a fault is one of ${Object.keys(FAULT_KINDS).join(', ')}`);
  const rule = FAULT_KINDS[kind];
  const nodes = parseNumbers(part['nodes']!);
  if ((part['unit'] ?? '') !== rule.unit) throw wrong(rule.unit === '' ? `${kind} has no amount` : `${kind} wants an amount in ${rule.unit}`);
  if ((part['for'] !== undefined) !== rule.lasting) throw wrong(rule.lasting ? `${kind} wants to know for how long` : `${kind} does not last`);
  if (rule.nodes !== 'may' && nodes.length > 0 !== rule.nodes) throw wrong(rule.nodes ? `${kind} wants nodes` : `${kind} is of the whole LAN`);
  return { atMs: toMs(part['at']!), kind, nodes, amount: Number(part['amount'] ?? 0), forMs: toMs(part['for'] ?? '0') };
}

/** Seconds as text to whole milliseconds. */
export const toMs = (text: string): number => Math.round(Number(text) * 1000);
