import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import { addressListOption, addressOption, addressValue, architecturesOf, clientInterfaceOf, machineIdentifierOf, messageTypeOf, textOption, uint16Option, uint16Value, uint32Option, uint32Value } from './dhcp-options.ts';

const option = (code: number, hex: string) => new Map([[code, fromHex(hex)!]]);

describe('option values', () => {
  test.each([
    ['one address', addressOption(option(54, '0a070001'), 54), '10.7.0.1'],
    ['an address of five bytes is none', addressOption(option(54, '0a07000100'), 54), undefined],
    ['two addresses', addressListOption(option(6, '0a0700010a070002'), 6), ['10.7.0.1', '10.7.0.2']],
    ['six bytes are no list', addressListOption(option(6, '0a0700010a07'), 6), undefined],
    ['an empty list is none', addressListOption(option(6, ''), 6), undefined],
    ['text with a terminator', textOption(option(12, '6e3100'), 12), 'n1'],
    ['57', uint16Option(option(57, '05c0'), 57), 1472],
    ['57 of one byte is none', uint16Option(option(57, '05'), 57), undefined],
    ['51 is unsigned', uint32Option(option(51, 'ffffffff'), 51), 0xffffffff],
    ['93 with two architectures', architecturesOf(option(93, '00000007')), [0, 7]],
    ['93 of odd length', architecturesOf(option(93, '000007')), []],
    ['94', clientInterfaceOf(option(94, '010310')), { type: 1, major: 3, minor: 16 }],
    ['97 of length 0', machineIdentifierOf(option(97, '')), undefined],
    ['97 of another type', machineIdentifierOf(option(97, `01${'11'.repeat(16)}`)), undefined],
    ['53 = 9 is no DHCP of ours', messageTypeOf(option(53, '09')), undefined],
    ['no 53', messageTypeOf(new Map()), undefined],
  ])('%s', (_name, seen, expected) => expect(seen).toEqual(expected));

  test('97 of length 17', () => expect(machineIdentifierOf(option(97, `00${'11'.repeat(16)}`))).toEqual(new Uint8Array(16).fill(0x11)));

  test('written in network order', () => {
    expect([uint16Value(0x05c0), uint32Value(0xfffefdfc), addressValue('10.7.0.1' as Ipv4, '10.7.0.2' as Ipv4)].map((value) => toHex(value))).toEqual(['05c0', 'fffefdfc', '0a0700010a070002']);
  });
});
