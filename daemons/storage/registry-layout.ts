// Where the registry lies in its partition. Superblock (and a copy in the last block), then two slot headers per writer, then two
// slot bodies per writer. Writer 0 is the installer, writer n is node n. A writer writes into its own slots only, so that a write
// that was stuck in a dead node's queue and arrives late changes nothing. How an empty one is made: registry-format.ts.

import { fromHex, toHex } from '../core/bytes.ts';
import type { MessageCode, Problem, Result } from '../core/problem.ts';
import { sha256 } from '../core/sha256.ts';
import type { Uuid } from '../core/uuid.ts';
import type { BlockCodec } from './block.ts';
import { BLOCK_BYTES, MIB, decodeBlock, encodeBlock, isNewerVersion, roundUp } from './block.ts';
import { CONTAINER_NAME } from './container-partitions.ts';
import type { WriteStep } from './write-step.ts';
import { FLUSH } from './write-step.ts';

export type { WriteStep } from './write-step.ts';

/** The installer and 2000 nodes: sanlock's lockspaces have room for host ids 1 to 2000. */
export const MAX_WRITERS = 2001;
/** The initrd holds one body in memory, as bytes, text and values: more than this a small blade should not be asked for. */
export const MAX_SLOT_BYTES = 16 * MIB;
/** Slots per writer: the one that counts and the one that is being written. */
export const SLOTS_PER_WRITER = 2;

/** What the first block of a registry partition says. */
export interface Superblock {
  readonly container: string;
  readonly clusterUuid: Uuid;
  /** How many writers have slots; node n needs n < writers. */
  readonly writers: number;
  /** The capacity of one slot's body, a multiple of 4096. */
  readonly slotBytes: number;
}

/** Either slot of a writer. */
export type SlotNumber = 0 | 1;

/** What a slot's header says of its body. */
export interface SlotHeader {
  readonly writer: number;
  readonly slot: SlotNumber;
  /** The version of the sanlock lease under which it was written; 0 for the installer, which holds none. */
  readonly leaseVersion: number;
  /** Grows by one with every write of the registry, whoever writes. */
  readonly generation: number;
  /** Bytes of the body. */
  readonly length: number;
  /** SHA-256 of the body, 64 hexadecimal digits. */
  readonly sha256: string;
  /** For people; no decision rests on it. */
  readonly writtenAtUnixMs: number;
}

const SUPERBLOCK: BlockCodec<Superblock> = {
  what: 'registry superblock',
  magic: 'MMREGSUP',
  version: 1,
  write(fields, sb) {
    fields.u32(12, sb.writers);
    fields.u32(16, sb.slotBytes);
    fields.uuid(24, sb.clusterUuid);
    fields.text(40, 16, sb.container);
  },
  read(fields) {
    const slotBytes = fields.u32(16, 'slotBytes', BLOCK_BYTES, MAX_SLOT_BYTES);
    if (slotBytes % BLOCK_BYTES !== 0) fields.refuse('slotBytes', `a multiple of ${BLOCK_BYTES}`, String(slotBytes));
    return { container: fields.text(40, 16, 'container', CONTAINER_NAME), clusterUuid: fields.uuid(24), writers: fields.u32(12, 'writers', 1, MAX_WRITERS), slotBytes };
  },
};

const SLOT_HEADER: BlockCodec<SlotHeader> = {
  what: 'registry slot header',
  magic: 'MMREGSLT',
  version: 1,
  write(fields, header) {
    fields.u32(12, header.writer);
    fields.u32(16, header.slot);
    fields.u32(20, header.length);
    fields.u64(24, header.leaseVersion);
    fields.u64(32, header.generation);
    fields.u64(40, header.writtenAtUnixMs);
    fields.raw(48, 32, fromHex(header.sha256) ?? new Uint8Array(0));
  },
  read(fields) {
    return {
      writer: fields.u32(12, 'writer', 0, MAX_WRITERS - 1),
      slot: fields.u32(16, 'slot', 0, 1) as SlotNumber,
      length: fields.u32(20, 'length', 1, MAX_SLOT_BYTES),
      leaseVersion: fields.u64(24, 'leaseVersion'),
      generation: fields.u64(32, 'generation', 1),
      writtenAtUnixMs: fields.u64(40, 'writtenAt'),
      sha256: toHex(fields.raw(48, 32)),
    };
  },
};

