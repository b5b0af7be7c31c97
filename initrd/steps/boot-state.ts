// What the steps of a boot find out for each other. A step reads what earlier ones left and adds its own.

import type { ChapLogin } from '../../daemons/core/chap.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import type { RosterNode } from '../../daemons/core/roster.ts';
import type { ContainerRanges } from '../../daemons/storage/container-on-disk.ts';
import type { Registry, VolumeRecord } from '../../daemons/storage/registry.ts';
import { StepError } from '../boot-host.ts';
import type { BootParameters } from '../command-line.ts';

/** The volumes of the node that boots. */
export interface NodeVolumes {
  readonly origin: VolumeRecord;
  readonly boot: VolumeRecord;
  readonly store: VolumeRecord;
  readonly state: VolumeRecord;
  readonly swap: VolumeRecord | undefined;
}

/** A step that has been done, for the record that the root finds. */
export interface StageTime {
  readonly step: string;
  /** Seconds since the kernel started. */
  readonly endedSeconds: number;
  readonly tries: number;
}

/** The state of one boot. */
export interface BootState {
  readonly parameters: BootParameters;
  /** 32 hexadecimal digits, drawn anew at each boot: what tells this kernel from the blade's former one. */
  readonly bootNonce: string;
  readonly stages: StageTime[];
  /** Lines of what is not as it should be, and yet no reason to wait. */
  readonly warnings: string[];
  /** What the login to the SAN proves itself with; never in a report or a record. */
  sanLogin?: ChapLogin;
  interfaceName?: string;
  mac?: Mac;
  /** SMBIOS UUID and MAC address: the blade's name, whatever number it has. */
  hardwareId?: string;
  initiator?: string;
  /** The device through which all is read and written: a disk, or the multipath device of several. */
  disk?: string;
  /** The multipath device's name, when there are several portals. */
  multipath?: string;
  diskBytes?: number;
  container?: ContainerRanges;
  registry?: Registry;
  generation?: number;
  node?: RosterNode;
  volumes?: NodeVolumes;
  /** True when the store had the state `new` and its snapshot was begun at this boot. */
  freshStore?: boolean;
  liveMedium?: string;
}

/** The value that an earlier step has to have left. @throws StepError when the plan lacks that step: our own mistake */
export function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new StepError('MM-BOOT-FAULT', `${what} is not known yet`, 'This is a fault of the boot plan itself; please report it with the command line.');
  return value;
}
