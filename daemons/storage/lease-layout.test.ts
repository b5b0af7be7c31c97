import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Uuid } from '../core/uuid.ts';
import { MIB, SECTOR_BYTES } from './block.ts';
import { hostIdOf, leaseAreaOf, leaseCount, leaseOffset, LIVE_HOST_ID, lockspaceName, registryLease } from './lease-layout.ts';
import { MAX_WRITERS } from './registry-layout.ts';

const CLUSTER = 'a4f8b15c-8ef6-4d3a-9a5e-1f2b3c4d5e6f' as Uuid;
const areaOf = (firstMib: number, mib: number) => leaseAreaOf('/dev/sda', { firstSector: (firstMib * MIB) / SECTOR_BYTES, sectors: (mib * MIB) / SECTOR_BYTES }, CLUSTER);

test('lockspace, registry, others: one MiB each, from the start of the partition', () => {
  const area = areaOf(33, 128);
  expect(area).toEqual({ path: '/dev/sda', firstByte: 33 * MIB, sizeBytes: 128 * MIB, lockspace: `mm-${CLUSTER}` });
  expect(registryLease(area)).toEqual({ name: 'registry', offset: 34 * MIB });
  expect(leaseOffset(area, 1)).toBe(35 * MIB);
  expect(leaseCount(area)).toBe(127);
});

test('no two places meet, and none reaches over the partition', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 300 }), (firstMib, mib) => {
    const area = areaOf(firstMib, mib);
    const places = [area.firstByte, ...Array.from({ length: leaseCount(area) }, (_, number) => leaseOffset(area, number))];
    places.forEach((place, i) => { if (i > 0) expect(place - places[i - 1]!).toBe(MIB); });
    if (mib > 0) expect(places.at(-1)! + MIB).toBe(area.firstByte + area.sizeBytes);
    for (const number of [leaseCount(area), -1, 0.5]) expect(() => leaseOffset(area, number)).toThrow(RangeError);
  }));
});

test('a name is short enough for sanlock, and has nothing that its command line would take for a separator', () => {
  expect(lockspaceName(CLUSTER)).toMatch(/^[a-z0-9-]{1,48}$/);
});

test('a partition that does not begin at a whole MiB is a mistake of ours', () => {
  expect(() => leaseAreaOf('/dev/sda', { firstSector: 2049, sectors: 4096 }, CLUSTER)).toThrow(RangeError);
});

describe('host ids', () => {
  test('a node has its number, the disc the last id; they never meet', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: MAX_WRITERS }), fc.integer({ min: -1, max: 2100 }), (writers, node) => {
      const id = hostIdOf(node, writers);
      expect(id.ok).toBe(node >= 1 && node < writers);
      if (id.ok) expect(id.value).toBe(node);
      const live = hostIdOf('live', writers);
      if (live.ok) expect([live.value, live.value >= writers]).toEqual([LIVE_HOST_ID, true]);
    }));
  });

  test('a cluster that may have 2000 nodes leaves the disc none', () => {
    expect(hostIdOf('live', 2000)).toEqual({ ok: true, value: 2000 });
    expect(hostIdOf('live', 2001)).toMatchObject({ ok: false, problems: [{ code: 'MM-LEASE-HOST' }] });
  });

  test('what breaks the rule is told', () => {
    expect(hostIdOf(17, 17)).toMatchObject({ ok: false, problems: [{ code: 'MM-LEASE-HOST', rule: "a node's number, 1 to 16", seen: '17' }] });
  });
});
