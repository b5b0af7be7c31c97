import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../daemons/core/bytes.ts';
import { TAGGED_MAX, UNTAGGED_MAX, VlanPort, withoutTag, withTag } from './vlan-frames.ts';

const bytes = (hex: string): Uint8Array => fromHex(hex.replaceAll(' ', ''))!;
/** An ARP request from 52:54:00:00:00:03 to everybody, cut short behind its first fields. */
const ADDRESSES = 'ffffffffffff 525400000003';
const ARP = '0806 0001 0800';
const untagged = bytes(ADDRESSES + ARP);
const tagged = (tci: string): Uint8Array => bytes(`${ADDRESSES} 8100 ${tci} ${ARP}`);

describe('the tag', () => {
  test('golden: it stands behind the addresses, and goes again', () => {
    expect(withTag(untagged, 5)).toEqual({ frame: tagged('0005') });
    expect(withTag(untagged, 4094)).toEqual({ frame: tagged('0ffe') });
    expect(withoutTag(tagged('0005'), 5)).toEqual({ frame: untagged });
  });

  test('priority and drop eligibility are no part of the identifier', () => {
    expect(withoutTag(tagged('f005'), 5)).toEqual({ frame: untagged });
  });

  test('of two tags only the outer one goes', () => {
    const inner = bytes(`${ADDRESSES} 8100 0007 ${ARP}`);
    expect(withoutTag(bytes(`${ADDRESSES} 8100 0005 8100 0007 ${ARP}`), 5)).toEqual({ frame: inner });
  });
});

describe('what is not the VLAN\'s', () => {
  test.each<[string, Uint8Array, string]>([
    ['another VLAN', tagged('0006'), 'other VLAN'],
    ['a VLAN whose low byte is the same', tagged('0105'), 'other VLAN'],
    ['no tag', untagged, 'untagged'],
    ['a priority without a VLAN', tagged('a000'), 'untagged'],
    ['a provider\'s tag', bytes(`${ADDRESSES} 88a8 0005 ${ARP}`), 'untagged'],
    ['nothing', new Uint8Array(), 'malformed'],
    ['less than a header', untagged.subarray(0, 13), 'malformed'],
    ['a tag that is cut off', tagged('0005').subarray(0, 16), 'malformed'],
    ['a tag without a type behind it', tagged('0005').subarray(0, 17), 'malformed'],
  ])('from the blade: %s is dropped', (_what, frame, dropped) => expect(withoutTag(frame, 5)).toEqual({ dropped }));

  test.each<[string, Uint8Array, string]>([
    ['a tag, though it be the VLAN\'s', tagged('0005'), 'tagged'], ['less than a header', untagged.subarray(0, 13), 'malformed'],
  ])('to the blade: %s is dropped', (_what, frame, dropped) => expect(withTag(frame, 5)).toEqual({ dropped }));

  test('the longest frames pass, one byte more does not', () => {
    const long = (length: number, start: Uint8Array): Uint8Array => {
      const frame = new Uint8Array(length);
      frame.set(start);
      return frame;
    };
    expect(withTag(long(UNTAGGED_MAX, untagged), 5)).toEqual({ frame: long(TAGGED_MAX, tagged('0005')) });
    expect(withTag(long(UNTAGGED_MAX + 1, untagged), 5)).toEqual({ dropped: 'oversized' });
    expect(withoutTag(long(TAGGED_MAX, tagged('0005')), 5)).toEqual({ frame: long(UNTAGGED_MAX, untagged) });
    expect(withoutTag(long(TAGGED_MAX + 1, tagged('0005')), 5)).toEqual({ dropped: 'oversized' });
  });
});

test('law: an untagged frame comes through tag and no tag as it was, and through another VLAN not at all', () => {
  const frame = fc.uint8Array({ minLength: 14, maxLength: UNTAGGED_MAX }).filter((one) => toHex(one.subarray(12, 14)) !== '8100');
  const vlan = fc.integer({ min: 1, max: 4094 });
  fc.assert(fc.property(frame, vlan, vlan, (one, id, other) => {
    const sent = withTag(one, id) as { frame: Uint8Array };
    expect(withoutTag(sent.frame, id)).toEqual({ frame: one });
    if (other !== id) expect(withoutTag(sent.frame, other)).toEqual({ dropped: 'other VLAN' });
  }));
});

test('fuzz: whatever comes, nothing is thrown, and what passes is four bytes shorter or longer', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (one) => {
    const out = withoutTag(one, 5);
    const back = withTag(one, 5);
    if ('frame' in out) expect(out.frame).toHaveLength(one.length - 4);
    if ('frame' in back) expect(back.frame).toHaveLength(one.length + 4);
  }));
});

test('a port counts what passes and what it drops, and why', () => {
  const port = new VlanPort(5);
  expect(port.summary()).toBe('VLAN 5: 0 frames from the blade, 0 frames to the blade; dropped: none');
  expect(port.fromBlade(tagged('0005'))).toEqual(untagged);
  expect(port.toBlade(untagged)).toEqual(tagged('0005'));
  for (const frame of [untagged, untagged, tagged('0006')]) expect(port.fromBlade(frame)).toBeUndefined();
  expect(port.toBlade(tagged('0005'))).toBeUndefined();
  expect(port.dropped).toBe(4);
  expect(port.summary()).toBe('VLAN 5: 1 frames from the blade, 1 frames to the blade; dropped: 1 other VLAN from the blade, 1 tagged to the blade, 2 untagged from the blade');
});
