// One guarded change of the registry on the SAN: read it, edit it, write it into an own slot, read it back. Pure: the caller holds the
// lease, reads anew under it before the edit, carries the steps out and reads again.

import { toHex } from '../core/bytes.ts';
import type { Problem, Result } from '../core/problem.ts';
import { sha256 } from '../core/sha256.ts';
import { decodeRegistry, encodeRegistry, type Registry } from './registry.ts';
import { compareSlots, decodeSlotHeader, planRegistryWrite, type SlotHeader } from './registry-layout.ts';
import type { RegistryFound } from './registry-read.ts';
import type { WriteStep } from './write-step.ts';

/** What is to be written, by whom, over what. */
export interface ChangeRequest {
  /** As it was read under the lease. */
  readonly found: RegistryFound;
  /** What an edit made of `found.registry`. */
  readonly edited: Registry;
  /** Node number; 0 is the installer's. */
  readonly writer: number;
  /** Of the lease that is held; 0 for writer 0 alone. */
  readonly leaseVersion: number;
  readonly nowUnixMs?: number;
  /** Writes what is unchanged, too, as one generation more: whoever follows the registry then renders all that it renders from it anew. */
  readonly rewrite?: boolean;
}

/** A change that is ready to be written. */
export interface RegistryChange {
  readonly registry: Registry;
  /** Of the slot that counts once the steps are done. */
  readonly header: SlotHeader;
  /** Within the registry partition: body, flush, header, flush. None when the edit changed nothing and no rewriting was asked for. */
  readonly steps: readonly WriteStep[];
}

/**
 * Plans one change into the slot of the writer that does not hold the registry. The generation is one more than the highest of those that
 * count and of a torn one in front of them: a torn write whose rest arrives late must not win.
 * Problems: MM-REGISTRY-WRITER, -LENGTH, -STALE (the lease is older than a slot's: take it anew and read again), and those of
 * `decodeRegistry` when no blade would take the result. Throws RangeError for a node that writes without a lease.
 */
export function planChange({ found, edited, writer, leaseVersion, nowUnixMs = 0, rewrite = false }: ChangeRequest): Result<RegistryChange> {
  if (writer !== 0 && !(leaseVersion > 0)) throw new RangeError(`writer ${writer} writes the registry under lease version ${leaseVersion}`);
  const { superblock, headers, broken, header: before } = found;
  const body = encodeRegistry(edited);
  if (!rewrite && toHex(sha256(body)) === before.sha256) return { ok: true, value: { registry: found.registry, header: before, steps: [] } };
  const read = decodeRegistry(body);
  if (!read.ok) return read;
  const generation = Math.max(before.generation, ...headers.toSorted(compareSlots).slice(0, 1).map((newest) => newest.generation)) + 1;
  const steps = planRegistryWrite({ superblock, headers, broken, writer, leaseVersion, generation, body, writtenAtUnixMs: nowUnixMs });
  if (!steps.ok) return steps;
  return { ok: true, value: { registry: read.value, header: headerOf(steps.value), steps: steps.value } };
}

/** The header that the plan writes, out of its own bytes: the plan alone knows the slot. */
function headerOf(steps: readonly WriteStep[]): SlotHeader {
  const last = steps.findLast((step) => step.kind === 'write');
  const header = last === undefined ? undefined : decodeSlotHeader(last.bytes);
  if (header?.ok !== true) throw new RangeError('a plan that writes no slot header');
  return header.value;
}

/** What the registry's partition holds after a change was written. */
export type ChangeOutcome =
  /** The change is the registry. */
  | { readonly kind: 'written'; readonly found: RegistryFound }
  /** Another one's is. It may or may not have been made from this change: read, look, and edit again. MM-CHANGE-OVERTAKEN. */
  | { readonly kind: 'overtaken'; readonly found: RegistryFound; readonly problems: readonly Problem[] }
  /** The registry of before is: the change is not there, or not whole. MM-CHANGE-TORN. */
  | { readonly kind: 'torn'; readonly found: RegistryFound; readonly problems: readonly Problem[] }
  /** There is no registry that could be read; the problems are those of `readRegistry`. */
  | { readonly kind: 'unreadable'; readonly problems: readonly Problem[] };

/**
 * Judges a change by what was read back from the SAN after its steps.
 * A tie with another's slot is won by the lower writer, everywhere alike; the winner finds MM-REGISTRY-TIE among the warnings.
 */
export function confirmChange({ header }: RegistryChange, readBack: Result<RegistryFound>): ChangeOutcome {
  if (!readBack.ok) return { kind: 'unreadable', problems: readBack.problems };
  const found = readBack.value;
  const { header: now } = found;
  const order = compareSlots(now, header);
  if (order === 0 && now.sha256 === header.sha256) return { kind: 'written', found };
  const where = `registry slot ${header.writer}/${header.slot}`;
  const rule = `lease version ${header.leaseVersion}, generation ${header.generation} of writer ${header.writer}`;
  const seen = `lease version ${now.leaseVersion}, generation ${now.generation} of writer ${now.writer}`;
  if (order > 0) return { kind: 'torn', found, problems: [{ code: 'MM-CHANGE-TORN', where, rule, seen, remedy: 'The registry of before counts: look at the session to the SAN, then make the change again.' }] };
  return { kind: 'overtaken', found, problems: [{ code: 'MM-CHANGE-OVERTAKEN', where, rule, seen, remedy: 'Somebody else changed the registry at the same time: read it again, and make the change again if it is still wanted.' }] };
}
