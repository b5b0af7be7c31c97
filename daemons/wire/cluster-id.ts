// How datagrams name their cluster. What authenticates is the key; this only tells clusters apart that share a network.

import { encodeUtf8, toHex } from '../core/bytes.ts';
import { sha256 } from '../core/sha256.ts';

const ID_BYTES = 8;

/** The name of a cluster in eight bytes of its SHA-256, as hexadecimal digits. */
export function clusterId(clusterName: string): string {
  return toHex(sha256(encodeUtf8(clusterName)).subarray(0, ID_BYTES));
}
