// The frame that all our 4096-byte blocks on the SAN share: a magic, a version, fields, and a CRC-32C in the last four bytes.
// The frame never changes with the version, so that an old reader can tell a newer block from a damaged one.

import { decodeLatin1, encodeLatin1, equalBytes, toHex, viewOf } from '../core/bytes.ts';
import { crc32c } from '../core/crc32.ts';
import type { MessageCode, Problem, Result } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import { uuidFromBytes, uuidToBytes } from '../core/uuid.ts';

/** The unit of every structure of ours: the largest sector size in use, and a page, so that O_DIRECT takes it everywhere. */
export const BLOCK_BYTES = 4096;
/** The unit in which GPT and device-mapper count, and the most that a torn write keeps whole. */
export const SECTOR_BYTES = 512;
/** Alignment of partitions and of a volume's data part: what every SAN's stripe and every erase block divides or accepts. */
export const MIB = 1024 * 1024;

const CRC_AT = BLOCK_BYTES - 4;
const MAGIC_BYTES = 8;
const MAX_U32 = 0xffffffff;

/** The next multiple of `unit` that is not below `value`. */
export const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** One kind of block: what it is called in a message, and how a value becomes fields and fields a value. */
export interface BlockCodec<T> {
  readonly what: string;
  /** Eight ASCII characters. */
  readonly magic: string;
  /** The only version this program writes, and the newest that it reads. */
  readonly version: number;
  write(fields: FieldWriter, value: T): void;
  /** Reads all fields; a field that breaks its rule is reported to `fields` and the value is then thrown away. */
  read(fields: FieldReader): T;
}

