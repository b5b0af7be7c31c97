// Who alone may map a volume: block 1 of it, written at the claim and renewed while it is mapped.

import { equalBytes, fromHex, isZero, toHex, viewOf } from '../core/bytes.ts';
import { crc32c } from '../core/crc32.ts';
import type { Result } from '../core/problem.ts';
import type { Uuid } from '../core/uuid.ts';
import type { BlockCodec } from './block.ts';
import { BLOCK_BYTES, SECTOR_BYTES, decodeBlock, encodeBlock } from './block.ts';
import { MAX_WRITERS } from './registry-layout.ts';

/** The owner block's offset in the volume. */
export const OWNER_OFFSET = BLOCK_BYTES;
/** Room for a hardware id: SMBIOS UUID, a slash, a MAC address (54 characters), and as much again for odd boards. */
export const MAX_HARDWARE_ID_BYTES = 128;

/** What an owner block says. */
export interface OwnerRecord {
  /** SMBIOS UUID, `/`, MAC address: the machine, never the node's number. Printable ASCII. */
  readonly hardwareId: string;
  /** Sixteen random bytes drawn at each boot, as 32 hexadecimal digits. */
  readonly bootNonce: string;
  /** Grows by one with each claim. */
  readonly epoch: number;
  /** Grows by one with each renewal; another machine watches whether it stands still. */
  readonly counter: number;
  readonly node: number;
  readonly volumeUuid: Uuid;
  /** For people; no decision rests on it, for clocks differ. */
  readonly renewedAtUnixMs: number;
}

const SECTOR_CRC_AT = SECTOR_BYTES - 4;

const OWNER: BlockCodec<OwnerRecord> = {
  what: 'owner record',
  magic: 'MMVOLOWN',
  version: 1,
  write(fields, owner) {
    if (owner.hardwareId === '') throw new RangeError('an owner without a hardware id');
    fields.u32(12, owner.node);
    fields.uuid(16, owner.volumeUuid);
    fields.raw(32, 16, fromHex(owner.bootNonce) ?? new Uint8Array(0));
    fields.u64(48, owner.epoch);
    fields.u64(56, owner.counter);
    fields.u64(64, owner.renewedAtUnixMs);
    fields.text(72, MAX_HARDWARE_ID_BYTES, owner.hardwareId);
    fields.seal(SECTOR_CRC_AT);
  },
  read(fields) {
    return {
      node: fields.u32(12, 'node', 1, MAX_WRITERS - 1),
      volumeUuid: fields.uuid(16),
      bootNonce: toHex(fields.raw(32, 16)),
      epoch: fields.u64(48, 'epoch', 1),
      counter: fields.u64(56, 'counter'),
      renewedAtUnixMs: fields.u64(64, 'renewedAt'),
      hardwareId: fields.text(72, MAX_HARDWARE_ID_BYTES, 'hardwareId', /./),
    };
  },
};

/** The owner's block. Throws RangeError for values that do not fit. */
export const encodeOwner = (owner: OwnerRecord): Uint8Array => encodeBlock(OWNER, owner);

/**
 * Reads an owner block: undefined when it is all zero (nobody owns the volume), else the record or the problems of `decodeBlock`.
 *
 * A machine may lose its power in the middle of a claim, a renewal or a release. A sector is never torn and all fields stand in the
 * first one, under a checksum of its own: when that holds and only the block's checksum, in the last sector, is of another moment,
 * the record is whole; when nothing but that checksum is left, there is none (and what was never acknowledged was never acted upon).
 */
export function decodeOwner(block: Uint8Array, where = 'owner record'): Result<OwnerRecord | undefined> {
  if (block.length === BLOCK_BYTES && isZero(block.subarray(0, BLOCK_BYTES - 4))) return { ok: true, value: undefined };
  return decodeBlock(OWNER, isTornRenewal(block) ? withBlockChecksum(block) : block, where);
}

function isTornRenewal(block: Uint8Array): boolean {
  if (block.length !== BLOCK_BYTES || !isZero(block.subarray(SECTOR_BYTES, BLOCK_BYTES - 4))) return false;
  return viewOf(block).getUint32(SECTOR_CRC_AT, true) === crc32c(block.subarray(0, SECTOR_CRC_AT)) && !equalBytes(block, withBlockChecksum(block));
}

function withBlockChecksum(block: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(block);
  const view = viewOf(copy);
  view.setUint32(BLOCK_BYTES - 4, 0, true);
  view.setUint32(BLOCK_BYTES - 4, crc32c(copy), true);
  return copy;
}
