// What the kernel says of the machine in /sys and /proc, read without starting a program: interfaces that are down, disks that are not the
// SAN's, watchdog, boot mode, processors, and the firmware's table. Every function takes the folder that stands for `/`, for tests.

import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseMac } from '../daemons/core/mac.ts';
import { isInterfaceName } from '../daemons/core/names.ts';
import { DISKS_MAX, factText, type HardwareFacts, known, type LocalDisk, type NetworkCard, NICS_MAX } from '../daemons/hardware/hardware-facts.ts';

/** A table of a large server has some 20 KB; SMBIOS 2 cannot have more than 64 KiB, SMBIOS 3 does not need it. */
const DMI_TABLE_MAX_BYTES = 256 * 1024;
/** The unit of /sys/block/NAME/size, whatever the disk's own sectors are. */
const SECTOR_BYTES = 512;
/** Made by the kernel of other things, or drives for media. */
const NO_DISK = /^(loop|ram|zram|dm-|md|sr|fd|nbd)/;

/** A line of /sys; undefined when the file is not there, or the driver refuses (a card's `carrier` while it is down: EINVAL). */
function line(...path: string[]): string | undefined {
  try {
    return readFileSync(join(...path), 'utf8').trim();
  } catch {
    return undefined;
  }
}

const names = (...path: string[]): readonly string[] => {
  try {
    return readdirSync(join(...path)).sort();
  } catch {
    return [];
  }
};

/** Where a symbolic link of /sys leads; undefined when there is none. */
function target(...path: string[]): string | undefined {
  try {
    return realpathSync(join(...path));
  } catch {
    return undefined;
  }
}

/** The card behind an interface is the device itself, or (virtio, USB) one above it. */
function pciIdOf(device: string): string | undefined {
  for (const folder of [device, join(device, '..')]) {
    const id = /^PCI_ID=([0-9A-F]{4}):([0-9A-F]{4})$/m.exec(line(folder, 'uevent') ?? '');
    if (id !== null) return `${id[1]}:${id[2]}`.toLowerCase();
  }
  return undefined;
}

/** Every interface with hardware behind it, the ones that are down among them. */
export function readNics(root: string): readonly NetworkCard[] {
  const folder = join(root, 'sys/class/net');
  return names(folder).flatMap((name) => {
    const device = target(folder, name, 'device');
    if (device === undefined || !isInterfaceName(name)) return [];
    const [carrier, driver, speed] = [line(folder, name, 'carrier'), target(device, 'driver'), Number(line(folder, name, 'speed') ?? Number.NaN)];
    return [known<NetworkCard>({
      name,
      mac: parseMac(line(folder, name, 'address') ?? ''),
      driver: driver === undefined ? undefined : factText(basename(driver)),
      pciId: pciIdOf(device),
      link: carrier === '1' ? 'up' : carrier === '0' ? 'down' : undefined,
      // A driver that does not know says -1.
      speedMbit: Number.isInteger(speed) && speed > 0 ? speed : undefined,
    })];
  }).slice(0, NICS_MAX);
}

const BUSES: readonly (readonly [part: RegExp, bus: LocalDisk['bus']])[] = [[/\/nvme/, 'nvme'], [/\/usb\d/, 'usb'], [/\/ata\d/, 'ata'], [/\/mmc/, 'mmc'], [/\/virtio\d/, 'virtio'], [/\/host\d/, 'scsi']];

/** Disks of the machine's own: not those behind an iSCSI session. */
export function readDisks(root: string): readonly LocalDisk[] {
  const folder = join(root, 'sys/block');
  return names(folder).flatMap((name) => {
    const device = NO_DISK.test(name) ? undefined : target(folder, name, 'device');
    if (device === undefined || /\/session\d/.test(device)) return [];
    const bus = BUSES.find(([part]) => part.test(`${device}/${name}`))?.[1] ?? 'other';
    return [known<LocalDisk>({ name, model: factText(line(device, 'model')), bytes: Number(line(folder, name, 'size') ?? 0) * SECTOR_BYTES || 0, bus })];
  }).slice(0, DISKS_MAX);
}

/** The first watchdog that is hardware; `softdog` is a timer of the very kernel that it should watch. */
export function readWatchdog(root: string): string | undefined {
  const folder = join(root, 'sys/class/watchdog');
  return names(folder).map((name) => factText(line(folder, name, 'identity')) ?? name).find((identity) => !/^software/i.test(identity));
}

/** How the firmware started the machine: only UEFI leaves this folder. */
export const readBootMode = (root: string): HardwareFacts['bootMode'] => (existsSync(join(root, 'sys/firmware/efi')) ? 'uefi' : 'bios');

/** How many numbers a list of the kernel's names, e.g. `0-3,8`. */
function countOf(list: string): number {
  return list.split(',').reduce((sum, range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number);
    return Number.isInteger(last - first) && last >= first ? sum + last - first + 1 : sum;
  }, 0);
}

/** Processors as the kernel runs on them. */
export function readProcessors(root: string): Omit<HardwareFacts['cpu'], 'coresOff'> {
  const [folder, info] = [join(root, 'sys/devices/system/cpu'), line(root, 'proc/cpuinfo') ?? ''];
  const cores = names(folder).filter((name) => /^cpu\d+$/.test(name)).flatMap((name) => {
    const [socket, core] = [line(folder, name, 'topology/physical_package_id'), line(folder, name, 'topology/core_id')];
    return socket === undefined || core === undefined ? [] : [{ socket, core: `${socket}/${core}` }];
  });
  const threads = countOf(line(folder, 'online') ?? '') || [...info.matchAll(/^processor\s*:/gm)].length || 1;
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(info)?.[1]?.split(' ') ?? [];
  return known({
    model: factText(/^model name\s*:(.*)$/m.exec(info)?.[1]),
    sockets: Math.max(1, new Set(cores.map(({ socket }) => socket)).size),
    cores: new Set(cores.map(({ core }) => core)).size || threads,
    threads,
    threadsOff: Math.max(0, countOf(line(folder, 'present') ?? '') - threads),
    virtualisation: flags.includes('vmx') ? 'vmx' as const : flags.includes('svm') ? 'svm' as const : 'none' as const,
  });
}

/** What the kernel has to give; undefined without /proc. */
export function readMemoryBytes(root: string): number | undefined {
  const kib = Number(/^MemTotal:\s*(\d+) kB$/m.exec(line(root, 'proc/meminfo') ?? '')?.[1]);
  return kib > 0 ? kib * 1024 : undefined;
}

/** The firmware's table, which only root may read; empty where there is none. A longer one is cut, and read as far as it goes. */
export function readDmiTable(root: string): Uint8Array {
  try {
    const fd = openSync(join(root, 'sys/firmware/dmi/tables/DMI'), 'r');
    try {
      const table = new Uint8Array(DMI_TABLE_MAX_BYTES);
      let filled = 0;
      for (let got = -1; got !== 0 && filled < table.length; filled += got) got = readSync(fd, table, filled, table.length - filled, null);
      return table.slice(0, filled);
    } finally {
      closeSync(fd);
    }
  } catch {
    return new Uint8Array(0);
  }
}

/** The kernel found a controller that speaks IPMI and made a device for it. */
export const hasIpmiDevice = (root: string): boolean => ['dev/ipmi0', 'dev/ipmi/0', 'dev/ipmidev/0'].some((path) => existsSync(join(root, path)));

/** udev still looks at devices: its queue has a file while it does. */
export const isUdevBusy = (root: string): boolean => existsSync(join(root, 'run/udev/queue'));
