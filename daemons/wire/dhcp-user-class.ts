// Option 77, the user class. RFC 3004 wants each class behind its length; iPXE and many others send the bare text.

import { concatBytes, decodeLatin1, encodeLatin1 } from '../core/bytes.ts';

/**
 * The classes in the option's value. It is read as RFC 3004 has it when lengths of at least one tile it exactly, and as
 * one bare text otherwise; no printable text of less than 33 characters can be mistaken for the first.
 */
export function decodeUserClass(value: Uint8Array): string[] {
  const classes: string[] = [];
  for (let at = 0; at < value.length; ) {
    const length = value[at]!;
    if (length === 0 || at + 1 + length > value.length) return [decodeLatin1(value)];
    classes.push(decodeLatin1(value.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return classes;
}

/** The classes as RFC 3004 has them. Throws RangeError for a class that is empty or longer than 255 characters. */
export function encodeUserClass(classes: readonly string[]): Uint8Array {
  return concatBytes(
    ...classes.map((name) => {
      if (name.length < 1 || name.length > 255) throw new RangeError(`a user class has 1 to 255 characters; seen ${name.length}`);
      return concatBytes(Uint8Array.of(name.length), encodeLatin1(name));
    }),
  );
}
