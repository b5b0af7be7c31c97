// The journal's files: `events.jsonl`, one event in a line, and `data.bin`, the bytes of all writes as they came. While a stream is
// recorded nothing of it is kept in memory.

import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SECTOR_BYTES } from '../../daemons/storage/block.ts';
import type { JournalEvent, Run } from './crash-journal.ts';
import type { ByteRange, Heard } from './iscsi-conversation.ts';

const FORMAT = 'metamaster-write-journal';
const VERSION = 1;

/** One line. A piece of data says where in `data.bin` its bytes stand; a flush without a length reaches to the disk's end. */
type Line =
  | { readonly format: string; readonly version: number }
  | { readonly write: number; readonly ranges: readonly ByteRange[]; readonly dataBytes: number; readonly durable: boolean }
  | { readonly data: number; readonly at: number; readonly bytes: number; readonly from: number }
  | { readonly flush: number; readonly offset: number; readonly length?: number }
  | { readonly answered: number; readonly good: boolean }
  | { readonly refused: string };

/** A journal that is being written. */
export class JournalWriter {
  readonly #events: number;
  readonly #data: number;
  readonly #writeCache: boolean;
  #dataBytes = 0;

  /** Makes the folder; a journal that is there already is never written over. `writeCache` false: the disk has none, so that what it answers is durable. */
  constructor(folder: string, writeCache: boolean) {
    mkdirSync(folder, { recursive: true });
    this.#events = openSync(join(folder, 'events.jsonl'), 'wx');
    this.#data = openSync(join(folder, 'data.bin'), 'wx');
    this.#writeCache = writeCache;
    this.#line({ format: FORMAT, version: VERSION });
  }

  /** Writes down what was heard. */
  take(heard: Heard): void {
    switch (heard.kind) {
      case 'write': return this.#line({ write: heard.task, ranges: heard.ranges, dataBytes: heard.dataBytes, durable: heard.durable || !this.#writeCache });
      case 'data': return this.#bytes(heard.task, heard.at, heard.bytes);
      case 'flush': return this.#line({ flush: heard.task, offset: heard.range.offset, ...(heard.range.length === Infinity ? {} : { length: heard.range.length }) });
      case 'answered': return this.#line({ answered: heard.task, good: heard.good });
      default: return heard satisfies never;
    }
  }

  /** The stream could not be understood: its journal is none. */
  refuse(why: string): void {
    this.#line({ refused: why });
  }

  close(): void {
    closeSync(this.#events);
    closeSync(this.#data);
  }

  #bytes(task: number, at: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#data, bytes, done);
    this.#line({ data: task, at, bytes: bytes.length, from: this.#dataBytes });
    this.#dataBytes += bytes.length;
  }

  #line(line: Line): void {
    appendFileSync(this.#events, `${JSON.stringify(line)}\n`);
  }
}

/** A part of a write's data, and where it stands in `data.bin`. */
interface Part {
  readonly at: number;
  readonly bytes: number;
  readonly from: number;
}

/** A journal in its folder. Close it when nothing of it is read any more. */
export class JournalFile {
  readonly events: readonly JournalEvent[];
  readonly #data: number;

  /** @throws Error for what is no journal, and for the journal of a stream that was not understood */
  constructor(folder: string) {
    const lines = readLines(join(folder, 'events.jsonl'));
    this.#data = openSync(join(folder, 'data.bin'), 'r');
    const parts = new Map<number, Part[]>();
    const flushes = new Set<number>();
    for (const line of lines) {
      if ('refused' in line) throw new Error(`${folder}: the stream was not understood, and is no record of its writes: ${line.refused}`);
      if ('flush' in line) flushes.add(line.flush);
      if ('data' in line) {
        const known = parts.get(line.data);
        if (known === undefined) parts.set(line.data, [line]);
        else known.push(line);
      }
    }
    this.events = lines.flatMap((line): JournalEvent[] => {
      if ('write' in line) return [{ kind: 'write', id: line.write, runs: this.#runs(line.ranges, line.dataBytes, parts.get(line.write) ?? []), durable: line.durable }];
      if ('flush' in line) return [{ kind: 'flush-begin', id: line.flush, offset: line.offset, length: line.length ?? Infinity }];
      if ('answered' in line) return [{ kind: flushes.has(line.answered) ? 'flush-done' : 'answered', id: line.answered, good: line.good }];
      return [];
    });
  }

  close(): void {
    closeSync(this.#data);
  }

  /** A write's ranges with their bytes; of data that came only in part, the sectors that came whole. */
  #runs(ranges: readonly ByteRange[], dataBytes: number, unsorted: readonly Part[]): readonly Run[] {
    if (dataBytes === 0) return ranges.map(({ offset, length }) => ({ offset, length, read: (_, bytes) => new Uint8Array(bytes) }));
    const parts = unsorted.toSorted((a, b) => a.at - b.at);
    const come = wholeSectors(parts);
    return ranges.flatMap((range) => {
      // Of repeated data there is one block: it came, or it did not.
      if (range.length !== dataBytes) return come[0]?.length === dataBytes ? [{ ...range, read: (at: number, length: number) => this.#repeated(parts, at, length, dataBytes) }] : [];
      return come.map(({ offset, length }): Run => ({ offset: range.offset + offset, length, read: (at, bytes) => this.#bytes(parts, offset + at, bytes) }));
    });
  }

  #repeated(parts: readonly Part[], at: number, length: number, dataBytes: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; done += SECTOR_BYTES) bytes.set(this.#bytes(parts, (at + done) % dataBytes, SECTOR_BYTES), done);
    return bytes;
  }

  #bytes(parts: readonly Part[], at: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (const part of parts) {
      const [start, end] = [Math.max(at, part.at), Math.min(at + length, part.at + part.bytes)];
      for (let done = start; done < end; ) {
        const got = readSync(this.#data, bytes, done - at, end - done, part.from + done - part.at);
        if (got === 0) throw new Error('data.bin is shorter than events.jsonl says');
        done += got;
      }
    }
    return bytes;
  }
}

function readLines(path: string): readonly Line[] {
  const texts = readFileSync(path, 'utf8').split('\n');
  // A recorder that was killed may have left half a line.
  texts.pop();
  const lines = texts.map((text) => JSON.parse(text) as Line);
  const [head] = lines;
  if (head === undefined || !('format' in head) || head.format !== FORMAT || head.version !== VERSION) throw new Error(`${path} is no journal of version ${VERSION}`);
  return lines;
}

/** The whole sectors that sorted parts cover, neighbours joined. */
function wholeSectors(parts: readonly Part[]): readonly ByteRange[] {
  const covered: { offset: number; end: number }[] = [];
  for (const { at, bytes } of parts) {
    const last = covered.at(-1);
    if (last !== undefined && at <= last.end) last.end = Math.max(last.end, at + bytes);
    else covered.push({ offset: at, end: at + bytes });
  }
  return covered.flatMap(({ offset, end }) => {
    const [first, behind] = [Math.ceil(offset / SECTOR_BYTES) * SECTOR_BYTES, Math.floor(end / SECTOR_BYTES) * SECTOR_BYTES];
    return behind > first ? [{ offset: first, length: behind - first }] : [];
  });
}
