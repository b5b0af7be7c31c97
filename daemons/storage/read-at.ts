// The only thing that this room wants of a device: bytes at an offset.

/** Reads exactly `length` bytes at `offset`, both multiples of 512; throws when it cannot. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

/** The part of a device that begins at `base`, as a device of its own. */
export function readFrom(read: ReadAt, base: number): ReadAt {
  return (offset, length) => read(base + offset, length);
}
