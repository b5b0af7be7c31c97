// The heartbeat of a gateway candidate. It goes out as an Ethernet frame of its own protocol: the candidates but the holder have no address on
// the outside network, and what has no address no router brings in from elsewhere. 54 bytes behind the header, with no padding, every field
// fixed: magic 4, version 1, role and flags 1, node 2, cluster 8, incarnation 8, sequence 6, epoch 4, rank 2, successor 2, and the first half of an
// HMAC-SHA-256, 16.

import { concatBytes, encodeLatin1, equalBytes, equalSecret, fromHex, toHex, viewOf } from '../core/bytes.ts';
import type { Mac } from '../core/mac.ts';
import { HmacSha256, hmacSha256 } from '../core/sha256.ts';

/** IEEE 802's first EtherType for local experiments, which no standard will take; the magic tells whose it is. */
export const GATEWAY_BEAT_ETHERTYPE = 0x88b5;
/** A group of ours, locally administered: the cards of other machines drop it, and switches bring it everywhere. */
export const GATEWAY_BEAT_GROUP = '03:4d:4d:47:42:01' as Mac;
/** UDP port of the datagram to itself with which a holder renews its gate: unassigned at IANA, beside that of the membership. */
export const GATEWAY_BEAT_PORT = 7374;

/** `MMGB`: metamaster gateway beat. */
const MAGIC = Uint8Array.of(0x4d, 0x4d, 0x47, 0x42);
/** 1 had a sequence of four bytes, which a gateway that is left alone runs through in two years. */
const VERSION = 2;
const NAME_BYTES = 8;
const BODY_BYTES = 38;
/** RFC 2104 section 5: half of the digest's length is the least that HMAC may be cut to. */
const TAG_BYTES = 16;
/** The length of every beat, and no other datagram is one. */
export const GATEWAY_BEAT_BYTES = BODY_BYTES + TAG_BYTES;
const WORD_MAX = 0xffff;
const DWORD_MAX = 0xffffffff;
const DWORDS = DWORD_MAX + 1;
/** 107,000 years of beats each 12 ms. */
const SEQUENCE_MAX = (WORD_MAX + 1) * DWORDS - 1;
/** The last one that a beat can tell. */
export const EPOCH_MAX = DWORD_MAX;

/**
 * `holder`: has the addresses. `released`: had them, and has just let go. `candidate`: would take them. `idle`: would not, for its uplink
 * is dead, it is drained, it has just started, or it failed at taking them.
 */
export const BEAT_ROLES = ['holder', 'released', 'candidate', 'idle'] as const;
export type BeatRole = (typeof BEAT_ROLES)[number];
const ROLE_BITS = 0x03;
const UPLINK_FLAG = 0x04;
const WANTS_FLAG = 0x08;

/** One candidate's word about itself. */
export interface GatewayBeat {
  /** Sixteen hexadecimal digits; see `clusterId` of cluster-id.ts. */
  readonly cluster: string;
  /** The node's number, 1 to 65535. */
  readonly node: number;
  /** Drawn at random at each start of the sender (its boot nonce): sixteen hexadecimal digits. */
  readonly incarnation: string;
  /** Grows by one with each beat of an incarnation; the same beat goes out on every network. */
  readonly sequence: number;
  /** Of a holder: the epoch of its taking over. Of all others: the highest that they know of. */
  readonly epoch: number;
  /** The place in the succession, 0 for the primary. */
  readonly rank: number;
  readonly role: BeatRole;
  /** The way out is usable. */
  readonly uplink: boolean;
  /** A candidate asks the holder to let go in its favour. */
  readonly wants: boolean;
  /** Of `released`: the node that shall take over at once; 0: whoever is first. */
  readonly successor: number;
}

/** The key of the beats, so that no other datagram under the cluster's key can pass for one. 32 bytes. */
export function gatewayBeatKey(clusterKey: Uint8Array): Uint8Array {
  return hmacSha256(clusterKey, encodeLatin1('metamaster gateway beat 1'));
}

function nameBytes(field: string, text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes?.length !== NAME_BYTES || toHex(bytes) !== text) throw new RangeError(`gateway beat ${field} must be 16 lower-case hexadecimal digits; seen ${text}`);
  return bytes;
}

function checkNumber(field: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) throw new RangeError(`gateway beat ${field} must be ${min} to ${max}; seen ${value}`);
}

/** By keys, which nobody writes into: a beat comes each 12 ms from each candidate. */
const hmacs = new WeakMap<Uint8Array, HmacSha256>();

function tagOf(key: Uint8Array, body: Uint8Array): Uint8Array {
  const hmac = hmacs.get(key) ?? new HmacSha256(key);
  hmacs.set(key, hmac);
  return hmac.of(body).subarray(0, TAG_BYTES);
}

/** The datagram under `gatewayBeatKey`. Throws RangeError when a field is out of its range: that is a fault of ours. */
export function encodeGatewayBeat(key: Uint8Array, beat: GatewayBeat): Uint8Array {
  checkNumber('node', beat.node, 1, WORD_MAX);
  checkNumber('sequence', beat.sequence, 0, SEQUENCE_MAX);
  checkNumber('epoch', beat.epoch, 0, EPOCH_MAX);
  checkNumber('rank', beat.rank, 0, WORD_MAX);
  checkNumber('successor', beat.successor, 0, WORD_MAX);
  const body = new Uint8Array(BODY_BYTES);
  const view = viewOf(body);
  body.set(MAGIC);
  body.set([VERSION, BEAT_ROLES.indexOf(beat.role) | (beat.uplink ? UPLINK_FLAG : 0) | (beat.wants ? WANTS_FLAG : 0)], 4);
  view.setUint16(6, beat.node);
  body.set(nameBytes('cluster', beat.cluster), 8);
  body.set(nameBytes('incarnation', beat.incarnation), 16);
  view.setUint16(24, Math.floor(beat.sequence / DWORDS));
  view.setUint32(26, beat.sequence % DWORDS);
  view.setUint32(30, beat.epoch);
  view.setUint16(34, beat.rank);
  view.setUint16(36, beat.successor);
  return concatBytes(body, tagOf(key, body));
}

/** Reads a datagram; undefined when it is no beat of this version, was made with none of these keys, or was made wrongly. Never throws. */
export function decodeGatewayBeat(keys: readonly Uint8Array[], bytes: Uint8Array): GatewayBeat | undefined {
  if (bytes.length !== GATEWAY_BEAT_BYTES || !equalBytes(bytes.subarray(0, 4), MAGIC) || bytes[4] !== VERSION) return undefined;
  const body = bytes.subarray(0, BODY_BYTES);
  if (!keys.some((key) => equalSecret(tagOf(key, body), bytes.subarray(BODY_BYTES)))) return undefined;
  const view = viewOf(body);
  const bits = body[5]!;
  const node = view.getUint16(6);
  if (bits > (ROLE_BITS | UPLINK_FLAG | WANTS_FLAG) || node === 0) return undefined;
  return {
    cluster: toHex(body.subarray(8, 16)), node, incarnation: toHex(body.subarray(16, 24)),
    sequence: view.getUint16(24) * DWORDS + view.getUint32(26), epoch: view.getUint32(30), rank: view.getUint16(34), successor: view.getUint16(36),
    role: BEAT_ROLES[bits & ROLE_BITS]!, uplink: (bits & UPLINK_FLAG) !== 0, wants: (bits & WANTS_FLAG) !== 0,
  };
}
