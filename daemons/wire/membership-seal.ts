// The sealed form of a membership datagram: AES-256-GCM under a key of the sender's start, which is derived from the cluster's key, with a counter as
// the nonce. 32 bytes of header, which are authenticated too: magic 4, version 1, key 3, cluster 8, node 2, start 8, counter 6; then cipher text, tag 16.

import { concatBytes, encodeUtf8, equalBytes, fromHex, toHex, viewOf } from '../core/bytes.ts';
import { hmacSha256 } from '../core/sha256.ts';
import { decodeBody, encodeBody } from './membership-body.ts';
import { DATAGRAM_MAX_BYTES, SEAL_OVERHEAD_BYTES } from './membership-packet.ts';
import type { MembershipPacket } from './membership-packet.ts';
import { readStart, startBytes } from './start-text.ts';

/** `MMLM`: metamaster liveness membership. */
const MAGIC = Uint8Array.of(0x4d, 0x4d, 0x4c, 0x4d);
/** Of the whole protocol; another one is refused, and said so. */
export const MEMBERSHIP_VERSION = 1;
const KEY_ID_BYTES = 3;
const CLUSTER_BYTES = 8;
const HEAD_BYTES = 32;
/** NIST SP 800-38D section 8.2.1: a fixed field (here six zero bytes, the key being one sender's alone) and the counter. */
const NONCE_BYTES = 12;
const COUNTER_BYTES = 6;
const COUNTER_MAX = 2 ** (8 * COUNTER_BYTES) - 1;
/** Keys in use at once: the one that is sent with, the one before it, the one to come. */
export const KEYS_MAX = 3;
/** Starts whose derived key and counters are remembered: four times 1,000 nodes under one key each. Who is forgotten is derived again. */
export const DERIVED_KEYS_MAX = 4096;
/** Counters below the highest that may still come: a LAN hardly reorders. */
const REPLAY_WINDOW = 64;

/** AES-256-GCM with a key of 32 bytes and a tag of 16 behind the cipher text; the host's crypto, for this room has none. */
export interface Aead {
  seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, associated: Uint8Array): Uint8Array;
  /** Undefined: it was not made with this key, or has been changed. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | undefined;
}

/** One of the cluster's keys, ready for use. */
interface ClusterKey {
  readonly id: string;
  readonly extracted: Uint8Array;
}

/** HKDF (RFC 5869) with SHA-256: its extraction, with the cluster as the salt. The id tells keys of a ring apart and gives nothing of them away. */
function clusterKey(cluster: Uint8Array, key: Uint8Array): ClusterKey {
  const extracted = hmacSha256(cluster, key);
  return { id: toHex(expand(extracted, encodeUtf8('metamaster membership key id')).subarray(0, KEY_ID_BYTES)), extracted };
}

/** HKDF's expansion to one block: 32 bytes. */
const expand = (extracted: Uint8Array, info: Uint8Array): Uint8Array => hmacSha256(extracted, concatBytes(info, Uint8Array.of(1)));

/** `sender`: node and start as they stand in the header. No two senders have a key in common, so a counter is nonce enough. */
const senderKey = ({ extracted }: ClusterKey, sender: Uint8Array): Uint8Array => expand(extracted, concatBytes(encodeUtf8('metamaster membership 1'), sender));

function ringOf(cluster: Uint8Array, keys: readonly Uint8Array[]): readonly ClusterKey[] {
  if (keys.length === 0 || keys.length > KEYS_MAX) throw new RangeError(`a ring has 1 to ${KEYS_MAX} keys; seen ${keys.length}`);
  return keys.map((key) => clusterKey(cluster, key));
}

function clusterBytes(cluster: string): Uint8Array {
  const bytes = fromHex(cluster);
  if (bytes?.length !== CLUSTER_BYTES) throw new RangeError(`a cluster's id must be 16 hexadecimal digits; seen ${cluster}`);
  return bytes;
}

function nonceOf(header: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  nonce.set(header.subarray(HEAD_BYTES - COUNTER_BYTES), NONCE_BYTES - COUNTER_BYTES);
  return nonce;
}

export interface SealerOptions {
  readonly aead: Aead;
  /** The first is sent with. */
  readonly keys: readonly Uint8Array[];
  /** See `clusterId`. */
  readonly cluster: string;
  readonly node: number;
  /** Drawn at random at each start of the process and never used again: counters begin anew with it. */
  readonly start: string;
}

/** Makes the datagrams of one start of one node. */
export class PacketSealer {
  readonly #options: SealerOptions;
  #head: Uint8Array;
  #key: Uint8Array;
  #counter = 0;

