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
}

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
