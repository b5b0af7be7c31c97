// Chance that depends on its seed alone (sfc32). Nothing but 32-bit integers is computed, so that it is the same on every machine.

const UINT32 = 2 ** 32;
/** So many first numbers are thrown away: near seeds give near states. */
const WARM_UP = 16;

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** The same numbers give the same stream; each number counts modulo 2^32. */
  constructor(...seeds: readonly number[]) {
    [this.#a, this.#b, this.#c] = [0x9e3779b9, 0x243f6a88, 0xb7e15162];
    for (const seed of seeds) {
      this.#a ^= seed | 0;
      for (let i = 0; i < WARM_UP; i++) this.#uint32();
    }
  }

  #uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** From 0 up to, but not, 1. */
  fraction(): number {
    return this.#uint32() / UINT32;
  }

  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  /** True with this probability. Without a question nothing is drawn. */
  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.whole(0, from.length - 1)]!;
  }

  /** So many of these at most, in their order. */
  sample<T>(from: readonly T[], count: number): readonly T[] {
    const left = [...from];
    while (left.length > count) left.splice(this.whole(0, left.length - 1), 1);
    return left;
  }

  /** So many hexadecimal digits. */
  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.whole(0, 15).toString(16)).join('');
  }
}
