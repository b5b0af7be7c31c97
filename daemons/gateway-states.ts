// Keeps conntrackd as it is wanted: between the holder and its backup one runs at each end, and nowhere else. It is a child of gatewayd and ends
// with it, however that ends: states that nobody looks after must not reach anybody.

import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ipv4 } from './core/ipv4.ts';
import type { Ipv6 } from './core/ipv6.ts';
import { conntrackdConfig } from './gateway/conntrackd-config.ts';
import type { ConntrackMode } from './gateway/host-state.ts';
import type { Logger } from './host/log.ts';
import { run } from './host/run.ts';

/** It ends by itself when its address is not there yet, or a socket not free. */
const AGAIN_MS = 1000;
/** After so long it answers, and both ends have shaken hands. */
const BULK_AFTER_MS = 500;
const LIMITS = { timeMs: 10_000, output: 65_536 } as const;

export interface StatesOptions {
  readonly own: Ipv4;
  /** Undefined where the gateway is none by IPv6. */
  readonly own6: Ipv6 | undefined;
  readonly interface: string;
  readonly folder: string;
  readonly log: Logger;
  /** Hears its process number, 0 when it has ended. */
  readonly onProcess: (pid: number) => void;
}

export class StatesKeeper {
  readonly #options: StatesOptions;
  /** What shall run: the mode and the configuration; undefined: nothing. */
  #wanted: { readonly mode: ConntrackMode; readonly text: string } | undefined;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #fault = '';

  constructor(options: StatesOptions) {
    this.#options = options;
  }

  /** Each change of the mode or the partner is a new start: it reads all flows anew from the kernel, and the ends compare what they have. */
  want(mode: ConntrackMode, partner: Ipv4 | undefined): void {
    const { own, own6, interface: name, folder } = this.#options;
    const wanted = mode === 'off' || partner === undefined ? undefined : { mode, text: conntrackdConfig({ own, own6, partner, interface: name, folder }) };
    const child = this.#child;
    const runs = child !== undefined && child.exitCode === null && child.signalCode === null && !child.killed;
    if (wanted?.mode === this.#wanted?.mode && wanted?.text === this.#wanted?.text && (runs || wanted === undefined)) return;
    this.#wanted = wanted;
    this.#end();
    this.#start();
  }

  stop(): void {
    this.#wanted = undefined;
    this.#end();
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  #start(): void {
    const wanted = this.#wanted;
    if (wanted === undefined) return this.#options.onProcess(0);
    const { folder } = this.#options;
    const file = join(folder, 'conntrackd.conf');
    writeFileSync(file, wanted.text, { mode: 0o600 });
    // What a killed one has left keeps the next from starting.
    for (const left of ['conntrackd.lock', 'conntrackd.ctl']) rmSync(join(folder, left), { force: true });
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'conntrackd', '-C', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-1000);
    });
    child.on('error', (error) => {
      said = error.message;
    });
    child.on('close', (_code, signal) => this.#ended(child, signal === 'SIGKILL' ? '' : said));
    this.#options.onProcess(child.pid ?? 0);
    this.#options.log.info({ mode: wanted.mode, pid: child.pid }, 'gateway.conntrackd');
    if (wanted.mode === 'lead') this.#timer = setTimeout(() => this.#sendAll(child, file), BULK_AFTER_MS);
  }

  /** A backup that was there before this start has not asked for what flowed meanwhile. */
  #sendAll(child: ChildProcess, file: string): void {
    if (this.#child !== child) return;
    run(['conntrackd', '-C', file, '-B'], { limits: LIMITS }).catch((error: unknown) => this.#options.log.warn({ reason: (error as Error).message }, 'gateway.conntrackd-bulk'));
  }

  #ended(child: ChildProcess, said: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#options.onProcess(0);
    const reason = said.trim().split('\n').at(-1) ?? '';
    // Killed by the beating thread, before an address went: another mode is on its way here.
    if (reason !== '' && reason !== this.#fault) this.#options.log.error({ reason, meaning: 'a takeover would break connections' }, 'gateway.conntrackd-ended');
    this.#fault = reason;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#start(), AGAIN_MS);
  }
}
