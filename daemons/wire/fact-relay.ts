// One node tells the others what it saw of a blade's boot: a datagram under the cluster's key. Magic 4, version 1, zero 1, node 2,
// cluster 8, incarnation 8, sequence 4, then the fact as UTF-8, HMAC-SHA-256 32. The fact's own form is the receiver's to judge.

import { concatBytes, decodeUtf8, encodeUtf8, equalBytes, equalSecret, fromHex, toHex, viewOf } from '../core/bytes.ts';
import { hmacSha256 } from '../core/sha256.ts';

/** UDP port of these datagrams: unassigned at IANA, beside that of the membership. */
export const RELAY_PORT = 7374;
/** The longest fact; with head and HMAC it fits into one frame of Ethernet. */
export const RELAY_TEXT_MAX_BYTES = 1024;

/** `MMBF`: metamaster boot fact. */
const MAGIC = Uint8Array.of(0x4d, 0x4d, 0x42, 0x46);
const VERSION = 1;
const HEAD_BYTES = 28;
const MAC_BYTES = 32;
const NODE_MAX = 0xffff;

/** One fact on its way. */
export interface RelayedFact {
  /** Sixteen hexadecimal digits; `clusterId` of cluster-id.ts. */
  readonly cluster: string;
  /** The node that saw it, 1 to 65535. */
  readonly node: number;
  /** Drawn at random at each start of the sender: sixteen hexadecimal digits. */
  readonly incarnation: string;
  /** Grows by one with each fact of an incarnation. */
  readonly sequence: number;
  readonly text: string;
}

/** The datagram; undefined when the text is too long. Throws RangeError for a broken name or number: a fault of ours. */
export function encodeRelay(key: Uint8Array, { cluster, node, incarnation, sequence, text }: RelayedFact): Uint8Array | undefined {
  const names = [cluster, incarnation].map((name) => fromHex(name));
  if (!names.every((name) => name?.length === 8) || !(node >= 1 && node <= NODE_MAX)) throw new RangeError(`relay of node ${node}: cluster and incarnation must be 16 hexadecimal digits`);
  const payload = encodeUtf8(text);
  if (payload.length > RELAY_TEXT_MAX_BYTES) return undefined;
  const head = new Uint8Array(HEAD_BYTES);
  head.set(MAGIC);
  head[4] = VERSION;
  viewOf(head).setUint16(6, node);
  head.set(names[0]!, 8);
  head.set(names[1]!, 16);
  viewOf(head).setUint32(24, sequence);
  const body = concatBytes(head, payload);
  return concatBytes(body, hmacSha256(key, body));
}

/** Reads a datagram; undefined when it is none of this version, or was not made with this key. */
export function decodeRelay(key: Uint8Array, bytes: Uint8Array): RelayedFact | undefined {
  const end = bytes.length - MAC_BYTES;
  if (end < HEAD_BYTES || end > HEAD_BYTES + RELAY_TEXT_MAX_BYTES || !equalBytes(bytes.subarray(0, 4), MAGIC) || bytes[4] !== VERSION || bytes[5] !== 0) return undefined;
  const body = bytes.subarray(0, end);
  if (!equalSecret(hmacSha256(key, body), bytes.subarray(end))) return undefined;
  const node = viewOf(body).getUint16(6);
  const text = decodeUtf8(body.subarray(HEAD_BYTES));
  if (node === 0 || text === undefined) return undefined;
  return { cluster: toHex(body.subarray(8, 16)), node, incarnation: toHex(body.subarray(16, 24)), sequence: viewOf(body).getUint32(24), text };
}
