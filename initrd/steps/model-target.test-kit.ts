// For tests: a target's table of registrations (SPC-4 section 5.12), as sg_persist shows it.

import type { Ran } from '../boot-host.ts';

export class ModelTarget {
  /** False: the target does not know the commands. */
  knowsKeys = true;
  /** So many commands end with a unit attention (sg3_utils: code 6) before the next one is answered. */
  unitAttentions = 0;
  /** Full: no further key is taken. */
  full = false;
  generation = 0;
  readonly keys: string[] = [];

  /** The power is gone for a moment: registrations without APTPL, and their count, are lost. */
  restart(): void {
    this.generation = 0;
    this.keys.length = 0;
    this.unitAttentions = 1;
  }

  /** Another initiator clears the table. */
  clear(): void {
    this.generation++;
    this.keys.length = 0;
  }

  /** Another node registers. */
  register(key: string): void {
    this.generation++;
    this.keys.push(key);
  }

  /** The answer to sg_persist; undefined for other programs. */
  answer([program, ...args]: readonly string[]): Ran | undefined {
    if (program !== 'sg_persist') return undefined;
    if (!this.knowsKeys) return { code: 5, said: 'PR in (Read keys): command not supported\n' };
    if (this.unitAttentions > 0) {
      this.unitAttentions--;
      return { code: 6, said: 'PR in (Read keys): Unit attention\n' };
    }
    if (args.includes('--register-ignore')) {
      if (this.full) return { code: 5, said: 'PR out (Register and ignore existing key): Illegal request\n' };
      this.register(args.find((arg) => arg.startsWith('--param-sark=0x'))!.slice('--param-sark=0x'.length));
      return { code: 0, said: '' };
    }
    const shown = this.keys.map((key) => `    0x${BigInt(`0x${key}`).toString(16)}\n`).join('');
    const count = this.keys.length;
    const head = `  PR generation=0x${this.generation.toString(16)}, `;
    if (count === 0) return { code: 0, said: `${head}there are NO registered reservation keys\n` };
    return { code: 0, said: `${head}${count} registered reservation key${count === 1 ? ' follows' : 's follow'}:\n${shown}` };
  }
}
