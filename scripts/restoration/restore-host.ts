// The machine as `metamaster restore` sees it: who it is to the SAN, the clock, and who is to be asked. A test gives its own.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { CONSOLE, type SanOutput } from '../san-device.ts';

/** Who this machine is to the SAN, as its boot recorded it. */
export interface RestoreMachine {
  readonly hardwareId: string;
  readonly bootNonce: string;
  /** Which node runs here. */
  readonly node?: number;
  /** The SAN's disk as this boot found it. */
  readonly disk?: string;
}

/** What the command wants of the machine; a test gives its own. */
export interface RestoreHost extends SanOutput {
  machine(): RestoreMachine;
  /** Milliseconds of a monotonic clock. */
  now(): number;
  unixMs(): number;
  sleep(ms: number): Promise<void>;
  /** What was typed; undefined where there is nobody to ask. */
  ask(question: string): Promise<string | undefined>;
}

/** The boot's record (initrd/steps/handover.ts): of a node, else of the live system, else what no other machine has: this boot of its kernel. */
function thisMachine(): RestoreMachine {
  for (const file of ['/run/metamaster/boot.json', '/run/metamaster/live.json']) {
    try {
      const { hardwareId, bootNonce, node, disk } = JSON.parse(readFileSync(file, 'utf8')) as Partial<RestoreMachine>;
      if (hardwareId !== undefined && bootNonce !== undefined) return { hardwareId, bootNonce, ...(node === undefined ? {} : { node }), ...(disk === undefined ? {} : { disk }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return { hardwareId: `boot/${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`, bootNonce: randomBytes(16).toString('hex') };
}

/** The machine that the command runs on. */
export const REAL_HOST: RestoreHost = {
  ...CONSOLE,
  machine: thisMachine,
  now: () => performance.now(),
  unixMs: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  async ask(question) {
    if (!process.stdin.isTTY) return undefined;
    const prompt = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await prompt.question(question);
    } finally {
      prompt.close();
    }
  },
};
