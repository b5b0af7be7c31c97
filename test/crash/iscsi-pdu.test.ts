import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, encodeLatin1, fromHex, toHex, viewOf } from '../../daemons/core/bytes.ts';
import { IscsiConversation, type Heard } from './iscsi-conversation.ts';
import { BHS_BYTES, lunOf, opcodeOf, PduStream, taskTagOf } from './iscsi-pdu.ts';
import { mediumDeed, unmapRanges } from './iscsi-cdb.ts';

/** A unit with its additional headers, its data and their padding. */
function unit(header: Uint8Array, data: Uint8Array = new Uint8Array(), additional: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = Uint8Array.from(header);
  bytes[4] = additional.length / 4;
  viewOf(bytes).setUint32(4, (additional.length / 4) * 2 ** 24 + data.length);
  return concatBytes(bytes, additional, data, new Uint8Array((4 - (data.length % 4)) % 4));
}

interface Fields { readonly flags?: number; readonly lun?: number; readonly tag?: number; readonly word20?: number; readonly word40?: number; readonly cdb?: string }

function header(code: number, { flags = 0x80, lun = 1, tag = 7, word20 = 0, word40 = 0, cdb = '' }: Fields = {}): Uint8Array {
  const bytes = new Uint8Array(BHS_BYTES);
  bytes.set([code, flags]);
  bytes[9] = lun;
  viewOf(bytes).setUint32(16, tag);
  viewOf(bytes).setUint32(20, word20);
  viewOf(bytes).setUint32(40, word40);
  if (cdb !== '') bytes.set(fromHex(cdb)!, 32);
  return bytes;
}

const command = (cdb: string, bytes: number, data: Uint8Array = new Uint8Array(), fields: Fields = {}): Uint8Array => unit(header(0x01, { flags: 0x80 | (bytes > 0 ? 0x20 : 0), word20: bytes, cdb, ...fields }), data);
const dataOut = (at: number, data: Uint8Array, tag = 7): Uint8Array => unit(header(0x05, { tag, word20: 0xffffffff, word40: at }), data);
const response = (status = 0, tag = 7): Uint8Array => unit(concatBytes(Uint8Array.of(0x21, 0x80, 0, status), header(0, { tag }).subarray(4)));
const login = (code: number, text: string, flags = 0x87): Uint8Array => unit(header(code, { flags }), encodeLatin1(text.replaceAll(' ', '\0')));
const fill = (length: number, seed = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff);

/** Cuts a stream at any of its bytes. */
const pieces = (stream: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const at = [0, ...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
  return at.slice(1).map((end, i) => stream.subarray(at[i], end));
};

type Side = 'initiator' | 'target';
const hear = (said: readonly (readonly [Side, Uint8Array])[], cuts: readonly number[] = []): Heard[] => {
  let task = 0;
  const conversation = new IscsiConversation(1, () => task++);
  return said.flatMap(([side, bytes]) => pieces(bytes, cuts).flatMap((piece) => conversation.hear(side, piece)));
};
/** Neighbouring pieces of data joined, in hexadecimal. */
function told(heard: readonly Heard[]): unknown[] {
  const list: (Exclude<Heard, { kind: 'data' }> | { kind: 'data'; task: number; at: number; hex: string })[] = [];
  for (const one of heard) {
    const last = list.at(-1);
    if (one.kind !== 'data') list.push(one);
    else if (last?.kind === 'data' && last.task === one.task && last.at + last.hex.length / 2 === one.at) last.hex += toHex(one.bytes);
    else list.push({ kind: 'data', task: one.task, at: one.at, hex: toHex(one.bytes) });
  }
  return list;
}

describe('the frame', () => {
  test('a golden unit: a WRITE(10) of one sector with immediate data', () => {
    const stream = new PduStream();
    // Immediate data of 4 bytes, LUN 1, task 5, 512 bytes announced, CmdSN 2, ExpStatSN 3, WRITE(10) of block 0x100.
    const golden = fromHex('01a10000000000040001000000000000000000050000020000000002000000032a000000010000000100000000000000deadbeef')!;
    const [first, ...rest] = stream.push(golden);
    if (first?.kind !== 'header') throw new Error('no header');
    expect([opcodeOf(first.header), lunOf(first.header), taskTagOf(first.header), first.dataBytes, toHex(first.header.subarray(32, 42))]).toEqual([1, 1, 5, 4, '2a000000010000000100']);
    expect(rest).toEqual([{ kind: 'data', at: 0, bytes: fromHex('deadbeef') }, { kind: 'end' }]);
    expect(stream.whole).toBe(true);
  });

  test('property: however the stream is cut, the same headers, data and ends come out, and no padding', () => {
    const units = fc.array(fc.record({ code: fc.constantFrom(0x01, 0x05, 0x21, 0x25, 0x3f), data: fc.uint8Array({ maxLength: 40 }), additional: fc.nat({ max: 3 }) }), { minLength: 1, maxLength: 8 });
    fc.assert(fc.property(units, fc.array(fc.nat({ max: 2000 }), { maxLength: 40 }), (list, cuts) => {
      const stream = new PduStream();
      const whole = concatBytes(...list.map(({ code, data, additional }) => unit(header(code), data, fill(additional * 4))));
      const got: { code: number; header: number; data: number[]; ended: boolean }[] = [];
      for (const piece of pieces(whole, cuts).flatMap((part) => stream.push(part))) {
        if (piece.kind === 'header') got.push({ code: opcodeOf(piece.header), header: piece.header.length, data: [], ended: false });
        else if (piece.kind === 'data') {
          expect(piece.at).toBe(got.at(-1)!.data.length);
          got.at(-1)!.data.push(...piece.bytes);
        } else got.at(-1)!.ended = true;
      }
      expect(got).toEqual(list.map(({ code, data, additional }) => ({ code, header: BHS_BYTES + 4 * additional, data: [...data], ended: true })));
      expect(stream.whole).toBe(true);
    }));
  });

  test('fuzz: any bytes are taken without an error, and no more data come out than went in', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat({ max: 400 })), (bytes, cuts) => {
      const stream = new PduStream();
      const sum = pieces(bytes, cuts).flatMap((part) => stream.push(part)).reduce((total, piece) => total + (piece.kind === 'data' ? piece.bytes.length : 0), 0);
      expect(sum).toBeLessThanOrEqual(Math.max(0, bytes.length - BHS_BYTES));
    }));
  });

  test.each([['0001000000000000', 1], ['4105000000000000', 0x105], ['0100000000000000', undefined], ['8001000000000000', undefined], ['0001000100000000', undefined]])('LUN %s', (hex, lun) => {
    const bytes = new Uint8Array(BHS_BYTES);
    bytes.set(fromHex(hex)!, 8);
    expect(lunOf(bytes)).toBe(lun);
  });
});

