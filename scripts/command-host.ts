// The machine as the commands see it that write to the SAN of an installed cluster: who it is, which disk is the SAN's, the clock, and who
// is to be asked. A test gives its own.

import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline/promises';
import { InputError, type MessageCode } from '../daemons/core/problem.ts';
import type { LeaseOptions } from '../daemons/host/sanlock.ts';
import { WRITTEN_GENERATION } from '../initrd/steps/follow-registry.ts';
import { liveSanDisk } from './live-san.ts';
import { CONSOLE, type SanOutput } from './san-device.ts';

/** Who this machine is to the SAN, as its boot recorded it. */
export interface ThisMachine {
  readonly hardwareId: string;
  readonly bootNonce: string;
  /** Which node runs here. */
  readonly node?: number;
  /** The live system of the disc runs here. */
  readonly live?: true;
  /** The container that this node was booted from. */
  readonly container?: string;
  /** The card that this node was booted by. */
  readonly interfaceName?: string;
  /** The SAN's disk by the session whose outages are errors; a node's storage agent says which. */
  readonly disk?: string;
}

/** What such a command wants of the machine. */
export interface CommandHost extends SanOutput {
  machine(): ThisMachine;
  /** In the live system: logs in to the SAN of the menu's parameters, with the CHAP login of that file, and returns its disk; elsewhere undefined. */
  liveDisk(sanLogin: string | undefined): Promise<string | undefined>;
  /** Milliseconds of a monotonic clock. */
  now(): number;
  unixMs(): number;
  sleep(ms: number): Promise<void>;
  /** What was typed; undefined where there is nobody to ask. */
  ask(question: string): Promise<string | undefined>;
  /** How the registry's lease is taken here. */
  readonly sanlock: Pick<LeaseOptions, 'startDaemon' | 'env' | 'limits'>;
  /** Is told which generation this machine has just written. */
  wrote(generation: number): void;
}

/** A JSON file of this machine; undefined when there is none. */
function jsonOf<T>(file: string): Partial<T> | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<T>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Reads the boot's record (initrd/steps/handover.ts): of a node, else of the live system; else this machine is what no other is: this boot
 * of its kernel.
 * @param folder where boot.json, live.json and the storage agent's san.json are
 */
export function thisMachine(folder = '/run/metamaster'): ThisMachine {
  const node = jsonOf<ThisMachine>(`${folder}/boot.json`);
  const record = node ?? jsonOf<ThisMachine>(`${folder}/live.json`);
  if (record?.hardwareId === undefined || record.bootNonce === undefined) {
    return { hardwareId: `boot/${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`, bootNonce: randomBytes(16).toString('hex') };
  }
  const { hardwareId, bootNonce } = record;
  if (node === undefined) return { hardwareId, bootNonce, live: true };
  const disk = jsonOf<{ disk: string }>(`${folder}/san.json`)?.disk;
  const { node: number, container, interfaceName } = node;
  return { hardwareId, bootNonce, ...(number === undefined ? {} : { node: number }), ...(container === undefined ? {} : { container }), ...(interfaceName === undefined ? {} : { interfaceName }), ...(disk === undefined ? {} : { disk }) };
}

/** The machine that the command runs on. */
export const REAL_HOST: CommandHost = {
  ...CONSOLE,
  machine: thisMachine,
  liveDisk: liveSanDisk,
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
  sanlock: { startDaemon: ['systemctl', 'start', 'metamaster-sanlock.service'] },
  wrote(generation) {
    try {
      writeFileSync(WRITTEN_GENERATION, `${generation}\n`);
    } catch {
      // Without the hint the storage agent reads the registry within a minute; and in the live system there is none.
    }
  },
};

/** Asks for a word on the terminal. @throws InputError `code` where there is nobody to ask */
export async function typed(host: CommandHost, code: MessageCode, question: string, wanted: string): Promise<boolean> {
  const answer = await host.ask(question);
  if (answer === undefined) throw new InputError([{ code, where: 'standard input', rule: 'a terminal to ask on, or --yes', seen: 'neither', remedy: 'Look at it with --dry-run, and say --yes.' }]);
  return answer.trim() === wanted;
}
