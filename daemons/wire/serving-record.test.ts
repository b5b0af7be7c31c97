import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeServing, encodeServing } from './serving-record.ts';

const incarnation = fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: 16, maxLength: 16 }).map((digits) => digits.join(''));
const record = fc.record({ newestGeneration: fc.maxSafeNat(), node: fc.integer({ min: 1, max: 2000 }), serving: fc.array(fc.record({ node: fc.integer({ min: 1, max: 2000 }), incarnation }), { maxLength: 8 }) });

test('what is written is read', () => {
  fc.assert(fc.property(record, (value) => {
    expect(decodeServing(encodeServing(value))).toEqual(value);
  }));
});

test('its form', () => {
  expect(encodeServing({ node: 1, serving: [{ node: 2, incarnation: '00112233445566ff' }], newestGeneration: 7 })).toBe('{"node":1,"serving":[{"node":2,"incarnation":"00112233445566ff"}],"newestGeneration":7}\n');
});

test.each([undefined, '', '{', 'null', '[]', '7', '{"node":1}', '{"node":0,"serving":[],"newestGeneration":7}', '{"node":"1","serving":[],"newestGeneration":7}', '{"node":1,"serving":[]}', '{"node":1,"serving":[],"newestGeneration":-1}', '{"node":1,"serving":[],"newestGeneration":9007199254740992}', '{"node":1,"serving":[],"newestGeneration":"7"}', '{"node":1,"serving":[null],"newestGeneration":7}', '{"node":1,"serving":[{"node":2,"incarnation":"00"}],"newestGeneration":7}', '{"node":1,"serving":[{"node":2.5,"incarnation":"00112233445566ff"}],"newestGeneration":7}'])('%j is no such record', (text) => {
  expect(decodeServing(text)).toBeUndefined();
});

test('no text makes it throw', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void decodeServing(text)));
});
