// The command line of an emulated blade: a pure function from what the blade is to QEMU's argument list.

import type { Mac } from '../../daemons/core/mac.ts';
import type { Uuid } from '../../daemons/core/uuid.ts';
import { datagramNetdev } from './vlan-plan.ts';

export type Accelerator = 'kvm' | 'tcg';

/** Milliseconds that a firmware which found nothing to boot waits before it starts over: a blade never gives up on its rack. */
const REBOOT_TIMEOUT_MS = 5000;

/** MiB of translated code that one software-emulated blade may keep; QEMU's own default is 1 GiB, too much for sixteen blades. */
export const TRANSLATION_CACHE_MIB = 256;

/**
 * The emulated processor: x86-64-v2, which a current runtime may ask for and which has the CRC32 instruction for iSCSI,
 * without the wide vectors and five-level page tables of `max`, which software emulation pays for. RDRAND, which every server of
 * the last decade has: without it the kernel gathers randomness from timer jitter, a second of a boot. Without CMPXCHG16B,
 * as a caution: a kernel died once in its allocator, which uses it, with another register's bits in the flags; QEMU 7.2 is suspected, not proved.
 */
export const TCG_CPU = 'qemu64,-cx16,+ssse3,+sse4.1,+sse4.2,+popcnt,+lahf-lm,+rdrand';

/** Everything that makes one blade. */
export interface BladeHardware {
  /** Stands in QEMU's command line; the rack knows its processes by it. */
  readonly mark: string;
  readonly accelerator: Accelerator;
  /** QEMU's `-cpu`; undefined: what suits the accelerator. */
  readonly cpu?: string;
  readonly processors: number;
  /** In QEMU's spelling, e.g. `1G`. */
  readonly memory: string;
  readonly uuid: Uuid;
  /** What the hardware clock shows at power-on, as `2000-01-01` or `2000-01-01T12:00:00`, in UTC; undefined: the host's time. */
  readonly clock?: string;
  readonly mac: Mac;
  readonly tap: string;
  /** The UDP ports between which the boot interface's frames go, in place of the tap: to a switch port with a tagged VLAN. */
  readonly trunk?: { readonly local: number; readonly remote: number };
  /** The second interface, on the outside network. */
  readonly outside?: { readonly mac: Mac; readonly tap: string };
  /** True: the outside interface is the first card, and the boot interface the second. */
  readonly outsideFirst?: boolean;
  /** The boot interface's option ROM: a file, or `none` for the firmware's own PXE; undefined: QEMU's iPXE. */
  readonly rom?: string;
  /** The medium in the drive. The drive itself is always there. */
  readonly dvd?: string;
  /** An image on a USB stick, which the firmware then tries before anything else. */
  readonly stick?: string;
  /** What the firmware tries first. An empty drive costs it no time. */
  readonly first: 'dvd' | 'network';
  /** Flash images of a UEFI blade; undefined: a BIOS blade. */
  readonly uefi?: { readonly code: string; readonly variables: string; readonly networkBoot?: 'pxe' | 'http' };
  readonly serialSocket: string;
  readonly qmpSocket: string;
  readonly eventsSocket: string;
}

/** A value within one of QEMU's comma-separated options: a comma is doubled. */
const quoted = (value: string): string => value.replaceAll(',', ',,');

function firmware(blade: BladeHardware): string[] {
  // graphics=off makes SeaBIOS, and through it iPXE, speak on the serial line.
  if (blade.uefi === undefined) return ['-machine', 'pc,graphics=off'];
  return [
    '-machine', 'q35,graphics=off,smm=off',
    '-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${quoted(blade.uefi.code)}`,
    '-drive', `if=pflash,unit=1,format=raw,file=${quoted(blade.uefi.variables)}`,
    // Without PXE on its list, the firmware comes to its HTTP Boot at once.
    ...(blade.uefi.networkBoot === 'http' ? ['4', '6'].flatMap((version) => ['-fw_cfg', `name=opt/org.tianocore/IPv${version}PXESupport,string=n`]) : []),
  ];
}

function network(blade: BladeHardware): string[] {
  const rom = blade.rom === undefined ? '' : `,romfile=${blade.rom === 'none' ? '' : quoted(blade.rom)}`;
  const boot = [
    '-netdev', blade.trunk === undefined ? `tap,id=n0,ifname=${blade.tap},script=no,downscript=no` : datagramNetdev('n0', blade.trunk.local, blade.trunk.remote),
    '-device', `virtio-net-pci,netdev=n0,mac=${blade.mac},bootindex=${blade.first === 'network' && blade.stick === undefined ? 0 : 2}${rom}`,
  ];
  if (blade.outside === undefined) return boot;
  const outside = [
    '-netdev', `tap,id=n1,ifname=${blade.outside.tap},script=no,downscript=no`,
    '-device', `virtio-net-pci,netdev=n1,mac=${blade.outside.mac},romfile=`,
  ];
  return blade.outsideFirst === true ? [...outside, ...boot] : [...boot, ...outside];
}

function stick(blade: BladeHardware): string[] {
  if (blade.stick === undefined) return [];
  return [
    '-device', 'qemu-xhci,id=usb', '-drive', `if=none,id=stick,format=raw,readonly=on,file=${quoted(blade.stick)}`,
    '-device', 'usb-storage,bus=usb.0,drive=stick,removable=on,bootindex=0',
  ];
}

/** QEMU's argument list, beginning with the program. */
export function qemuArgv(blade: BladeHardware): string[] {
  const medium = blade.dvd === undefined ? '' : `,format=raw,file=${quoted(blade.dvd)}`;
  return [
    'qemu-system-x86_64', '-name', blade.mark, '-no-user-config', '-nodefaults', '-display', 'none', '-msg', 'timestamp=on',
    ...firmware(blade),
    '-accel', blade.accelerator === 'kvm' ? 'kvm' : `tcg,tb-size=${TRANSLATION_CACHE_MIB}`,
    '-cpu', blade.cpu ?? (blade.accelerator === 'kvm' ? 'host' : TCG_CPU),
    '-smp', String(blade.processors), '-m', blade.memory, '-uuid', blade.uuid,
    ...(blade.clock === undefined ? [] : ['-rtc', `base=${blade.clock}`]),
    '-boot', `strict=on,reboot-timeout=${REBOOT_TIMEOUT_MS}`,
    ...network(blade),
    '-drive', `if=none,id=medium,media=cdrom,readonly=on${medium}`,
    '-device', `ide-cd,id=dvd,drive=medium,bus=ide.1,bootindex=${blade.first === 'dvd' && blade.stick === undefined ? 0 : 1}`,
    ...stick(blade),
    // wait=on: the machine starts when the console logger listens, so that no character is lost.
    '-chardev', `socket,id=con,path=${quoted(blade.serialSocket)},server=on,wait=on`, '-serial', 'chardev:con',
    '-device', 'i6300esb', '-watchdog-action', 'reset',
    '-device', 'virtio-rng-pci',
    '-qmp', `unix:${quoted(blade.qmpSocket)},server=on,wait=off`,
    '-qmp', `unix:${quoted(blade.eventsSocket)},server=on,wait=off`,
  ];
}
