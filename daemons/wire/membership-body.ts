// The bytes of a membership datagram before it is sealed. Big-endian. First what the sender says of itself: incarnation 4, sequence 4, roster
// generation 8; then the kind 1 and what belongs to it. The sender's number and start are in the seal's header.

import { decodeUtf8, encodeUtf8 } from '../core/bytes.ts';
import { BODY_MAX_BYTES, BUCKET_BITS, BUCKET_SIZE, CLAIMS_MAX, DATAGRAM_MAX_BYTES, FACT_KEY, FACT_KEY_MAX_BYTES, FACT_VALUE_MAX_BYTES, factsProblem, FACTS_MAX, INCARNATION_MAX, START_BYTES, STATUSES, SUSPECTERS_TOLD_MAX, SYNC_BUCKETS_MAX, WANTED_MAX } from './membership-packet.ts';
import type { BucketHash, Claim, Description, DigestEntry, MembershipBody, MembershipPacket, Status } from './membership-packet.ts';
import { readStart, writeStart } from './start-text.ts';

const NODE_MAX = 0xffff;
const WORD_MAX = 0xffffffff;
const WORDS = 2 ** 32;
const NONE: readonly never[] = [];
const KINDS = ['ping', 'ack', 'ping-request', 'nack', 'news', 'sync', 'digest', 'want', 'records'] as const satisfies readonly MembershipBody['kind'][];
const [DESCRIBED_FLAG, SERVING_FLAG, PRESENT_FLAG] = [0x80, 1, 2];

/** Writes into memory that is used again for the next body: every node makes tens of them in a second, a simulation millions. */
class Writer {
  readonly #bytes = new Uint8Array(DATAGRAM_MAX_BYTES);
  #headBytes = 0;
  #at = 0;

  /** A new body begins, with so many bytes left free in front of it. */
  begin(headBytes: number): void {
    this.#bytes.fill(0, 0, headBytes);
    this.#headBytes = headBytes;
    this.#at = headBytes;
  }

  #check(field: string, value: number, max: number): void {
    if (!Number.isInteger(value) || value < 0 || value > max) throw new RangeError(`membership ${field} must be 0 to ${max}; seen ${value}`);
  }

  /** What lies beyond the end of a typed array is written nowhere; `done` says so. */
  #put(bits: number, bytes: number): void {
    for (let shift = 8 * (bytes - 1); shift >= 0; shift -= 8) this.#bytes[this.#at++] = bits >>> shift;
  }

  byte(field: string, value: number): void {
    this.#check(field, value, 0xff);
    this.#put(value, 1);
  }

  short(field: string, value: number): void {
    this.#check(field, value, NODE_MAX);
    this.#put(value, 2);
  }

  word(field: string, value: number, max = WORD_MAX): void {
    this.#check(field, value, max);
    this.#put(value, 4);
  }

  generation(value: number): void {
    this.#check('generation', value, Number.MAX_SAFE_INTEGER);
    this.#put(Math.floor(value / WORDS), 4);
    this.#put(value % WORDS, 4);
  }

  start(text: string): void {
    writeStart(this.#bytes, this.#at, text);
    this.#at += START_BYTES;
  }

  text(field: string, text: string): void {
    const bytes = encodeUtf8(text);
    this.byte(field, bytes.length);
    for (const byte of bytes) this.#put(byte, 1);
  }

  /** How many there are, which may be `max`; they follow. */
  count(field: string, items: number, max: number): void {
    this.#check(field, items, max);
    this.byte(field, items);
  }

  /** All that was written since the beginning, as bytes of its own. */
  done(): Uint8Array {
    const bytes = this.#at - this.#headBytes;
    if (bytes > BODY_MAX_BYTES) throw new RangeError(`a membership body may have ${BODY_MAX_BYTES} bytes; seen ${bytes}`);
    return this.#bytes.slice(0, this.#at);
  }
}

const writer = new Writer();

