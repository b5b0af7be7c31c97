// A ping each 10 ms, and the longest pause between two answers: the outage as a client sees it.

import type { ChildProcess } from 'node:child_process';
import type { GatewaySpaces } from './gateway-spaces.ts';

/** Of iputils' ping: an answer's line begins with its time of day, by -D. */
const ANSWER = /^\[(\d+\.\d+)\] \d+ bytes from/;

export class PingGaps {
  readonly #child: ChildProcess;
  readonly #answers: number[] = [];
  #rest = '';
  #fromUnixMs = 0;

  /** Pings `address` from `space` until it is stopped. */
  constructor(spaces: GatewaySpaces, space: string, address: string) {
    this.#child = spaces.spawn(space, ['ping', '-n', '-D', '-i', '0.01', '-W', '1', address]);
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#take(text));
  }

  /** Gaps count from now on. */
  mark(): void {
    this.#fromUnixMs = Date.now();
  }

  /** Answers that came since `unixMs`. */
  answersSince(unixMs: number): number {
    return this.#answers.filter((at) => at > unixMs).length;
  }

  /** The longest pause between two answers since the mark, the answer before it included, in milliseconds; undefined without an answer since. */
  longestGapMs(): number | undefined {
    const first = this.#answers.findIndex((at) => at >= this.#fromUnixMs);
    if (first < 0) return undefined;
    const seen = this.#answers.slice(Math.max(0, first - 1));
    return seen.reduce((longest, at, index) => (index === 0 ? longest : Math.max(longest, at - seen[index - 1]!)), 0);
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#child.on('close', resolve));
    this.#child.kill('SIGKILL');
    await closed;
  }

  #take(text: string): void {
    const lines = `${this.#rest}${text}`.split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const at = ANSWER.exec(line)?.[1];
      if (at !== undefined) this.#answers.push(Number(at) * 1000);
    }
  }
}
