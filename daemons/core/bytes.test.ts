import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, decodeLatin1, decodeUtf8, encodeLatin1, encodeUtf8, equalBytes, equalSecret, fromHex, isZero, toHex, viewOf } from './bytes.ts';

const anyBytes = fc.uint8Array({ maxLength: 64 });

describe('concatBytes', () => {
  test('joins in order, and the result is a copy', () => {
    const first = Uint8Array.of(1, 2);
    const joined = concatBytes(first, new Uint8Array(0), Uint8Array.of(3));
    first[0] = 9;
    expect([...joined]).toEqual([1, 2, 3]);
    expect(concatBytes()).toHaveLength(0);
  });

  test('what was cut apart comes together again', () => {
    fc.assert(fc.property(anyBytes, fc.nat(64), (bytes, at) => { expect(concatBytes(bytes.subarray(0, at), bytes.subarray(at))).toEqual(bytes); }));
  });
});

describe.each([['equalBytes', equalBytes], ['equalSecret', equalSecret]] as const)('%s', (_name, equal) => {
  test('agrees with the texts of the bytes', () => {
    const few = fc.uint8Array({ maxLength: 3, max: 2 });
    fc.assert(fc.property(few, few, (a, b) => { expect(equal(a, b)).toBe(toHex(a) === toHex(b)); }), { numRuns: 500 });
  });

  test('sees one different bit anywhere', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(), fc.nat(7), (a, where, bit) => {
        const b = Uint8Array.from(a);
        b[where % a.length]! ^= 1 << bit;
        expect(equal(a, b)).toBe(false);
      }),
    );
  });
});

test('isZero', () => {
  expect([isZero(new Uint8Array(0)), isZero(new Uint8Array(9)), isZero(Uint8Array.of(0, 0, 1)), isZero(Uint8Array.of(128, 0))]).toEqual([true, true, false, false]);
});

describe('hexadecimal', () => {
  test('two lower-case digits a byte, with a separator between', () => {
    expect(toHex(Uint8Array.of(0, 10, 255))).toBe('000aff');
    expect(toHex(Uint8Array.of(0, 10, 255), ':')).toBe('00:0a:ff');
    expect(toHex(new Uint8Array(0), ':')).toBe('');
  });

  test('comes back, in capitals too', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
  });

  test.each(['0', '000', '0g', '0x', ' 0', '-1', '00:00', '٣٣'])('%j is none', (text) => expect(fromHex(text)).toBeUndefined());
});

describe('UTF-8', () => {
  const wellFormed = fc.string({ unit: 'binary', maxLength: 40 });

  test('is written as the platform writes it, lone surrogates included', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', 'ä', '€', '𝄞', '\ud800', '\udfff', '\0') }), (text) => { expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text)); }));
    fc.assert(fc.property(wellFormed, (text) => { expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text)); }));
  });

  test('comes back', () => fc.assert(fc.property(wellFormed, (text) => { expect(decodeUtf8(encodeUtf8(text))).toBe(text); })));

  test.each([
    ['a stray continuation byte', '80'], ['an overlong slash', 'c0af'], ['an overlong slash in three', 'e080af'], ['an overlong slash in four', 'f08080af'], ['a surrogate', 'eda080'],
    ['above U+10FFFF', 'f4908080'], ['a cut-off sequence', 'e282'], ['no continuation', 'c328'], ['0xff', 'ff'], ['five bytes', 'f888808080'],
  ])('%s is refused', (_what, hex) => expect(decodeUtf8(fromHex(hex)!)).toBeUndefined());

  test('accepts and refuses exactly what a strict TextDecoder does', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const strict = (bytes: Uint8Array): string | undefined => {
      try {
        return decoder.decode(bytes);
      } catch {
        return undefined;
      }
    };
    const near = fc.array(fc.constantFrom(0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff), { maxLength: 8 }).map((list) => Uint8Array.from(list));
    fc.assert(fc.property(fc.oneof(near, anyBytes), (bytes) => { expect(decodeUtf8(bytes)).toBe(strict(bytes)); }), { numRuns: 3000 });
  });
});

describe('Latin-1', () => {
  test('any bytes come back', () => fc.assert(fc.property(anyBytes, (bytes) => { expect(encodeLatin1(decodeLatin1(bytes))).toEqual(bytes); })));
  test('is one character a byte', () => expect(decodeLatin1(Uint8Array.of(0x41, 0xe4, 0))).toBe('Aä\0'));
});

test('viewOf sees exactly the bytes of a part', () => {
  const view = viewOf(Uint8Array.of(1, 2, 3, 4).subarray(1, 3));
  expect([view.byteLength, view.getUint16(0)]).toEqual([2, 0x0203]);
});