function writeClaim(out: Writer, { node, start, incarnation, status, by, description }: Claim): void {
  out.short('node', node);
  out.start(start);
  out.word('incarnation', incarnation, INCARNATION_MAX);
  out.byte('status', STATUSES.indexOf(status) | (description ? DESCRIBED_FLAG : 0));
  out.count('suspecters', by.length, SUSPECTERS_TOLD_MAX);
  for (const each of by) out.short('suspecter', each);
  if (!description) return;
  out.word('sequence', description.sequence);
  out.byte('flags', (description.serving ? SERVING_FLAG : 0) | (description.present ? PRESENT_FLAG : 0));
  out.generation(description.rosterGeneration);
  const problem = factsProblem(description.facts);
  if (problem !== undefined) throw new RangeError(problem);
  out.count('facts', description.facts.size, FACTS_MAX);
  for (const [key, value] of description.facts) {
    out.text('fact name', key);
    out.text('fact', value);
  }
}

function writeClaims(out: Writer, claims: readonly Claim[]): void {
  out.count('claims', claims.length, CLAIMS_MAX);
  for (const claim of claims) writeClaim(out, claim);
}

function writeBody(out: Writer, body: MembershipBody): void {
  switch (body.kind) {
    case 'ping':
    case 'ack':
      out.word('probe', body.probe);
      return writeClaims(out, body.claims);
    case 'ping-request':
      out.word('probe', body.probe);
      out.short('target', body.target);
      return writeClaims(out, body.claims);
    case 'nack':
      return out.word('probe', body.probe);
    case 'news':
    case 'records':
      return writeClaims(out, body.claims);
    case 'sync':
      out.count('buckets', body.buckets.length, SYNC_BUCKETS_MAX);
      for (const { bucket, hash } of body.buckets) {
        out.short('bucket', bucket);
        out.word('hash', hash);
      }
      return;
    case 'digest':
      out.short('bucket', body.bucket);
      out.count('entries', body.entries.length, BUCKET_SIZE);
      for (const entry of body.entries) {
        out.short('node', entry.node);
        out.start(entry.start);
        out.word('incarnation', entry.incarnation, INCARNATION_MAX);
        out.byte('status', STATUSES.indexOf(entry.status));
        out.word('sequence', entry.sequence);
      }
      return;
    case 'want':
      out.count('wanted', body.nodes.length, WANTED_MAX);
      for (const node of body.nodes) out.short('node', node);
  }
}

/** The plain body, behind so many zero bytes (as many as a seal takes, at most). Throws RangeError when a field is out of its range or all of it is too long: that is a fault of ours. */
export function encodeBody({ from, body }: MembershipPacket, headBytes = 0): Uint8Array {
  const out = writer;
  out.begin(headBytes);
  out.word('incarnation', from.incarnation, INCARNATION_MAX);
  out.word('sequence', from.sequence);
  out.generation(from.rosterGeneration);
  out.byte('kind', KINDS.indexOf(body.kind));
  writeBody(out, body);
  return out.done();
}

/** Thrown and caught in this file alone. */
class Malformed extends Error {}

function need(condition: boolean): asserts condition {
  if (!condition) throw new Malformed();
}

