import { describe, expect, test } from 'vitest';
import { MIB, SECTOR_BYTES } from './block.ts';
import { buildStore, firstChunks } from './exception-store.test-kit.ts';
import { givenUpProblems } from './given-up-store.ts';
import { examineStore } from './snapshot-exceptions.ts';
import { MemoryDisk } from './memory-disk.test-kit.ts';

const CHUNK = 16;
const ORIGIN = 64 * MIB;

function told(exceptions: readonly (readonly [number, number])[], chunks: number) {
  const store = buildStore({ chunkSectors: CHUNK, exceptions, valid: false });
  return givenUpProblems('node2', examineStore(store.read, chunks * CHUNK * SECTOR_BYTES, ORIGIN));
}

describe('a store that the kernel gave up', () => {
  test('without a free chunk overflowed: only a reset helps', () => {
    const [problem, ...more] = told(firstChunks(CHUNK, 1000), 1003);
    expect(more).toEqual([]);
    expect(problem).toMatchObject({ code: 'MM-BOOT-STORE-FULL', where: 'store node2', seen: expect.stringContaining('0 of 1003 chunks of 8 KiB free') });
    expect(problem!.remedy).toContain('Reset it');
  });

  test('with fewer free chunks than copies may have been under way counts as full', () => {
    expect(told(firstChunks(CHUNK, 1000), 3000).map(({ code }) => code)).toEqual(['MM-BOOT-STORE-FULL']);
  });

  test('with room lost nothing: it is to be set valid again', () => {
    const [problem] = told(firstChunks(CHUNK, 1000), 8000);
    expect(problem).toMatchObject({ code: 'MM-BOOT-STORE-INVALID', remedy: expect.stringContaining('--revalidate') });
  });

  test('with damaged tables is told both', () => {
    expect(told([[0, 2], [0, 3]], 8000).map(({ code }) => code)).toEqual(['MM-BOOT-STORE-INVALID', 'MM-STORE-EXCEPTION']);
  });

  test('that is none any more when it is looked at is never called repairable', () => {
    expect(givenUpProblems('node2', examineStore(new MemoryDisk().read, MIB, ORIGIN))[0]!.remedy).not.toContain('--revalidate');
    const other = new MemoryDisk();
    other.write(0, new Uint8Array(512).fill(1));
    expect(givenUpProblems('node2', examineStore(other.read, MIB, ORIGIN)).map(({ code }) => code)).toEqual(['MM-SNAPSHOT-HEADER']);
  });
});
