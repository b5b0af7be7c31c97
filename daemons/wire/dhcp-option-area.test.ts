import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../core/bytes.ts';
import { decodeOptionArea, encodeOptionArea } from './dhcp-option-area.ts';

const codes = fc.integer({ min: 1, max: 254 });
const areas = fc.uniqueArray(fc.tuple(codes, fc.uint8Array({ maxLength: 600 })), { selector: ([code]) => code, maxLength: 8 }).map((rows) => new Map(rows));

describe('option area', () => {
  test.each([
    ['pads between options', '000c026e3100000f0161ff', [[12, '6e31'], [15, '61']]],
    ['nothing after END counts', '0c016eff0fff', [[12, '6e']]],
    ['END may be missing', '0c016e', [[12, '6e']]],
    ['an empty value', '6100ff', [[97, '']]],
    ['a code that comes twice is one value (RFC 3396)', '0c016e0f01610c0131ff', [[12, '6e31'], [15, '61']]],
  ])('%s', (_name, hex, expected) => {
    const options = decodeOptionArea(fromHex(hex)!)!;
    expect([...options].map(([code, value]) => [code, toHex(value)])).toEqual(expected);
  });

  test.each([['a value that runs out', '0c036e31'], ['a code without a length', '0c016e0f']])('refuses %s', (_name, hex) => {
    expect(decodeOptionArea(fromHex(hex)!)).toBeUndefined();
  });

  test('splits 256 bytes into 255 and 1', () => {
    const bytes = encodeOptionArea(new Map([[67, new Uint8Array(256).fill(0x61)]]));
    expect([bytes.length, bytes[0], bytes[1], bytes[257], bytes[258]]).toEqual([260, 67, 255, 67, 1]);
  });

  test.each([0, 255, 256, -1, 1.5])('will not write code %s', (code) => {
    expect(() => encodeOptionArea(new Map([[code, new Uint8Array(1)]]))).toThrow(RangeError);
  });

  test('what is written is read again, order and long values included', () => {
    fc.assert(fc.property(areas, (options) => void expect([...decodeOptionArea(encodeOptionArea(options))!]).toEqual([...options])));
  });

  test('fuzz: any bytes give options that are written in no more bytes than were read, or nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 800 }), (bytes) => {
        const options = decodeOptionArea(bytes);
        if (options) expect(encodeOptionArea(options).length).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});
