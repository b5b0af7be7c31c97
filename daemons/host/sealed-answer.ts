// Something that only nodes of the cluster may read, sent over a network that is open to strangers: AES-256-GCM. The key is made for this one
// answer out of the cluster's key and of what was asked, so that a recorded answer fits no other question. Version 1, nonce 12, then cipher text, tag 16.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { encodeUtf8 } from '../core/bytes.ts';
import { hmacSha256 } from '../core/sha256.ts';

const CIPHER = 'aes-256-gcm';
const VERSION = 1;
/** NIST SP 800-38D section 8.2: the length for which GCM is made. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES;
/** What the sealed form adds. */
export const SEAL_BYTES = HEAD_BYTES + TAG_BYTES;

/** To what question an answer is: everything of it binds. */
export interface SealedQuestion {
  /** What the answers are, for each kind another word: no kind can be taken for another. */
  readonly purpose: string;
  /** The cluster's name. */
  readonly cluster: string;
  /** The number of the node that answers. */
  readonly node: number;
  /** Drawn at random by who asks: 32 hexadecimal digits. */
  readonly nonce: string;
}

/** JSON, so that no two questions are spelled alike. */
const keyFor = (clusterKey: Uint8Array, { purpose, cluster, node, nonce }: SealedQuestion): Uint8Array => hmacSha256(clusterKey, encodeUtf8(JSON.stringify(['metamaster sealed answer', VERSION, purpose, cluster, node, nonce])));

/** Seals an answer. */
export function sealAnswer(clusterKey: Uint8Array, question: SealedQuestion, plain: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyFor(clusterKey, question), nonce, { authTagLength: TAG_BYTES });
  return new Uint8Array(Buffer.concat([Uint8Array.of(VERSION), nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
}

/** Opens an answer; undefined when it was not sealed with this key for this question, or was changed. */
export function openAnswer(clusterKey: Uint8Array, question: SealedQuestion, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < SEAL_BYTES || sealed[0] !== VERSION) return undefined;
  const decipher = createDecipheriv(CIPHER, keyFor(clusterKey, question), sealed.subarray(1, HEAD_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(HEAD_BYTES, sealed.length - TAG_BYTES)), decipher.final()]));
  } catch {
    // OpenSSL's word for a tag that does not fit; it has no code of its own.
    return undefined;
  }
}
