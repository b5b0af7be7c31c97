import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, encodeLatin1, toHex } from '../core/bytes.ts';
import { ipv4FromNumber } from '../core/ipv4.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import { EDK2_DISCOVER, HTTP_DISCOVER, IPXE_DISCOVER, ROM_DISCOVER } from './dhcp-golden.ts';
import { addressValue, architecturesOf, clientInterfaceOf, machineIdentifierOf, MESSAGE, messageName, messageTypeOf, OPTION, textOption, uint16Option, uint8Value } from './dhcp-options.ts';
import { decodeDhcp, DHCP_MIN_BYTES, DHCP_RECEIVE_MAX_BYTES, encodeDhcp } from './dhcp-packet.ts';
import type { DhcpPacket } from './dhcp-packet.ts';

const address = fc.integer({ min: 0, max: 0xffffffff }).map(ipv4FromNumber);
const text = (maxLength: number) => fc.array(fc.integer({ min: 1, max: 255 }), { maxLength }).map((codes) => String.fromCharCode(...codes));
const packets: fc.Arbitrary<DhcpPacket> = fc.record({
  op: fc.constantFrom(1 as const, 2 as const),
  htype: fc.nat(255),
  hops: fc.nat(255),
  xid: fc.integer({ min: 0, max: 0xffffffff }),
  secs: fc.nat(0xffff),
  broadcast: fc.boolean(),
  ciaddr: address,
  yiaddr: address,
  siaddr: address,
  giaddr: address,
  chaddr: fc.uint8Array({ maxLength: 16 }),
  sname: text(63),
  file: text(127),
  options: fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 254 }).filter((code) => code !== 52), fc.uint8Array({ maxLength: 400 })), { selector: ([code]) => code, maxLength: 6 }).map((rows) => new Map(rows)),
});

/** A message whose header fields can be filled by hand; options from byte 240. */
function raw(options: readonly number[], file: readonly number[] = [], sname: readonly number[] = []): Uint8Array {
  const bytes = new Uint8Array(400);
  bytes.set([1, 1, 6]);
  bytes.set(sname, 44);
  bytes.set(file, 108);
  bytes.set([0x63, 0x82, 0x53, 0x63, ...options], 236);
  return bytes;
}

