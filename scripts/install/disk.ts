// The SAN's disk under an installer: reads, planned writes and the copying of images, with what is written made durable.

import { closeSync, constants, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { ALIGNMENT_BYTES, alignedBuffer } from '../../daemons/host/aligned-buffer.ts';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import type { WriteStep } from '../../daemons/storage/write-step.ts';

/** One copy's piece: large enough for the SAN's speed, small enough for a smooth bar. */
const COPY_BYTES = 4 * 1024 * 1024;
/** Pieces between two flushes: what a blade of little memory can hold as dirty pages. */
const FLUSH_EVERY = 16;

/** How a disk is opened. */
export interface DiskOptions {
  /** Past this machine's page cache, where the disk takes that: what another machine writes is seen, and nothing of a write stays behind in memory. */
  readonly direct?: boolean;
}

/** Opened for direct reads and writes; undefined where the file system of an image takes none (EINVAL from open(2)). */
function openDirect(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDWR | constants.O_DIRECT);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return undefined;
    throw error;
  }
}

/** An open disk. Close it when done. */
export class Disk {
  readonly path: string;
  readonly bytes: number;
  /** Reads and writes pass the page cache by: they are of whole blocks, and a flush is for the disk's own cache. */
  readonly direct: boolean;
  readonly #fd: number;

  /** @throws Error when the device cannot be opened for writing */
  constructor(path: string, bytes: number, { direct = false }: DiskOptions = {}) {
    const fd = direct ? openDirect(path) : undefined;
    this.path = path;
    this.bytes = bytes;
    this.direct = fd !== undefined;
    this.#fd = fd ?? openSync(path, 'r+');
  }

  /** Reads exactly so many bytes. @throws Error when the device ends before */
  readonly read: ReadAt = (offset, length) => {
    const skipped = this.direct ? offset % ALIGNMENT_BYTES : 0;
    const wanted = this.direct ? Math.ceil((skipped + length) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES : length;
    const buffer = this.direct ? alignedBuffer(wanted) : new Uint8Array(wanted);
    for (let done = 0; done < skipped + length; ) {
      const got = readSync(this.#fd, buffer, done, wanted - done, offset - skipped + done);
      if (got === 0) throw new Error(`${this.path}: ends at byte ${offset - skipped + done}; ${length} bytes at ${offset} were asked for`);
      done += got;
    }
    return buffer.subarray(skipped, skipped + length);
  };

  /** Writes whole blocks on a direct disk, anything on another. @throws RangeError */
  write(offset: number, bytes: Uint8Array): void {
    if (this.direct && (offset % ALIGNMENT_BYTES !== 0 || bytes.length % ALIGNMENT_BYTES !== 0)) throw new RangeError(`${this.path}: ${bytes.length} bytes at ${offset}: a direct write is of whole blocks of ${ALIGNMENT_BYTES} bytes`);
    const buffer = this.direct ? alignedBuffer(bytes.length) : bytes;
    if (this.direct) buffer.set(bytes);
    for (let done = 0; done < buffer.length; ) done += writeSync(this.#fd, buffer, done, buffer.length - done, offset + done);
  }

  flush(): void {
    fsyncSync(this.#fd);
  }

  /** Carries out planned writes; `place` turns a plan's offset into the disk's. */
  carryOut(steps: readonly WriteStep[], place: (offset: number) => number): void {
    for (const step of steps) {
      if (step.kind === 'flush') this.flush();
      else this.write(place(step.offset), step.bytes);
    }
  }

  /**
   * Copies a file to the disk, piece by piece.
   * @param place turns an offset within the file into the disk's; pieces of 4 MiB must be contiguous there
   */
  async copyFile(file: string, bytes: number, place: (offset: number) => number, onProgress: (done: number) => void): Promise<void> {
    const source = openSync(file, 'r');
    try {
      const buffer = new Uint8Array(COPY_BYTES);
      for (let at = 0, pieces = 1; at < bytes; at += COPY_BYTES, pieces++) {
        const length = readSync(source, buffer, 0, Math.min(COPY_BYTES, bytes - at), at);
        if (length !== Math.min(COPY_BYTES, bytes - at)) throw new Error(`${file}: ends at byte ${at + length}; ${bytes} were expected: the medium is damaged`);
        this.write(place(at), buffer.subarray(0, length));
        if (pieces % FLUSH_EVERY === 0) this.flush();
        onProgress(at + length);
        await new Promise((resolve) => setImmediate(resolve)); // lets the progress line out
      }
      this.flush();
    } finally {
      closeSync(source);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Size of a block device in bytes, by sysfs. */
export function blockDeviceBytes(name: string): number {
  return Number(readFileSync(`/sys/block/${name}/size`, 'utf8')) * 512;
}
