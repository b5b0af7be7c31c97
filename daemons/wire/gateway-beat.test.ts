import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, encodeLatin1, toHex } from '../core/bytes.ts';
import { hmacSha256 } from '../core/sha256.ts';
import { BEAT_ROLES, decodeGatewayBeat, encodeGatewayBeat, GATEWAY_BEAT_BYTES, type GatewayBeat, gatewayBeatKey } from './gateway-beat.ts';

const CLUSTER_KEY = encodeLatin1('a key of thirty-two bytes, or so.');
const KEY = gatewayBeatKey(CLUSTER_KEY);
const BEAT: GatewayBeat = {
  cluster: 'a1b2c3d4e5f60718', node: 3, incarnation: '00112233445566ff', sequence: 2 ** 40 + 258, epoch: 17, rank: 1, role: 'released', uplink: true, wants: false, successor: 2,
};
const GOLDEN_BODY = '4d4d4742 02 05 0003 a1b2c3d4e5f60718 00112233445566ff 010000000102 00000011 0001 0002'.replaceAll(' ', '');
const hex16 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => value.toString(16).padStart(16, '0'));
const word = fc.integer({ min: 0, max: 0xffff });
const sequence = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const dword = fc.integer({ min: 0, max: 0xffffffff });
const beats: fc.Arbitrary<GatewayBeat> = fc.record({
  cluster: hex16, node: fc.integer({ min: 1, max: 0xffff }), incarnation: hex16, sequence, epoch: dword, rank: word, successor: word,
  role: fc.constantFrom(...BEAT_ROLES), uplink: fc.boolean(), wants: fc.boolean(),
});
/** A beat with a changed body under the right key: what a faulty peer could send. */
const signed = (change: (body: Uint8Array) => void): Uint8Array => {
  const body = encodeGatewayBeat(KEY, BEAT).slice(0, 38);
  change(body);
  return concatBytes(body, hmacSha256(KEY, body).subarray(0, 16));
};

describe('gateway beat', () => {
  test('golden bytes, signed as another implementation of HMAC signs them', () => {
    const bytes = encodeGatewayBeat(KEY, BEAT);
    expect(toHex(bytes.subarray(0, 38))).toBe(GOLDEN_BODY);
    const key = createHmac('sha256', CLUSTER_KEY).update('metamaster gateway beat 1').digest();
    expect(toHex(bytes.subarray(38))).toBe(createHmac('sha256', key).update(bytes.subarray(0, 38)).digest('hex').slice(0, 32));
  });

  test('the key of the cluster itself is not taken', () => expect(decodeGatewayBeat([CLUSTER_KEY], encodeGatewayBeat(KEY, BEAT))).toBeUndefined());

  test('a beat under any of the keys is taken, and one under none is not', () => {
    const other = gatewayBeatKey(new Uint8Array(32).fill(1));
    expect([decodeGatewayBeat([other, KEY], encodeGatewayBeat(KEY, BEAT)), decodeGatewayBeat([other], encodeGatewayBeat(KEY, BEAT)), decodeGatewayBeat([], encodeGatewayBeat(KEY, BEAT))]).toEqual([BEAT, undefined, undefined]);
  });

  test.each<[string, (body: Uint8Array) => void]>([
    ['another magic', (body) => body.fill(0, 0, 1)],
    ['another version', (body) => body.fill(1, 4, 5)],
    ['an unknown flag', (body) => body.fill(0x10, 5, 6)],
    ['node 0', (body) => body.fill(0, 6, 8)],
  ])('refuses %s even under the right key', (_name, change) => expect(decodeGatewayBeat([KEY], signed(change))).toBeUndefined());

  test.each<[string, Partial<GatewayBeat>]>([
    ['node 0', { node: 0 }],
    ['a sequence beyond 48 bits', { sequence: 2 ** 48 }],
    ['a broken epoch', { epoch: 1.5 }],
    ['a negative rank', { rank: -1 }],
    ['successor 65536', { successor: 65536 }],
    ['a short incarnation', { incarnation: '00' }],
    ['capitals', { cluster: 'A1B2C3D4E5F60718' }],
  ])('will not write %s', (_name, fields) => expect(() => encodeGatewayBeat(KEY, { ...BEAT, ...fields })).toThrow(RangeError));

  test('what is written is read again', () => {
    fc.assert(fc.property(beats, (beat) => void expect(decodeGatewayBeat([KEY], encodeGatewayBeat(KEY, beat))).toEqual(beat)));
  });

  test('fuzz: no datagram that differs in any bit or in length is taken', () => {
    const good = encodeGatewayBeat(KEY, BEAT);
    fc.assert(
      fc.property(fc.nat(GATEWAY_BEAT_BYTES - 1), fc.integer({ min: 1, max: 255 }), fc.uint8Array({ maxLength: 120 }), (at, change, noise) => {
        expect(decodeGatewayBeat([KEY], good.with(at, good[at]! ^ change))).toBeUndefined();
        expect(decodeGatewayBeat([KEY], good.subarray(0, at))).toBeUndefined();
        expect(decodeGatewayBeat([KEY], concatBytes(good, noise, Uint8Array.of(0)))).toBeUndefined();
        expect(decodeGatewayBeat([KEY], noise)).toBeUndefined();
      }),
    );
  });
});
