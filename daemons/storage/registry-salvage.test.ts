import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeUtf8 } from '../core/bytes.ts';
import { canonicalJson } from './canonical-json.ts';
import { twiceWrittenSan, type Damage } from './damaged-registry.test-kit.ts';
import { readFrom } from './read-at.ts';
import { encodeSlotHeader, type SlotNumber } from './registry-layout.ts';
import { endOfObject, peekSlotHeader, salvageRegistry } from './registry-salvage.ts';
import { SAMPLE_SUPERBLOCK } from './sample-san.test-kit.ts';

function salvaged(...damages: readonly (readonly [SlotNumber, Damage])[]) {
  const san = twiceWrittenSan();
  for (const [slot, what] of damages) san.damage(slot, what);
  return { san, ...salvageRegistry(readFrom(san.disk.read, san.registryAt), SAMPLE_SUPERBLOCK) };
}

describe('whole bodies', () => {
  test('behind torn headers are found, the newest first, with what the headers\' first sectors say', () => {
    const { bodies, seen, san } = salvaged([0, 'header tail'], [1, 'header tail']);
    expect(bodies.map(({ slot, header }) => [slot, header?.generation])).toEqual([[1, 2], [0, 1]]);
    expect(bodies[0]!.registry).toEqual(san.registry);
    expect(seen.map(({ generation }) => generation)).toEqual([1, 2]);
  });

  test('without any header are found as well, and nothing is claimed of their age', () => {
    const { bodies, seen } = salvaged([0, 'header'], [1, 'header']);
    expect(bodies.map(({ slot, header }) => [slot, header])).toEqual([[0, undefined], [1, undefined]]);
    expect(seen).toEqual([]);
  });

  test('a body that is damaged is not taken, whatever its header says; the header counts all the same', () => {
    const { bodies, seen } = salvaged([0, 'both'], [1, 'body']);
    expect(bodies).toEqual([]);
    expect(seen.map(({ generation }) => generation)).toEqual([2]);
  });

  test('of another cluster are none of ours', () => {
    const san = twiceWrittenSan();
    expect(salvageRegistry(readFrom(san.disk.read, san.registryAt), { ...SAMPLE_SUPERBLOCK, container: 'other' }).bodies).toEqual([]);
  });
});

test('a header that is torn behind its first sector is read; noise, and a number that nobody counted to, are not', () => {
  const header = { writer: 1, slot: 0 as const, leaseVersion: 3, generation: 7, length: 5, sha256: 'ab'.repeat(32), writtenAtUnixMs: 9 };
  const torn = encodeSlotHeader(header);
  torn.fill(0xff, 512);
  expect(peekSlotHeader(torn)).toEqual(header);
  expect(peekSlotHeader(new Uint8Array(4096).fill(0xa5))).toBeUndefined();
  const wild = encodeSlotHeader({ ...header, generation: 2 ** 50 });
  wild[4095]! ^= 1;
  expect(peekSlotHeader(wild)).toBeUndefined();
});

test('round trip: the end of any JSON object is found, whatever follows it', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.uint8Array({ maxLength: 20 }), (value, rest) => {
    const text = encodeUtf8(canonicalJson(value));
    expect(endOfObject(Uint8Array.of(...text, ...rest))).toBe(text.length);
    expect(endOfObject(text.subarray(0, text.length - 1))).toBeUndefined();
  }), { numRuns: 200 });
});