  constructor(options: SealerOptions) {
    this.#options = options;
    [this.#head, this.#key] = this.#prepare(options.cluster, options.keys);
  }

  /** From now on with this ring's first key, in this cluster. The counter goes on. */
  use(cluster: string, keys: readonly Uint8Array[]): void {
    [this.#head, this.#key] = this.#prepare(cluster, keys);
  }

  #prepare(cluster: string, keys: readonly Uint8Array[]): [Uint8Array, Uint8Array] {
    const { node, start } = this.#options;
    const [first] = ringOf(clusterBytes(cluster), keys);
    const sender = concatBytes(Uint8Array.of(node >> 8, node & 0xff), startBytes(start));
    const head = concatBytes(MAGIC, Uint8Array.of(MEMBERSHIP_VERSION), fromHex(first!.id)!, clusterBytes(cluster), sender, new Uint8Array(COUNTER_BYTES));
    return [head, senderKey(first!, sender)];
  }

  /** The datagram. Throws RangeError for what cannot be told, for another's packet, and when all counters are used up. */
  seal(packet: MembershipPacket): Uint8Array {
    const { node, start, aead } = this.#options;
    if (packet.from.node !== node || packet.from.start !== start) throw new RangeError(`this is the seal of node ${node}; seen a packet of ${packet.from.node}`);
    const plain = encodeBody(packet);
    if (this.#counter === COUNTER_MAX) throw new RangeError('every nonce of this start is used up');
    this.#counter += 1;
    const head = Uint8Array.from(this.#head);
    const view = viewOf(head);
    view.setUint16(HEAD_BYTES - COUNTER_BYTES, Math.floor(this.#counter / 2 ** 32));
    view.setUint32(HEAD_BYTES - 4, this.#counter % 2 ** 32);
    return concatBytes(head, aead.seal(this.#key, nonceOf(head), plain, head));
  }
}

/** What came of a datagram. `foreign`: another cluster's, which is nobody's fault; `version`: one that this node does not speak. */
export type Opened = { readonly kind: 'packet'; readonly packet: MembershipPacket } | { readonly kind: 'refused'; readonly reason: RefusalReason };
export type RefusalReason = 'malformed' | 'foreign' | 'version' | 'key' | 'replayed';

interface KnownSender {
  readonly key: Uint8Array;
  highest: number;
  /** Bit n: the counter `highest - n` was seen. */
  seen: bigint;
}

const WINDOW_MASK = (1n << BigInt(REPLAY_WINDOW)) - 1n;

/** False: this counter was seen before, or is too old to tell. Otherwise it is noted. */
function isNew(known: KnownSender, counter: number): boolean {
  const ahead = counter - known.highest;
  if (ahead > 0) {
    known.seen = ahead >= REPLAY_WINDOW ? 1n : ((known.seen << BigInt(ahead)) | 1n) & WINDOW_MASK;
    known.highest = counter;
    return true;
  }
  const bit = 1n << BigInt(-ahead);
  if (-ahead >= REPLAY_WINDOW || (known.seen & bit) !== 0n) return false;
  known.seen |= bit;
  return true;
}

/** Opens what any node of the cluster sent. */
export class PacketOpener {
  readonly #aead: Aead;
  #cluster: Uint8Array;
  #ring: ReadonlyMap<string, ClusterKey>;
  /** By key, node and start; who was heard last stands last. */
  readonly #known = new Map<string, KnownSender>();

  constructor({ aead, cluster, keys }: Pick<SealerOptions, 'aead' | 'cluster' | 'keys'>) {
    this.#aead = aead;
    this.#cluster = clusterBytes(cluster);
    this.#ring = new Map(ringOf(this.#cluster, keys).map((key) => [key.id, key]));
  }

  /** From now on any key of this ring, in this cluster. */
  use(cluster: string, keys: readonly Uint8Array[]): void {
    this.#cluster = clusterBytes(cluster);
    this.#ring = new Map(ringOf(this.#cluster, keys).map((key) => [key.id, key]));
    for (const id of this.#known.keys()) if (!this.#ring.has(id.slice(0, 2 * KEY_ID_BYTES))) this.#known.delete(id);
  }

  /** How many starts are remembered. */
  get remembered(): number {
    return this.#known.size;
  }

  /** Never throws, whatever the bytes are. */
  open(bytes: Uint8Array): Opened {
    if (bytes.length <= SEAL_OVERHEAD_BYTES || bytes.length > DATAGRAM_MAX_BYTES || !equalBytes(bytes.subarray(0, 4), MAGIC)) return { kind: 'refused', reason: 'malformed' };
    if (bytes[4] !== MEMBERSHIP_VERSION) return { kind: 'refused', reason: 'version' };
    const head = bytes.subarray(0, HEAD_BYTES);
    if (!equalBytes(head.subarray(8, 16), this.#cluster)) return { kind: 'refused', reason: 'foreign' };
    const keyId = toHex(head.subarray(5, 8));
    const clusterKey = this.#ring.get(keyId);
    if (clusterKey === undefined) return { kind: 'refused', reason: 'key' };
    const sender = head.subarray(16, 26);
    const id = `${keyId}${toHex(sender)}`;
    const known = this.#known.get(id);
    const key = known?.key ?? senderKey(clusterKey, sender);
    const plain = this.#aead.open(key, nonceOf(head), bytes.subarray(HEAD_BYTES), head);
    if (plain === undefined) return { kind: 'refused', reason: 'key' };
    const view = viewOf(head);
    const counter = view.getUint16(26) * 2 ** 32 + view.getUint32(28);
    if (!this.#note(id, known, key, counter)) return { kind: 'refused', reason: 'replayed' };
    const packet = view.getUint16(16) === 0 ? undefined : decodeBody(view.getUint16(16), readStart(sender, 2), plain);
    return packet ? { kind: 'packet', packet } : { kind: 'refused', reason: 'malformed' };
  }

  /** Only who holds a key of the cluster gets a place in the table. */
  #note(id: string, known: KnownSender | undefined, key: Uint8Array, counter: number): boolean {
    const entry = known ?? { key, highest: counter - 1, seen: 0n };
    if (!isNew(entry, counter)) return false;
    this.#known.delete(id);
    this.#known.set(id, entry);
    if (this.#known.size > DERIVED_KEYS_MAX) this.#known.delete(this.#known.keys().next().value!);
    return true;
  }
}
