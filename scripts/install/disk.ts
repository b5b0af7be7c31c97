// The SAN's disk under an installer: reads, planned writes and the copying of images, with what is written made durable.

import { closeSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import type { ReadAt } from '../../daemons/storage/read-at.ts';
import type { WriteStep } from '../../daemons/storage/write-step.ts';

/** One copy's piece: large enough for the SAN's speed, small enough for a smooth bar. */
const COPY_BYTES = 4 * 1024 * 1024;
/** Pieces between two flushes: what a blade of little memory can hold as dirty pages. */
const FLUSH_EVERY = 16;

/** An open disk. Close it when done. */
export class Disk {
  readonly path: string;
  readonly bytes: number;
  readonly #fd: number;

  /** @throws Error when the device cannot be opened for writing */
  constructor(path: string, bytes: number) {
    this.path = path;
    this.bytes = bytes;
    this.#fd = openSync(path, 'r+');
  }

  /** Reads exactly so many bytes. @throws Error when the device ends before */
  readonly read: ReadAt = (offset, length) => {
    const buffer = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const got = readSync(this.#fd, buffer, done, length - done, offset + done);
      if (got === 0) throw new Error(`${this.path}: ends at byte ${offset + done}; ${length} bytes at ${offset} were asked for`);
      done += got;
    }
    return buffer;
  };

  write(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done, bytes.length - done, offset + done);
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
