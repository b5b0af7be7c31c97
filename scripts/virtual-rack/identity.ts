// What a rack and its blades are called. Everything is derived from the state directory's path and the blade's number,
// so that two racks never meet and a blade keeps its MAC address and UUID over every power cycle.

import { encodeUtf8, toHex } from '../../daemons/core/bytes.ts';
import { parseMac, type Mac } from '../../daemons/core/mac.ts';
import { sha256 } from '../../daemons/core/sha256.ts';
import { uuidFromRandom, type Uuid } from '../../daemons/core/uuid.ts';

/** A namespace of the rack. */
export type Room = 'boot' | 'san' | 'out';
export const ROOMS: readonly Room[] = ['boot', 'san', 'out'];

/** The most blades of one rack: the blade's number is one byte of its MAC, and sixteen emulated machines are plenty for one host. */
export const MAX_BLADES = 16;

/** A rack's name is a folder's name and part of messages; 40 characters keep paths readable. */
const RACK_NAME = /^[a-z0-9][a-z0-9.-]{0,39}$/;

/** The names that belong to one rack. */
export interface RackIdentity {
  /** Six hexadecimal digits. */
  readonly id: string;
  /** Absolute; holds the SAN's file, the logs and what must be remembered. */
  readonly stateDir: string;
  /** Holds sockets only: a socket's path may have 107 bytes (unix(7)), which a state directory can exceed. */
  readonly runDir: string;
}

/** The files and sockets of one blade. */
export interface BladeFiles {
  /** QEMU listens, the console logger connects. */
  readonly serialSocket: string;
  /** The console logger listens; any number of readers and writers. */
  readonly consoleSocket: string;
  readonly qmpSocket: string;
  /** A second monitor, for the events that the console logger writes down. */
  readonly eventsSocket: string;
  readonly consoleLog: string;
  readonly qemuLog: string;
  readonly loggerLog: string;
  /** Of its switch port with a tagged VLAN, if it has one. */
  readonly vlanLog: string;
  /** The UEFI variables of this blade with a kind of firmware, kept over power cycles as a mainboard would. */
  readonly uefiVariables: (firmware: string) => string;
}

/** True for a name that may stand as `--name`. */
export const isRackName = (name: string): boolean => RACK_NAME.test(name);

/** The identity of the rack with this absolute state directory. */
export function identityOf(stateDir: string): RackIdentity {
  const id = toHex(sha256(encodeUtf8(stateDir))).slice(0, 6);
  return { id, stateDir, runDir: `/run/mm-${id}` };
}

/** The network namespace of a room, e.g. `mm-1a2b3c-boot`. */
export const namespaceOf = (identity: RackIdentity, room: Room): string => `mm-${identity.id}-${room}`;

/** What stands in the command line of every process of this rack, so that a pid can be checked before it is killed. */
export const markOf = (identity: RackIdentity, role: string): string => `mm-${identity.id}-${role}`;

const macOf = (prefix: string, id: string, blade: number): Mac =>
  parseMac([...prefix.match(/../g)!, id.slice(0, 2), id.slice(2, 4), blade.toString(16).padStart(2, '0')].join(':'))!;

/** The MAC address of a blade's boot interface: QEMU's usual prefix, two bytes of the rack's id, the blade's number. */
export const bladeMac = (id: string, blade: number): Mac => macOf('525400', id, blade);

/** The MAC address of a blade's second interface, on the outside network. */
export const outsideMac = (id: string, blade: number): Mac => macOf('565400', id, blade);

/** The SMBIOS UUID of a blade. */
export const bladeUuid = (id: string, blade: number): Uuid => uuidFromRandom(sha256(encodeUtf8(`virtual rack ${id} blade ${blade}`)));

/** The tap on the boot bridge (`b3`) or on the outside bridge (`o3`); names are unique within the boot namespace only. */
export const tapName = (blade: number, net: 'boot' | 'outside'): string => `${net === 'boot' ? 'b' : 'o'}${blade}`;

/** Where a blade's sockets and logs are. */
export function bladeFiles(identity: RackIdentity, blade: number): BladeFiles {
  const run = `${identity.runDir}/blade-${blade}`;
  const log = `${identity.stateDir}/logs/blade-${blade}`;
  return {
    serialSocket: `${run}.serial`,
    consoleSocket: `${run}.console`,
    qmpSocket: `${run}.qmp`,
    eventsSocket: `${run}.events`,
    consoleLog: `${log}.console.log`,
    qemuLog: `${log}.qemu.log`,
    loggerLog: `${log}.logger.log`,
    vlanLog: `${log}.vlan.log`,
    uefiVariables: (firmware) => `${identity.stateDir}/blade-${blade}.${firmware}.uefi-variables.fd`,
  };
}
