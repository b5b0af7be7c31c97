import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeLatin1 } from '../daemons/core/bytes.ts';
import { ConsoleLine } from './console-line.ts';

function typed(text: string, hidden = false) {
  const line = new ConsoleLine(hidden);
  const shown = line.type(encodeLatin1(text));
  return { shown, text: line.text, ended: line.ended, touched: line.touched };
}

describe('a line', () => {
  test.each([
    ['rack\r', 'rack', 'rack'], ['rack\n', 'rack', 'rack'], ['ram\x7fck\r', 'rack', 'ram\b \bck'], ['x\b\b\by\r', 'y', 'x\b \by'], ['wrong\x15good\r', 'good', `wrong${'\b \b'.repeat(5)}good`], ['a\x01\tb\r', 'ab', 'ab'], ['\r', '', ''],
  ])('%j is %j', (keys, text, shown) => expect(typed(keys)).toEqual({ text, shown, ended: true, touched: true }));
  test('Esc breaks it off', () => expect(typed('rack\x1b')).toMatchObject({ text: undefined, ended: true }));
  test('without an end there is no text yet', () => expect(typed('rack')).toMatchObject({ text: undefined, ended: false }));
  test('without a key nobody is there', () => expect(typed('')).toMatchObject({ touched: false }));
  test('what is typed ahead of the next question is dropped', () => expect(typed('a\rb\r').text).toBe('a'));
  test('it is cut', () => expect(typed(`${'x'.repeat(600)}\r`).text).toHaveLength(512));
});

test('law: nothing of a hidden line is ever shown', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    expect(new ConsoleLine(true).type(bytes)).toBe('');
  }));
});
