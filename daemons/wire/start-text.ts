// The name of a process's start: eight bytes in a datagram, sixteen lower-case hexadecimal digits everywhere else.

import { START_BYTES } from './membership-packet.ts';

/** Names that are remembered, by a hash of their bits: 1,000 nodes have as many, and each comes in datagrams all the time. A power of two. */
const REMEMBERED = 4096;
const HALF_DIGITS = START_BYTES;

interface Known {
  readonly high: number;
  readonly low: number;
  readonly text: string;
}

const known: (Known | undefined)[] = Array.from({ length: REMEMBERED });

const halfText = (half: number): string => half.toString(16).padStart(HALF_DIGITS, '0');

const word = (bytes: Uint8Array, at: number): number => ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

/** Reads a name; all its bytes are there. The same name is mostly the same string again, so that it need not be made once more. */
export function readStart(bytes: Uint8Array, at: number): string {
  const high = word(bytes, at);
  const low = word(bytes, at + 4);
  const place = (high ^ low) & (REMEMBERED - 1);
  const there = known[place];
  if (there !== undefined && there.high === high && there.low === low) return there.text;
  const text = halfText(high) + halfText(low);
  known[place] = { high, low, text };
  return text;
}

/** What a lower-case hexadecimal digit stands for, by its code; otherwise -1. */
function digitValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x61 + 10 : -1;
}

/** Eight digits of a name, from one on, as 32 bits; below zero: one of them is none. */
function halfOf(text: string, from: number): number {
  let value = 0;
  for (let at = from; at < from + HALF_DIGITS; at++) {
    const digit = digitValue(text.charCodeAt(at));
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/** One half of a name, 32 bits; throws RangeError for what is no name. */
export function startHalf(text: string, half: 0 | 1): number {
  const value = text.length === 2 * START_BYTES ? halfOf(text, half * HALF_DIGITS) : -1;
  if (value < 0) throw new RangeError(`membership start must be 16 lower-case hexadecimal digits; seen ${text}`);
  return value;
}

/** Writes a name; throws RangeError for what is none. There must be room for it. */
export function writeStart(bytes: Uint8Array, at: number, text: string): void {
  const high = startHalf(text, 0);
  const low = startHalf(text, 1);
  for (let byte = 0; byte < 4; byte++) {
    bytes[at + byte] = high >>> (24 - 8 * byte);
    bytes[at + 4 + byte] = low >>> (24 - 8 * byte);
  }
}

/** The eight bytes of a name; throws RangeError for what is none. */
export function startBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(START_BYTES);
  writeStart(bytes, 0, text);
  return bytes;
}
