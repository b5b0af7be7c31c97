import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reasonText } from './power-answer.ts';

test.each([['', ''], ['one\n', 'one'], ['first\nlast\n\n', 'last'], ['a\r\nb\r\n', 'b'], ['\u001b[31mred\u0007', '?[31mred?']])('%j', (said, reason) => expect(reasonText(said)).toBe(reason));

test('a reason is one short line that a terminal obeys in nothing', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 1000 }), (said) => {
    expect(reasonText(said)).not.toMatch(/\p{Cc}/u);
    expect(reasonText(said).length).toBeLessThanOrEqual(201);
  }));
});
