// TFTP packets: RFC 1350, with the option extension of RFC 2347. What the options mean is decided in daemons/tftp.

import { concatBytes, decodeLatin1, encodeLatin1, viewOf } from '../core/bytes.ts';

/** RFC 2347 section 2: a request of more than 512 octets is none. */
export const REQUEST_MAX_BYTES = 512;
/** No ROM asks more than five options; more than this is somebody at play. */
export const OPTIONS_MAX = 16;
/** RFC 2348: the largest block, which fills the largest UDP datagram over IPv4. */
export const BLOCK_MAX_BYTES = 65464;
/** Longer error texts are cut: they are for a log line. */
const ERROR_TEXT_MAX = 128;

/** Error codes: RFC 1350 section 5, and 8 from RFC 2347. */
export const TFTP_ERROR = {
  undefined: 0,
  notFound: 1,
  accessViolation: 2,
  diskFull: 3,
  illegalOperation: 4,
  unknownTransfer: 5,
  fileExists: 6,
  noSuchUser: 7,
  optionsRefused: 8,
} as const;

/** Option names (lower case) and values, in the order of the wire. */
export type TftpOptions = readonly (readonly [name: string, value: string])[];

/** A read or write request. Mode and option names are in lower case: the wire does not tell them apart. */
export interface TftpRequest {
  readonly kind: 'read' | 'write';
  readonly file: string;
  readonly mode: string;
  readonly options: TftpOptions;
}

/** Any packet of the protocol. */
export type TftpPacket =
  | TftpRequest
  | { readonly kind: 'data'; readonly block: number; readonly data: Uint8Array }
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'option-ack'; readonly options: TftpOptions };

const OPCODE = { read: 1, write: 2, data: 3, ack: 4, error: 5, 'option-ack': 6 } as const;

/** The zero-terminated strings of `bytes`; what stands after the last zero is not one of them. */
function terminatedStrings(bytes: Uint8Array): string[] {
  const texts: string[] = [];
  let from = 0;
  for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0, from)) {
    texts.push(decodeLatin1(bytes.subarray(from, end)));
    from = end + 1;
  }
  return texts;
}

/** Pairs of name and value; a last name without a value is left out, for there are ROMs that pad their request. */
function optionPairs(texts: readonly string[]): TftpOptions {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < texts.length && pairs.length < OPTIONS_MAX; i += 2) {
    if (texts[i] !== '') pairs.push([texts[i]!.toLowerCase(), texts[i + 1]!]);
  }
  return pairs;
}

function decodeRequest(kind: 'read' | 'write', body: Uint8Array): TftpRequest | undefined {
  if (body.length + 2 > REQUEST_MAX_BYTES) return undefined;
  const [file, mode, ...rest] = terminatedStrings(body);
  if (file === undefined || file === '' || mode === undefined) return undefined;
  return { kind, file, mode: mode.toLowerCase(), options: optionPairs(rest) };
}

/** Reads one datagram; undefined when it is no TFTP packet. Never throws. RFC 1350 section 5. */
export function decodeTftp(bytes: Uint8Array): TftpPacket | undefined {
  if (bytes.length < 2) return undefined;
  const view = viewOf(bytes);
  const opcode = view.getUint16(0);
  const body = bytes.subarray(2);
  if (opcode === OPCODE.read) return decodeRequest('read', body);
  if (opcode === OPCODE.write) return decodeRequest('write', body);
  if (opcode === OPCODE['option-ack']) return { kind: 'option-ack', options: optionPairs(terminatedStrings(body)) };
  if (bytes.length < 4) return undefined;
  const number = view.getUint16(2);
  if (opcode === OPCODE.data) return body.length - 2 > BLOCK_MAX_BYTES ? undefined : { kind: 'data', block: number, data: bytes.subarray(4) };
  if (opcode === OPCODE.ack) return { kind: 'ack', block: number };
  if (opcode !== OPCODE.error) return undefined;
  const end = bytes.indexOf(0, 4);
  const text = decodeLatin1(bytes.subarray(4, Math.min(end < 0 ? bytes.length : end, 4 + ERROR_TEXT_MAX)));
  return { kind: 'error', code: number, message: text };
}

function header(opcode: number, number?: number): Uint8Array {
  const low = number === undefined ? [] : [(number >> 8) & 255, number & 255];
  return Uint8Array.of(0, opcode, ...low);
}

function zeroTerminated(texts: readonly string[]): Uint8Array {
  return encodeLatin1(texts.map((text) => `${text}\0`).join(''));
}

/** The datagram of `packet`. Texts are Latin-1 without zeros; block numbers are taken modulo 65536. */
export function encodeTftp(packet: TftpPacket): Uint8Array {
  const opcode = OPCODE[packet.kind];
  switch (packet.kind) {
    case 'read':
    case 'write':
      return concatBytes(header(opcode), zeroTerminated([packet.file, packet.mode, ...packet.options.flat()]));
    case 'option-ack':
      return concatBytes(header(opcode), zeroTerminated(packet.options.flat()));
    case 'data':
      return concatBytes(header(opcode, packet.block), packet.data);
    case 'ack':
      return header(opcode, packet.block);
    case 'error':
      return concatBytes(header(opcode, packet.code), zeroTerminated([packet.message.slice(0, ERROR_TEXT_MAX)]));
  }
}
