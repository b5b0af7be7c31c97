// Finds the registry in its partition: superblock, headers, then bodies in the order of chooseSlot until a SHA-256 holds.
// The same for initrd, DVD, daemons and `metamaster san`. From a whole disk: container-on-disk.ts.

import { isZero, toHex } from '../core/bytes.ts';
import type { Problem, Result } from '../core/problem.ts';
import { sha256 } from '../core/sha256.ts';
import { BLOCK_BYTES, isNewerVersion, roundUp } from './block.ts';
import type { ReadAt } from './read-at.ts';
import type { Registry } from './registry.ts';
import { decodeRegistry } from './registry.ts';
import type { SlotHeader, SlotNumber, Superblock } from './registry-layout.ts';
import { SLOTS_PER_WRITER, chooseSlot, chooseSuperblock, decodeSlotHeader, registryPartitionBytes, slotBodyOffset } from './registry-layout.ts';

/**
 * What was found of a slot: `empty`: never written; `header-damaged`: torn or foreign; `body-damaged`: the SHA-256 does not hold
 * (a write that was cut off); `older`: superseded, or not looked at; `current`: the registry.
 */
export type SlotState = 'empty' | 'header-damaged' | 'body-damaged' | 'older' | 'current';

/** One slot as it was found. */
export interface SlotFound {
  readonly writer: number;
  readonly slot: SlotNumber;
  readonly state: SlotState;
  readonly header?: SlotHeader;
}

/** A registry with all that its next writing must know. */
export interface RegistryFound {
  readonly superblock: Superblock;
  readonly registry: Registry;
  /** Of the slot that counts. */
  readonly header: SlotHeader;
  /** Every header that decodes: for `planRegistryWrite`, as is `broken`. */
  readonly headers: readonly SlotHeader[];
  /** Those of them, newer than `header`, whose body is not whole. */
  readonly broken: readonly SlotHeader[];
  readonly slots: readonly SlotFound[];
  /** What still works and should be known: a torn superblock copy, a newer slot whose body is not whole, two writers at once. */
  readonly warnings: readonly Problem[];
}