/** The block at both ends of the partition. Throws RangeError for values that do not fit. */
export const encodeSuperblock = (sb: Superblock): Uint8Array => encodeBlock(SUPERBLOCK, sb);

/** Reads one copy of the superblock; problems as of `decodeBlock`. */
export const decodeSuperblock = (block: Uint8Array, where = 'registry superblock'): Result<Superblock> => decodeBlock(SUPERBLOCK, block, where);

/** The header's block. Throws RangeError for values that do not fit. */
export const encodeSlotHeader = (header: SlotHeader): Uint8Array => encodeBlock(SLOT_HEADER, header);

/** Reads a slot header; problems as of `decodeBlock`. An all-zero block (a slot never written) has the problem MM-BLOCK-MAGIC. */
export const decodeSlotHeader = (block: Uint8Array, where = 'registry slot header'): Result<SlotHeader> => decodeBlock(SLOT_HEADER, block, where);

/** Picks the superblock out of its two copies: the first that is whole, unless a newer program wrote either; tells which copy is torn. */
export function chooseSuperblock(first: Uint8Array, last: Uint8Array): Result<{ superblock: Superblock; warnings: readonly Problem[] }> {
  const a = decodeSuperblock(first, 'registry superblock, first block');
  const b = decodeSuperblock(last, 'registry superblock, last block');
  for (const copy of [a, b]) if (isNewerVersion(copy) && !copy.ok) return copy;
  if (a.ok) return { ok: true, value: { superblock: a.value, warnings: b.ok ? [] : b.problems } };
  if (b.ok) return { ok: true, value: { superblock: b.value, warnings: a.problems } };
  return { ok: false, problems: [...a.problems, ...b.problems] };
}

/** The bytes that a registry partition needs at least. */
export function registryPartitionBytes({ writers, slotBytes }: Pick<Superblock, 'writers' | 'slotBytes'>): number {
  const slots = SLOTS_PER_WRITER * writers;
  return (2 + slots) * BLOCK_BYTES + slots * slotBytes;
}

function slotIndex(sb: Superblock, writer: number, slot: SlotNumber): number {
  if (!Number.isInteger(writer) || writer < 0 || writer >= sb.writers) throw new RangeError(`writer ${writer} has no slots: the registry has ${sb.writers} writers`);
  return SLOTS_PER_WRITER * writer + slot;
}

/** The offset of a slot's header in the partition, in bytes. Throws RangeError for a writer without slots. */
export function slotHeaderOffset(sb: Superblock, writer: number, slot: SlotNumber): number {
  return BLOCK_BYTES * (1 + slotIndex(sb, writer, slot));
}

/** The offset of a slot's body in the partition, in bytes. Throws RangeError for a writer without slots. */
export function slotBodyOffset(sb: Superblock, writer: number, slot: SlotNumber): number {
  return BLOCK_BYTES * (1 + SLOTS_PER_WRITER * sb.writers) + slotIndex(sb, writer, slot) * sb.slotBytes;
}

/** Orders slots: the one that counts first. Of two with equal (lease version, generation) the lower writer's, then the lower slot. */
export function compareSlots(a: SlotHeader, b: SlotHeader): number {
  return b.leaseVersion - a.leaseVersion || b.generation - a.generation || a.writer - b.writer || a.slot - b.slot;
}

/**
 * The slots in the order in which a reader tries their bodies: the first whose SHA-256 holds *is* the registry.
 * Two slots with equal (lease version, generation) mean that two wrote at once: MM-REGISTRY-TIE tells of it, for the pair that counts.
 */
