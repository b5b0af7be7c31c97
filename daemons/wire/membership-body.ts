// The bytes of a membership datagram before it is sealed. Big-endian. First what the sender says of itself: incarnation 4, sequence 4, roster
// generation 8; then the kind 1 and what belongs to it. The sender's number and start are in the seal's header.

import { decodeUtf8, encodeUtf8, fromHex, toHex, viewOf } from '../core/bytes.ts';
import { BODY_MAX_BYTES, BUCKET_BITS, BUCKET_SIZE, CLAIMS_MAX, FACT_KEY, FACT_KEY_MAX_BYTES, FACT_VALUE_MAX_BYTES, factsProblem, FACTS_MAX, INCARNATION_MAX, START_BYTES, STATUSES, SUSPECTERS_TOLD_MAX, SYNC_BUCKETS_MAX, WANTED_MAX } from './membership-packet.ts';
import type { Claim, Description, MembershipBody, MembershipPacket, Status } from './membership-packet.ts';

const NODE_MAX = 0xffff;
const WORD_MAX = 0xffffffff;
const KINDS = ['ping', 'ack', 'ping-request', 'nack', 'news', 'sync', 'digest', 'want', 'records'] as const satisfies readonly MembershipBody['kind'][];
const [DESCRIBED_FLAG, SERVING_FLAG, PRESENT_FLAG] = [0x80, 1, 2];

class Writer {
  readonly #bytes = new Uint8Array(BODY_MAX_BYTES);
  readonly #view = viewOf(this.#bytes);
  #at = 0;

  #check(field: string, value: number, max: number): void {
    if (!Number.isInteger(value) || value < 0 || value > max) throw new RangeError(`membership ${field} must be 0 to ${max}; seen ${value}`);
  }

  byte(field: string, value: number): void {
    this.#check(field, value, 0xff);
    this.#view.setUint8(this.#at, value);
    this.#at += 1;
  }

  short(field: string, value: number): void {
    this.#check(field, value, NODE_MAX);
    this.#view.setUint16(this.#at, value);
    this.#at += 2;
  }

  word(field: string, value: number, max = WORD_MAX): void {
    this.#check(field, value, max);
    this.#view.setUint32(this.#at, value);
    this.#at += 4;
  }

  generation(value: number): void {
    this.#check('generation', value, Number.MAX_SAFE_INTEGER);
    this.#view.setBigUint64(this.#at, BigInt(value));
    this.#at += 8;
  }

  start(text: string): void {
    this.#raw(startBytes(text));
  }

  text(field: string, text: string): void {
    const bytes = encodeUtf8(text);
    this.byte(field, bytes.length);
    this.#raw(bytes);
  }

  /** How many there are, which may be `max`, and each of them. */
  list<T>(field: string, items: readonly T[], max: number, each: (item: T) => void): void {
    this.#check(field, items.length, max);
    this.byte(field, items.length);
    for (const item of items) each(item);
  }

  /** A DataView throws RangeError beyond the end, so does this. */
  #raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }
}

/** Eight bytes of sixteen lower-case hexadecimal digits; throws RangeError for anything else. */
export function startBytes(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes?.length !== START_BYTES || toHex(bytes) !== text) throw new RangeError(`membership start must be 16 lower-case hexadecimal digits; seen ${text}`);
  return bytes;
}

function writeClaim(out: Writer, { node, start, incarnation, status, by, description }: Claim): void {
  out.short('node', node);
  out.start(start);
  out.word('incarnation', incarnation, INCARNATION_MAX);
  out.byte('status', STATUSES.indexOf(status) | (description ? DESCRIBED_FLAG : 0));
  out.list('suspecters', by, SUSPECTERS_TOLD_MAX, (each) => out.short('suspecter', each));
  if (!description) return;
  out.word('sequence', description.sequence);
  out.byte('flags', (description.serving ? SERVING_FLAG : 0) | (description.present ? PRESENT_FLAG : 0));
  out.generation(description.rosterGeneration);
  const problem = factsProblem(description.facts);
  if (problem !== undefined) throw new RangeError(problem);
  out.list('facts', [...description.facts], FACTS_MAX, ([key, value]) => {
    out.text('fact name', key);
    out.text('fact', value);
  });
}

const writeClaims = (out: Writer, claims: readonly Claim[]): void => out.list('claims', claims, CLAIMS_MAX, (claim) => writeClaim(out, claim));

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
      return out.list('buckets', body.buckets, SYNC_BUCKETS_MAX, ({ bucket, hash }) => {
        out.short('bucket', bucket);
        out.word('hash', hash);
      });
    case 'digest':
      out.short('bucket', body.bucket);
      return out.list('entries', body.entries, BUCKET_SIZE, (entry) => {
        out.short('node', entry.node);
        out.start(entry.start);
        out.word('incarnation', entry.incarnation, INCARNATION_MAX);
        out.byte('status', STATUSES.indexOf(entry.status));
        out.word('sequence', entry.sequence);
      });
    case 'want':
      return out.list('wanted', body.nodes, WANTED_MAX, (node) => out.short('node', node));
  }
}

