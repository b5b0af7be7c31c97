// The keys of the cluster as a daemon has them: what nodes speak to each other under.

import { fromHex, isZero } from '../core/bytes.ts';
import type { Problem, Result } from '../core/problem.ts';
import { KEYS_MAX } from '../wire/membership-seal.ts';

/** 1 to KEYS_MAX keys. The first is spoken under; whatever was said under any of them is believed. */
export type KeyRing = readonly Uint8Array[];

/** A key of the cluster has 32 bytes: as many as HMAC-SHA-256 and AES-256 have use for. */
const CLUSTER_KEY_BYTES = 32;

/** Reads the file: a line of 64 hexadecimal digits for each key, white space around them allowed. The keys themselves are never shown. Problem MM-CLUSTER-KEY. */
export function parseKeyRing(content: string, where: string): Result<KeyRing> {
  const refuse = (rule: string, seen: string): Result<KeyRing> => ({ ok: false, problems: [{ code: 'MM-CLUSTER-KEY', where, rule, seen, remedy: 'Boot the node again, which writes the file afresh from the registry.' } satisfies Problem] });
  const lines = content.trim().split('\n').map((line) => line.trim());
  if (lines.length > KEYS_MAX) return refuse(`1 to ${KEYS_MAX} keys, a line each`, `${lines.length} lines`);
  const keys = lines.map((line) => fromHex(line));
  const wrong = keys.findIndex((key) => key?.length !== CLUSTER_KEY_BYTES || isZero(key));
  if (wrong >= 0) return refuse(`${2 * CLUSTER_KEY_BYTES} hexadecimal digits that are not all zero, in each line`, `${lines[wrong]!.length} characters in line ${wrong + 1}`);
  return { ok: true, value: keys as Uint8Array[] };
}

/** True: the same keys, in the same order. */
export const isSameRing = (a: KeyRing, b: KeyRing): boolean => a.length === b.length && a.every((key, i) => key.length === b[i]!.length && key.every((byte, at) => byte === b[i]![at]));
