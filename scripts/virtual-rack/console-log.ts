// The console log's format, and how a stream of terminal output becomes lines.
//
//   2026-11-21T09:30:00.123Z     12.345 | the beginning of a line
//   2026-11-21T09:30:00.923Z     13.145 + its rest, when the blade paused within it (a prompt does)
//   2026-11-21T09:30:01.000Z     13.222 # a remark of the rack: power on, reset, power lost
//
// The first column is wall-clock time, the second seconds since power-on; both of the piece's first character.

/** A line longer than this is broken: a blade may send megabytes without a line feed. */
export const LINE_LIMIT = 4096;

export type PieceKind = 'line' | 'rest' | 'remark';

/** A piece of console output, before it is stamped. */
export interface ConsolePiece {
  readonly kind: PieceKind;
  readonly text: string;
  /** Milliseconds on the caller's clock, when the first character came. */
  readonly at: number;
}

/** A stamped piece as it stands in the log. */
export interface ConsoleRecord {
  readonly kind: PieceKind;
  readonly wallClock: string;
  /** Since power-on. */
  readonly seconds: number;
  readonly text: string;
}

const SIGN: Readonly<Record<PieceKind, string>> = { line: '|', rest: '+', remark: '#' };
const KIND: Readonly<Record<string, PieceKind>> = { '|': 'line', '+': 'rest', '#': 'remark' };

/** The remark that begins a log's newest part. */
export const POWER_ON = 'power on';

/** One record as a line of the log, with its line feed. */
export const formatRecord = (record: ConsoleRecord): string =>
  `${record.wallClock} ${record.seconds.toFixed(3).padStart(10)} ${SIGN[record.kind]} ${record.text}\n`;

/** Reads one line of the log, without its line feed; undefined when it is none. */
export function parseRecord(line: string): ConsoleRecord | undefined {
  const match = /^(\S+Z) +(\d+\.\d{3}) ([|+#]) (.*)$/.exec(line);
  if (match === null) return undefined;
  return { wallClock: match[1]!, seconds: Number(match[2]), kind: KIND[match[3]!]!, text: match[4]! };
}

/** Joins the rests to their lines and leaves what is no record out. Remarks stay pieces of their own. */
export function joinRecords(records: readonly ConsoleRecord[]): ConsoleRecord[] {
  const joined: ConsoleRecord[] = [];
  let open = -1;
  for (const record of records) {
    if (record.kind === 'rest' && open >= 0) {
      joined[open] = { ...joined[open]!, text: joined[open]!.text + record.text };
      continue;
    }
    // A remark closes the line before it.
    open = record.kind === 'remark' ? -1 : joined.length;
    joined.push(record.kind === 'rest' ? { ...record, kind: 'line' } : record);
  }
  return joined;
}

/** The records since the last power-on, which is the first of them; all when there is no such remark. */
export function sincePowerOn(records: readonly ConsoleRecord[]): readonly ConsoleRecord[] {
  const start = records.findLastIndex((record) => record.kind === 'remark' && record.text === POWER_ON);
  return start < 0 ? records : records.slice(start);
}

type Escape = 'none' | 'escape' | 'sequence' | 'string';

/** Final letters of a control sequence (ECMA-48 section 8.3) that move the cursor elsewhere or clear: what follows is another line. */
const MOVES = 'ABEFHJfd';

/**
 * Makes lines of a terminal's output: control sequences are left out, a moved cursor or a return ends a line, a backspace takes
 * a character back, and lines without a visible character are dropped. Time is an argument.
 */
export class ConsoleLines {
  #text = '';
  #at = 0;
  #escape: Escape = 'none';
  #parameters = '';
  /** True when the beginning of the present line has been handed out already. */
  #begun = false;

  /** Takes output that came at `now`; returns what is complete. */
  feed(output: string, now: number): ConsolePiece[] {
    const pieces: ConsolePiece[] = [];
    for (const char of output) {
      if (this.#escape !== 'none') this.#control(char, now, pieces);
      else if (char === '\u001b') this.#escape = 'escape';
      else if (char === '\n' || char === '\r') pieces.push(...this.close());
      else if (char === '\b') this.#text = this.#text.slice(0, -1);
      else if (char === '\t' || char >= ' ') this.#add(char, now, pieces);
    }
    return pieces;
  }

  /** Hands out the unfinished line, because the blade is silent; what follows on it comes as `rest`. */
  flush(): ConsolePiece[] {
    if (this.#text.trim() === '') return [];
    const piece: ConsolePiece = { kind: this.#begun ? 'rest' : 'line', text: this.#text, at: this.#at };
    this.#begun = true;
    this.#text = '';
    return [piece];
  }

  /** Ends the line: what follows is another one. */
  close(): ConsolePiece[] {
    const pieces = this.flush();
    this.#text = '';
    this.#begun = false;
    return pieces;
  }

  #add(char: string, now: number, pieces: ConsolePiece[]): void {
    if (this.#text === '') this.#at = now;
    this.#text += char;
    if (this.#text.length >= LINE_LIMIT) pieces.push(...this.close());
  }


  #control(char: string, now: number, pieces: ConsolePiece[]): void {
    if (this.#escape === 'escape') {
      if (char >= ' ' && char <= '/') return; // an intermediate byte, as in the choice of a character set: one more follows
      this.#escape = char === '[' ? 'sequence' : char === ']' || char === 'P' ? 'string' : 'none';
      this.#parameters = '';
      if (char === 'c' || char === 'E' || char === 'M') pieces.push(...this.close());
      return;
    }
    if (this.#escape === 'string') {
      // Ended by BEL or by ESC \ (whose backslash is taken as the end of an escape).
      if (char === '\u0007') this.#escape = 'none';
      else if (char === '\u001b') this.#escape = 'escape';
      return;
    }
    if (char < '@' || char > '~') {
      this.#parameters += char;
      return;
    }
    this.#escape = 'none';
    if (MOVES.includes(char)) pieces.push(...this.close());
    // A cursor moved forward leaves a gap; 80 columns at most, whatever the parameter says.
    if (char === 'C') for (let i = Math.min(Number.parseInt(this.#parameters, 10) || 1, 80); i > 0; i--) this.#add(' ', now, pieces);
  }
}