describe('DHCP packet', () => {
  test('reads the DISCOVER of iPXE', () => {
    const packet = decodeDhcp(IPXE_DISCOVER)!;
    expect(packet).toMatchObject({ op: 1, htype: 1, xid: 0xa55a0b17, secs: 4, broadcast: false, sname: '', file: '', giaddr: '0.0.0.0' });
    expect(toHex(packet.chaddr, ':')).toBe('52:54:00:12:00:01');
    expect(messageTypeOf(packet.options)).toBe(MESSAGE.discover);
    expect(architecturesOf(packet.options)).toEqual([0]);
    expect(uint16Option(packet.options, OPTION.maximumMessageSize)).toBe(1472);
    expect(textOption(packet.options, OPTION.vendorClass)).toBe('PXEClient:Arch:00000:UNDI:002001');
    expect(packet.options.get(OPTION.ipxe)!.length).toBe(45);
  });

  test('reads the DISCOVER of EDK2, of its HTTP client and of a plain ROM', () => {
    const edk2 = decodeDhcp(EDK2_DISCOVER)!;
    expect([architecturesOf(edk2.options), edk2.broadcast, clientInterfaceOf(edk2.options)]).toEqual([[7], true, { type: 1, major: 3, minor: 16 }]);
    expect(toHex(machineIdentifierOf(edk2.options)!)).toBe('00112233445566778899aabbccddeeff');
    expect(architecturesOf(decodeDhcp(HTTP_DISCOVER)!.options)).toEqual([16]);
    const rom = decodeDhcp(ROM_DISCOVER)!;
    expect([rom.options.get(97), machineIdentifierOf(rom.options)]).toEqual([new Uint8Array(), undefined]);
  });

  test('writes an offer, byte for byte', () => {
    const offer: DhcpPacket = {
      op: 2, htype: 1, hops: 0, xid: 0x54120003, secs: 0, broadcast: true,
      ciaddr: '0.0.0.0' as Ipv4, yiaddr: '10.7.0.3' as Ipv4, siaddr: '10.7.0.1' as Ipv4, giaddr: '0.0.0.0' as Ipv4,
      chaddr: Uint8Array.of(0x52, 0x54, 0, 0x12, 0, 3), sname: '10.7.0.1', file: 'undionly.kpxe',
      options: new Map([[OPTION.messageType as number, uint8Value(2)], [OPTION.serverIdentifier as number, addressValue('10.7.0.1' as Ipv4)]]),
    };
    const bytes = encodeDhcp(offer);
    expect(toHex(bytes.subarray(0, 44))).toBe(`02010600 54120003 00008000 00000000 0a070003 0a070001 00000000 525400120003`.replaceAll(' ', '') + '00'.repeat(10));
    expect(toHex(bytes.subarray(44, 52))).toBe(toHex(encodeLatin1('10.7.0.1')));
    expect(toHex(bytes.subarray(108, 122))).toBe(`${toHex(encodeLatin1('undionly.kpxe'))}00`);
    expect(toHex(bytes.subarray(236, 253))).toBe('63825363 350102 36040a070001 ff 000000'.replaceAll(' ', ''));
    expect(bytes.length).toBe(DHCP_MIN_BYTES);
  });

  test('resolves overload: options from the option area, then file, then sname (RFC 3396)', () => {
    const packet = decodeDhcp(raw([52, 1, 3, 12, 1, 0x61, 255], [12, 1, 0x62, 255], [12, 1, 0x63, 15, 1, 0x64, 255]))!;
    expect([textOption(packet.options, 12), textOption(packet.options, 15), packet.file, packet.sname, packet.options.has(52)]).toEqual(['abc', 'd', '', '', false]);
  });

  test('overload of one field leaves the other as text', () => {
    const packet = decodeDhcp(raw([52, 1, 1, 255], [12, 1, 0x62, 255], [0x68, 0x69]))!;
    expect([packet.sname, packet.file, textOption(packet.options, 12)]).toEqual(['hi', '', 'b']);
  });

  test.each([
    ['too short', raw([]).subarray(0, 239)],
    ['longer than any client sends', concatBytes(raw([255]), new Uint8Array(DHCP_RECEIVE_MAX_BYTES))],
    ['an op that is neither request nor reply', raw([255]).with(0, 3)],
    ['a hardware address of 17 bytes', raw([255]).with(2, 17)],
    ['no magic cookie: plain BOOTP', raw([255]).with(236, 0)],
    ['an option that runs out', concatBytes(raw([]).subarray(0, 240), Uint8Array.of(12, 5, 1))],
    ['overload 0', raw([52, 1, 0, 255])],
    ['overload 4', raw([52, 1, 4, 255])],
    ['overload of two bytes', raw([52, 2, 0, 1, 255])],
    ['an overloaded field whose option runs out', raw([52, 1, 2, 255], [], [12, 63])],
  ])('refuses %s', (_name, bytes) => {
    expect(decodeDhcp(bytes)).toBeUndefined();
  });

  test('will not write a boot file that leaves no room for its terminator', () => {
    const packet = decodeDhcp(ROM_DISCOVER)!;
    expect(() => encodeDhcp({ ...packet, file: 'a'.repeat(128) })).toThrow('file holds 127 characters; seen 128');
    expect(() => encodeDhcp({ ...packet, chaddr: new Uint8Array(17) })).toThrow(RangeError);
  });

  test('every message type has a name', () => {
    expect(Object.values(MESSAGE).map(messageName)).toEqual(['DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK', 'RELEASE', 'INFORM']);
  });

  test('what is written is read again', () => {
    fc.assert(fc.property(packets, (packet) => void expect(decodeDhcp(encodeDhcp(packet))).toEqual(packet)));
  });

  test('fuzz: a golden message with any bytes changed is read to something that can be written, or refused', () => {
    const changes = fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 12 });
    fc.assert(
      fc.property(fc.constantFrom(IPXE_DISCOVER, EDK2_DISCOVER, ROM_DISCOVER), changes, fc.nat(600), (golden, edits, cut) => {
        const bytes = golden.slice(0, Math.max(cut, 200));
        for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
        const packet = decodeDhcp(bytes);
        if (packet) expect(decodeDhcp(encodeDhcp(packet))).toEqual(packet);
      }),
      { numRuns: 500 },
    );
  });
});
