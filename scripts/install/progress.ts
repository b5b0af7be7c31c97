// The installer's progress: a line a stage, with a bar that redraws itself on a terminal and stays silent in between elsewhere.

const BAR = 30;
/** A bar is redrawn at most so often, in milliseconds: a serial line is slow. */
const REDRAW_MS = 500;

/** Prints to standard error, so that `--json` on standard output stays clean. */
export class Progress {
  readonly #stages: number;
  #stage = 0;
  #name = '';
  #startMs = 0;
  #drawnMs = 0;

  constructor(stages: number) {
    this.#stages = stages;
  }

  begin(name: string): void {
    this.#stage++;
    this.#name = name;
    this.#startMs = performance.now();
    this.#drawnMs = 0;
    process.stderr.write(`${this.#prefix()} …${process.stderr.isTTY ? '' : '\n'}`);
  }

  #prefix(): string {
    return `[${this.#stage}/${this.#stages}] ${this.#name}`;
  }

  /** @param share from 0 to 1 */
  update(share: number): void {
    const now = performance.now();
    if (!process.stderr.isTTY || (now - this.#drawnMs < REDRAW_MS && share < 1)) return;
    this.#drawnMs = now;
    const full = Math.round(share * BAR);
    process.stderr.write(`\r${this.#prefix()} [${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${Math.floor(share * 100)} %`);
  }

  end(): void {
    process.stderr.write(`${process.stderr.isTTY ? '\r' : ''}${this.#prefix()}: done in ${((performance.now() - this.#startMs) / 1000).toFixed(1)} s${process.stderr.isTTY ? '\u001b[K' : ''}\n`);
  }
}
