// What a SCSI command does to the medium (SBC-4 section 5), as far as a recorder of writes must know it.

import { viewOf } from '../../daemons/core/bytes.ts';
import { StreamRefused } from './iscsi-pdu.ts';

/** The logical block that is assumed; a write whose length says otherwise is refused. */
export const LOGICAL_BLOCK_BYTES = 512;

/**
 * `write`: `dataBytes` of data, repeated over `length` bytes from `offset`; `unmap`: the data say which blocks; `flush`: the cache of
 * so many bytes is written out; `other`: the medium stays as it is. `durable` (FUA): answered means that it is on the medium.
 */
export type MediumDeed =
  | { readonly kind: 'write'; readonly offset: number; readonly length: number; readonly dataBytes: number; readonly durable: boolean }
  | { readonly kind: 'unmap' }
  | { readonly kind: 'flush'; readonly offset: number; readonly length: number }
  | { readonly kind: 'other' };

const FUA = 0x08;
const IMMEDIATE = 0x02;
const NO_DATA = 0x01;

/** Commands that change the medium in a way that is not recorded, by operation code. */
const NOT_RECORDED: ReadonlyMap<number, string> = new Map([
  [0x04, 'FORMAT UNIT'], [0x07, 'REASSIGN BLOCKS'], [0x2e, 'WRITE AND VERIFY(10)'], [0x3f, 'WRITE LONG(10)'], [0x48, 'SANITIZE'], [0x50, 'XDWRITE(10)'], [0x51, 'XPWRITE(10)'],
  [0x53, 'XDWRITEREAD(10)'], [0x7f, 'a command of variable length'], [0x83, 'EXTENDED COPY'], [0x89, 'COMPARE AND WRITE'], [0x8b, 'ORWRITE(16)'], [0x8e, 'WRITE AND VERIFY(16)'],
  [0x9c, 'WRITE ATOMIC(16)'], [0x9d, 'a bidirectional command'], [0x9f, 'WRITE LONG(16)'], [0xae, 'WRITE AND VERIFY(12)'],
]);

/** Commands with data for the target that leave the medium as it is: MODE SELECT, reservations, diagnostics, logs, maintenance, security. */
const HARMLESS_WITH_DATA: ReadonlySet<number> = new Set([0x15, 0x16, 0x1d, 0x3b, 0x4c, 0x55, 0x56, 0x5f, 0xa4, 0xb5]);

/** Address and number of blocks, at the places that the 10, 12 and 16 byte forms have for them. */
function place10(cdb: Uint8Array): readonly [number, number] {
  return [viewOf(cdb).getUint32(2), viewOf(cdb).getUint16(7)];
}

function place12(cdb: Uint8Array): readonly [number, number] {
  return [viewOf(cdb).getUint32(2), viewOf(cdb).getUint32(6)];
}

function place16(cdb: Uint8Array): readonly [number, number] {
  return [u64(cdb, 2), viewOf(cdb).getUint32(10)];
}

/** A block's address. Throws StreamRefused where bytes cannot be counted in a number any more. */
function u64(bytes: Uint8Array, at: number): number {
  const value = viewOf(bytes).getUint32(at) * 2 ** 32 + viewOf(bytes).getUint32(at + 4);
  if (value > Number.MAX_SAFE_INTEGER / LOGICAL_BLOCK_BYTES) throw new StreamRefused('block address', 'below 2^44', String(value), 'Nothing of this size can be recorded.');
  return value;
}

function write([block, blocks]: readonly [number, number], flags: number): MediumDeed {
  const length = blocks * LOGICAL_BLOCK_BYTES;
  return blocks === 0 ? { kind: 'other' } : { kind: 'write', offset: block * LOGICAL_BLOCK_BYTES, length, dataBytes: length, durable: (flags & FUA) !== 0 };
}

function writeSame([block, blocks]: readonly [number, number], dataBytes: number): MediumDeed {
  if (blocks === 0) throw new StreamRefused('WRITE SAME', 'says how many blocks', '0, which means all that follow', 'Such a stream cannot be recorded.');
  return { kind: 'write', offset: block * LOGICAL_BLOCK_BYTES, length: blocks * LOGICAL_BLOCK_BYTES, dataBytes, durable: false };
}

/** A flush that is answered before it is done promises nothing. */
function flush([block, blocks]: readonly [number, number], flags: number): MediumDeed {
  if ((flags & IMMEDIATE) !== 0) return { kind: 'other' };
  return { kind: 'flush', offset: block * LOGICAL_BLOCK_BYTES, length: blocks === 0 ? Infinity : blocks * LOGICAL_BLOCK_BYTES };
}

/**
 * Reads a command descriptor block of 16 bytes; `sendsData`: the command has the W bit.
 * @throws StreamRefused for a command that changes the medium and is not recorded
 */
export function mediumDeed(cdb: Uint8Array, sendsData: boolean): MediumDeed {
  const [code = 0, flags = 0] = cdb;
  switch (code) {
    case 0x0a: return write([((flags & 0x1f) << 16) | (cdb[2]! << 8) | cdb[3]!, cdb[4]! || 256], 0);
    case 0x2a: return write(place10(cdb), flags);
    case 0xaa: return write(place12(cdb), flags);
    case 0x8a: return write(place16(cdb), flags);
    case 0x41: return writeSame(place10(cdb), LOGICAL_BLOCK_BYTES);
    case 0x93: return writeSame(place16(cdb), (flags & NO_DATA) === 0 ? LOGICAL_BLOCK_BYTES : 0);
    case 0x42: return { kind: 'unmap' };
    case 0x35: return flush(place10(cdb), flags);
    case 0x91: return flush(place16(cdb), flags);
    default: {
      const name = NOT_RECORDED.get(code) ?? (sendsData && !HARMLESS_WITH_DATA.has(code) ? 'an unknown command with data' : undefined);
      if (name === undefined) return { kind: 'other' };
      throw new StreamRefused('SCSI command', 'one whose writes are understood', `${name} (0x${code.toString(16)})`, 'Record a stream without it.');
    }
  }
}

/** The ranges of an UNMAP parameter list (SBC-4 section 5.35.2), in bytes of the medium. */
export function unmapRanges(list: Uint8Array): readonly { readonly offset: number; readonly length: number }[] {
  const ranges: { offset: number; length: number }[] = [];
  if (list.length < 8) return ranges;
  const end = Math.min(list.length, 8 + viewOf(list).getUint16(2));
  for (let at = 8; at + 16 <= end; at += 16) {
    const blocks = viewOf(list).getUint32(at + 8);
    if (blocks > 0) ranges.push({ offset: u64(list, at) * LOGICAL_BLOCK_BYTES, length: blocks * LOGICAL_BLOCK_BYTES });
  }
  return ranges;
}
