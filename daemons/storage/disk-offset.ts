// Where on the SAN's disk a byte of a volume lies: for blocks that are read and written without a device of their own.

/** A volume's pieces, as the registry has them. */
interface Extents {
  readonly extents: readonly { readonly start: number; readonly count: number }[];
}

/**
 * The byte offset on the disk of byte `at` of a volume.
 * @param containerFirstSector first 512-byte sector of the container's partition
 * @throws RangeError when `at` lies behind the volume's last extent
 */
export function diskOffset(volume: Extents, extentBytes: number, containerFirstSector: number, at: number): number {
  let index = Math.floor(at / extentBytes);
  for (const { start, count } of volume.extents) {
    if (index < count) return containerFirstSector * 512 + (start + index) * extentBytes + (at % extentBytes);
    index -= count;
  }
  throw new RangeError(`byte ${at} lies behind the end of the volume`);
}
