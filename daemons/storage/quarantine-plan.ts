// What becomes of each volume of a node whose machine nobody can fence: its content goes into another volume, and the extents that the machine
// may still write to are left to it. How the copies are made: store-copy.ts, volume-copy.ts; the registry: registry-edit-volumes.ts.
// DESIGN: Volumes.

import type { Problem, Result } from '../core/problem.ts';
import { SECTOR_BYTES } from './block.ts';
import { OWNER_STILL_MS } from './ownership.ts';
import type { VolumeRecord } from './registry.ts';
import type { StoreState, StoreUsage } from './snapshot-exceptions.ts';
import { storeBytesFor } from './snapshot-store.ts';
import { DATA_OFFSET_BYTES, type VolumeLabel } from './volume-label.ts';

/** A volume that a machine may have mapped, as it was read. */
export interface HeldVolume {
  readonly volume: VolumeRecord;
  readonly label: VolumeLabel;
  /** Of a store. */
  readonly state?: StoreState;
}

/**
 * What another volume gets of it. `used`: of a store what its tables speak of; `whole`: every byte of a state volume; `anew`: nothing, for it
 * holds nothing that outlives a boot (swap), or nothing yet.
 */
export type QuarantineCopy =
  | { readonly kind: 'used'; readonly former: VolumeRecord; readonly label: VolumeLabel; readonly chunkSectors: number; readonly bytes: number }
  | { readonly kind: 'whole'; readonly former: VolumeRecord; readonly label: VolumeLabel; readonly bytes: number }
  | { readonly kind: 'anew'; readonly former: VolumeRecord; readonly bytes: 0 };

/**
 * Plans what is copied. A label that says `new` is that of a volume which was claimed and not filled.
 * Problems: MM-QUARANTINE-STORE for each store that cannot be copied, MM-SNAPSHOT-HEADER, MM-STORE-EXCEPTION.
 */
export function planQuarantine(held: readonly HeldVolume[], extentBytes: number): Result<readonly QuarantineCopy[]> {
  const problems: Problem[] = [];
  const copies: QuarantineCopy[] = [];
  for (const one of held) {
    const copy = planCopy(one, extentBytes);
    if (copy.ok) copies.push(copy.value);
    else problems.push(...copy.problems);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: copies };
}

function planCopy({ volume: former, label, state }: HeldVolume, extentBytes: number): Result<QuarantineCopy> {
  if (label.state === 'new' || former.kind === 'swap') return { ok: true, value: { kind: 'anew', former, bytes: 0 } };
  if (state === undefined) return { ok: true, value: { kind: 'whole', former, label, bytes: former.extents.reduce((sum, { count }) => sum + count, 0) * extentBytes - DATA_OFFSET_BYTES } };
  const usage = usageToCopy(former, state);
  if (!usage.ok) return usage;
  const { exceptions, chunkSectors } = usage.value;
  return { ok: true, value: { kind: 'used', former, label, chunkSectors, bytes: storeBytesFor(exceptions, chunkSectors * SECTOR_BYTES) - DATA_OFFSET_BYTES } };
}

function usageToCopy(store: VolumeRecord, state: StoreState): Result<StoreUsage> {
  if (state.kind === 'none') return { ok: false, problems: [state.problem] };
  // Its label says `live`, and a live store's header does not read as zero (the claim's MM-CLAIM-EMPTY).
  if (state.kind === 'empty') return refused(store, 'zeros where its header was');
  if (state.problems.length > 0) return { ok: false, problems: state.problems };
  if (!state.valid) return refused(store, 'marked invalid by the kernel, after an I/O error or an overflow');
  if (state.usage.chunkSectors !== store.chunkSectors) return refused(store, `chunks of ${state.usage.chunkSectors} sectors instead of ${store.chunkSectors}`);
  return { ok: true, value: state.usage };
}

function refused({ name, node }: VolumeRecord, seen: string): { readonly ok: false; readonly problems: readonly Problem[] } {
  return { ok: false, problems: [{
    code: 'MM-QUARANTINE-STORE', where: `store ${name}`, rule: 'valid and whole, in the chunks of the registry', seen,
    remedy: `Prove its machine off, replace it without --quarantine, and mend the store with \`metamaster restore\`. Or give up what is in the root: \`metamaster restore -d 3 -n ${node} -F\` makes the node an empty store and fences nobody; then begin again.`,
  }] };
}

/** A volume whose owner record did not stand still. */
export function movesProblem({ name }: VolumeRecord): Problem {
  return {
    code: 'MM-QUARANTINE-MOVES', where: name, rule: `an owner record that stands still for ${OWNER_STILL_MS / 1000} s`, seen: 'one that is renewed: its machine runs, and there is no one moment of which a copy could be; nothing was written',
    remedy: 'Switch that machine off, or cut it off from the SAN (its cable, or at the target), and begin again. Once it is proved off or barred nothing has to be copied: leave --quarantine out.',
  };
}