describe('commands', () => {
  const deed = (hex: string, sendsData = true) => mediumDeed(concatBytes(fromHex(hex)!, new Uint8Array(16 - hex.length / 2)), sendsData);
  test.each([
    ['WRITE(6)', '0a1234560200', { offset: 0x123456 * 512, length: 1024, dataBytes: 1024, durable: false }],
    ['WRITE(6) of 256 blocks', '0a0000000000', { offset: 0, length: 131072, dataBytes: 131072, durable: false }],
    ['WRITE(10)', '2a000000010000000800', { offset: 131072, length: 4096, dataBytes: 4096, durable: false }],
    ['WRITE(10) with FUA', '2a080000010000000800', { offset: 131072, length: 4096, dataBytes: 4096, durable: true }],
    ['WRITE(12) with FUA', 'aa0800000100000000080000', { offset: 131072, length: 4096, dataBytes: 4096, durable: true }],
    ['WRITE(16)', '8a000000000100000000000000080000', { offset: 2 ** 32 * 512, length: 4096, dataBytes: 4096, durable: false }],
    ['WRITE SAME(10)', '41000000010000001000', { offset: 131072, length: 8192, dataBytes: 512, durable: false }],
    ['WRITE SAME(16), unmapping', '93080000000000000100000000100000', { offset: 131072, length: 8192, dataBytes: 512, durable: false }],
    ['WRITE SAME(16) without data', '93010000000000000100000000100000', { offset: 131072, length: 8192, dataBytes: 0, durable: false }],
  ])('%s', (_, hex, wanted) => expect(deed(hex)).toEqual({ kind: 'write', ...wanted }));

  test('flushes: of all, of a range, and one that is answered before it is done, which is none', () => {
    expect(deed('35000000000000000000', false)).toEqual({ kind: 'flush', offset: 0, length: Infinity });
    expect(deed('91000000000000000100000000100000', false)).toEqual({ kind: 'flush', offset: 131072, length: 8192 });
    expect(deed('35020000000000000000', false)).toEqual({ kind: 'other' });
  });

  test('what leaves the medium as it is', () => {
    for (const hex of ['28000000010000000800', '120000002400', '2a000000010000000000']) expect(deed(hex, false)).toEqual({ kind: 'other' });
    expect(deed('150000002400')).toEqual({ kind: 'other' });
  });

  test.each([['COMPARE AND WRITE', '89', true], ['FORMAT UNIT', '04', false], ['an unknown command with data', 'c1', true], ['all that follow', '41000000010000000000', true], ['below 2^44', '8a00ffffffffffffffff000000080000', true]])('refused: %s', (what, hex, sendsData) => {
    expect(() => deed(hex, sendsData)).toThrow(what);
  });

  test('the ranges of an UNMAP; a list that is cut off, or longer than it says, is read as far as it holds', () => {
    const list = fromHex('001e0020000000000000000000000010000000080000000000000000000001000000000100000000')!;
    viewOf(list).setUint16(2, 32);
    expect(unmapRanges(list)).toEqual([{ offset: 8192, length: 4096 }, { offset: 131072, length: 512 }]);
    expect(unmapRanges(list.subarray(0, 30))).toHaveLength(1);
    viewOf(list).setUint16(2, 16);
    expect(unmapRanges(list)).toHaveLength(1);
    expect(unmapRanges(new Uint8Array(4))).toEqual([]);
  });
});

