// The process that holds a lease for this one (sanlock.ts): it ends when this one does, for it reads its pipe.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

/** The program that holds the lease. It sends back each line that it is sent, which proves that it lives. */
export class LeaseHolder {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lost = new AbortController();
  readonly ended: Promise<unknown>;
  #said = '';
  #waiting: (() => void) | undefined;

  constructor(argv: readonly string[], env: Readonly<Record<string, string>> | undefined) {
    // In a session of its own: an interrupt at the terminal is for this process, which gives the lease back.
    this.#child = spawn(argv[0]!, argv.slice(1), { detached: true, env: { ...process.env, ...env } });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#said += text;
        this.#waiting?.();
      });
    }
    this.#child.stdin.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      this.#child.on('error', resolve);
      this.#child.on('close', resolve);
    }).then(() => this.#lost.abort());
  }

  /** Of sanlock first, then of the program that it becomes. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** All that it printed: where there was no lease to be had, sanlock's reason. */
  get said(): string {
    return this.#said;
  }

  /** Aborted when it has ended. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** True when the word comes back; false when the program ends instead, or the time is over. */
  async echoes(word: string, timeMs: number): Promise<boolean> {
    const line = new RegExp(`^${word}$`, 'm');
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const look = (): void => {
      if (line.test(this.#said)) resolve(true);
    };
    const timer = setTimeout(() => resolve(false), timeMs);
    this.#waiting = look;
    void this.ended.then(() => resolve(line.test(this.#said) && !this.lost.aborted));
    this.#child.stdin.write(`${word}\n`);
    look();
    const result = await promise;
    clearTimeout(timer);
    this.#waiting = undefined;
    return result;
  }

  /** Ends the program, at the latest after `timeMs` by force. */
  async end(timeMs: number): Promise<void> {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeMs);
    await this.ended;
    clearTimeout(timer);
  }
}
