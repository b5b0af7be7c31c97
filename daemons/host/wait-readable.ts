// Waits on file descriptors in the calling thread, to the part of a millisecond: for a thread that has nothing else to do.

import { libc } from './libc.ts';

const POLLIN = 1;
const POLLFD_BYTES = 8;

/** A set of descriptors to wait on. */
export class Readable {
  readonly #set: Uint8Array;
  readonly #count: bigint;
  readonly #time = new BigInt64Array(2);
  readonly #timeBytes = new Uint8Array(this.#time.buffer);

  constructor(fds: readonly number[]) {
    this.#set = new Uint8Array(Math.max(1, fds.length) * POLLFD_BYTES);
    this.#count = BigInt(fds.length);
    const view = new DataView(this.#set.buffer);
    for (const [at, fd] of fds.entries()) {
      view.setInt32(at * POLLFD_BYTES, fd, true);
      view.setInt16(at * POLLFD_BYTES + 4, POLLIN, true);
    }
  }

  /** Returns when one of them can be read, has an error, or `timeoutMs` have passed. */
  wait(timeoutMs: number): void {
    const nanoseconds = BigInt(Math.max(0, Math.ceil(timeoutMs * 1e6)));
    this.#time[0] = nanoseconds / 1_000_000_000n;
    this.#time[1] = nanoseconds % 1_000_000_000n;
    libc().ppoll(this.#set, this.#count, this.#timeBytes, 0n);
  }
}
