// Reads a volume without a device of its own: through its extents, from the disk.

import { concatBytes } from '../core/bytes.ts';
import { diskOffset } from './disk-offset.ts';
import type { ExtentHolder } from './extents.ts';
import type { ReadAt } from './read-at.ts';

/** A volume of a container that begins at `containerFirstSector` of the disk, as a device. It throws RangeError behind its last extent. */
export function volumeReader(read: ReadAt, volume: ExtentHolder, extentBytes: number, containerFirstSector: number): ReadAt {
  return (offset, length) => {
    const parts: Uint8Array[] = [];
    for (let at = offset; at < offset + length; ) {
      const bytes = Math.min(offset + length - at, extentBytes - (at % extentBytes));
      parts.push(read(diskOffset(volume, extentBytes, containerFirstSector, at), bytes));
      at += bytes;
    }
    return parts.length === 1 ? parts[0]! : concatBytes(...parts);
  };
}
