// What the recorder does with the bytes that come: whole lines are appended, and a file that is full makes room for a new one. Pure: it
// says what is to be done.

/** One file; a busy day of a rack of a hundred blades. */
export const FILE_MAX_BYTES = 1024 * 1024;
/** Files that are kept, the one that is written among them: 5 MiB of a state volume at most. */
export const FILES_MAX = 5;
/** The longest line; the rest of a longer one is left out, and so is the line. */
export const RECORD_MAX_BYTES = 4096;
const NEWLINE = 0x0a;

export type RecordEffect =
  /** `boots.jsonl` becomes `boots.1.jsonl`, that one `boots.2.jsonl`; the last one goes. */
  | { readonly kind: 'rotate' }
  | { readonly kind: 'append'; readonly bytes: Uint8Array };

/** The name of a file: 0 is the one that is written. */
export const recordFile = (age: number): string => (age === 0 ? 'boots.jsonl' : `boots.${age}.jsonl`);

export class RecordRotation {
  #fileBytes: number;
  #rest: Uint8Array = new Uint8Array();
  /** Within a line that is too long. */
  #skipping = false;

  /** @param fileBytes what is in the file already */
  constructor(fileBytes: number) {
    this.#fileBytes = fileBytes;
  }

  /** Takes the next bytes of the stream; whole lines go out together, what is left waits for its end. */
  take(chunk: Uint8Array): readonly RecordEffect[] {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) {
      this.#hold(chunk);
      return [];
    }
    let lines = chunk.subarray(0, end);
    if (this.#skipping) lines = lines.subarray(lines.indexOf(NEWLINE) + 1);
    const bytes = new Uint8Array(this.#rest.length + lines.length);
    bytes.set(this.#rest);
    bytes.set(lines, this.#rest.length);
    this.#rest = new Uint8Array();
    this.#skipping = false;
    this.#hold(chunk.subarray(end));
    return this.#append(bytes);
  }

  #hold(bytes: Uint8Array): void {
    if (this.#skipping) return;
    this.#skipping = this.#rest.length + bytes.length > RECORD_MAX_BYTES;
    const held = new Uint8Array(this.#skipping ? 0 : this.#rest.length + bytes.length);
    if (!this.#skipping) {
      held.set(this.#rest);
      held.set(bytes, this.#rest.length);
    }
    this.#rest = held;
  }

  #append(bytes: Uint8Array): readonly RecordEffect[] {
    if (bytes.length === 0) return [];
    const full = this.#fileBytes > 0 && this.#fileBytes + bytes.length > FILE_MAX_BYTES;
    this.#fileBytes = (full ? 0 : this.#fileBytes) + bytes.length;
    return [...(full ? [{ kind: 'rotate' } as const] : []), { kind: 'append', bytes }];
  }
}
