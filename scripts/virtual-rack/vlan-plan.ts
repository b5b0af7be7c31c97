// How a blade with a tagged card is wired: its card, a switch port (vlan-switch.ts), and a QEMU without a machine that is nothing but the
// cable between the port's untagged side and the blade's tap in the rack's bridge. All three speak datagrams on the loopback interface of
// the boot namespace, so that two racks never meet.

import { join } from 'node:path';
import { VLAN_MAX, VLAN_MIN } from '../../daemons/core/names.ts';

export const LOOPBACK = '127.0.0.1';
/** The first UDP port; each blade has four. Nobody else uses UDP on that namespace's loopback interface. */
const FIRST_PORT = 17_300;
const PORTS_EACH = 4;

/** The UDP ports of one blade's wiring. */
export interface VlanPorts {
  /** The blade's card. */
  readonly blade: number;
  /** The switch port's tagged side. */
  readonly trunk: number;
  /** Its untagged side. */
  readonly access: number;
  /** The cable into the bridge. */
  readonly bridge: number;
}

/** True for the identifier of a VLAN. */
export const isVlan = (vlan: number): boolean => Number.isInteger(vlan) && vlan >= VLAN_MIN && vlan <= VLAN_MAX;

export function vlanPorts(blade: number): VlanPorts {
  const first = FIRST_PORT + PORTS_EACH * blade;
  return { blade: first, trunk: first + 1, access: first + 2, bridge: first + 3 };
}

/** QEMU's `-netdev`: a frame a datagram, from one port to another. */
export const datagramNetdev = (id: string, local: number, remote: number): string =>
  `dgram,id=${id},local.type=inet,local.host=${LOOPBACK},local.port=${local},remote.type=inet,remote.host=${LOOPBACK},remote.port=${remote}`;

/** The switch port's argument list. @param node the program that runs it */
export function switchArgv(node: string, mark: string, vlan: number, { trunk, blade, access, bridge }: VlanPorts): string[] {
  return [node, join(import.meta.dirname, 'vlan-switch.ts'), mark, ...[vlan, trunk, blade, access, bridge].map(String)];
}

/** The argument list of the cable: a hub with two plugs, and no machine. */
export function cableArgv(mark: string, tap: string, { access, bridge }: VlanPorts): string[] {
  return [
    'qemu-system-x86_64', '-name', mark, '-M', 'none', '-no-user-config', '-nodefaults', '-display', 'none',
    '-netdev', `tap,id=tap,ifname=${tap},script=no,downscript=no`, '-netdev', datagramNetdev('port', bridge, access),
    '-netdev', 'hubport,id=plug0,hubid=0,netdev=tap', '-netdev', 'hubport,id=plug1,hubid=0,netdev=port',
  ];
}
