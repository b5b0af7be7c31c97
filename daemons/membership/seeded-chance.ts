// Chance that can be had again: the same seed gives the same numbers. sfc32 (Chris Doty-Humphrey, PractRand); not for secrets.

import { mix32 } from '../core/rendezvous.ts';

/** Rounds that are thrown away, so that similar seeds part. */
const WARM_UP = 12;

export class SeededChance {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `seed`: any 32 bits. */
  constructor(seed: number) {
    this.#a = mix32(seed);
    this.#b = mix32(this.#a ^ 0x9e3779b9);
    this.#c = mix32(this.#b ^ 0x85ebca6b);
    for (let i = 0; i < WARM_UP; i++) this.next();
  }

  /** 32 bits. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number from 0 up to, not including, `limit`, which is at least 1. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  /** Up to `count` different ones of `from`, which stays as it is. */
  some<T>(from: readonly T[], count: number): T[] {
    if (from.length <= count) return [...from];
    const chosen = new Set<number>();
    while (chosen.size < count) chosen.add(this.below(from.length));
    return Array.from(chosen, (index) => from[index]!);
  }
}
