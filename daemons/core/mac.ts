// MAC addresses: one spelling inside (lower case, colons), several outside.

import { toHex } from './bytes.ts';

declare const macBrand: unique symbol;
/** A 48-bit MAC address as `aa:bb:cc:dd:ee:ff`. */
export type Mac = string & { readonly [macBrand]: true };

/**
 * Reads a MAC address written with colons, hyphens, Cisco dots or nothing between its digits.
 * Undefined when it is no address, all zero, or a group address, which no network card has as its own.
 */
export function parseMac(text: string): Mac | undefined {
  if (!/^([0-9a-f]{2}([:-]?)[0-9a-f]{2}(\2[0-9a-f]{2}){4}|[0-9a-f]{4}(\.[0-9a-f]{4}){2})$/i.test(text)) return undefined;
  const digits = text.replaceAll(/[^0-9a-f]/gi, '').toLowerCase();
  if (/^0+$/.test(digits) || Number.parseInt(digits.slice(0, 2), 16) & 1) return undefined;
  return digits.match(/../g)!.join(':') as Mac;
}

/** The MAC address in six bytes from the wire. Group and zero addresses pass: it is for display and look-up. */
export function macFromBytes(bytes: Uint8Array): Mac {
  return toHex(bytes.subarray(0, 6), ':') as Mac;
}

/** Six bytes, for the wire. */
export function macToBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16));
}
