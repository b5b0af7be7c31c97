import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, encodeLatin1, encodeUtf8 } from '../core/bytes.ts';
import type { Ipv4 } from '../core/ipv4.ts';
import { LINE_MAX_CHARS } from './boot-fact.ts';
import { KernelLines, SENDERS_MAX } from './kernel-lines.ts';

const A = '10.0.0.2' as Ipv4;
const B = '10.0.0.3' as Ipv4;
const latin = (text: string) => encodeLatin1(text);

describe('kernel lines', () => {
  test('plain: a line may be cut between datagrams, also within a character; two blades are not mixed', () => {
    const lines = new KernelLines();
    const euro = encodeUtf8('price: 5 €\nnext');
    expect(lines.take(A, euro.subarray(0, 10))).toEqual([]);
    expect(lines.take(B, latin('other\n'))).toEqual(['other']);
    expect(lines.take(A, euro.subarray(10))).toEqual(['price: 5 €']);
    expect(lines.take(A, latin(' line\n\n'))).toEqual(['next line']);
  });

  test('extended: whole at once, or when the last fragment is there, in any order and repeated', () => {
    const lines = new KernelLines();
    expect(lines.take(A, latin('3,7,1,-;Oops: 0000\n SUBSYSTEM=x\n'))).toEqual(['Oops: 0000']);
    const [first, second] = ['6,416,1758426,-,ncfrag=0/31;the first chunk,', '6,416,1758426,-,ncfrag=16/31; the 2nd chunk.'];
    expect([second, second, first].map((text) => lines.take(A, latin(text!)))).toEqual([[], [], ['the first chunk, the 2nd chunk.']]);
  });

  test('a message whose fragment was lost does not spoil the next one', () => {
    const lines = new KernelLines();
    lines.take(A, latin('6,1,1,-,ncfrag=0/10;lost!'));
    expect(lines.take(A, latin('6,2,2,-,ncfrag=0/4;ab'))).toEqual([]);
    expect(lines.take(A, latin('6,2,2,-,ncfrag=2/4;cd'))).toEqual(['abcd']);
  });

  test('what a terminal would obey is made harmless', () => {
    expect(new KernelLines().take(A, latin('3,7,1,-;\\x1b[2Jgone\\x07'))).toEqual(['?[2Jgone?']);
  });

  test('a stream without line ends is given out in pieces, and more senders than the table has push the oldest out', () => {
    const lines = new KernelLines();
    expect(lines.take(A, latin('x'.repeat(9000)))).toEqual(['x'.repeat(LINE_MAX_CHARS), 'x'.repeat(LINE_MAX_CHARS)]);
    lines.take(B, latin('half '));
    for (let i = 0; i < SENDERS_MAX; i++) lines.take(`10.1.${i >> 8}.${i & 255}` as Ipv4, latin('x'));
    expect(lines.take(B, latin('a line\n'))).toEqual(['a line']);
  });

  test('fuzz: however plain text is cut, its lines come out whole; other bytes break nothing', () => {
    fc.assert(fc.property(fc.array(fc.stringMatching(/^[a-zé ]{1,40}[a-z]$/), { minLength: 1 }), fc.array(fc.nat(200)), (texts, cuts) => {
      const stream = encodeUtf8(texts.map((text) => `${text}\n`).join(''));
      const places = [0, ...cuts.filter((cut) => cut < stream.length).sort((a, b) => a - b), stream.length];
      const lines = new KernelLines();
      expect(places.slice(1).flatMap((end, i) => lines.take(A, stream.subarray(places[i], end)))).toEqual(texts);
    }));
    const lines = new KernelLines();
    fc.assert(fc.property(fc.constantFrom('', '6,1,1,-;', '6,1,1,-,ncfrag=3/40;'), fc.uint8Array({ maxLength: 60 }), (head, bytes) => {
      for (const line of lines.take(A, concatBytes(latin(head), bytes))) expect(line).not.toMatch(/\p{Cc}/u);
    }));
  });
});
