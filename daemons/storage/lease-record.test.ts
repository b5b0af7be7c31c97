import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../core/bytes.ts';
import { decodeLeaseRecord, renewedHosts, withLeaseVersion } from './lease-record.ts';

const sectorOf = (hex: string): Uint8Array => {
  const sector = new Uint8Array(512);
  sector.set(fromHex(hex.replaceAll(/\s/g, ''))!);
  return sector;
};

// Written by sanlock 3.8.5: the fourth owner of a resource is host 1, and holds it.
const RESOURCE = sectorOf(`
  10201506040006001000000000020000d007000000000000d00700000000000001000000000000000100000000000000
  04000000000000006d6d2d303132333435363738396162636465660000000000000000000000000000000000000000000000000000000000
  726567697374727900000000000000000000000000000000000000000000000000000000000000000000000000000000
  746e00000000000000000000000000000000000000000000`);
// And the record of host 1 in its lockspace.
const LOCKSPACE = sectorOf(`
  102021120400030010000000000200000000000000000000010000000000000001000000000000000100000000000000
  00000000000000006d6d2d303132333435363738396162636465660000000000000000000000000000000000000000000000000000000000
  687741000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
  096f0000000000000000000000000000782b3caa0000010000000000`);

/** The same with its checksum made right. */
const sealed = (sector: Uint8Array): Uint8Array => withLeaseVersion(sector, 4);

describe('a record of sanlock', () => {
  test('of a lockspace', () => {
    expect(decodeLeaseRecord(LOCKSPACE)).toEqual({ kind: 'lockspace', lockspace: 'mm-0123456789abcdef', name: 'hwA', leaseVersion: 0, owner: 1, timestamp: 28425 });
  });

  test('of a resource; its version can be set, and nothing else changes', () => {
    const record = decodeLeaseRecord(sealed(RESOURCE));
    expect(record).toEqual({ kind: 'resource', lockspace: 'mm-0123456789abcdef', name: 'registry', leaseVersion: 4, owner: 1, timestamp: 28276 });
    fc.assert(fc.property(fc.maxSafeNat(), (leaseVersion) => {
      expect(decodeLeaseRecord(withLeaseVersion(RESOURCE, leaseVersion))).toEqual({ ...record, leaseVersion });
    }));
    for (const version of [-1, 0.5, 2 ** 53]) expect(() => withLeaseVersion(RESOURCE, version)).toThrow(RangeError);
  });

  test('with any byte of its fields changed is none', () => {
    fc.assert(fc.property(fc.nat({ max: 171 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const sector = Uint8Array.from(LOCKSPACE);
      sector[at]! ^= change;
      expect(decodeLeaseRecord(sector)).toBeUndefined();
    }));
  });

  test('never makes the reader throw, whatever stands there', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 512, maxLength: 512 }), (bytes) => { expect(decodeLeaseRecord(bytes)).toBeUndefined(); }));
    expect(decodeLeaseRecord(new Uint8Array(512))).toBeUndefined();
  });
});

test('a host renewed when its time stamp moved, and not when it left', () => {
  expect(renewedHosts([0, 5, 7, 9], [3, 5, 8, 0])).toEqual([1, 3]);
});
