import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, encodeLatin1, encodeUtf8 } from '../core/bytes.ts';
import { decodeLossy, decodeNetconsole, extendedText } from './netconsole.ts';

describe('netconsole', () => {
  test('the two fragments of the kernel\'s own documentation', () => {
    const [first, second] = ['6,416,1758426,-,ncfrag=0/31;the first chunk,', '6,416,1758426,-,ncfrag=16/31; the 2nd chunk.'].map((text) => decodeNetconsole(encodeLatin1(text)));
    expect(first).toMatchObject({ kind: 'extended', level: 6, sequence: 416, timestampUs: 1_758_426, offset: 0, total: 31, bytes: encodeLatin1('the first chunk,') });
    expect(second).toMatchObject({ kind: 'extended', offset: 16, total: 31, bytes: encodeLatin1(' the 2nd chunk.') });
  });

  test('a facility above the severity, and the release in front that `r` asks for', () => {
    expect(decodeNetconsole(encodeLatin1('6.12.0-amd64,30,5,77,-;x'))).toMatchObject({ kind: 'extended', level: 6, sequence: 5, timestampUs: 77, offset: 0, total: 1 });
  });

  test.each(['Kernel panic - not syncing: x; y\n', '; no header', '6,416;x', '6,416,1758426,-,ncfrag=0/99999;x', '6,416,1758426,-,ncfrag=30/31;too long', ''])('%j is plain', (text) => {
    expect(decodeNetconsole(encodeLatin1(text))).toEqual({ kind: 'plain', bytes: encodeLatin1(text) });
  });

  test('escapes are undone, also those that together are one character; the dictionary is left out', () => {
    expect(extendedText(encodeLatin1('gr\\xc3\\xbc\\xc3\\x9f \\x5c \\x1b[2J\n SUBSYSTEM=net\n'))).toBe('grüß \\ \u001b[2J');
  });

  test('bytes that are no UTF-8 become U+FFFD, one for each, and the rest stays', () => {
    expect(decodeLossy(concatBytes(encodeUtf8('é€😀'), Uint8Array.of(0xc3, 0x28, 0xff), encodeUtf8('é')))).toBe('é€😀\ufffd(\ufffdé');
  });

  test('fuzz: any bytes are read, and a fragment never leaves its message', () => {
    const header = fc.tuple(fc.nat(300), fc.nat(), fc.nat(), fc.nat(70_000), fc.nat(70_000)).map(([a, b, c, d, e]) => encodeLatin1(`${a},${b},${c},-,ncfrag=${d}/${e};`));
    fc.assert(fc.property(fc.option(header, { nil: new Uint8Array() }), fc.uint8Array({ maxLength: 300 }), (head, body) => {
      const read = decodeNetconsole(concatBytes(head, body));
      if (read.kind === 'extended') expect(read.offset + read.bytes.length).toBeLessThanOrEqual(read.total);
      expect(typeof extendedText(body)).toBe('string');
    }));
  });

  test('lossy decoding agrees with the platform on what is UTF-8', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => void expect(decodeLossy(encodeUtf8(text))).toBe(text)));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void expect(decodeLossy(bytes).replaceAll(/\ufffd+/g, '')).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).replaceAll(/\ufffd+/g, ''))));
  });
});
