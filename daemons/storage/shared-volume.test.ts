import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { valueOf } from '../core/problem.ts';
import { BLOCK_BYTES, MIB } from './block.ts';
import type { Ocfs2Facts } from './ocfs2-text.ts';
import type { Registry } from './registry.ts';
import { sampleRegistry, sampleUuid } from './sample-san.test-kit.ts';
import { BLANK_FRONT_BYTES, decodeSharedMark, encodeSharedMark, planSharedFileSystem, RESERVED_BYTES, sharedContent, type SharedReadings, sharedVolume } from './shared-volume.ts';

const OURS = sampleUuid(107);
const MAKING = sampleUuid(500);
const MARK = encodeSharedMark({ volumeUuid: OURS, fileSystemUuid: MAKING, begunAtUnixMs: 1_795_000_000_000 });

/** A reserved room with these bytes at its beginning, or at `at`. */
function tailWith(bytes: Uint8Array, at = 0): Uint8Array {
  const tail = new Uint8Array(RESERVED_BYTES);
  tail.set(bytes, at);
  return tail;
}
const EMPTY: SharedReadings = { volumeUuid: OURS, front: new Uint8Array(BLANK_FRONT_BYTES), tail: new Uint8Array(RESERVED_BYTES) };
const OCFS2: Ocfs2Facts = { label: 'sharedfs', uuid: MAKING, totalBytes: 255 * MIB, usedBytes: 31 * MIB, heartbeat: { offset: MIB, bytes: MIB } };
const [SILENT, BEATEN] = [new Uint8Array(MIB), new Uint8Array(MIB).fill(1, 4096, 4120)];
const oneByte = (length: number, at: number): Uint8Array => new Uint8Array(length).fill(1, at, at + 1);
const torn = (from: number, to: number): Uint8Array => MARK.map((byte, at) => (at >= from && at < to ? byte : 0));

describe('what the volume holds', () => {
  test.each<[string, Partial<SharedReadings>, string]>([
    ['zeros', {}, 'blank'],
    ['a mark alone', { tail: tailWith(MARK) }, 'unfinished'],
    ['a mark that tore when it was written, its first sector', { tail: tailWith(torn(0, 512)) }, 'blank'],
    ['a mark that tore when it was wiped, its last sector', { tail: tailWith(torn(BLOCK_BYTES - 512, BLOCK_BYTES)) }, 'blank'],
    ['another volume\'s mark', { tail: tailWith(encodeSharedMark({ volumeUuid: sampleUuid(9), fileSystemUuid: MAKING, begunAtUnixMs: 1 })) }, 'blank'],
    ['a byte in its front', { front: oneByte(BLANK_FRONT_BYTES, BLANK_FRONT_BYTES - 1) }, 'unknown'],
    ['a byte at its end', { tail: tailWith(Uint8Array.of(1), RESERVED_BYTES - 1) }, 'unknown'],
    ['half of what mkfs writes, and the mark', { front: oneByte(BLANK_FRONT_BYTES, 20480), tail: tailWith(MARK) }, 'unfinished'],
    ['ext4', { signature: 'ext4' }, 'unknown'],
    ['ext4 that somebody made over the mark', { signature: 'ext4', tail: tailWith(MARK) }, 'unknown'],
    ['an OCFS2', { signature: 'ocfs2', ocfs2: OCFS2, heartbeat: BEATEN }, 'ocfs2'],
    ['an OCFS2 that nobody has mounted yet', { signature: 'ocfs2', ocfs2: OCFS2, heartbeat: SILENT }, 'ocfs2'],
    ['an OCFS2 behind which a mark was wiped and tore', { signature: 'ocfs2', ocfs2: OCFS2, heartbeat: SILENT, tail: tailWith(torn(BLOCK_BYTES - 512, BLOCK_BYTES)) }, 'ocfs2'],
    ['an OCFS2 and its mark: never ended', { signature: 'ocfs2', ocfs2: OCFS2, heartbeat: SILENT, tail: tailWith(MARK) }, 'unfinished'],
    ['an OCFS2 and its mark, which a node has mounted all the same', { signature: 'ocfs2', ocfs2: OCFS2, heartbeat: BEATEN, tail: tailWith(MARK) }, 'ocfs2'],
    ['an OCFS2 and the mark of the one that was to take its place', { signature: 'ocfs2', ocfs2: { ...OCFS2, uuid: sampleUuid(7) }, heartbeat: SILENT, tail: tailWith(MARK) }, 'ocfs2'],
    ['an OCFS2 that cannot be read', { signature: 'ocfs2' }, 'unknown'],
    ['an OCFS2 that cannot be read, with the mark', { signature: 'ocfs2', tail: tailWith(MARK) }, 'unfinished'],
  ])('%s', (_, readings, kind) => expect(sharedContent({ ...EMPTY, ...readings }).kind).toBe(kind));

  test('one byte anywhere, and it is not called blank', () => {
    fc.assert(fc.property(fc.nat({ max: BLANK_FRONT_BYTES - 1 }), (at) => void expect(sharedContent({ ...EMPTY, front: oneByte(BLANK_FRONT_BYTES, at) }).kind).toBe('unknown')), { numRuns: 20 });
  });

  test('a mark is read back as it was written', () => {
    expect(valueOf(decodeSharedMark(MARK))).toEqual({ volumeUuid: OURS, fileSystemUuid: MAKING, begunAtUnixMs: 1_795_000_000_000 });
  });
});