export function chooseSlot(headers: readonly SlotHeader[]): { candidates: readonly SlotHeader[]; problems: readonly Problem[] } {
  const candidates = headers.toSorted(compareSlots);
  const [first, second] = candidates;
  if (!first || !second || first.leaseVersion !== second.leaseVersion || first.generation !== second.generation) return { candidates, problems: [] };
  const names = [first, second].map((h) => `writer ${h.writer} slot ${h.slot}`).join(' and ');
  return { candidates, problems: [{ code: 'MM-REGISTRY-TIE', where: names, rule: 'every write has a (lease version, generation) of its own', seen: `both ${first.leaseVersion}/${first.generation}; ${first.sha256 === second.sha256 ? 'the same body' : 'different bodies'}`, remedy: 'Two writers were at work without the lease: check that every node has a proven watchdog, compare `metamaster san export` with what is wanted, and write the registry once more.' }] };
}

/** One writing of the registry. */
export interface RegistryWriteRequest {
  readonly superblock: Superblock;
  /** Every header that decodes, of all writers. */
  readonly headers: readonly SlotHeader[];
  /** Those of them whose body's SHA-256 does not hold: such a slot is written over first. */
  readonly broken?: readonly SlotHeader[];
  /** The writer's slot that is left alone although no header of it decodes: its body is what this writing was made from. */
  readonly keep?: SlotNumber;
  readonly writer: number;
  readonly leaseVersion: number;
  readonly generation: number;
  readonly body: Uint8Array;
  readonly writtenAtUnixMs?: number;
}

/**
 * Body into the writer's own older slot (or one that holds nothing whole), flush, header, flush. Offsets are within the partition.
 * Until the new header is whole, the old registry counts. Problems: MM-REGISTRY-WRITER (no slots of its own), -LENGTH (body too
 * long), -STALE (the write would not count, for a slot with the same or a higher lease version and generation is there).
 */
export function planRegistryWrite(request: RegistryWriteRequest): Result<WriteStep[]> {
  const { superblock, headers, writer, leaseVersion, generation, body } = request;
  const problems: Problem[] = [];
  const report = (code: MessageCode, rule: string, seen: string, remedy: string): void => {
    problems.push({ code, where: `registry, writer ${writer}`, rule, seen, remedy });
  };
  if (!Number.isInteger(writer) || writer < 0 || writer >= superblock.writers) report('MM-REGISTRY-WRITER', `a writer from 0 to ${superblock.writers - 1}`, String(writer), 'The registry was made for fewer nodes: install with more writers.');
  if (body.length === 0 || body.length > superblock.slotBytes) report('MM-REGISTRY-LENGTH', `a body of 1 to ${superblock.slotBytes} bytes`, `${body.length} bytes`, 'The slots are too small for this roster: install with larger ones.');
  const newest = headers.toSorted(compareSlots)[0];
  const counts = newest === undefined || leaseVersion > newest.leaseVersion || (leaseVersion === newest.leaseVersion && generation > newest.generation);
  if (!counts) report('MM-REGISTRY-STALE', `more than lease version ${newest.leaseVersion}, generation ${newest.generation}`, `${leaseVersion}, ${generation}`, 'Take the lease, read the registry again and repeat the change.');
  if (problems.length > 0) return { ok: false, problems };
  const slot = slotToWrite(request);
  const padded = new Uint8Array(roundUp(body.length, BLOCK_BYTES));
  padded.set(body);
  const header = encodeSlotHeader({ writer, slot, leaseVersion, generation, length: body.length, sha256: toHex(sha256(body)), writtenAtUnixMs: request.writtenAtUnixMs ?? 0 });
  return {
    ok: true,
    value: [
      { kind: 'write', offset: slotBodyOffset(superblock, writer, slot), bytes: padded },
      FLUSH,
      { kind: 'write', offset: slotHeaderOffset(superblock, writer, slot), bytes: header },
      FLUSH,
    ],
  };
}

/** The writer's slot that may be lost: one without a whole body before the older of two whole ones. */
function slotToWrite({ headers, broken = [], keep, writer }: RegistryWriteRequest): SlotNumber {
  const whole = headers.filter((h) => h.writer === writer && !broken.some((b) => b.writer === writer && b.slot === h.slot)).toSorted(compareSlots);
  return (whole[0]?.slot ?? keep) === 0 ? 1 : 0;
}
