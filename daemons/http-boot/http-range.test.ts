import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rangeOf } from './http-range.ts';

test.each([
  [undefined, undefined],
  ['bytes=0-9', { first: 0, last: 9 }],
  ['bytes=90-', { first: 90, last: 99 }],
  ['bytes=90-1000', { first: 90, last: 99 }],
  ['bytes=-10', { first: 90, last: 99 }],
  ['bytes=-1000', { first: 0, last: 99 }],
  ['bytes=99-99', { first: 99, last: 99 }],
  ['bytes=100-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=9-8', undefined],
  ['bytes=-', undefined],
  ['bytes=0-1,4-5', undefined],
  ['lines=0-1', undefined],
  ['bytes=1e3-', undefined],
])('%s of 100 bytes', (header, range) => expect(rangeOf(header, 100)).toEqual(range));

test('nothing is left of an empty file', () => expect(rangeOf('bytes=0-', 0)).toBe('unsatisfiable'));

test('fuzz: a range always lies within the file', () => {
  const number = fc.oneof(fc.constant(''), fc.nat(300).map(String));
  fc.assert(fc.property(number, number, fc.nat(200), (from, to, size) => {
    const range = rangeOf(`bytes=${from}-${to}`, size);
    if (typeof range !== 'object') return;
    expect(range.first).toBeGreaterThanOrEqual(0);
    expect(range.last).toBeGreaterThanOrEqual(range.first);
    expect(range.last).toBeLessThan(size);
  }));
});
