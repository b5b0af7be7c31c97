// What is left of a registry whose slots no longer count: bodies that are whole behind a header that is torn or gone. A power cut tears
// one block of 4096 bytes; the body behind it was written and flushed before.

import { decodeUtf8, encodeLatin1, equalBytes, toHex, viewOf } from '../core/bytes.ts';
import { crc32c } from '../core/crc32.ts';
import { sha256 } from '../core/sha256.ts';
import { BLOCK_BYTES, SECTOR_BYTES } from './block.ts';
import type { ReadAt } from './read-at.ts';
import type { Registry } from './registry.ts';
import { decodeRegistry } from './registry.ts';
import type { SlotHeader, SlotNumber, Superblock } from './registry-layout.ts';
import { SLOTS_PER_WRITER, compareSlots, decodeSlotHeader, slotBodyOffset, slotHeaderOffset } from './registry-layout.ts';

/** Lease versions and generations beyond this were never reached by counting: such a header is noise. */
const COUNTED_MAX = 2 ** 48;
const [QUOTE, BACKSLASH, OPEN, CLOSE] = ['"', '\\', '{', '}'].map((char) => char.charCodeAt(0));
/** Every body begins so: canonical JSON, and the registry's first property. */
const BODY_START = encodeLatin1('{"');

/** A body that decodes, of the cluster that the superblock names. */
export interface SalvagedBody {
  readonly writer: number;
  readonly slot: SlotNumber;
  readonly registry: Registry;
  /** What its header says, as far as it can be believed: its SHA-256 is this body's. */
  readonly header?: SlotHeader;
}

/** What is left of the slots. */
export interface Salvage {
  /** The newest first, as far as that is known; those without a header last. */
  readonly bodies: readonly SalvagedBody[];
  /** Every header that can be read, torn ones among them: a new writing must count for more than all of these. */
  readonly seen: readonly SlotHeader[];
}

/** A slot's header, also from a block that is torn behind its first sector: all fields stand in that one, and a sector is never torn. */
export function peekSlotHeader(block: Uint8Array): SlotHeader | undefined {
  const whole = decodeSlotHeader(block);
  if (whole.ok) return whole.value;
  const patched = new Uint8Array(BLOCK_BYTES);
  patched.set(block.subarray(0, SECTOR_BYTES));
  viewOf(patched).setUint32(BLOCK_BYTES - 4, crc32c(patched), true);
  const torn = decodeSlotHeader(patched);
  return torn.ok && torn.value.leaseVersion < COUNTED_MAX && torn.value.generation < COUNTED_MAX ? torn.value : undefined;
}

/** Where the JSON object ends that begins at byte 0; undefined when it does not. A body is followed by zeros, or by an older one's rest. */
export function endOfObject(bytes: Uint8Array): number | undefined {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === OPEN) depth++;
    else if (byte === CLOSE && --depth === 0) return at + 1;
    else if (byte === 0) return undefined;
  }
  return undefined;
}

function salvageBody(read: ReadAt, superblock: Superblock, writer: number, slot: SlotNumber, header: SlotHeader | undefined): SalvagedBody | undefined {
  const at = slotBodyOffset(superblock, writer, slot);
  // Thousands of slots were never written: their first bytes tell.
  if (!equalBytes(read(at, SECTOR_BYTES).subarray(0, BODY_START.length), BODY_START)) return undefined;
  const room = read(at, superblock.slotBytes);
  const length = endOfObject(room);
  if (length === undefined || decodeUtf8(room.subarray(0, length)) === undefined) return undefined;
  const body = room.subarray(0, length);
  const registry = decodeRegistry(body);
  if (!registry.ok || registry.value.clusterUuid !== superblock.clusterUuid || registry.value.roster.container !== superblock.container) return undefined;
  const believed = header !== undefined && header.length === length && header.sha256 === toHex(sha256(body));
  return { writer, slot, registry: registry.value, ...(believed ? { header } : {}) };
}

/** Looks into every slot of a registry partition that `read` shows from its offset 0. Throws what `read` throws. */
export function salvageRegistry(read: ReadAt, superblock: Superblock): Salvage {
  const bodies: SalvagedBody[] = [];
  const seen: SlotHeader[] = [];
  for (let writer = 0; writer < superblock.writers; writer++) {
    for (let slot = 0 as SlotNumber; slot < SLOTS_PER_WRITER; slot++) {
      const peeked = peekSlotHeader(read(slotHeaderOffset(superblock, writer, slot), BLOCK_BYTES));
      const header = peeked?.writer === writer && peeked.slot === slot ? peeked : undefined;
      if (header !== undefined) seen.push(header);
      const body = salvageBody(read, superblock, writer, slot, header);
      if (body !== undefined) bodies.push(body);
    }
  }
  return { bodies: bodies.toSorted(newestFirst), seen };
}

function newestFirst(a: SalvagedBody, b: SalvagedBody): number {
  if (a.header && b.header) return compareSlots(a.header, b.header);
  return Number(a.header === undefined) - Number(b.header === undefined) || a.writer - b.writer || a.slot - b.slot;
}
