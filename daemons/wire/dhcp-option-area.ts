// The option area of a DHCP message: tag, length, value (RFC 2132 section 2), long values split and joined (RFC 3396).
// The same form without a magic cookie stands inside options 43 and 175.

import { concatBytes } from '../core/bytes.ts';

/** Options by their code, each joined to one value. The order is that of first appearance, and the encoder keeps it. */
export type DhcpOptions = ReadonlyMap<number, Uint8Array>;

/** Tag of a byte that fills (RFC 2132 section 3.1). */
export const PAD = 0;
/** Tag after which nothing counts (RFC 2132 section 3.2). */
export const END = 255;
/** The longest value that one tag can carry: its length is one byte. */
const VALUE_MAX_BYTES = 255;

/**
 * Adds the options of one area to `into`; a code that is already there is continued, not replaced (RFC 3396 section 7).
 * False when an option runs past the area. What follows END is ignored, and END may be missing: old ROMs do both.
 */
export function readOptionArea(area: Uint8Array, into: Map<number, Uint8Array>): boolean {
  for (let at = 0; at < area.length; ) {
    const code = area[at++]!;
    if (code === PAD) continue;
    if (code === END) return true;
    const length = area[at++];
    if (length === undefined || at + length > area.length) return false;
    const before = into.get(code);
    const value = area.slice(at, at + length);
    into.set(code, before ? concatBytes(before, value) : value);
    at += length;
  }
  return true;
}

/** Reads an area that stands by itself, as options 43 and 175 have it; undefined when an option runs past its end. */
export function decodeOptionArea(area: Uint8Array): DhcpOptions | undefined {
  const options = new Map<number, Uint8Array>();
  return readOptionArea(area, options) ? options : undefined;
}

/** The bytes of the options in their order, without END. Throws RangeError for a code that is PAD, END or no byte. */
export function encodeOptionArea(options: DhcpOptions): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [code, value] of options) {
    if (!Number.isInteger(code) || code <= PAD || code >= END) throw new RangeError(`DHCP option code must be 1 to 254; seen ${code}`);
    let at = 0;
    do {
      const piece = value.subarray(at, at + VALUE_MAX_BYTES);
      parts.push(Uint8Array.of(code, piece.length), piece);
      at += VALUE_MAX_BYTES;
    } while (at < value.length);
  }
  return concatBytes(...parts);
}
