// A line typed on a console in raw mode: what is shown of it is ours to decide, so a secret is not shown at all.

const [BACKSPACE, LINE_FEED, CARRIAGE_RETURN, CTRL_U, ESCAPE, DELETE] = [0x08, 0x0a, 0x0d, 0x15, 0x1b, 0x7f];
/** A line is cut here: longer than any name or secret. */
const LINE_MAX_CHARS = 512;

/** One line while it is typed. */
export class ConsoleLine {
  readonly #hidden: boolean;
  #text = '';
  #state: 'typing' | 'done' | 'broken off' = 'typing';
  #touched = false;

  constructor(hidden: boolean) {
    this.#hidden = hidden;
  }

  /** True as soon as a key was pressed. */
  get touched(): boolean {
    return this.#touched;
  }

  get ended(): boolean {
    return this.#state !== 'typing';
  }

  /** The whole line; undefined as long as it is not ended, and when it was broken off. */
  get text(): string | undefined {
    return this.#state === 'done' ? this.#text : undefined;
  }

  /** Takes what the keyboard sent, and returns what is to be shown for it. Bytes behind the line's end are dropped. */
  type(bytes: Uint8Array): string {
    let shown = '';
    for (const byte of bytes) {
      this.#touched = true;
      if (byte === CARRIAGE_RETURN || byte === LINE_FEED) this.#state = 'done';
      else if (byte === ESCAPE) this.#state = 'broken off';
      else if (byte === BACKSPACE || byte === DELETE) shown += this.#erase(1);
      else if (byte === CTRL_U) shown += this.#erase(this.#text.length);
      else if (byte >= 0x20 && byte < 0x7f && this.#text.length < LINE_MAX_CHARS) {
        this.#text += String.fromCharCode(byte);
        if (!this.#hidden) shown += String.fromCharCode(byte);
      }
      if (this.ended) break;
    }
    return shown;
  }

  #erase(count: number): string {
    const erased = Math.min(count, this.#text.length);
    this.#text = this.#text.slice(0, this.#text.length - erased);
    return this.#hidden ? '' : '\b \b'.repeat(erased);
  }
}
