// Reads a blade's console log as it grows, and waits for what the blade says.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { joinRecords, parseRecord, sincePowerOn, type ConsoleRecord } from './console-log.ts';
import { fail } from './failure.ts';

/** The logger itself waits 100 ms before it writes an unfinished line; looking more often shows nothing sooner. */
const POLL_MS = 50;
/** How much of the console an error shows. */
const LAST_LINES = 12;

/** Where on the console something was found. */
export interface ConsoleMatch {
  readonly match: RegExpExecArray;
  /** Since power-on, of the line in which the match begins. */
  readonly seconds: number;
  /** Where the match ends, in characters since power-on; give it as `after` to find the next one. */
  readonly end: number;
}

/** A console's text with the time of every line. */
export interface ConsoleText {
  readonly text: string;
  /** Where each line begins, and its seconds since power-on. */
  readonly lines: readonly { readonly at: number; readonly seconds: number }[];
}

/** The text of joined records; remarks stand in it as `# reset (…)`. */
export function consoleTextOf(records: readonly ConsoleRecord[]): ConsoleText {
  let text = '';
  const lines: { at: number; seconds: number }[] = [];
  for (const record of records) {
    lines.push({ at: text.length, seconds: record.seconds });
    text += `${record.kind === 'remark' ? '# ' : ''}${record.text}\n`;
  }
  return { text, lines };
}

/** Finds a pattern in the text from `after` on. */
export function findOn(console: ConsoleText, pattern: RegExp, after: number): ConsoleMatch | undefined {
  const search = new RegExp(pattern.source, pattern.flags.includes('g') ? pattern.flags : `${pattern.flags}g`);
  search.lastIndex = after;
  const match = search.exec(console.text);
  if (match === null) return undefined;
  return { match, seconds: console.lines.findLast((line) => line.at <= match.index)?.seconds ?? 0, end: match.index + match[0].length };
}

/** Follows one log file. */
export class ConsoleReader {
  readonly #path: string;
  #offset = 0;
  #tail: Buffer = Buffer.alloc(0);
  #records: ConsoleRecord[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  /** All records that are in the log by now, rests joined to their lines. No file: none. */
  records(): readonly ConsoleRecord[] {
    this.#readMore();
    return joinRecords(this.#records);
  }

  /** The text since power-on. */
  text(): ConsoleText {
    return consoleTextOf(sincePowerOn(this.records()));
  }

  /**
   * Waits until the pattern stands on the console.
   * Throws MM-RACK-DEAD at once when `alive` says that the blade's process is gone, MM-RACK-CONSOLE when time is up.
   * @param after where to begin, in characters since power-on
   */
  async waitFor(where: string, pattern: RegExp, options: { timeoutMs: number; after: number; alive: () => boolean }): Promise<ConsoleMatch> {
    const deadline = performance.now() + options.timeoutMs;
    for (;;) {
      // Asked before the log is read: what a blade said last is still found after its death.
      const alive = options.alive();
      const text = this.text();
      const found = findOn(text, pattern, options.after);
      if (found !== undefined) return found;
      const last = text.text === '' ? 'nothing' : text.text.trimEnd().split('\n').slice(-LAST_LINES).join('\n    ');
      if (!alive) fail('MM-RACK-DEAD', where, `the console must show ${pattern}`, `the blade is without power; last on its console:\n    ${last}`, `See ${this.#path} and the qemu log beside it.`);
      if (performance.now() > deadline) {
        fail('MM-RACK-CONSOLE', where, `the console must show ${pattern} within ${options.timeoutMs} ms`, `last on its console:\n    ${last}`, `See ${this.#path}.`);
      }
      await sleep(POLL_MS);
    }
  }

  #readMore(): void {
    let file: number;
    try {
      file = openSync(this.#path, 'r');
    } catch {
      return;
    }
    const { size } = fstatSync(file);
    if (size < this.#offset) {
      // A new log began where the old one was put aside.
      this.#offset = 0;
      this.#tail = Buffer.alloc(0);
      this.#records = [];
    }
    const bytes = Buffer.alloc(size - this.#offset);
    this.#offset += readSync(file, bytes, 0, bytes.length, this.#offset);
    closeSync(file);
    const whole = Buffer.concat([this.#tail, bytes]);
    const end = whole.lastIndexOf(10) + 1;
    this.#tail = whole.subarray(end);
    for (const line of whole.subarray(0, end).toString('utf8').split('\n')) {
      const record = parseRecord(line);
      if (record !== undefined) this.#records.push(record);
    }
  }
}
