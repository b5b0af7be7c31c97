// The two 32-bit cyclic redundancy checks in use: IEEE 802.3 (GPT, UEFI 2.10 section 5.3.2) and Castagnoli (our own blocks).

function tableOf(polynomial: number): Uint32Array {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    table[i] = value >>> 0;
  }
  return table;
}

/** The register after all bytes, from `value` before the first. */
function register(table: Uint32Array, bytes: Uint8Array, value: number): number {
  for (let i = 0; i < bytes.length; i++) value = table[(value ^ bytes[i]!) & 0xff]! ^ (value >>> 8);
  return value >>> 0;
}

function crc(table: Uint32Array, bytes: Uint8Array): number {
  return (register(table, bytes, 0xffffffff) ^ 0xffffffff) >>> 0;
}

const IEEE = tableOf(0xedb88320);
const CASTAGNOLI = tableOf(0x82f63b78);

/** CRC-32 (IEEE 802.3), as GPT uses it. */
export const crc32 = (bytes: Uint8Array): number => crc(IEEE, bytes);

/** CRC-32C (RFC 3720 appendix B.4), as our label and owner blocks use it. */
export const crc32c = (bytes: Uint8Array): number => crc(CASTAGNOLI, bytes);

/** The bare register of CRC-32C, begun at `start` and not inverted at the end: sanlock's records have it, from 0xfffffffe. */
export const crc32cRegister = (bytes: Uint8Array, start: number): number => register(CASTAGNOLI, bytes, start);
