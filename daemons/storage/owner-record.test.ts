import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../core/bytes.ts';
import { BLOCK_BYTES } from './block.ts';
import { expectFrameProblems, fuzzBlock } from './block-fuzz.test-kit.ts';
import { afterPowerLoss, arrivalOf, MemoryDisk } from './memory-disk.test-kit.ts';
import type { OwnerRecord } from './owner-record.ts';
import { decodeOwner, encodeOwner } from './owner-record.ts';
import { sampleUuid } from './sample-san.test-kit.ts';

const OWNER: OwnerRecord = { hardwareId: '4c4c4544-0031-4810-8057-b2c04f4d3132/52:54:00:00:00:01', bootNonce: '00112233445566778899aabbccddeeff', epoch: 3, counter: 400, node: 2, volumeUuid: sampleUuid(7), renewedAtUnixMs: 1_800_000_000_000 };

describe('owner block', () => {
  test('frame', () => expectFrameProblems(encodeOwner(OWNER), decodeOwner));
  test('fuzz', () => {
    // The sector's own checksum is changed with the rest, so only blocks with the right one come through.
    fuzzBlock(encodeOwner(OWNER), decodeOwner, (owner) => encodeOwner(owner!));
  });
  test('golden bytes', () => {
    const block = encodeOwner(OWNER);
    expect(toHex(block.subarray(0, 80))).toBe(`${'4d4d564f4c4f574e'}${'01000000'}${'02000000'}${'00000000000040008000000000000007'}${'00112233445566778899aabbccddeeff'}${'0300000000000000'}${'9001000000000000'}${'00505c18a3010000'}${'3463346334353434'}`);
    expect(block.subarray(512, BLOCK_BYTES - 4).every((byte) => byte === 0)).toBe(true);
  });
  test('round trip', () => {
    const owners = fc.record({ hardwareId: fc.stringMatching(/^[\x21-\x7e]{1,128}$/), bootNonce: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => toHex(bytes)), epoch: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), counter: fc.maxSafeNat(), node: fc.integer({ min: 1, max: 2000 }), renewedAtUnixMs: fc.maxSafeNat(), volumeUuid: fc.nat().map(sampleUuid) });
    fc.assert(fc.property(owners, (owner) => {
      expect(decodeOwner(encodeOwner(owner))).toEqual({ ok: true, value: owner });
    }), { numRuns: 60 });
  });
  test('zeros are nobody', () => expect(decodeOwner(new Uint8Array(BLOCK_BYTES))).toEqual({ ok: true, value: undefined }));
  test('what does not fit is our own mistake', () => {
    for (const change of [{ hardwareId: '' }, { hardwareId: 'x'.repeat(129) }, { hardwareId: 'ä' }, { bootNonce: 'ff' }, { counter: -1 }]) expect(() => encodeOwner({ ...OWNER, ...change })).toThrow(RangeError);
  });
});

describe('loss of power in the middle of a claim or a renewal', () => {
  test('the old or the new record is there', () => {
    fc.assert(
      fc.property(fc.nat(), fc.boolean(), (seed, first) => {
        const disk = new MemoryDisk();
        if (!first) disk.write(BLOCK_BYTES, encodeOwner(OWNER));
        const next = { ...OWNER, counter: OWNER.counter + 1, renewedAtUnixMs: OWNER.renewedAtUnixMs + 1000 };
        const torn = afterPowerLoss(disk, [{ kind: 'write', offset: BLOCK_BYTES, bytes: encodeOwner(next) }], 1, arrivalOf(seed));
        const read = decodeOwner(torn.read(BLOCK_BYTES, BLOCK_BYTES));
        expect(read.ok && [first ? undefined : OWNER, next]).toContainEqual(read.ok && read.value);
      }),
    );
  });
  test('a first sector that is not whole is not a torn renewal', () => {
    const block = encodeOwner(OWNER);
    block[56] = 1;
    expect(decodeOwner(block).ok).toBe(false);
    const beyond = encodeOwner(OWNER);
    beyond[600] = 1;
    expect(decodeOwner(beyond).ok).toBe(false);
  });
});
