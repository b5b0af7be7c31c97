// AES-256-GCM by Node's crypto, for codecs in rooms that have none.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Aead } from '../wire/membership-seal.ts';

const CIPHER = 'aes-256-gcm';
const TAG_BYTES = 16;

export const aesGcm: Aead = {
  seal(key, nonce, plain, associated) {
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(associated);
    return new Uint8Array(Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
  },
  open(key, nonce, sealed, associated) {
    if (sealed.length < TAG_BYTES) return undefined;
    const cipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(associated);
    cipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      return new Uint8Array(Buffer.concat([cipher.update(sealed.subarray(0, -TAG_BYTES)), cipher.final()]));
    } catch {
      return undefined;
    }
  },
};
