import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openAnswer, SEAL_BYTES, sealAnswer, type SealedQuestion } from './sealed-answer.ts';

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i);
const QUESTION: SealedQuestion = { purpose: 'hardware', cluster: 'rack', node: 3, nonce: 'ab'.repeat(16) };
const PLAIN = Uint8Array.from({ length: 100 }, (_, i) => i);

test('what was sealed is opened, by who has the key and asked that', () => fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (plain) => {
  const sealed = sealAnswer(KEY, QUESTION, plain);
  expect(sealed.length).toBe(plain.length + SEAL_BYTES);
  expect(openAnswer(KEY, QUESTION, sealed)).toEqual(plain);
})));

test('nothing of it can be read without', () => {
  const sealed = Buffer.from(sealAnswer(KEY, QUESTION, PLAIN));
  for (let at = 0; at + 4 <= PLAIN.length; at += 4) expect(sealed.includes(PLAIN.subarray(at, at + 4))).toBe(false);
  expect(sealAnswer(KEY, QUESTION, PLAIN)).not.toEqual(sealAnswer(KEY, QUESTION, PLAIN));
});

test.each<[string, Partial<SealedQuestion>]>([['another nonce', { nonce: 'ac'.repeat(16) }], ['another node', { node: 4 }], ['another cluster', { cluster: 'rack2' }], ['another purpose', { purpose: 'other' }]])('%s does not open it', (_what, other) => {
  expect(openAnswer(KEY, { ...QUESTION, ...other }, sealAnswer(KEY, QUESTION, PLAIN))).toBeUndefined();
});

test('another key does not open it, and no changed byte goes unseen', () => {
  const sealed = sealAnswer(KEY, QUESTION, PLAIN);
  expect(openAnswer(KEY.map((byte) => byte ^ 1), QUESTION, sealed)).toBeUndefined();
  for (let at = 0; at < sealed.length; at++) expect(openAnswer(KEY, QUESTION, sealed.map((byte, i) => (i === at ? byte ^ 0x40 : byte))), `byte ${at}`).toBeUndefined();
});

test('whatever comes is judged without an exception', () => fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
  expect(openAnswer(KEY, QUESTION, bytes)).toBeUndefined();
})));