/** What is in the partition, as far as it can be read; without `registry` the problems say why. */
export interface RegistryScan {
  readonly superblock?: Superblock;
  readonly slots: readonly SlotFound[];
  readonly current?: { readonly registry: Registry; readonly header: SlotHeader };
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** The registry of a partition that `read` shows from its offset 0; problems as of `scanRegistry`. */
export function readRegistry(read: ReadAt, partitionBytes: number): Result<RegistryFound> {
  const { superblock, slots, current, problems, warnings } = scanRegistry(read, partitionBytes);
  if (!superblock || !current) return { ok: false, problems };
  const headersOf = (found: readonly SlotFound[]): SlotHeader[] => found.flatMap(({ header }) => (header ? [header] : []));
  const broken = headersOf(slots.filter(({ state }) => state === 'body-damaged'));
  return { ok: true, value: { superblock, ...current, headers: headersOf(slots), broken, slots, warnings } };
}

/**
 * Looks at a registry partition that `read` shows from its offset 0; `verifyAll` also checks the bodies that do not count.
 * Problems: those of the superblock, MM-REGISTRY-PARTITION (too small), MM-REGISTRY-NONE (no slot holds one), MM-REGISTRY-CLUSTER,
 * or the newest body's own: a body whose SHA-256 holds is the registry, and when it cannot be used no older one is taken in its
 * stead; the same when any header is a newer program's. Throws what `read` throws.
 */
export function scanRegistry(read: ReadAt, partitionBytes: number, verifyAll = false): RegistryScan {
  const blocks = Math.floor(partitionBytes / BLOCK_BYTES);
  if (blocks < 2) return { slots: [], problems: [tooSmall(2 * BLOCK_BYTES, partitionBytes)], warnings: [] };
  const chosen = chooseSuperblock(read(0, BLOCK_BYTES), read((blocks - 1) * BLOCK_BYTES, BLOCK_BYTES));
  if (!chosen.ok) return { slots: [], problems: chosen.problems, warnings: [] };
  const { superblock, warnings } = chosen.value;
  const needed = registryPartitionBytes(superblock);
  if (partitionBytes < needed) return { superblock, slots: [], problems: [tooSmall(needed, partitionBytes)], warnings };
  const table = readHeaders(read, superblock);
  if (table.newer.length > 0) return { superblock, slots: table.slots, problems: table.newer, warnings };
  const choice = chooseSlot(table.slots.flatMap(({ header }) => (header ? [header] : [])));
  const found = pickBody(read, superblock, choice.candidates);
  const problems = found.current || found.problems.length > 0 ? found.problems : [nothingWhole(table.slots)];
  const slots = table.slots.map((slot) => judge(slot, found, verifyAll ? (header) => readBody(read, superblock, header) !== undefined : () => true));
  return { superblock, slots, problems, warnings: [...warnings, ...choice.problems, ...found.warnings], ...(found.current ? { current: found.current } : {}) };
}

function tooSmall(needed: number, partitionBytes: number): Problem {
  return { code: 'MM-REGISTRY-PARTITION', where: 'registry partition', rule: `${needed} bytes at least`, seen: `${partitionBytes} bytes`, remedy: 'The partition was made smaller: give it its size back before anything is written.' };
}

function readHeaders(read: ReadAt, sb: Superblock): { slots: SlotFound[]; newer: Problem[] } {
  const table = read(BLOCK_BYTES, SLOTS_PER_WRITER * sb.writers * BLOCK_BYTES);
  const slots: SlotFound[] = [];
  const newer: Problem[] = [];
  for (let i = 0; i < SLOTS_PER_WRITER * sb.writers; i++) {
    const block = table.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
    const writer = Math.floor(i / SLOTS_PER_WRITER);
    const slot = (i % SLOTS_PER_WRITER) as SlotNumber;
    const header = decodeSlotHeader(block, `registry slot ${writer}/${slot}`);
    if (isNewerVersion(header) && !header.ok) newer.push(...header.problems);
    const inPlace = header.ok && header.value.writer === writer && header.value.slot === slot && header.value.length <= sb.slotBytes;
    if (inPlace) slots.push({ writer, slot, state: 'older', header: header.value });
    else slots.push({ writer, slot, state: isZero(block) ? 'empty' : 'header-damaged' });
  }
  return { slots, newer };
}

interface Picked {
  readonly current?: { readonly registry: Registry; readonly header: SlotHeader };
  readonly broken: readonly SlotHeader[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

function pickBody(read: ReadAt, sb: Superblock, candidates: readonly SlotHeader[]): Picked {
  const broken: SlotHeader[] = [];
  const warnings: Problem[] = [];
  for (const header of candidates) {
    const where = `registry slot ${header.writer}/${header.slot}`;
    const body = readBody(read, sb, header);
    if (body === undefined) {
      broken.push(header);
      warnings.push({ code: 'MM-REGISTRY-BODY', where, rule: `a body with SHA-256 ${header.sha256}`, seen: 'another one', remedy: 'The next older slot counts; write the registry once more.' });
      continue;
    }
    const registry = decodeRegistry(body);
    if (!registry.ok) return { broken, problems: registry.problems, warnings };
    const { clusterUuid, roster } = registry.value;
    if (clusterUuid !== sb.clusterUuid || roster.container !== sb.container) {
      return { broken, problems: [{ code: 'MM-REGISTRY-CLUSTER', where, rule: `cluster ${sb.clusterUuid}, container '${sb.container}', as the superblock says`, seen: `cluster ${clusterUuid}, container '${roster.container}'`, remedy: 'The partition holds parts of two installations: restore the right registry from an export.' }], warnings };
    }
    return { current: { registry: registry.value, header }, broken, problems: [], warnings };
  }
  return { broken, problems: [], warnings };
}

/** The body that a header speaks of; undefined when its SHA-256 does not hold. */
function readBody(read: ReadAt, sb: Superblock, header: SlotHeader): Uint8Array | undefined {
  const body = read(slotBodyOffset(sb, header.writer, header.slot), roundUp(header.length, BLOCK_BYTES)).subarray(0, header.length);
  return toHex(sha256(body)) === header.sha256 ? body : undefined;
}

function judge(slot: SlotFound, found: Picked, whole: (header: SlotHeader) => boolean): SlotFound {
  const { header } = slot;
  if (header === undefined) return slot;
  if (header === found.current?.header) return { ...slot, state: 'current' };
  return found.broken.includes(header) || !whole(header) ? { ...slot, state: 'body-damaged' } : slot;
}

function nothingWhole(slots: readonly SlotFound[]): Problem {
  const count = (state: SlotState): number => slots.filter((slot) => slot.state === state).length;
  return { code: 'MM-REGISTRY-NONE', where: 'registry partition', rule: 'a slot with a whole registry', seen: `${count('empty')} empty slots, ${count('header-damaged')} with damaged headers, ${slots.length - count('empty') - count('header-damaged')} with damaged bodies`, remedy: 'Finish the installation, or make the registry anew with `metamaster san rebuild`, from an export or from what its slots still hold.' };
}