class Reader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  #advance(count: number): number {
    const at = this.#at;
    need(at + count <= this.#bytes.length);
    this.#at += count;
    return at;
  }

  byte(): number {
    return this.#bytes[this.#advance(1)]!;
  }

  short(): number {
    const at = this.#advance(2);
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  word(): number {
    const at = this.#advance(4);
    const bytes = this.#bytes;
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  }

  node(): number {
    const node = this.short();
    need(node > 0);
    return node;
  }

  incarnation(): number {
    const incarnation = this.word();
    need(incarnation <= INCARNATION_MAX);
    return incarnation;
  }

  generation(): number {
    const high = this.word();
    const generation = high * WORDS + this.word();
    need(generation <= Number.MAX_SAFE_INTEGER);
    return generation;
  }

  start(): string {
    return readStart(this.#bytes, this.#advance(START_BYTES));
  }

  text(max: number): string {
    const length = this.byte();
    need(length <= max);
    const at = this.#advance(length);
    const text = decodeUtf8(this.#bytes.subarray(at, at + length));
    need(text !== undefined);
    return text;
  }

  list<T>(max: number, each: (from: Reader) => T): readonly T[] {
    const count = this.byte();
    need(count <= max);
    if (count === 0) return NONE;
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(each(this));
    return items;
  }

  end(): void {
    need(this.#at === this.#bytes.length);
  }
}

const needAscending = (numbers: readonly number[]): void => {
  for (let i = 1; i < numbers.length; i++) need(numbers[i - 1]! < numbers[i]!);
};

function readStatus(code: number): Status {
  const status = STATUSES[code];
  need(status !== undefined);
  return status;
}

const readFact = (from: Reader): readonly [string, string] => [from.text(FACT_KEY_MAX_BYTES), from.text(FACT_VALUE_MAX_BYTES)];
const readNode = (from: Reader): number => from.node();
const readBucketHash = (from: Reader): BucketHash => ({ bucket: from.short(), hash: from.word() });

function readDescription(from: Reader): Description {
  const sequence = from.word();
  const flags = from.byte();
  need((flags & ~(SERVING_FLAG | PRESENT_FLAG)) === 0);
  const rosterGeneration = from.generation();
  const pairs = from.list(FACTS_MAX, readFact);
  const facts = new Map(pairs);
  need(facts.size === pairs.length && pairs.every(([key]) => FACT_KEY.test(key)));
  return { sequence, serving: (flags & SERVING_FLAG) !== 0, present: (flags & PRESENT_FLAG) !== 0, rosterGeneration, facts };
}

function readClaim(from: Reader): Claim {
  const node = from.node();
  const start = from.start();
  const incarnation = from.incarnation();
  const code = from.byte();
  const status = readStatus(code & ~DESCRIBED_FLAG);
  const by = from.list(SUSPECTERS_TOLD_MAX, readNode);
  needAscending(by);
  return { node, start, incarnation, status, by, description: (code & DESCRIBED_FLAG) === 0 ? undefined : readDescription(from) };
}

const readEntry = (from: Reader): DigestEntry => ({ node: from.node(), start: from.start(), incarnation: from.incarnation(), status: readStatus(from.byte()), sequence: from.word() });

function readDigest(from: Reader): MembershipBody {
  const bucket = from.short();
  const entries = from.list(BUCKET_SIZE, readEntry);
  needAscending(entries.map(({ node }) => node));
  need(entries.every(({ node }) => node >> BUCKET_BITS === bucket));
  return { kind: 'digest', bucket, entries };
}

function readBody(from: Reader): MembershipBody {
  const kind = KINDS[from.byte()];
  need(kind !== undefined);
  switch (kind) {
    case 'ping':
    case 'ack':
      return { kind, probe: from.word(), claims: from.list(CLAIMS_MAX, readClaim) };
    case 'ping-request':
      return { kind, probe: from.word(), target: from.node(), claims: from.list(CLAIMS_MAX, readClaim) };
    case 'nack':
      return { kind, probe: from.word() };
    case 'news':
    case 'records':
      return { kind, claims: from.list(CLAIMS_MAX, readClaim) };
    case 'sync':
      return { kind, buckets: from.list(SYNC_BUCKETS_MAX, readBucketHash) };
    case 'digest':
      return readDigest(from);
    case 'want': {
      const nodes = from.list(WANTED_MAX, readNode);
      needAscending(nodes);
      return { kind, nodes };
    }
  }
}

/** Reads a plain body, behind so many bytes of something else, of the sender that the header names; undefined when it is none. Never throws. */
export function decodeBody(node: number, start: string, bytes: Uint8Array, headBytes = 0): MembershipPacket | undefined {
  const from = new Reader(bytes, headBytes);
  try {
    const sender = { node, start, incarnation: from.incarnation(), sequence: from.word(), rosterGeneration: from.generation() };
    const body = readBody(from);
    from.end();
    return { from: sender, body };
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}