/** The plain body. Throws RangeError when a field is out of its range or all of it is too long: that is a fault of ours. */
export function encodeBody({ from, body }: MembershipPacket): Uint8Array {
  const out = new Writer();
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
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  #advance(count: number): number {
    const at = this.#at;
    need(at + count <= this.#bytes.length);
    this.#at += count;
    return at;
  }

  byte(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  short(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  word(): number {
    return this.#view.getUint32(this.#advance(4));
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
    const generation = Number(this.#view.getBigUint64(this.#advance(8)));
    need(generation <= Number.MAX_SAFE_INTEGER);
    return generation;
  }

  start(): string {
    return toHex(this.#raw(START_BYTES));
  }

  text(max: number): string {
    const length = this.byte();
    need(length <= max);
    const text = decodeUtf8(this.#raw(length));
    need(text !== undefined);
    return text;
  }

  list<T>(max: number, each: () => T): T[] {
    const count = this.byte();
    need(count <= max);
    return Array.from({ length: count }, each);
  }

  #raw(count: number): Uint8Array {
    const at = this.#advance(count);
    return this.#bytes.subarray(at, at + count);
  }

  end(): void {
    need(this.#at === this.#bytes.length);
  }
}

const needAscending = (numbers: readonly number[]): void => need(numbers.every((number, i) => i === 0 || numbers[i - 1]! < number));

function readStatus(code: number): Status {
  const status = STATUSES[code];
  need(status !== undefined);
  return status;
}

function readDescription(from: Reader): Description {
  const sequence = from.word();
  const flags = from.byte();
  need((flags & ~(SERVING_FLAG | PRESENT_FLAG)) === 0);
  const rosterGeneration = from.generation();
  const pairs = from.list(FACTS_MAX, () => [from.text(FACT_KEY_MAX_BYTES), from.text(FACT_VALUE_MAX_BYTES)] as const);
  const facts = new Map(pairs);
  need(facts.size === pairs.length && pairs.every(([key]) => FACT_KEY.test(key)));
  return { sequence, serving: (flags & SERVING_FLAG) !== 0, present: (flags & PRESENT_FLAG) !== 0, rosterGeneration, facts };
}

function readClaim(from: Reader): Claim {
  const [node, start, incarnation, code] = [from.node(), from.start(), from.incarnation(), from.byte()];
  const status = readStatus(code & ~DESCRIBED_FLAG);
  const by = from.list(SUSPECTERS_TOLD_MAX, () => from.node());
  needAscending(by);
  return { node, start, incarnation, status, by, description: (code & DESCRIBED_FLAG) === 0 ? undefined : readDescription(from) };
}

function readDigest(from: Reader): MembershipBody {
  const bucket = from.short();
  const entries = from.list(BUCKET_SIZE, () => ({ node: from.node(), start: from.start(), incarnation: from.incarnation(), status: readStatus(from.byte()), sequence: from.word() }));
  needAscending(entries.map(({ node }) => node));
  need(entries.every(({ node }) => node >> BUCKET_BITS === bucket));
  return { kind: 'digest', bucket, entries };
}

function readBody(from: Reader): MembershipBody {
  const kind = KINDS[from.byte()];
  need(kind !== undefined);
  const claims = (): readonly Claim[] => from.list(CLAIMS_MAX, () => readClaim(from));
  switch (kind) {
    case 'ping':
    case 'ack':
      return { kind, probe: from.word(), claims: claims() };
    case 'ping-request':
      return { kind, probe: from.word(), target: from.node(), claims: claims() };
    case 'nack':
      return { kind, probe: from.word() };
    case 'news':
    case 'records':
      return { kind, claims: claims() };
    case 'sync':
      return { kind, buckets: from.list(SYNC_BUCKETS_MAX, () => ({ bucket: from.short(), hash: from.word() })) };
    case 'digest':
      return readDigest(from);
    case 'want': {
      const nodes = from.list(WANTED_MAX, () => from.node());
      needAscending(nodes);
      return { kind, nodes };
    }
  }
}

/** Reads a plain body of the sender that the header names; undefined when it is none. Never throws. */
export function decodeBody(node: number, start: string, bytes: Uint8Array): MembershipPacket | undefined {
  const from = new Reader(bytes);
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
