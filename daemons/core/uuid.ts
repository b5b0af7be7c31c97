// UUIDs (RFC 9562), as text inside and in two byte orders outside.

import { fromHex, toHex } from './bytes.ts';

declare const uuidBrand: unique symbol;
/** A UUID in lower-case text, `8-4-4-4-12`. */
export type Uuid = string & { readonly [uuidBrand]: true };

/** The UUID with all bits zero: "none". */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000' as Uuid;

/** Reads the text form; undefined when it is none. */
export function parseUuid(text: string): Uuid | undefined {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? (text.toLowerCase() as Uuid) : undefined;
}

/** Sixteen bytes in network order (RFC 9562 section 4). */
export function uuidToBytes(uuid: Uuid): Uint8Array {
  return fromHex(uuid.replaceAll('-', ''))!;
}

/** The UUID in sixteen bytes of network order. */
export function uuidFromBytes(bytes: Uint8Array): Uuid {
  const hex = toHex(bytes.subarray(0, 16));
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-') as Uuid;
}

/** Swaps between network order and the mixed order of a GPT (UEFI 2.10 appendix A): the first three fields are little-endian. */
export function swapGuidOrder(bytes: Uint8Array): Uint8Array {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, (from) => bytes[from]!);
}

/** A version 4 UUID made of sixteen random bytes. */
export function uuidFromRandom(random: Uint8Array): Uuid {
  const bytes = Uint8Array.from(random.subarray(0, 16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidFromBytes(bytes);
}
