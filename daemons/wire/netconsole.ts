// netconsole's datagrams (Documentation/networking/netconsole.rst): kernel lines, either plain, or with the header of /dev/kmsg
// (`level,sequence,timestamp,flags[,…];text`) and cut into fragments where a message is longer than 1000 bytes.

import { decodeLatin1, decodeUtf8 } from '../core/bytes.ts';

/** netconsole's own default for whoever receives. */
export const NETCONSOLE_PORT = 6666;
/** netconsole's own default for whoever sends. */
export const NETCONSOLE_SOURCE_PORT = 6665;
/** A whole message of the kernel: LOG_LINE_MAX and its dictionary; what claims to be longer is no message. */
export const MESSAGE_MAX_BYTES = 8192;
/** The header is digits, commas and a few words. */
const HEADER_MAX_BYTES = 200;

/** One datagram. */
export type NetconsoleDatagram =
  /** Part of a stream of lines; a line may go on in the next one. */
  | { readonly kind: 'plain'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'extended';
      /** Syslog severity, 0 (emergency) to 7 (debug). */
      readonly level: number;
      /** Counts the kernel's messages. */
      readonly sequence: number;
      /** Microseconds since the kernel started. */
      readonly timestampUs: number;
      /** Where these bytes stand in the message, and how long that is; a whole message begins at 0. */
      readonly offset: number;
      readonly total: number;
      readonly bytes: Uint8Array;
    };

const HEADER = /^(?:[^,;]{1,64},)?([0-9]{1,5}),([0-9]{1,15}),([0-9]{1,15}),[^,;]*((?:,[^,;]*)*)$/;
const FRAGMENT = /,ncfrag=([0-9]{1,5})\/([0-9]{1,5})(?:,|$)/;

/** Reads a datagram. Never fails: what has no header is plain. */
export function decodeNetconsole(bytes: Uint8Array): NetconsoleDatagram {
  const end = bytes.subarray(0, HEADER_MAX_BYTES).indexOf(0x3b);
  const header = end < 0 ? null : HEADER.exec(decodeLatin1(bytes.subarray(0, end)));
  if (header === null) return { kind: 'plain', bytes };
  const body = bytes.subarray(end + 1);
  const fragment = FRAGMENT.exec(header[4]!);
  const [offset, total] = fragment === null ? [0, body.length] : [Number(fragment[1]), Number(fragment[2])];
  if (offset + body.length > total || total > MESSAGE_MAX_BYTES) return { kind: 'plain', bytes };
  // The low three bits are the severity, above them stands the facility.
  return { kind: 'extended', level: Number(header[1]) & 7, sequence: Number(header[2]), timestampUs: Number(header[3]), offset, total, bytes: body };
}

/** The text of a whole extended message: its dictionary (lines that begin with a space) left out, `\xNN` undone. */
export function extendedText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0x0a);
  const latin = decodeLatin1(end < 0 ? bytes : bytes.subarray(0, end));
  return decodeLossy(Uint8Array.from(latin.replaceAll(/\\x([0-9a-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))), (char) => char.charCodeAt(0)));
}

/** The length of a character of UTF-8 by its first byte (RFC 3629). */
const lengthOf = (first: number): number => (first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4);

/** UTF-8, with U+FFFD in place of each byte that is none. */
export function decodeLossy(bytes: Uint8Array): string {
  const whole = decodeUtf8(bytes);
  if (whole !== undefined) return whole;
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = lengthOf(bytes[at]!);
    const char = decodeUtf8(bytes.subarray(at, at + length));
    text += char ?? '\ufffd';
    at += char === undefined ? 1 : length;
  }
  return text;
}
