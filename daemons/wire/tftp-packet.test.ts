import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeLatin1, fromHex, toHex } from '../core/bytes.ts';
import { BLOCK_MAX_BYTES, decodeTftp, encodeTftp, OPTIONS_MAX, REQUEST_MAX_BYTES, type TftpPacket } from './tftp-packet.ts';

/** An iPXE request (blksize and tsize), as its ROM in QEMU sends it. */
const IPXE_READ = '00016b65726e656c006f6374657400626c6b73697a650031343332007473697a65003000';

describe('golden packets', () => {
  const golden: [string, string, TftpPacket][] = [
    ['read', IPXE_READ, { kind: 'read', file: 'kernel', mode: 'octet', options: [['blksize', '1432'], ['tsize', '0']] }],
    ['write', '000261006e6574617363696900', { kind: 'write', file: 'a', mode: 'netascii', options: [] }],
    ['data', '0003ffff01020300', { kind: 'data', block: 65535, data: Uint8Array.of(1, 2, 3, 0) }],
    ['empty data', '00030001', { kind: 'data', block: 1, data: new Uint8Array(0) }],
    ['ack', '00040100', { kind: 'ack', block: 256 }],
    ['error', '000500016e6f6e6500', { kind: 'error', code: 1, message: 'none' }],
    ['option-ack', '000674696d656f7574003200', { kind: 'option-ack', options: [['timeout', '2']] }],
  ];
  test.each(golden)('%s', (_name, hex, packet) => {
    expect(decodeTftp(fromHex(hex)!)).toEqual(packet);
    expect(toHex(encodeTftp(packet))).toBe(hex);
  });
});

describe('what strangers send', () => {
  const decodeText = (text: string) => decodeTftp(encodeLatin1(text));
  test('mode and option names are read without regard to case', () => {
    expect(decodeText('\0\x01f\0OCTET\0BlkSize\x0088\0')).toEqual({ kind: 'read', file: 'f', mode: 'octet', options: [['blksize', '88']] });
  });
  test('a padded request keeps its options', () => {
    expect(decodeText('\0\x01f\0octet\0tsize\x000\0\0\0\0')).toMatchObject({ options: [['tsize', '0']] });
  });
  test('an option without its value is left out', () => {
    expect(decodeText('\0\x01f\0octet\0tsize\0')).toMatchObject({ options: [] });
    expect(decodeText('\0\x01f\0octet\0tsize\x0012')).toMatchObject({ options: [] });
  });
  test('options beyond the limit are left out', () => {
    const read = decodeText('\0\x01f\0octet\0' + 'a\x001\0'.repeat(OPTIONS_MAX + 5));
    expect(read?.kind === 'read' && read.options.length).toBe(OPTIONS_MAX);
  });
  test('an error text may lack its zero', () => {
    expect(decodeText('\0\x05\0\x08no')).toEqual({ kind: 'error', code: 8, message: 'no' });
  });
  test.each([
    ['nothing', ''],
    ['one byte', '\0'],
    ['opcode 0', '\0\0\0\0'],
    ['opcode 7', '\0\x07\0\0'],
    ['a request without a mode', '\0\x01file\0'],
    ['a mode without its zero', '\0\x01file\0octet'],
    ['no file name', '\0\x01\0octet\0'],
    ['a short ACK', '\0\x04\0'],
    ['a request that is too long', '\0\x01' + 'f'.repeat(REQUEST_MAX_BYTES) + '\0octet\0'],
    ['a block that is too long', '\0\x03\0\x01' + 'x'.repeat(BLOCK_MAX_BYTES + 1)],
  ])('%s is no packet', (_name, text) => expect(decodeText(text)).toBeUndefined());
});

const text = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)), minLength: 1, maxLength: 20 });
const lower = fc.stringMatching(/^[a-z0-9]{1,12}$/);
const options = fc.array(fc.tuple(lower, lower), { maxLength: OPTIONS_MAX });
const word = fc.integer({ min: 0, max: 65535 });
const anyPacket: fc.Arbitrary<TftpPacket> = fc.oneof(
  fc.record({ kind: fc.constantFrom('read' as const, 'write' as const), file: text, mode: lower, options }),
  fc.record({ kind: fc.constant('data' as const), block: word, data: fc.uint8Array({ maxLength: 600 }) }),
  fc.record({ kind: fc.constant('ack' as const), block: word }),
  fc.record({ kind: fc.constant('error' as const), code: word, message: text }),
  fc.record({ kind: fc.constant('option-ack' as const), options }),
);

test('round trip: what is encoded is decoded to the same packet', () => {
  fc.assert(
    fc.property(anyPacket, (packet) => {
      const bytes = encodeTftp(packet);
      fc.pre(bytes.length <= REQUEST_MAX_BYTES || packet.kind === 'data');
      expect(decodeTftp(bytes)).toEqual(packet);
    }),
  );
});

test('fuzz: foreign bytes never throw, and what they decode to is a fixed point of encode and decode', () => {
  const nearly = fc.tuple(fc.integer({ min: 0, max: 8 }), fc.uint8Array({ maxLength: 80 })).map(([opcode, rest]) => Uint8Array.of(0, opcode, ...rest));
  fc.assert(
    fc.property(fc.oneof(nearly, fc.uint8Array({ maxLength: 80 })), (bytes) => {
      const packet = decodeTftp(bytes);
      if (packet !== undefined) expect(decodeTftp(encodeTftp(packet))).toEqual(packet);
    }),
    { numRuns: 2000 },
  );
});
