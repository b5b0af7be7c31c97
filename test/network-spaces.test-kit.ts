// Network namespaces for tests with real sockets: a switch, and hosts on it with an interface `eth0` each. They carry the process
// number of their test, so that those of a killed run can be told and removed.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const works = (command: string, ...argv: string[]): boolean => spawnSync(command, argv, { stdio: 'ignore' }).status === 0;

/** True where this process may make namespaces: root, with iproute2. */
export const MAY_MAKE_SPACES = process.getuid?.() === 0 && works('ip', '-V');

/** Runs `ip`. Throws with what it said when it fails. */
export const ip = (...argv: string[]): void => void execFileSync('ip', argv, { stdio: ['ignore', 'ignore', 'pipe'] });

/** The arguments of `ip` that run a program in a namespace. */
export const inSpace = (space: string, ...argv: string[]): string[] => ['netns', 'exec', space, ...argv];

/** The namespaces of one test; `prefix` is a word of its own for each test file. */
export class NetworkSpaces {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The namespace of that name, of this test's. */
  space(name: string): string {
    return `${this.#prefix}${process.pid}-${name}`;
  }

  /** Removes what killed runs of this test left, and makes the switch. */
  start(): void {
    this.#remove((pid) => !existsSync(`/proc/${pid}`));
    ip('netns', 'add', this.space('switch'));
    ip('-n', this.space('switch'), 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0');
    ip('-n', this.space('switch'), 'link', 'set', 'br0', 'up');
  }

  /** Adds a host to the switch; `address` with its prefix length, or none. There is no default route. Returns its namespace. */
  plugIn(name: string, { mac, address }: { readonly mac?: string; readonly address?: string }): string {
    const [space, center] = [this.space(name), this.space('switch')];
    ip('netns', 'add', space);
    ip('-n', center, 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space);
    ip('-n', center, 'link', 'set', name, 'master', 'br0', 'up');
    if (mac !== undefined) ip('-n', space, 'link', 'set', 'eth0', 'address', mac);
    ip('-n', space, 'link', 'set', 'eth0', 'up');
    if (address !== undefined) ip('-n', space, 'address', 'add', address, 'dev', 'eth0');
    return space;
  }

  /** Removes all of this test's. */
  stop(): void {
    this.#remove((pid) => pid === process.pid);
  }

  #remove(which: (pid: number) => boolean): void {
    const names = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split('\n').map((line) => line.split(' ')[0]!);
    for (const name of names) {
      const pid = new RegExp(`^${this.#prefix}(\\d+)-`).exec(name)?.[1];
      if (pid !== undefined && which(Number(pid))) ip('netns', 'del', name);
    }
  }
}
