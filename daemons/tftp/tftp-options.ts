// What a client may ask of a read transfer, and what it is granted: RFC 2347, 2348, 2349 and 7440.

import { BLOCK_MAX_BYTES, type TftpOptions } from '../wire/tftp-packet.ts';

/** RFC 1350: the size of a block when nothing was agreed. */
const BLOCK_DEFAULT_BYTES = 512;
/** RFC 2348: the smallest block. */
const BLOCK_MIN_BYTES = 8;
/** RFC 7440 allows 65535; beyond 64 a window gains nothing on a local network and bursts overrun a ROM's receive ring. */
export const WINDOW_MAX_BLOCKS = 64;
/** What one transfer may have in flight, so that a window of large blocks fits into a socket's send buffer. */
export const WINDOW_MAX_BYTES = 128 * 1024;
/** RFC 2349: seconds between retransmissions. */
const TIMEOUT_MAX_S = 255;
/** The time to the first retransmission when the client asked for none: longer than a slow ROM takes for a window. */
const RETRANSMIT_DEFAULT_MS = 1000;

/** How one transfer is done. */
export interface TransferTerms {
  readonly blockBytes: number;
  readonly windowBlocks: number;
  readonly retransmitMs: number;
  /** For the OACK: only what was asked for and is granted, in the order asked. Empty: there is no OACK. */
  readonly granted: TftpOptions;
}

/** A decimal number between the limits (a larger one becomes `max`); undefined when it is none or too small. */
function countOf(text: string, min: number, max: number): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text) || Number(text) < min) return undefined;
  return Math.min(Number(text), max);
}

/**
 * Grants what can be granted of `asked` for a file of `sizeBytes`. An option that is unknown or out of its range is
 * left out of the answer, which tells the client that its default holds (RFC 2347 section 3). Of a repeated option the
 * first counts.
 */
export function agreeOnTerms(asked: TftpOptions, sizeBytes: number): TransferTerms {
  const wanted = new Map<string, number>();
  for (const [name, text] of asked) {
    if (wanted.has(name)) continue;
    const value =
      name === 'blksize' ? countOf(text, BLOCK_MIN_BYTES, BLOCK_MAX_BYTES)
      : name === 'windowsize' ? countOf(text, 1, WINDOW_MAX_BLOCKS)
      : name === 'timeout' ? exactly(text, 1, TIMEOUT_MAX_S)
      : name === 'tsize' && countOf(text, 0, Number.MAX_SAFE_INTEGER) !== undefined ? sizeBytes
      : undefined;
    if (value !== undefined) wanted.set(name, value);
  }
  const blockBytes = wanted.get('blksize') ?? BLOCK_DEFAULT_BYTES;
  const windowBlocks = Math.min(wanted.get('windowsize') ?? 1, Math.max(1, Math.floor(WINDOW_MAX_BYTES / blockBytes)));
  if (wanted.has('windowsize')) wanted.set('windowsize', windowBlocks);
  return {
    blockBytes,
    windowBlocks,
    retransmitMs: wanted.has('timeout') ? wanted.get('timeout')! * 1000 : RETRANSMIT_DEFAULT_MS,
    granted: Array.from(wanted, ([name, value]) => [name, String(value)] as const),
  };
}

/** As `countOf`, but too large is refused as well: a time-out may not be haggled over (RFC 2349 section 2). */
function exactly(text: string, min: number, max: number): number | undefined {
  const value = countOf(text, min, max + 1);
  return value === max + 1 ? undefined : value;
}
