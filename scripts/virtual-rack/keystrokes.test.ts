import { expect, test } from 'vitest';
import { keyBytes, keystrokesOf } from './keystrokes.ts';

test.each([
  [String.raw`root\n`, 'root\r'], [String.raw`\e[B\e[B\n`, '\u001b[B\u001b[B\r'], [String.raw`a\\n`, 'a\\n'], [String.raw`\x1b\x41`, '\u001bA'],
  [String.raw`\cC\c]\ca`, '\u0003\u001d\u0001'], [String.raw`\t\b\0`, '\t\b\0'], ['Gruß', 'Gruß'],
])('%j', (text, keys) => expect(keystrokesOf(text)).toBe(keys));

test.each([String.raw`\q`, String.raw`\x1`, String.raw`\xgg`, String.raw`\c`, '\\', String.raw`\prototype`])('%j is refused', (text) => {
  expect(keystrokesOf(text)).toBeUndefined();
});

test("a program's line feed is the Enter key", () => expect([...keyBytes('a\n')]).toEqual([0x61, 0x0d]));
