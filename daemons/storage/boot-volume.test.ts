import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeUtf8, toHex } from '../core/bytes.ts';
import { valueOf } from '../core/problem.ts';
import { sha256 } from '../core/sha256.ts';
import { BLOCK_BYTES } from './block.ts';
import { expectFrameProblems, fuzzBlock } from './block-fuzz.test-kit.ts';
import type { BootFile } from './boot-volume.ts';
import { BOOT_INDEX_OFFSET, MAX_BOOT_FILES, decodeBootVolumeHeader, decodeBootVolumeIndex, encodeBootVolume, encodeBootVolumeHeader } from './boot-volume.ts';
import { sampleUuid } from './sample-san.test-kit.ts';

const SHA = 'ef'.repeat(32);
const ORIGIN = sampleUuid(3);
const file = (name: string, bytes: number): BootFile => ({ name, bytes, sha256: SHA });
const readIndex = (head: Uint8Array): ReturnType<typeof decodeBootVolumeIndex> => decodeBootVolumeIndex(valueOf(decodeBootVolumeHeader(head.subarray(0, BLOCK_BYTES))), head.subarray(BOOT_INDEX_OFFSET));

describe('layout', () => {
  test('files stand on blocks of their own behind the head', () => {
    const { head, placements, totalBytes } = encodeBootVolume(ORIGIN, [file('kernel', 12_170_001), file('empty', 0), file('initrd', 4096)]);
    expect(head.length).toBe(8192);
    expect(placements).toEqual([
      { name: 'kernel', offset: 8192, bytes: 12_170_001, sha256: SHA },
      { name: 'empty', offset: 12_181_504, bytes: 0, sha256: SHA },
      { name: 'initrd', offset: 12_181_504, bytes: 4096, sha256: SHA },
    ]);
    expect(totalBytes).toBe(12_185_600);
    expect(valueOf(readIndex(head))).toEqual(placements);
  });

  test('golden bytes of the header', () => {
    const { head } = encodeBootVolume(ORIGIN, [file('kernel', 5)]);
    const index = encodeUtf8(`[{"bytes":5,"name":"kernel","offset":8192,"sha256":"${SHA}"}]`);
    expect(toHex(head.subarray(0, 64))).toBe(`${'4d4d424f4f54564c'}${'01000000'}${index.length.toString(16)}000000${'00000000000040008000000000000003'}${toHex(sha256(index))}`);
    expect(head.subarray(4096, 4096 + index.length)).toEqual(index);
  });

  test('round trip for any files, also when the index needs several blocks', () => {
    const files = fc.uniqueArray(fc.record({ name: fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/), bytes: fc.integer({ min: 0, max: 2 ** 28 }), sha256: fc.constant(SHA) }), { maxLength: MAX_BOOT_FILES, selector: ({ name }) => name });
    fc.assert(
      fc.property(files, (list) => {
        const { head, placements, totalBytes } = encodeBootVolume(ORIGIN, list);
        expect(valueOf(readIndex(head))).toEqual(placements);
        expect(placements.map(({ name, bytes }) => [name, bytes])).toEqual(list.map(({ name, bytes }) => [name, bytes]));
        expect(totalBytes % BLOCK_BYTES).toBe(0);
      }),
      { numRuns: 40 },
    );
    const many = Array.from({ length: MAX_BOOT_FILES }, (_, i) => file(`${'n'.repeat(60)}${i}`, 1));
    expect(encodeBootVolume(ORIGIN, many).head.length).toBe(4 * 4096);
  });

  test.each<[string, BootFile[]]>([
    ['a name with a slash', [file('a/b', 1)]],
    ['a name of dots', [file('..', 1)]],
    ['a name that is too long', [file('x'.repeat(65), 1)]],
    ['a name twice', [file('a', 1), file('a', 1)]],
    ['too many files', Array.from({ length: MAX_BOOT_FILES + 1 }, (_, i) => file(`f${i}`, 1))],
    ['a file that is too large', [file('a', 2 ** 30 + 1)]],
    ['a hash that is none', [{ name: 'a', bytes: 1, sha256: 'x' }]],
  ])('%s is our own mistake', (_, files) => expect(() => encodeBootVolume(ORIGIN, files)).toThrow(RangeError));
});

describe('header', () => {
  const { head } = encodeBootVolume(ORIGIN, [file('kernel', 5)]);
  const block = head.subarray(0, BLOCK_BYTES);
  test('frame', () => expectFrameProblems(block, decodeBootVolumeHeader));
  test('fuzz', () => fuzzBlock(block, decodeBootVolumeHeader, encodeBootVolumeHeader));
});

describe('index', () => {
  const decode = (files: unknown): string[] => {
    const index = encodeUtf8(JSON.stringify(files));
    const result = decodeBootVolumeIndex({ originUuid: ORIGIN, indexBytes: index.length, indexSha256: toHex(sha256(index)) }, index);
    return result.ok ? [] : result.problems.map(({ where }) => where);
  };
  const good = { name: 'a', offset: 8192, bytes: 5000, sha256: SHA };
  test.each<[string, unknown, string[]]>([
    ['good', [good, { ...good, name: 'b', offset: 16384 }], []],
    ['overlapping', [good, { ...good, name: 'b', offset: 12288 }], ['index[1].offset']],
    ['over the index', [{ ...good, offset: 4096 }], ['index[0].offset']],
    ['not on a block', [{ ...good, offset: 8193 }], ['index[0].offset']],
    ['twice', [good, { ...good, offset: 16384 }], ['index[1].name']],
    ['no list', {}, ['index']],
    ['nothing', null, ['index']],
  ])('%s', (_, files, places) => expect(decode(files)).toEqual(places));

  test('other bytes than the header says', () => {
    const { head } = encodeBootVolume(ORIGIN, [file('kernel', 5)]);
    const header = valueOf(decodeBootVolumeHeader(head.subarray(0, BLOCK_BYTES)));
    expect(decodeBootVolumeIndex(header, head.subarray(BOOT_INDEX_OFFSET + 1)).ok).toBe(false);
    expect(decodeBootVolumeIndex(header, head.subarray(BOOT_INDEX_OFFSET, BOOT_INDEX_OFFSET + 10)).ok).toBe(false);
  });

  test('fuzz: any JSON under a right hash never throws, and what decodes are files that do not overlap', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ name: fc.string(), offset: fc.nat(20).map((n) => n * 4096), bytes: fc.nat(20_000), sha256: fc.constant(SHA) })), (files) => {
        const index = encodeUtf8(JSON.stringify(files));
        const result = decodeBootVolumeIndex({ originUuid: ORIGIN, indexBytes: index.length, indexSha256: toHex(sha256(index)) }, index);
        if (result.ok) result.value.forEach((one, i) => expect(one.offset).toBeGreaterThanOrEqual(i === 0 ? 8192 : result.value[i - 1]!.offset + result.value[i - 1]!.bytes));
      }),
    );
  });
});