describe('a conversation', () => {
  const data = fill(1536);
  const WRITE_3 = '2a000000010000000300';

  test('property: immediate, unsolicited and solicited data of one write, cut anywhere; its answer after it', () => {
    const said: [Side, Uint8Array][] = [
      ['initiator', concatBytes(command(WRITE_3, 1536, data.subarray(0, 500)), dataOut(500, data.subarray(500, 1000)))],
      ['target', unit(header(0x31))], // R2T
      ['initiator', dataOut(1000, data.subarray(1000))],
      ['target', response()],
    ];
    const wanted = [{ kind: 'write', task: 0, ranges: [{ offset: 131072, length: 1536 }], dataBytes: 1536, durable: false }, { kind: 'data', task: 0, at: 0, hex: toHex(data) }, { kind: 'answered', task: 0, good: true }];
    fc.assert(fc.property(fc.array(fc.nat({ max: 4000 }), { maxLength: 30 }), (cuts) => {
      expect(told(hear(said, cuts))).toEqual(wanted);
    }));
  });

  test('two tasks at once keep their data apart, and a tag that is used again is another task', () => {
    const one = '2a000000000000000100';
    const two = '2a080000000900000100';
    const heard = told(hear([
      ['initiator', concatBytes(command(one, 512), command(two, 512, undefined, { tag: 8 }), dataOut(0, fill(512, 8), 8), dataOut(0, fill(512, 7), 7))],
      ['target', concatBytes(response(0, 8), response(2, 7))],
      ['initiator', command(one, 512, fill(512, 9))], ['target', response()],
    ]));
    expect(heard.map((each) => [(each as Heard).kind, (each as Heard).task])).toEqual([['write', 0], ['write', 1], ['data', 1], ['data', 0], ['answered', 1], ['answered', 0], ['write', 2], ['data', 2], ['answered', 2]]);
    expect(heard.filter((each) => (each as Heard).kind === 'answered').map((each) => (each as { good: boolean }).good)).toEqual([true, false, true]);
  });

  test('a flush, and an UNMAP as a write of zeros once its list is whole', () => {
    const list = fromHex('001600100000000000000000000000100000000800000000')!;
    expect(hear([['initiator', concatBytes(command('35', 0), command('42', 24, list, { tag: 9 }))], ['target', concatBytes(response(), response(0, 9))]], [60, 110, 120])).toEqual([
      { kind: 'flush', task: 0, range: { offset: 0, length: Infinity } },
      { kind: 'write', task: 1, ranges: [{ offset: 8192, length: 4096 }], dataBytes: 0, durable: false },
      { kind: 'answered', task: 0, good: true }, { kind: 'answered', task: 1, good: true },
    ]);
  });

  test('other LUNs, reads and what belongs to no task are passed over', () => {
    expect(hear([['initiator', concatBytes(command(WRITE_3, 1536, data, { lun: 2 }), command('28000000010000000300', 0), dataOut(0, data, 99), command('15', 24, fill(24)))], ['target', concatBytes(response(), response(0, 99))]])).toEqual([]);
  });

  test('digests: an offer is none; an answer is, whoever gives it, in however many units', () => {
    const ask = (text: string, flags?: number): [Side, Uint8Array] => ['initiator', login(0x43, text, flags)];
    const answer = (text: string): [Side, Uint8Array] => ['target', login(0x23, text)];
    expect(() => hear([ask('HeaderDigest=CRC32C,None DataDigest=None '), answer('HeaderDigest=None DataDigest=None ')])).not.toThrow();
    expect(() => hear([ask('HeaderDigest=CRC32C '), answer('HeaderDigest=CRC32C ')])).toThrow('login: HeaderDigest=None; seen: HeaderDigest=CRC32C');
    expect(() => hear([answer('DataDigest=CRC32C,None '), ask('DataDigest=CRC32C ')])).toThrow('DataDigest');
    expect(() => hear([ask('HeaderDigest=CRC', 0x47), ask('32C,None '), answer('HeaderDigest=CRC32C ')])).toThrow('HeaderDigest');
  });

  test('refused: a LUN of other blocks, an address that is no LUN, a command of variable length, an endless login', () => {
    const refusal = (bytes: Uint8Array) => () => hear([['initiator', bytes]]);
    expect(refusal(command(WRITE_3, 3 * 4096))).toThrow('SCSI write: 1536 bytes, as its number of 512-byte blocks says; seen: 12288 bytes');
    const elsewhere = command(WRITE_3, 1536);
    elsewhere[8] = 0xc1;
    expect(refusal(elsewhere)).toThrow('a LUN by peripheral or flat addressing');
    expect(refusal(command('7f', 512))).toThrow('a command of variable length');
    expect(refusal(login(0x03, 'x'.repeat(70_000)))).toThrow('at most 65536 bytes of text');
  });
});
