import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeUtf8, encodeLatin1, encodeUtf8 } from '../../daemons/core/bytes.ts';
import { decodeAnswersFile, firstInvalidUtf8 } from './answers-encoding.ts';

const utf16 = (text: string, mark: number[] = []): Uint8Array => Uint8Array.of(...mark, ...[...text].flatMap((char) => [char.charCodeAt(0), 0]));

describe('a wrong encoding is named with its place', () => {
  test.each([
    ['UTF-16 with its mark', utf16('ab', [0xff, 0xfe]), 'UTF-16 at byte 0', /iconv -f UTF-16/],
    ['UTF-16 of the other byte order', Uint8Array.of(0xfe, 0xff, 0, 97), 'UTF-16 at byte 0', /iconv -f UTF-16/],
    ['UTF-16 without a mark', utf16('ab'), 'a zero byte at byte 1 (line 1, byte 2 of it), as in UTF-16', /UTF-8/],
    ['UTF-16 without a mark, the other order', Uint8Array.of(0, 97, 0, 98), 'a zero byte at byte 0 (line 1, byte 1 of it), as in UTF-16', /UTF-8/],
    ['a zero byte', encodeLatin1('a: 1\nbc: \0'), 'a zero byte at byte 9 (line 2, byte 5 of it)', /UTF-8/],
    ['Latin-1', encodeLatin1('a: 1\ndomain: "caf\xe9"'), '0xe9, which is not UTF-8, at byte 17 (line 2, byte 13 of it)', /iconv -f ISO-8859-1/],
    ['a character that is cut off at the end', encodeUtf8('a: ä').subarray(0, 4), '0xc3, which is not UTF-8, at byte 3', /UTF-8/],
    ['a file of another kind', new Uint8Array(5 * 2 ** 20).fill(65), '5242880 bytes', /something else/],
  ])('%s', (_what, bytes, seen, remedy) => {
    const result = decodeAnswersFile(bytes, 'a.yaml');
    expect(result).toMatchObject({ ok: false, problems: [{ code: 'MM-ANSWERS-ENCODING', where: 'a.yaml', seen: expect.stringContaining(seen), remedy: expect.stringMatching(remedy) }] });
  });

  test('UTF-8 is read, and its mark dropped', () => expect(decodeAnswersFile(encodeUtf8('\ufeffa: ä'))).toEqual({ ok: true, value: 'a: ä' }));

  test('fuzz: up to the place that is named everything is UTF-8, and it is named exactly when not all of it is', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 6 }), fc.string(), (before, noise, after) => {
      const bytes = Uint8Array.of(...encodeUtf8(before.toWellFormed()), ...noise, ...encodeUtf8(after.toWellFormed()));
      const at = firstInvalidUtf8(bytes);
      expect(at === undefined).toBe(decodeUtf8(bytes) !== undefined);
      if (at !== undefined) expect(decodeUtf8(bytes.subarray(0, at))).toBeTypeOf('string');
    }), { numRuns: 300 });
  });
});
