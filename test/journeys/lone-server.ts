// A metamasterd of its own at the SAN's place in the network, with a roster made for the purpose: the yardstick's, or one that is wrong.
// It is no member of the rack, so no node takes it for one of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Ipv4 } from '../../daemons/core/ipv4.ts';
import type { Mac } from '../../daemons/core/mac.ts';
import { nodeOfNumber, type Roster, type RosterNode } from '../../daemons/core/roster.ts';
import { run } from '../../daemons/host/run.ts';
import { PREFIX_LENGTH, SAN_ADDRESS } from '../../scripts/virtual-rack/network-plan.ts';
import type { VirtualRack } from '../../scripts/virtual-rack/rack.ts';

const START_MS = 30_000;
const POLL_MS = 100;

export interface LoneServerOptions {
  /** Its folder below the rack's state directory. */
  readonly name: string;
  readonly roster: Roster;
  /** The roster's number of the server itself. */
  readonly number: number;
  /** A folder with `vmlinuz` and `initrd.img`, and nothing else: all of it is read into memory. */
  readonly bootFiles: string;
}

/** The server's own place in a roster; its card is nobody's. */
export const serverNode = (number: number, address: string): RosterNode =>
  ({ number, name: 'server', macs: ['02:00:00:00:00:01' as Mac], address: address as Ipv4, loader: 'rom' });

export class LoneServer {
  readonly #rack: VirtualRack;
  readonly #address: string;
  readonly #server: ChildProcess;
  readonly #ended: Promise<void>;
  #said = '';

  private constructor(rack: VirtualRack, address: string, server: ChildProcess) {
    this.#rack = rack;
    this.#address = address;
    this.#server = server;
    this.#ended = new Promise((done) => server.once('close', () => done()));
    server.stderr!.on('data', (piece) => (this.#said += String(piece)));
    createInterface({ input: server.stdout! }).on('line', (line) => (this.#said += `${line}\n`));
  }

  /** Starts it. @throws Error with what it said when it does not serve within 30 s */
  static async start(rack: VirtualRack, { name, roster, number, bootFiles }: LoneServerOptions): Promise<LoneServer> {
    const folder = join(rack.identity.stateDir, name);
    mkdirSync(folder, { recursive: true });
    const config = join(folder, 'node.json');
    writeFileSync(config, JSON.stringify({ number, roster, interface: 'eth0', rosterGeneration: 1, bootNonce: 'ab'.repeat(16) }));
    const { address } = nodeOfNumber(roster, number)!;
    if (address !== SAN_ADDRESS) await run(rack.inRoom('san', ['ip', 'address', 'replace', `${address}/${PREFIX_LENGTH}`, 'dev', 'eth0']));
    const [command, ...argv] = rack.inRoom('san', [process.execPath, '--disable-warning=ExperimentalWarning', 'build/bundles/metamasterd.mjs', '--config', config, '--boot-dir', bootFiles]);
    const server = new LoneServer(rack, address, spawn(command!, argv, { stdio: ['ignore', 'pipe', 'pipe'] }));
    try {
      await server.waitForLog(/boot-services\.serving/, 0, START_MS);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** How much it has said so far, for `waitForLog`. */
  get logged(): number {
    return this.#said.length;
  }

  /** Waits until its log holds the pattern behind `after`. @throws Error with the end of the log */
  async waitForLog(pattern: RegExp, after: number, timeoutMs: number): Promise<void> {
    for (const deadline = performance.now() + timeoutMs; !pattern.test(this.#said.slice(after)); ) {
      if (this.#server.exitCode !== null || this.#server.signalCode !== null) throw new Error(`the lone server ended: ${this.#said.slice(-2000)}`);
      if (performance.now() > deadline) throw new Error(`the lone server's log must show ${pattern}; its end: ${this.#said.slice(after).slice(-2000)}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Ends it, and takes its address away. Twice is no harm. */
  async stop(): Promise<void> {
    this.#server.kill('SIGKILL');
    await this.#ended;
    if (this.#address !== SAN_ADDRESS) await run(this.#rack.inRoom('san', ['ip', 'address', 'delete', `${this.#address}/${PREFIX_LENGTH}`, 'dev', 'eth0']), { accept: 'any' });
  }
}