describe('the file system that it gets', () => {
  /** The sample cluster with so many nodes. */
  function clusterOf(nodes: number, install: Registry['install'] = {}): Registry {
    const registry = sampleRegistry();
    const [node] = registry.roster.nodes;
    return { ...registry, install, roster: { ...registry.roster, clusterName: 'blade-rack', nodes: Array.from({ length: nodes }, (_, at) => ({ ...node!, number: at + 1 })) } };
  }
  const shared = valueOf(sharedVolume(sampleRegistry()));
  const plan = (nodes: number, mib: number, maximumNodes = 64) => planSharedFileSystem(clusterOf(nodes), maximumNodes + 1, shared, mib * MIB, MAKING);

  test.each([
    // nodes, MiB, maximum-nodes: slots, MiB of each journal
    [3, 256, 16, 5, 6],
    [1, 256, 64, 3, 10],
    [4, 256, 16, 6, 5],
    [4, 10_240, 64, 6, 64],
    [4, 10_240, 5, 5, 64],
    [2, 10_240, 2, 2, 64],
    [1, 256, 1, 2, 16],
    [20, 256, 64, 30, 4],
    [30, 256, 64, 32, 4],
    [32, 256, 64, 32, 4],
    [300, 1_048_576, 2000, 255, 64],
  ])('%i nodes on %i MiB, %i numbers: %i slots with %i MiB each', (nodes, mib, maximumNodes, slots, journalMib) => {
    expect(valueOf(plan(nodes, mib, maximumNodes))).toMatchObject({ slots, journalBytes: journalMib * MIB, blocks: (mib - 1) * 256, clusterName: 'bladerack', label: 'sharedfs' });
  });

  test('too small for its nodes: refused with what it needs', () => {
    expect(plan(33, 256)).toMatchObject({ ok: false, problems: [{ code: 'MM-SHARED-SIZE', rule: expect.stringContaining('264 MiB'), seen: '256 MiB' }] });
  });

  test('every plan has room for its journals in half of the volume, and a slot for each node', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 255 }), fc.integer({ min: 16, max: 100_000 }), fc.integer({ min: 0, max: 100 }), (nodes, mib, more) => {
      const wish = plan(nodes, mib, nodes + more);
      if (!wish.ok) return;
      const { slots, journalBytes } = wish.value;
      expect([slots >= nodes, slots <= Math.max(2, nodes + more), slots * journalBytes <= (mib * MIB) / 2, journalBytes % MIB]).toEqual([true, true, true, 0]);
    }));
  });

  test('the answer shared-fs-id is its label', () => {
    expect(valueOf(planSharedFileSystem(clusterOf(2, { 'shared-fs-id': 'data' }), 3, shared, 256 * MIB, MAKING)).label).toBe('data');
  });

  test('a cluster without a shared volume', () => {
    expect(sharedVolume({ volumes: sampleRegistry().volumes.filter(({ kind }) => kind !== 'shared') })).toMatchObject({ ok: false, problems: [{ code: 'MM-SHARED-NONE' }] });
  });
});
