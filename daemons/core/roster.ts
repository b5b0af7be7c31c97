// Who belongs to the cluster, as every daemon knows it. The registry's public part holds it; the initrd lays it down on each node.

import type { ChapKind } from './chap.ts';
import type { Ipv4 } from './ipv4.ts';
import type { Mac } from './mac.ts';
import { distinctPortals, type SanPortal } from './san-portal.ts';

/** One node of the roster. */
export interface RosterNode {
  /** The stable number of the node, from 1. */
  readonly number: number;
  readonly name: string;
  /** Every MAC address this node may boot from; the first is the boot interface. */
  readonly macs: readonly Mac[];
  /** The node's address on the boot network. */
  readonly address: Ipv4;
  /**
   * `rom` (the default): the network card's own iPXE runs the boot script itself where it can.
   * `ours`: whatever program the card brings loads the loader of the boot volume first, and only that runs the script; for cards
   * whose own iPXE is broken.
   */
  readonly loader: 'rom' | 'ours';
  /** Set while the node is being emptied: it runs and boots as ever, but serves no boots and holds no roles. */
  readonly drained?: true;
}

/** A machine that was a node and is refused by DHCP, HTTP and the initrd until its bar is lifted; no open replacement lets it in. */
export interface BarredMachine {
  /** The number it had; that node may be another machine by now, or none. */
  readonly node: number;
  /** At least one; none of them is a node's. */
  readonly macs: readonly Mac[];
  /** SMBIOS UUID, `/`, MAC address, as its owner records had it; left out where nobody knew it. */
  readonly hardwareId?: string;
  readonly sinceUnixMs: number;
}

/** `auto`: the first blade that asks takes the number; `ask`: it is shown, and takes it once an administrator says so. */
export const REPLACEMENT_POLICIES = ['ask', 'auto'] as const;
export type ReplacementPolicy = (typeof REPLACEMENT_POLICIES)[number];

/** The number of a node that the next unknown blade may take. Who acts on it, and by which rules: docs/formats.md, section 4. */
export interface OpenReplacement {
  /** A node of the roster; one opening for each at most. */
  readonly node: number;
  readonly policy: ReplacementPolicy;
  /** A node whose clock stands outside of these two serves no unknown blade. */
  readonly sinceUnixMs: number;
  readonly untilUnixMs: number;
}

/** The most barred machines: with some 150 bytes each they take a seventh of the smallest registry slot. */
export const BARRED_MAX = 256;
/** The longest opening, a week: what stays open is forgotten, and lets in whoever is plugged in next. */
export const REPLACEMENT_MAX_MS = 7 * 24 * 3600 * 1000;

/** The cluster as the boot services see it. */
export interface Roster {
  readonly clusterName: string;
  /** Names the volumes: `/dev/evms/default<container>`. */
  readonly container: string;
  readonly domain: string;
  readonly netmask: Ipv4;
  /** The address that moves with the gateway (the report's spare-local-IP). */
  readonly metaMasterAddress: Ipv4;
  readonly san: SanAddress;
  /** The 802.1Q VLAN that boot and storage network are on the blades' cards; left out where their switch ports are untagged. */
  readonly vlan?: number | undefined;
  /** Added to every blade's kernel command line, e.g. `console=ttyS0,115200`. */
  readonly kernelParameters: string;
  readonly nodes: readonly RosterNode[];
  /** Left out when nobody is barred; at most `BARRED_MAX`. */
  readonly barred?: readonly BarredMachine[];
  /** Left out when no replacement is open. */
  readonly replacement?: readonly OpenReplacement[];
}

/** Where the SAN is and what it is called. */
export interface SanAddress extends SanPortal {
  /** The iSCSI target's name; the command line's `ivid`. */
  readonly target: string;
  /** Further portals of the same target: nodes reach their disk by all of them, and go on when one is lost. */
  readonly portals?: readonly SanPortal[];
  /** Set when the target wants CHAP; the secret itself is in the registry's secret part. */
  readonly chap?: ChapKind;
}

/** All portals of the SAN, the first one first. */
export function portalsOf({ address, port, portals = [] }: SanAddress): readonly SanPortal[] {
  return distinctPortals([{ address, port }, ...portals]);
}

/** The node that boots from this MAC, if any. */
export function nodeOfMac(roster: Roster, mac: Mac): RosterNode | undefined {
  return roster.nodes.find((node) => node.macs.includes(mac));
}

/** The node of that number, if any. */
export function nodeOfNumber(roster: Roster, number: number): RosterNode | undefined {
  return roster.nodes.find((node) => node.number === number);
}

/** The barred machine that has this MAC, if any. */
export function barOfMac(roster: Roster, mac: Mac): BarredMachine | undefined {
  return roster.barred?.find((machine) => machine.macs.includes(mac));
}

/** The bar of a machine that has these MAC addresses and this name of its hardware, if any of them is barred. */
export function barOfMachine(roster: Roster, macs: readonly Mac[], hardwareId: string | undefined): BarredMachine | undefined {
  const name = hardwareId?.toLowerCase();
  return roster.barred?.find((machine) => machine.macs.some((mac) => macs.includes(mac)) || (name !== undefined && machine.hardwareId?.toLowerCase() === name));
}

/** What lets a barred machine in again. Lower-case hexadecimal digits and colons: fit for a shell as for a boot script. */
export const unbarCommand = ({ macs }: BarredMachine): string => `metamaster node unbar ${macs[0]}`;

/**
 * Those of these nodes whose turn it is to serve: the drained ones only where there is no other. A blade that boots from a node which is
 * about to be switched off has lost a few seconds; a rack in which nobody answers has lost its disc as well.
 */
export function withoutDrained(roster: Roster, numbers: readonly number[]): readonly number[] {
  const drained = new Set(roster.nodes.flatMap((node) => (node.drained === true ? [node.number] : [])));
  const others = numbers.filter((number) => !drained.has(number));
  return others.length > 0 ? others : numbers;
}
