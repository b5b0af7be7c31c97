// The liveness datagram: what a node says of itself once a second, under the cluster's key. 68 bytes, every field fixed:
// magic 4, version 1, flags 1, node 2, cluster 8, incarnation 8, sequence 4, roster generation 8, HMAC-SHA-256 32.

import { concatBytes, equalBytes, equalSecret, fromHex, toHex, viewOf } from '../core/bytes.ts';
import { hmacSha256 } from '../core/sha256.ts';

export { clusterId } from './cluster-id.ts';

/** UDP port of the beacons: unassigned at IANA. */
export const BEACON_PORT = 7373;

/** `MMLB`: metamaster liveness beacon. */
const MAGIC = Uint8Array.of(0x4d, 0x4d, 0x4c, 0x42);
const VERSION = 1;
const SERVING_FLAG = 1;
const NAME_BYTES = 8;
const BODY_BYTES = 36;
const MAC_BYTES = 32;
const NODE_MAX = 0xffff;
const SEQUENCE_MAX = 0xffffffff;

/** One node's word about itself. */
export interface Beacon {
  /** Sixteen hexadecimal digits; see `clusterId`. */
  readonly cluster: string;
  /** The node's number, 1 to 65535. */
  readonly node: number;
  /** Drawn at random at each start of the sender: sixteen hexadecimal digits. */
  readonly incarnation: string;
  /** Grows by one with each beacon of an incarnation. */
  readonly sequence: number;
  /** The generation of the registry that the sender knows; below 2^53. */
  readonly rosterGeneration: number;
  /** The boot services answer; false while they start or when the node knows itself to be ill. */
  readonly serving: boolean;
}

function nameBytes(field: string, text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes?.length !== NAME_BYTES || toHex(bytes) !== text) throw new RangeError(`beacon ${field} must be 16 lower-case hexadecimal digits; seen ${text}`);
  return bytes;
}

function checkNumber(field: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) throw new RangeError(`beacon ${field} must be ${min} to ${max}; seen ${value}`);
}

/** The datagram. Throws RangeError when a field is out of its range: that is a fault of ours. */
export function encodeBeacon(key: Uint8Array, beacon: Beacon): Uint8Array {
  checkNumber('node', beacon.node, 1, NODE_MAX);
  checkNumber('sequence', beacon.sequence, 0, SEQUENCE_MAX);
  checkNumber('rosterGeneration', beacon.rosterGeneration, 0, Number.MAX_SAFE_INTEGER);
  const body = new Uint8Array(BODY_BYTES);
  const view = viewOf(body);
  body.set(MAGIC);
  body.set([VERSION, beacon.serving ? SERVING_FLAG : 0], 4);
  view.setUint16(6, beacon.node);
  body.set(nameBytes('cluster', beacon.cluster), 8);
  body.set(nameBytes('incarnation', beacon.incarnation), 16);
  view.setUint32(24, beacon.sequence);
  view.setBigUint64(28, BigInt(beacon.rosterGeneration));
  return concatBytes(body, hmacSha256(key, body));
}

/** Reads a datagram; undefined when it is no beacon of this version, was not made with this key, or was made wrongly. */
export function decodeBeacon(key: Uint8Array, bytes: Uint8Array): Beacon | undefined {
  if (bytes.length !== BODY_BYTES + MAC_BYTES || !equalBytes(bytes.subarray(0, 4), MAGIC) || bytes[4] !== VERSION) return undefined;
  const body = bytes.subarray(0, BODY_BYTES);
  if (!equalSecret(hmacSha256(key, body), bytes.subarray(BODY_BYTES))) return undefined;
  const view = viewOf(body);
  const flags = body[5]!;
  const node = view.getUint16(6);
  const rosterGeneration = Number(view.getBigUint64(28));
  if (flags > SERVING_FLAG || node === 0 || rosterGeneration > Number.MAX_SAFE_INTEGER) return undefined;
  return {
    cluster: toHex(body.subarray(8, 16)),
    node,
    incarnation: toHex(body.subarray(16, 24)),
    sequence: view.getUint32(24),
    rosterGeneration,
    serving: flags === SERVING_FLAG,
  };
}
