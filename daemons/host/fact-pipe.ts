// The way from a daemon to the recorder: a FIFO in memory, written without ever waiting. When nobody reads (the recorder is not there
// yet, or hangs with the SAN) the lines wait in a bounded queue, of which the oldest go first.

import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { DroppingQueue } from '../core/dropping-queue.ts';

/** Lines that wait: some 1 MiB, and hours of a rack that boots now and then. */
export const WAITING_MAX = 4096;
/** How long until a FIFO that did not take a line is tried again. */
const RETRY_MS = 1_000;
/** PIPE_BUF: a line up to this is written whole or not at all (pipe(7)). */
export const PIPE_LINE_MAX_BYTES = 4096;

export interface FactPipe {
  /** Sends a line (without its line end) as soon as somebody reads. Never waits, never throws. */
  put(line: string): void;
  stop(): void;
}

/**
 * Opens the FIFO when it is there and read. `onTrouble` hears once of each reason why lines wait, and of lines that were dropped; it is
 * refused to write to anything but a FIFO, for a file on the SAN could hold the daemon up.
 */
export function openFactPipe(path: string, onTrouble: (reason: string, dropped: number) => void): FactPipe {
  const queue = new DroppingQueue<Buffer>(WAITING_MAX);
  let fd: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let lastReason = '';

  const open = (): number => {
    const opened = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    if (fstatSync(opened).isFIFO()) return opened;
    closeSync(opened);
    throw new Error(`${path}: is no FIFO`);
  };
  const later = (error: NodeJS.ErrnoException): void => {
    // A full FIFO stays open; without a reader it is opened anew.
    if (error.code !== 'EAGAIN' && fd !== undefined) {
      closeSync(fd);
      fd = undefined;
    }
    if (error.message !== lastReason) onTrouble(error.message, 0);
    lastReason = error.message;
    timer = setTimeout(flush, RETRY_MS).unref();
  };
  const flush = (): void => {
    timer = undefined;
    try {
      for (let line = queue.first(); line !== undefined; line = queue.first()) {
        fd ??= open();
        writeSync(fd, line);
        queue.taken();
      }
    } catch (error) {
      return later(error as NodeJS.ErrnoException);
    }
    lastReason = '';
    const dropped = queue.takeDropped();
    if (dropped > 0) onTrouble('the recorder stood still for too long', dropped);
  };
  return {
    put(line) {
      const bytes = Buffer.from(`${line}\n`);
      if (bytes.length > PIPE_LINE_MAX_BYTES) return;
      queue.put(bytes);
      if (timer === undefined) flush();
    },
    stop() {
      clearTimeout(timer);
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}
