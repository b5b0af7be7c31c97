// The frame of the iSCSI stream (RFC 7143 section 11): protocol data units cut out of a TCP stream that arrives in any pieces. Data
// segments are handed on as they come, so that no more than one header is ever held.

import { viewOf } from '../../daemons/core/bytes.ts';

/** The basic header segment (section 11.2.1). */
export const BHS_BYTES = 48;

/** Operation codes (section 11.2.1.2), as far as a recorder of writes must know them. */
export const OPCODE = { scsiCommand: 0x01, loginRequest: 0x03, dataOut: 0x05, scsiResponse: 0x21, loginResponse: 0x23 } as const;

/**
 * A part of a unit: its header (48 bytes, and behind them the additional headers), then its data without padding in one piece or
 * several, then its end. `at` is the piece's place in the data segment.
 */
export type PduPiece =
  | { readonly kind: 'header'; readonly header: Uint8Array; readonly dataBytes: number }
  | { readonly kind: 'data'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end' };

/** What can be recorded, and what was seen: a stream that is not understood as a whole must not be taken for a record of its writes. */
export class StreamRefused extends Error {
  constructor(where: string, rule: string, seen: string, remedy: string) {
    super(`${where}: ${rule}; seen: ${seen}. ${remedy}`);
    this.name = 'StreamRefused';
  }
}

/** The operation code of a header, without the immediate bit. */
export const opcodeOf = (header: Uint8Array): number => header[0]! & 0x3f;

/** The Initiator Task Tag, which ties commands, data and answers of one connection together. */
export const taskTagOf = (header: Uint8Array): number => viewOf(header).getUint32(16);

/** The LUN of a header (SAM-5 section 4.7.7): peripheral or flat addressing; undefined for any other form. */
export function lunOf(header: Uint8Array): number | undefined {
  const method = header[8]! >> 6;
  if (header.subarray(10, 16).some((byte) => byte !== 0)) return undefined;
  if (method === 0) return header[8] === 0 ? header[9]! : undefined;
  return method === 1 ? ((header[8]! & 0x3f) << 8) | header[9]! : undefined;
}

/** One direction of a connection without digests. */
export class PduStream {
  readonly #header = new Uint8Array(BHS_BYTES + 255 * 4);
  #have = 0;
  /** Of the present data segment, once its header is whole. */
  #dataBytes = 0;
  #at = 0;
  #padding = 0;
  #inData = false;

  /** Takes the next bytes of the stream. The pieces of data are views of `chunk`. */
  push(chunk: Uint8Array): PduPiece[] {
    const pieces: PduPiece[] = [];
    for (let from = 0; from < chunk.length; ) from += this.#inData ? this.#takeData(chunk.subarray(from), pieces) : this.#takeHeader(chunk.subarray(from), pieces);
    return pieces;
  }

  /** True between two units: a stream that ends otherwise was cut off. */
  get whole(): boolean {
    return this.#have === 0 && !this.#inData;
  }

  #takeHeader(chunk: Uint8Array, pieces: PduPiece[]): number {
    const wanted = (this.#have < BHS_BYTES ? BHS_BYTES : this.#headerBytes()) - this.#have;
    const taken = chunk.subarray(0, wanted);
    this.#header.set(taken, this.#have);
    this.#have += taken.length;
    if (this.#have >= BHS_BYTES && this.#have === this.#headerBytes()) this.#begin(pieces);
    return taken.length;
  }

  #headerBytes(): number {
    return BHS_BYTES + this.#header[4]! * 4;
  }

  #begin(pieces: PduPiece[]): void {
    this.#dataBytes = viewOf(this.#header).getUint32(4) & 0xffffff;
    this.#padding = (4 - (this.#dataBytes % 4)) % 4;
    this.#at = 0;
    pieces.push({ kind: 'header', header: this.#header.slice(0, this.#have), dataBytes: this.#dataBytes });
    this.#have = 0;
    this.#inData = this.#dataBytes > 0;
    if (!this.#inData) pieces.push({ kind: 'end' });
  }

  #takeData(chunk: Uint8Array, pieces: PduPiece[]): number {
    const bytes = chunk.subarray(0, Math.max(0, this.#dataBytes - this.#at));
    if (bytes.length > 0) pieces.push({ kind: 'data', at: this.#at, bytes });
    const padding = Math.min(chunk.length - bytes.length, this.#dataBytes + this.#padding - this.#at - bytes.length);
    this.#at += bytes.length + padding;
    if (this.#at === this.#dataBytes + this.#padding) {
      this.#inData = false;
      pieces.push({ kind: 'end' });
    }
    return bytes.length + padding;
  }
}