/** Puts fields into a block. A value that does not fit is our own mistake: RangeError. */
export class FieldWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  u32(at: number, value: number): void {
    if (!Number.isInteger(value) || value < 0 || value > MAX_U32) throw new RangeError(`${value} is no unsigned 32-bit number (offset ${at})`);
    this.#view.setUint32(at, value, true);
  }

  u64(at: number, value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no whole number below 2^53 (offset ${at})`);
    this.#view.setUint32(at, value % 2 ** 32, true);
    this.#view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  }

  uuid(at: number, value: Uuid): void {
    this.#bytes.set(uuidToBytes(value), at);
  }

  raw(at: number, length: number, value: Uint8Array): void {
    if (value.length !== length) throw new RangeError(`${value.length} bytes where ${length} are wanted (offset ${at})`);
    this.#bytes.set(value, at);
  }

  text(at: number, capacity: number, value: string): void {
    if (value.length > capacity || !isPlainText(value)) throw new RangeError(`text of at most ${capacity} printable ASCII characters wanted (offset ${at})`);
    this.#bytes.set(encodeLatin1(value), at);
  }

  /** A CRC-32C of its own over everything before `at`, for a block whose first part must stand alone. */
  seal(at: number): void {
    this.#view.setUint32(at, crc32c(this.#bytes.subarray(0, at)), true);
  }

  /** One of a fixed list of words, kept as its place in the list, from 1. */
  choice<W extends string>(at: number, words: readonly W[], value: W): void {
    const code = words.indexOf(value) + 1;
    if (code === 0) throw new RangeError(`'${value}' is none of ${words.join(', ')} (offset ${at})`);
    this.u32(at, code);
  }
}

/** Takes fields out of a block and gathers what breaks a rule. */
export class FieldReader {
  readonly problems: Problem[] = [];
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #where: string;

  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#where = where;
  }

  /** Reports a field whose value no program of ours writes. */
  refuse(field: string, rule: string, seen: string): void {
    this.problems.push(blockProblem('MM-BLOCK-FIELD', this.#where, `${field}: ${rule}`, seen, DAMAGED_REMEDY));
  }

  u32(at: number, field: string, min = 0, max = MAX_U32): number {
    const value = this.#view.getUint32(at, true);
    if (value < min || value > max) this.refuse(field, `a number from ${min} to ${max}`, String(value));
    return value;
  }

  u64(at: number, field: string, min = 0): number {
    const value = this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
    if (value < min || value > Number.MAX_SAFE_INTEGER) this.refuse(field, `a number from ${min} to 2^53 - 1`, String(value));
    return value;
  }

  uuid(at: number): Uuid {
    return uuidFromBytes(this.#bytes.subarray(at, at + 16));
  }

  raw(at: number, length: number): Uint8Array {
    return this.#bytes.slice(at, at + length);
  }

  text(at: number, capacity: number, field: string, pattern: RegExp): string {
    const raw = this.#bytes.subarray(at, at + capacity);
    const end = raw.indexOf(0);
    const value = decodeLatin1(end < 0 ? raw : raw.subarray(0, end));
    if (!isPlainText(value) || !pattern.test(value)) this.refuse(field, `text of the form ${pattern.source}`, `bytes ${toHex(raw.subarray(0, 16))}`);
    return value;
  }

  choice<W extends string>(at: number, field: string, words: readonly W[]): W {
    const code = this.#view.getUint32(at, true);
    const word = words[code - 1];
    if (word === undefined) this.refuse(field, `a code from 1 to ${words.length} (${words.join(', ')})`, String(code));
    return word ?? words[0]!;
  }
}

const DAMAGED_REMEDY = 'The block was written by something else or is damaged: run `metamaster san check` on the device.';

function isPlainText(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

function blockProblem(code: MessageCode, where: string, rule: string, seen: string, remedy: string): Problem {
  return { code, where, rule, seen, remedy };
}

/** The checksum of a block: CRC-32C over all of it with the field itself zero. */
function blockChecksum(bytes: Uint8Array): number {
  const copy = Uint8Array.from(bytes);
  copy.fill(0, CRC_AT);
  return crc32c(copy);
}

/** A value as a block of BLOCK_BYTES. Throws RangeError for a value that does not fit its field: that is a bug of the caller. */
export function encodeBlock<T>(codec: BlockCodec<T>, value: T): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  bytes.set(encodeLatin1(codec.magic));
  const fields = new FieldWriter(bytes);
  fields.u32(MAGIC_BYTES, codec.version);
  codec.write(fields, value);
  viewOf(bytes).setUint32(CRC_AT, blockChecksum(bytes), true);
  return bytes;
}

/**
 * The value of a block, or one of five problems: MM-BLOCK-LENGTH, -MAGIC, -CHECKSUM, -VERSION (a newer program wrote it),
 * -FIELD (also for bytes in reserved places: whatever decodes encodes to the very same block). `where` says which block it is.
 */
export function decodeBlock<T>(codec: BlockCodec<T>, bytes: Uint8Array, where: string): Result<T> {
  const fail = (code: MessageCode, rule: string, seen: string, remedy: string): Result<T> => ({ ok: false, problems: [blockProblem(code, where, rule, seen, remedy)] });
  if (bytes.length !== BLOCK_BYTES) return fail('MM-BLOCK-LENGTH', `a ${codec.what} has ${BLOCK_BYTES} bytes`, `${bytes.length} bytes`, 'The device is shorter than its tables say: check that it is the right one.');
  const magic = bytes.subarray(0, MAGIC_BYTES);
  if (!equalBytes(magic, encodeLatin1(codec.magic))) {
    return fail('MM-BLOCK-MAGIC', `a ${codec.what} begins with ${codec.magic}`, `bytes ${toHex(magic)}`, 'Nothing of ours stands here: check the device and the offset, or install or restore what is missing.');
  }
  const view = viewOf(bytes);
  const stored = view.getUint32(CRC_AT, true);
  const computed = blockChecksum(bytes);
  if (stored !== computed) return fail('MM-BLOCK-CHECKSUM', `CRC-32C ${hex32(computed)} over the ${codec.what}`, hex32(stored), 'The block is torn or damaged; its copy, or the older slot, counts.');
  const version = view.getUint32(MAGIC_BYTES, true);
  if (version > codec.version) return fail('MM-BLOCK-VERSION', `${codec.what} of version ${codec.version} at most`, `version ${version}`, 'A newer metamaster wrote it: use that release or a newer one.');
  const fields = new FieldReader(bytes, where);
  if (version < codec.version) fields.refuse('version', `version ${codec.version}`, String(version));
  const value = codec.read(fields);
  if (fields.problems.length > 0) return { ok: false, problems: fields.problems };
  if (!equalBytes(encodeBlock(codec, value), bytes)) return fail('MM-BLOCK-FIELD', `reserved bytes of a ${codec.what} are zero`, 'others', DAMAGED_REMEDY);
  return { ok: true, value };
}

/** True when a decoding failed because a newer program wrote the block: then no older copy may be used in its place. */
export function isNewerVersion(result: Result<unknown>): boolean {
  return !result.ok && result.problems.some((problem) => problem.code === 'MM-BLOCK-VERSION');
}

function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
