// What a medium is called: a disc by ISO 9660, a stick by its FAT.

import { decodeLatin1 } from '../../daemons/core/bytes.ts';
import type { BootHost } from '../boot-host.ts';

/** The primary volume descriptor of ISO 9660 (ECMA-119 8.4): sector 16; its volume identifier is 40 bytes in, 32 long. */
const DESCRIPTOR = { offset: 32_768, length: 2_048, labelAt: 40, labelLength: 32 } as const;
/** The boot sector of a FAT (Microsoft's FAT specification 1.03, section 3): where the kind stands, and the label of 11 bytes. */
const FATS = [{ kind: 'FAT32   ', kindAt: 82, labelAt: 71 }, { kind: 'FAT16   ', kindAt: 54, labelAt: 43 }, { kind: 'FAT12   ', kindAt: 54, labelAt: 43 }] as const;
const FAT_LABEL_LENGTH = 11;
const SECTOR = 512;

/** A file system of a medium, with its label. */
export interface MediumLabel {
  readonly type: 'iso9660' | 'vfat';
  readonly label: string;
}

/** Reads a piece of a device; undefined for an empty drive, or a disk that is too small. */
function piece(host: BootHost, device: string, offset: number, length: number): Uint8Array | undefined {
  try {
    return host.readAt(device, offset, length);
  } catch {
    return undefined;
  }
}

/** The label of what lies on the device; undefined when it is neither, or nothing can be read. */
export function labelOf(host: BootHost, device: string): MediumLabel | undefined {
  const textAt = (bytes: Uint8Array, at: number, length: number): string => decodeLatin1(bytes.subarray(at, at + length));
  const block = piece(host, device, DESCRIPTOR.offset, DESCRIPTOR.length);
  if (block !== undefined && textAt(block, 1, 5) === 'CD001') return { type: 'iso9660', label: textAt(block, DESCRIPTOR.labelAt, DESCRIPTOR.labelLength).trimEnd() };
  const sector = piece(host, device, 0, SECTOR);
  if (sector === undefined || sector[510] !== 0x55 || sector[511] !== 0xaa) return undefined;
  const fat = FATS.find(({ kind, kindAt }) => textAt(sector, kindAt, kind.length) === kind);
  return fat && { type: 'vfat', label: textAt(sector, fat.labelAt, FAT_LABEL_LENGTH).trimEnd() };
}

/** Every disk, drive and partition that may be a medium, as devices. */
export function mediumDevices(host: BootHost): readonly string[] {
  const disks = host.list('/sys/block').filter((name) => /^(sr|sd|vd|nvme|mmcblk)/.test(name));
  const partitionsOf = (disk: string): string[] => host.list(`/sys/block/${disk}`).filter((name) => name.startsWith(disk));
  return disks.flatMap((disk) => [disk].concat(partitionsOf(disk))).map((name) => `/dev/${name}`);
}
