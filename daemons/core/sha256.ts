// SHA-256 (FIPS 180-4) and HMAC (RFC 2104) in plain TypeScript, for the initrd, where there is no crypto module,
// and for pure files everywhere. Large files on a node are hashed by the host's crypto instead.

const BLOCK = 64;

/** The first 32 bits of the fractional part of `root` of each of the first primes. */
function fractionBits(count: number, root: (prime: number) => number): Uint32Array {
  const out = new Uint32Array(count);
  for (let candidate = 2, found = 0; found < count; candidate++) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= candidate && prime; divisor++) prime = candidate % divisor !== 0;
    if (prime) out[found++] = (root(candidate) % 1) * 2 ** 32;
  }
  return out;
}

const K = fractionBits(64, Math.cbrt);
const INITIAL = fractionBits(8, Math.sqrt);

/** The message schedule of the block that is in work. */
const w = new Uint32Array(64);

function compress(state: Uint32Array, bytes: Uint8Array, offset: number): void {
  for (let i = 0, at = offset; i < 16; i++, at += 4) w[i] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15]!;
    const y = w[i - 2]!;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0;
  }
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!;
  let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = state[0]! + a;
  state[1] = state[1]! + b;
  state[2] = state[2]! + c;
  state[3] = state[3]! + d;
  state[4] = state[4]! + e;
  state[5] = state[5]! + f;
  state[6] = state[6]! + g;
  state[7] = state[7]! + h;
}

/** The SHA-256 digest of `bytes`: 32 bytes. */
export const sha256 = (bytes: Uint8Array): Uint8Array => digestFrom(INITIAL, 0, bytes);

function putWord(bytes: Uint8Array, at: number, word: number): void {
  for (let byte = 0; byte < 4; byte++) bytes[at + byte] = word >>> (24 - 8 * byte);
}

/** Goes on from the state after so many bytes, which are whole blocks. */
function digestFrom(from: Uint32Array, before: number, bytes: Uint8Array): Uint8Array {
  const state = from.slice();
  const whole = bytes.length - (bytes.length % BLOCK);
  for (let at = 0; at < whole; at += BLOCK) compress(state, bytes, at);
  const rest = bytes.length - whole;
  const tail = new Uint8Array(rest + 9 > BLOCK ? 2 * BLOCK : BLOCK);
  tail.set(bytes.subarray(whole));
  tail[rest] = 0x80;
  const length = before + bytes.length;
  putWord(tail, tail.length - 8, Math.floor(length / 2 ** 29));
  putWord(tail, tail.length - 4, length << 3);
  for (let at = 0; at < tail.length; at += BLOCK) compress(state, tail, at);
  const out = new Uint8Array(32);
  for (let i = 0; i < 8; i++) putWord(out, 4 * i, state[i]!);
  return out;
}

/** HMAC-SHA-256 of `message` under `key`: 32 bytes. */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  return new HmacSha256(key).of(message);
}

/** HMAC-SHA-256 under one key, of which the first blocks are computed once: half the work for a short message. */
export class HmacSha256 {
  readonly #inner: Uint32Array;
  readonly #outer: Uint32Array;

  constructor(key: Uint8Array) {
    const padded = new Uint8Array(BLOCK);
    padded.set(key.length > BLOCK ? sha256(key) : key);
    [this.#inner, this.#outer] = [0x36, 0x5c].map((pad) => {
      const state = INITIAL.slice();
      compress(state, padded.map((byte) => byte ^ pad), 0);
      return state;
    }) as [Uint32Array, Uint32Array];
  }

  /** 32 bytes. */
  of(message: Uint8Array): Uint8Array {
    return digestFrom(this.#outer, BLOCK, digestFrom(this.#inner, BLOCK, message));
  }
}
