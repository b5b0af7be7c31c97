// The netascii mode of TFTP: RFC 1350 section 1 and RFC 764. Old ROMs ask for their configuration in it.

const LF = 10;
const CR = 13;

/** The bytes of a text file as netascii has them: LF becomes CR LF, a lone CR becomes CR NUL. */
export function toNetascii(bytes: Uint8Array): Uint8Array {
  let extra = 0;
  for (const byte of bytes) if (byte === LF || byte === CR) extra++;
  const out = new Uint8Array(bytes.length + extra);
  let at = 0;
  for (const byte of bytes) {
    if (byte === LF) out[at++] = CR;
    out[at++] = byte;
    if (byte === CR) out[at++] = 0;
  }
  return out;
}
