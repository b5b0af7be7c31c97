import { hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeLatin1, toHex } from '../core/bytes.ts';
import { aesGcm } from '../host/aes-gcm.ts';
import type { MembershipPacket } from './membership-packet.ts';
import { DERIVED_KEYS_MAX, PacketOpener, PacketSealer } from './membership-seal.ts';
import type { Aead } from './membership-seal.ts';

const [OLD, NEW] = [encodeLatin1('the former key'), encodeLatin1('the key to come')];
const CLUSTER = 'c1c2c3c4c5c6c7c8';
const START = '00000000000000b1';
const sealer = (keys: readonly Uint8Array[] = [OLD], start = START, node = 2, aead: Aead = aesGcm) => new PacketSealer({ aead, keys, cluster: CLUSTER, node, start });
const opener = (keys: readonly Uint8Array[] = [OLD], cluster = CLUSTER) => new PacketOpener({ aead: aesGcm, keys, cluster });
const ping = (start = START, node = 2): MembershipPacket => ({ from: { node, start, incarnation: 3, sequence: 4, rosterGeneration: 5 }, body: { kind: 'ping', probe: 6, claims: [] } });
const refused = (reason: string) => ({ kind: 'refused', reason });

describe('the seal', () => {
  test('golden: the header is open, the rest is not', () => {
    const bytes = sealer().seal(ping());
    expect(toHex(bytes)).toBe(`4d4d4c4d01b62efec1c2c3c4c5c6c7c80002${START}0000000000013a2ef92a428f6b7d61c262017c6f02d362926b1e512fb2c1d056916c4ab298ae3044c1de51eb`);
    expect(opener().open(bytes)).toEqual({ kind: 'packet', packet: ping() });
  });

  test("the sender's key is RFC 5869's, as another hand derives it", () => {
    const bytes = sealer().seal(ping());
    const info = Buffer.concat([Buffer.from('metamaster membership 1'), bytes.subarray(16, 26)]);
    const key = new Uint8Array(hkdfSync('sha256', OLD, Buffer.from(CLUSTER, 'hex'), info, 32));
    const nonce = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
    expect(toHex(aesGcm.open(key, nonce, bytes.subarray(32), bytes.subarray(0, 32))!)).toBe('00000003000000040000000000000005000000000600');
  });

  test('a datagram is taken once, in any order within the window', () => {
    const [from, to] = [sealer(), opener()];
    const sent = Array.from({ length: 100 }, () => from.seal(ping()));
    expect(to.open(sent[50]!).kind).toBe('packet');
    expect(to.open(sent[49]!).kind).toBe('packet');
    expect(to.open(sent[50]!)).toEqual(refused('replayed'));
    expect(to.open(sent[49]!)).toEqual(refused('replayed'));
    expect(to.open(sent[99]!).kind).toBe('packet');
    expect(to.open(sent[48]!).kind).toBe('packet');
    expect(to.open(sent[35]!)).toEqual(refused('replayed'));
    expect(to.open(sent[36]!).kind).toBe('packet');
  });

  test('property: each datagram is taken at most once, however it is repeated and mixed', () => {
    fc.assert(fc.property(fc.array(fc.nat(199), { maxLength: 300 }), (order) => {
      const [from, to] = [sealer(), opener()];
      const sent = Array.from({ length: 200 }, () => from.seal(ping()));
      const taken = order.filter((index) => to.open(sent[index]!).kind === 'packet');
      expect(new Set(taken).size).toBe(taken.length);
    }), { numRuns: 20 });
  });

  test('no key ever sees a nonce twice, whoever sends, at whichever start', () => {
    const seen = new Set<string>();
    const recording: Aead = { ...aesGcm, seal: (key, nonce, plain, head) => {
      const both = `${toHex(key)}/${toHex(nonce)}`;
      expect(seen.has(both)).toBe(false);
      seen.add(both);
      return aesGcm.seal(key, nonce, plain, head);
    } };
    for (const start of [START, '00000000000000b2']) {
      for (const node of [2, 3]) {
        const from = sealer([OLD], start, node, recording);
        for (let i = 0; i < 5; i++) from.seal(ping(start, node));
        from.use(CLUSTER, [NEW]);
        from.use(CLUSTER, [OLD]);
        for (let i = 0; i < 5; i++) from.seal(ping(start, node));
      }
    }
    expect(seen.size).toBe(40);
  });

  test('a key is changed without an outage: first all learn it, then all send with it, then the former one goes', () => {
    const [from, to] = [sealer([OLD]), opener([OLD])];
    const heard = (): string => to.open(from.seal(ping())).kind;
    to.use(CLUSTER, [OLD, NEW]);
    expect(heard()).toBe('packet');
    from.use(CLUSTER, [NEW, OLD]);
    expect(heard()).toBe('packet');
    to.use(CLUSTER, [NEW]);
    expect(heard()).toBe('packet');
    from.use(CLUSTER, [OLD]);
    expect(to.open(from.seal(ping()))).toEqual(refused('key'));
  });

  test.each<[string, (bytes: Uint8Array) => Uint8Array, string]>([
    ['nothing', () => new Uint8Array(), 'malformed'],
    ['another protocol', (bytes) => bytes.with(0, 0), 'malformed'],
    ['a version to come', (bytes) => bytes.with(4, 2), 'version'],
    ['an unknown key', (bytes) => bytes.with(5, bytes[5]! ^ 1), 'key'],
    ['another cluster', (bytes) => bytes.with(8, 0), 'foreign'],
    ['another sender', (bytes) => bytes.with(17, 3), 'key'],
    ['another start', (bytes) => bytes.with(25, 0), 'key'],
    ['another counter', (bytes) => bytes.with(31, 9), 'key'],
    ['a changed body', (bytes) => bytes.with(40, bytes[40]! ^ 1), 'key'],
    ['a changed tag', (bytes) => bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1), 'key'],
    ['cut off', (bytes) => bytes.slice(0, -1), 'key'],
    ['too long', (bytes) => Uint8Array.from([...bytes, ...new Uint8Array(1472)]), 'malformed'],
  ])('%s is refused', (_name, change, reason) => {
    const bytes = sealer().seal(ping());
    expect(opener().open(change(bytes))).toEqual(refused(reason));
  });

  test('fuzz: bytes of no key of the cluster are never a packet, and never throw', () => {
    const [from, to] = [sealer(), opener()];
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(to.open(bytes).kind).toBe('refused');
    }), { numRuns: 500 });
    fc.assert(fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = from.seal(ping());
      expect(to.open(bytes.with(at % bytes.length, bytes[at % bytes.length]! ^ flip)).kind).toBe('refused');
    }), { numRuns: 500 });
    expect(to.remembered).toBe(0);
  });

  test('no more starts are remembered than have a place', () => {
    const cheap: Aead = { seal: (_key, _nonce, plain) => plain, open: (_key, _nonce, sealed) => sealed };
    const to = new PacketOpener({ aead: cheap, keys: [OLD], cluster: CLUSTER });
    for (let i = 0; i < DERIVED_KEYS_MAX + 10; i++) {
      const start = i.toString(16).padStart(16, '0');
      to.open(sealer([OLD], start, 2, cheap).seal(ping(start)));
    }
    expect(to.remembered).toBe(DERIVED_KEYS_MAX);
  }, 120_000);

  test('a fault of ours throws: another node\'s packet, too many keys, none', () => {
    expect(() => sealer().seal(ping(START, 3))).toThrow(RangeError);
    expect(() => sealer([])).toThrow(/1 to 3 keys; seen 0/);
    expect(() => opener([OLD, OLD, OLD, OLD])).toThrow(/seen 4/);
  });
});
