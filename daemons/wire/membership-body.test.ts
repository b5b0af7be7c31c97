import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../core/bytes.ts';
import { decodeBody, encodeBody } from './membership-body.ts';
import { BODY_MAX_BYTES, BUCKET_SIZE, CLAIMS_MAX_BYTES, claimBytes, FACT_KEY_MAX_BYTES, FACT_VALUE_MAX_BYTES, factsProblem, FACTS_MAX, INCARNATION_MAX } from './membership-packet.ts';
import type { Claim, MembershipBody, MembershipPacket } from './membership-packet.ts';

const START = '00000000000000b1';
const from = { node: 2, start: START, incarnation: 3, sequence: 4, rosterGeneration: 5 };
const packet = (body: MembershipBody): MembershipPacket => ({ from, body });
const claim: Claim = { node: 7, start: START, incarnation: 9, status: 'suspect', by: [2, 3], description: undefined };

const word = fc.nat(0xffffffff);
const node = fc.integer({ min: 1, max: 0xffff });
const start = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((bits) => bits.toString(16).padStart(16, '0'));
const incarnation = fc.nat(INCARNATION_MAX);
const status = fc.constantFrom('alive' as const, 'suspect' as const, 'dead' as const);
const ascending = (max: number) => fc.uniqueArray(node, { maxLength: max }).map((nodes) => nodes.sort((a, b) => a - b));
const facts = fc.uniqueArray(fc.tuple(fc.stringMatching(/^[a-z0-9.-]{1,16}$/), fc.string({ maxLength: 12, unit: 'grapheme-ascii' })), { maxLength: FACTS_MAX, selector: ([key]) => key }).map((pairs) => new Map(pairs));
const description = fc.record({ sequence: word, serving: fc.boolean(), present: fc.boolean(), rosterGeneration: fc.maxSafeNat(), facts });
const claims = fc.array(fc.record({ node, start, incarnation, status, by: ascending(4), description: fc.option(description, { nil: undefined }) }), { maxLength: 4 });
const digest = fc.tuple(fc.nat(1023), fc.uniqueArray(fc.integer({ min: 0, max: BUCKET_SIZE - 1 }), { maxLength: BUCKET_SIZE }), start, incarnation, status, word).map(([bucket, places, life, number, state, sequence]) => ({
  kind: 'digest' as const, bucket,
  entries: places.map((place) => bucket * BUCKET_SIZE + place).filter((each) => each > 0).sort((a, b) => a - b).map((each) => ({ node: each, start: life, incarnation: number, status: state, sequence })),
}));
const body: fc.Arbitrary<MembershipBody> = fc.oneof(
  fc.record({ kind: fc.constantFrom('ping' as const, 'ack' as const), probe: word, claims }),
  fc.record({ kind: fc.constant('ping-request' as const), probe: word, target: node, claims }),
  fc.record({ kind: fc.constant('nack' as const), probe: word }),
  fc.record({ kind: fc.constantFrom('news' as const, 'records' as const), claims }),
  fc.record({ kind: fc.constant('sync' as const), buckets: fc.array(fc.record({ bucket: fc.nat(1023), hash: word }), { maxLength: 64 }) }),
  digest,
  fc.record({ kind: fc.constant('want' as const), nodes: ascending(64) }),
);

