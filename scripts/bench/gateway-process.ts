// gatewayd in one of the namespaces, as its unit starts it.

import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { GatewayStatus, StatusAnswer } from '../../daemons/gateway-control.ts';
import { askControl } from '../../daemons/host/control-client.ts';
import type { GatewaySpaces } from './gateway-spaces.ts';

const PROGRAM = new URL('../../daemons/gatewayd.ts', import.meta.url).pathname;
const END_MS = 5000;

export class GatewayProcess {
  readonly node: number;
  readonly child: ChildProcess;
  readonly #socket: string;
  /** What it said, as JSON lines. */
  readonly log: string[] = [];
  readonly #ended: Promise<void>;

  constructor(spaces: GatewaySpaces, node: number, ...options: readonly string[]) {
    const { config, gateway, key, folder } = spaces.files(node);
    this.node = node;
    this.#socket = join(folder, 'control.sock');
    const argv = [process.execPath, '--disable-warning=ExperimentalWarning', '--single-threaded-gc', PROGRAM, '--config', config, '--gateway', gateway, '--cluster-key', key, '--control', this.#socket, ...options];
    this.child = spaces.spawn(spaces.gateway(node), argv);
    const take = (text: string): void => void this.log.push(...text.split('\n').filter((line) => line !== ''));
    this.child.stdout!.setEncoding('utf8').on('data', take);
    this.child.stderr!.setEncoding('utf8').on('data', take);
    this.#ended = new Promise((resolve) => this.child.on('close', () => resolve()));
  }

  /** Undefined while it cannot be reached. */
  async status(): Promise<GatewayStatus | undefined> {
    return ((await askControl(this.#socket, 'status').catch(() => undefined)) as StatusAnswer | undefined) ?? undefined;
  }

  ask(question: string, data?: unknown): Promise<unknown> {
    return askControl(this.#socket, question, data);
  }

  get socket(): string {
    return this.#socket;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Resolves when it has ended; it is killed when that takes too long. */
  async end(name: NodeJS.Signals): Promise<void> {
    this.child.kill(name);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), END_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}
