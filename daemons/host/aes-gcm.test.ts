import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../core/bytes.ts';
import { aesGcm } from './aes-gcm.ts';

const bytes = (hex: string): Uint8Array => fromHex(hex)!;

describe('AES-256-GCM', () => {
  // McGrew and Viega, The Galois/Counter Mode of Operation, test case 16.
  const key = bytes('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308');
  const nonce = bytes('cafebabefacedbaddecaf888');
  const plain = bytes('d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39');
  const associated = bytes('feedfacedeadbeeffeedfacedeadbeefabaddad2');
  const sealed = '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b';

  test('is as its authors give it', () => {
    expect(toHex(aesGcm.seal(key, nonce, plain, associated))).toBe(sealed);
    expect(aesGcm.open(key, nonce, bytes(sealed), associated)).toEqual(plain);
  });

  test.each<[string, Uint8Array]>([['nothing', new Uint8Array()], ['half a tag', bytes(sealed).slice(0, 8)], ['a changed byte', bytes(sealed).with(0, 0)], ['a tag cut off', bytes(sealed).slice(0, -1)]])('%s is refused', (_name, changed) => {
    expect(aesGcm.open(key, nonce, changed, associated)).toBeUndefined();
  });
});