describe('a membership body', () => {
  test.each<[string, MembershipBody, string]>([
    ['ping', { kind: 'ping', probe: 0x01020304, claims: [] }, '00000003 00000004 0000000000000005 00 01020304 00'],
    ['a ping that tells of a suspicion', { kind: 'ping', probe: 1, claims: [claim] }, '00000003 00000004 0000000000000005 00 00000001 01 0007 00000000000000b1 00000009 01 02 0002 0003'],
    ['nack', { kind: 'nack', probe: 1 }, '00000003 00000004 0000000000000005 03 00000001'],
    [
      'news with a description',
      { kind: 'news', claims: [{ ...claim, status: 'alive', by: [], description: { sequence: 4, serving: true, present: true, rosterGeneration: 5, facts: new Map([['load', '0.5']]) } }] },
      '00000003 00000004 0000000000000005 04 01 0007 00000000000000b1 00000009 80 00 00000004 03 0000000000000005 01 04 6c6f6164 03 302e35',
    ],
    ['want', { kind: 'want', nodes: [1, 65535] }, '00000003 00000004 0000000000000005 07 02 0001 ffff'],
  ])('golden: %s', (_name, golden, hex) => {
    expect(toHex(encodeBody(packet(golden)))).toBe(hex.replaceAll(' ', ''));
    expect(decodeBody(2, START, fromHex(hex.replaceAll(' ', ''))!)).toEqual(packet(golden));
  });

  test('law: what was encoded is decoded, and a claim takes the bytes that were said', () => {
    fc.assert(fc.property(body, node, start, (each, sender, life) => {
      const sent = { from: { ...from, node: sender, start: life }, body: each };
      const bytes = encodeBody(sent);
      expect(decodeBody(sender, life, bytes)).toEqual(sent);
      if (each.kind === 'news') expect(bytes).toHaveLength(18 + each.claims.reduce((sum, one) => sum + claimBytes(one), 0));
    }), { numRuns: 300 });
  });

  test('the largest of each kind fits', () => {
    const entries = Array.from({ length: BUCKET_SIZE }, (_, i) => ({ node: BUCKET_SIZE + i, start: START, incarnation: 1, status: 'alive' as const, sequence: 1 }));
    expect(encodeBody(packet({ kind: 'digest', bucket: 1, entries })).length).toBeLessThanOrEqual(BODY_MAX_BYTES);
    const most = new Map(Array.from({ length: FACTS_MAX }, (_, i) => [`${i}`.padStart(FACT_KEY_MAX_BYTES, 'k'), 'x'.repeat(FACT_VALUE_MAX_BYTES)]));
    const full = { ...claim, by: [1, 2, 3, 4], description: { sequence: 1, serving: true, present: true, rosterGeneration: 1, facts: most } };
    expect(claimBytes(full)).toBeLessThanOrEqual(CLAIMS_MAX_BYTES);
    expect(encodeBody(packet({ kind: 'ping-request', probe: 1, target: 1, claims: [full] })).length).toBeLessThanOrEqual(BODY_MAX_BYTES);
  });

  test('fuzz: any bytes, and any body with a byte changed or cut off, give a packet that encodes to the same bytes, or nothing', () => {
    const check = (bytes: Uint8Array): void => {
      const decoded = decodeBody(2, START, bytes);
      if (decoded) expect(encodeBody(decoded)).toEqual(bytes);
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 1000 });
    fc.assert(fc.property(body, fc.nat(), fc.nat(255), fc.nat(), (each, at, byte, cut) => {
      const bytes = encodeBody(packet(each));
      check(bytes.with(at % bytes.length, byte));
      check(bytes.slice(0, cut % bytes.length));
      expect(decodeBody(2, START, bytes.slice(0, cut % bytes.length))).toBeUndefined();
    }), { numRuns: 500 });
  });

  test.each<[string, MembershipBody]>([
    ['an incarnation that nothing could refute', { kind: 'news', claims: [{ ...claim, incarnation: INCARNATION_MAX + 1 }] }],
    ['more suspecters than are told', { kind: 'news', claims: [{ ...claim, by: [1, 2, 3, 4, 5] }] }],
    ['a start that is no start', { kind: 'news', claims: [{ ...claim, start: 'x' }] }],
    ['more wanted than a bucket has', { kind: 'want', nodes: Array.from({ length: 65 }, (_, i) => i + 1) }],
  ])('a fault of ours throws: %s', (_name, wrong) => expect(() => encodeBody(packet(wrong))).toThrow(RangeError));

  test.each<[string, Map<string, string>, RegExp]>([
    ['too many', new Map(Array.from({ length: 9 }, (_, i) => [`k${i}`, ''])), /8 facts; seen 9/],
    ['a name with a blank', new Map([['a b', '']]), /seen a b/],
    ['a long value', new Map([['a', 'ä'.repeat(25)]]), /48 bytes; seen 50/],
    ['half a character', new Map([['a', '\ud800']]), /UTF-8/],
  ])('facts: %s', (_name, wrong, message) => expect(factsProblem(wrong)).toMatch(message));
});
