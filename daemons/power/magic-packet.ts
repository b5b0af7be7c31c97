// The Wake-on-LAN packet (AMD, "Magic Packet Technology", publication 20213): six bytes of ones, the card's MAC address sixteen times,
// and the SecureOn password where the card asks for one. Nothing ever answers it.

import { concatBytes, equalBytes } from '../core/bytes.ts';
import { type Mac, macFromBytes, macToBytes } from '../core/mac.ts';

const SYNC_BYTES = 6;
const MAC_BYTES = 6;
const REPEATS = 16;
const PLAIN_BYTES = SYNC_BYTES + REPEATS * MAC_BYTES;
/** A SecureOn password has the length of a MAC address, or of an IPv4 address with older cards. */
const PASSWORD_BYTES: ReadonlySet<number> = new Set([4, 6]);

/** What a magic packet says. */
export interface MagicPacket {
  readonly mac: Mac;
  /** 4 or 6 bytes, sent in clear. */
  readonly secureOn?: Uint8Array;
}

/** True when a card takes so many bytes for a SecureOn password. */
export const isSecureOnLength = (bytes: number): boolean => PASSWORD_BYTES.has(bytes);

/** The packet's bytes: 102, and those of the password. @throws RangeError for a password of another length than 4 or 6 */
export function encodeMagicPacket({ mac, secureOn }: MagicPacket): Uint8Array {
  if (secureOn !== undefined && !isSecureOnLength(secureOn.length)) throw new RangeError(`a SecureOn password has 4 or 6 bytes, not ${secureOn.length}`);
  const address = macToBytes(mac);
  return concatBytes(new Uint8Array(SYNC_BYTES).fill(0xff), ...Array.from({ length: REPEATS }, () => address), secureOn ?? new Uint8Array(0));
}

/** Reads a packet that is nothing but a magic one; undefined for anything else, trailing bytes included. */
export function decodeMagicPacket(bytes: Uint8Array): MagicPacket | undefined {
  const rest = bytes.length - PLAIN_BYTES;
  if (rest !== 0 && !isSecureOnLength(rest)) return undefined;
  if (!bytes.subarray(0, SYNC_BYTES).every((byte) => byte === 0xff)) return undefined;
  const first = bytes.subarray(SYNC_BYTES, SYNC_BYTES + MAC_BYTES);
  for (let at = SYNC_BYTES; at < PLAIN_BYTES; at += MAC_BYTES) {
    if (!equalBytes(bytes.subarray(at, at + MAC_BYTES), first)) return undefined;
  }
  const mac = macFromBytes(first);
  return rest === 0 ? { mac } : { mac, secureOn: bytes.slice(PLAIN_BYTES) };
}
